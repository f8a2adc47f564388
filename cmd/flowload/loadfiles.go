package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
)

// readTargets reads the URL or the list.
func (o *requestOptions) readTargets(cmd *cobra.Command, args []string) (*load.Targets, error) {
	t := load.TargetOptions{Method: o.method, Close: o.closing, Templates: o.templates}
	for _, field := range o.header {
		name, value, ok := strings.Cut(field, ":")
		if !ok || name == "" {
			return nil, cli.Usage(cli.Hint(fmt.Errorf("-H: %q is not a field", name), "write it as 'NAME: VALUE'"))
		}
		t.Header = append(t.Header, load.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	if o.userAgent != "" {
		t.Header = append(t.Header, load.Field{Name: "User-Agent", Value: o.userAgent})
	}
	body, err := textOrFile(cmd, o.body)
	if err != nil {
		return nil, err
	}
	t.Body = body
	switch {
	case o.basic != "" && o.bearer != "":
		return nil, cli.Usagef("--basic and --bearer")
	case o.basic != "":
		secret, err := textOrFile(cmd, o.basic)
		if err != nil {
			return nil, err
		}
		user, password, _ := strings.Cut(strings.TrimRight(string(secret), "\r\n"), ":")
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		t.Header = append(t.Header, load.Field{Name: "Authorization", Value: r.Header.Get("Authorization")})
	case o.bearer != "":
		secret, err := textOrFile(cmd, o.bearer)
		if err != nil {
			return nil, err
		}
		t.Header = append(t.Header, load.Field{Name: "Authorization", Value: "Bearer " + strings.TrimSpace(string(secret))})
	}
	if o.targets == "" {
		list, err := load.NewTargets(t, load.Request{URL: args[0]})
		return list, usage(err)
	}
	in, err := cli.Open(cmd, o.targets)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	list, err := load.ReadTargets(in, t, func(name string) ([]byte, error) { return readSmall(cmd, name) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.targets, err)
	}
	return list, nil
}

// usage makes an error one of usage; nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return cli.Usage(err)
}

// textOrFile returns text, or what stands in the file that it names with @.
func textOrFile(cmd *cobra.Command, text string) ([]byte, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		return readSmall(cmd, name)
	}
	return []byte(text), nil
}

const maxSmall = 64 << 20

// readSmall reads a file into memory.
func readSmall(cmd *cobra.Command, name string) ([]byte, error) {
	in, err := cli.Open(cmd, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxSmall+1))
	if err == nil && len(data) > maxSmall {
		err = fmt.Errorf("%q is larger than %s", name, cli.Size(maxSmall))
	}
	return data, err
}

// trust returns a TLS configuration that trusts the certificates in a file, if one is named.
func trust(cmd *cobra.Command, cacert string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: insecure}
	if cacert == "" {
		return c, nil
	}
	pem, err := readSmall(cmd, cacert)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, cli.Hint(fmt.Errorf("%q holds no certificate", cacert), "it has to be PEM, with BEGIN CERTIFICATE")
	}
	return c, nil
}

// tls returns how to speak TLS.
func (o *requestOptions) tls(cmd *cobra.Command) (*tls.Config, error) {
	c, err := trust(cmd, o.cacert, o.insecure)
	if err != nil {
		return nil, err
	}
	if (o.cert == "") != (o.certKey == "") {
		return nil, cli.Usage(cli.Hint(errors.New("--cert and --key belong together"), "give both, even if they are one file"))
	}
	if o.cert != "" {
		cert, err := readSmall(cmd, o.cert)
		if err != nil {
			return nil, err
		}
		key, err := readSmall(cmd, o.certKey)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// parseStatuses reads "200-299,304".
func parseStatuses(text string) (list []load.StatusRange, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err1 := strconv.Atoi(first)
		b := a
		var err2 error
		if isRange {
			b, err2 = strconv.Atoi(last)
		}
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b {
			return nil, cli.Hint(fmt.Errorf("--ok: %q is not a status code or a range of them", part), "write it like 200-299,304")
		}
		list = append(list, load.StatusRange{First: a, Last: b})
	}
	return list, nil
}

// parseResolve reads HOST:ADDRESS and HOST:PORT:ADDRESS, as curl has it, for targets at the given
// host:port. An ADDRESS may have a port of its own.
func parseResolve(list, targets []string) (map[string]string, error) {
	m := map[string]string{}
	for _, text := range list {
		host, to, ok := strings.Cut(strings.ToLower(text), ":")
		port := ""
		if number, rest, more := strings.Cut(to, ":"); more {
			if _, err := strconv.ParseUint(number, 10, 16); err == nil {
				port, to = number, rest
			}
		}
		if !ok || host == "" || to == "" {
			return nil, cli.Hint(fmt.Errorf("--resolve: %q", text), "write it like example.org:127.0.0.1 or example.org:443:127.0.0.1:8443")
		}
		used := false
		for _, target := range targets {
			h, p, err := net.SplitHostPort(target)
			if err != nil || !strings.EqualFold(h, host) || port != "" && p != port {
				continue
			}
			used = true
			address := to
			if _, _, err := net.SplitHostPort(to); err != nil {
				address = net.JoinHostPort(strings.Trim(to, "[]"), p)
			}
			m[strings.ToLower(target)] = address
		}
		if !used {
			return nil, fmt.Errorf("--resolve: no target is at %q", strings.TrimSuffix(host+":"+port, ":"))
		}
	}
	return m, nil
}

// askBefore refuses to send a lot to somebody else's machine without --yes.
func (o *requestOptions) askBefore(c *load.Config, what string) error {
	if o.yes || o.unix != "" {
		return nil
	}
	for _, address := range c.Targets.Hosts() {
		if to, ok := c.Resolve[address]; ok {
			address = to
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			return cli.Usage(cli.Hint(fmt.Errorf("%s would go to %q", what, host), "add --yes if you may do that"))
		}
	}
	return nil
}
