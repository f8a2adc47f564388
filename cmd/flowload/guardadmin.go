package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/guard"
)

// adminFlags are the control plane.
type adminFlags struct {
	listen, tokens, cert, key string
	exposed, runtime          bool

	tls *tls.Config
}

func (a *adminFlags) add(f *pflag.FlagSet) {
	f.StringVar(&a.listen, "admin", "", "serve the control plane there")
	f.StringVar(&a.tokens, "admin-tokens", "", "a line for each operator")
	f.StringVar(&a.cert, "admin-cert", "", "serve the control plane with TLS")
	f.StringVar(&a.key, "admin-key", "", "the key of that certificate")
	f.BoolVar(&a.exposed, "admin-exposed", false, "let it be reached from elsewhere")
	f.BoolVar(&a.runtime, "runtime-metrics", false, "add figures of the process")
}

func (a *adminFlags) parse() error {
	if a.listen == "" {
		if a.tokens != "" || a.cert != "" || a.key != "" || a.exposed || a.runtime {
			return cli.Hint(errors.New("there are settings for a control plane, and none is served"), "add --admin 127.0.0.1:9000")
		}
		return nil
	}
	if (a.cert == "") != (a.key == "") {
		return errors.New("--admin-cert and --admin-key belong together")
	}
	if err := checkListen("admin", a.listen); err != nil {
		return err
	}
	if a.exposed {
		return nil
	}
	err := guard.CheckControlAddress(a.listen, a.tokens != "", a.cert != "")
	if errors.Is(err, guard.ErrControlExposed) {
		err = cli.Hint(fmt.Errorf("--admin %s: %w", a.listen, err), "add --admin-tokens, --admin-cert and --admin-key, listen on 127.0.0.1, or insist with --admin-exposed")
	}
	return err
}

func (a *adminFlags) config() (guard.ControlConfig, error) {
	var c guard.ControlConfig
	if a.listen == "" {
		return c, nil
	}
	var err error
	if a.tls, err = certificate(a.cert, a.key); err != nil {
		return c, err
	}
	if a.tokens == "" {
		return c, nil
	}
	// Where others than this machine can ask, figures are for operators, too.
	c.ProtectAll = !a.exposed && guard.CheckControlAddress(a.listen, false, false) != nil
	if c.Tokens, err = guard.ReadTokens(a.tokens); errors.Is(err, guard.ErrTokensExposed) {
		err = cli.Hint(err, "chmod 600 %q", a.tokens)
	}
	return c, err
}

// proxyFlags are the two sides of the guard.
type proxyFlags struct {
	cert, key string
	ca        string
	insecure  bool
	timeout   time.Duration
	keepHost  bool

	upstream *url.URL
}

func (p *proxyFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.cert, "tls-cert", "", "serve requests with TLS")
	f.StringVar(&p.key, "tls-key", "", "the key of that certificate")
	f.StringVar(&p.ca, "upstream-ca", "", "trust these certificates of the upstream")
	f.BoolVarP(&p.insecure, "insecure", "k", false, "trust any certificate of the upstream")
	f.DurationVar(&p.timeout, "upstream-timeout", time.Minute, "how long the upstream may take to begin an answer")
	f.BoolVar(&p.keepHost, "keep-host", false, "pass on the Host that the client named")
}

func (p *proxyFlags) parse(upstream string) error {
	u, err := url.Parse(upstream)
	switch {
	case err != nil || u.Opaque != "" || u.Host == "":
		return cli.Hint(fmt.Errorf("--upstream %q is not a URL", upstream), "write http://HOST:PORT")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
		return cli.Hint(fmt.Errorf("--upstream %q is none of http, https and h2c", u.Redacted()), "write http://HOST:PORT")
	case u.User != nil:
		return errors.New("--upstream has a user: who a client is, its own header says")
	case (p.cert == "") != (p.key == ""):
		return errors.New("--tls-cert and --tls-key belong together")
	case u.Scheme != "https" && (p.ca != "" || p.insecure):
		return errors.New("--upstream-ca and --insecure are for an upstream with https")
	case p.ca != "" && p.insecure:
		return errors.New("--upstream-ca says whom to trust, and --insecure to trust anyone")
	case p.timeout <= 0:
		return fmt.Errorf("--upstream-timeout %v is not positive", p.timeout)
	}
	p.upstream = u
	return nil
}

func (p *proxyFlags) config(cmd *cobra.Command) (guard.ProxyConfig, error) {
	c := guard.ProxyConfig{Upstream: p.upstream, HeaderTimeout: p.timeout, KeepHost: p.keepHost}
	switch {
	case p.insecure:
		cli.Warn(cmd, "the upstream could be anyone (--insecure)")
		c.TLS = &tls.Config{InsecureSkipVerify: true}
	case p.ca != "":
		pem, err := os.ReadFile(p.ca)
		if err != nil {
			return c, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return c, fmt.Errorf("%q has no certificate in PEM", p.ca)
		}
		c.TLS = &tls.Config{RootCAs: roots}
	}
	return c, nil
}
