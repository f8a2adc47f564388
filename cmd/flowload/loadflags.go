package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
)

// requestOptions are the flags of run and find that say what is sent, and how.
type requestOptions struct {
	method    string
	header    []string
	body      string
	userAgent string
	basic     string
	bearer    string
	targets   string
	templates bool
	closing   bool

	ok         string
	expectBody string
	redirects  int
	timeout    time.Duration
	maxErrors  uint64

	connections int
	http2       bool
	proxy       string
	unix        string
	resolve     []string
	cacert      string
	cert        string
	certKey     string
	insecure    bool

	seed uint64
	save string
	yes  bool

	fail, require, slo []string
}

const requestHelp = `Requests:
    -m, --method METHOD   default GET, or POST with a body
    -H, --header FIELD    'NAME: VALUE'; repeatable
        --body TEXT       @FILE is what stands in a file
        --targets FILE    instead of a URL: a list of them, with methods, fields
                          and bodies, used in turn; - is standard input, also
                          in place of the URL
        --templates       {{seq}}, {{int 1 9}}, {{pick A B}}, {{hex 8}} and
                          {{uuid}} in URLs, fields and bodies are variables
        --basic USER:PASSWORD, --bearer TOKEN
                          authorization; @FILE is what stands in a file
        --user-agent TEXT
        --close           a connection for each request

Answers:
        --ok CODES        what is ok (default 200-299): 200-299,304
        --expect-body TEXT
                          and has TEXT in its body
        --redirects N     follow so many (default 0)
        --timeout TIME    of a request, from when it leaves (default 30s)
        --max-errors N    end after so many that were not ok

Connections:
        --connections N   at most so many (default 10000, or what this process
                          may open)
        --http2           speak HTTP/2, also without TLS
        --proxy URL       go through a proxy; env is what the environment says,
                          which is not used otherwise
        --unix FILE       connect to a unix socket
        --resolve HOST:ADDRESS, HOST:PORT:ADDRESS
                          connect there instead; repeatable
        --cacert FILE     trust the certificates in FILE instead of the system's
        --cert FILE, --key FILE
                          the client's own certificate
    -k, --insecure        trust every certificate

Result:
        --fail EXPR       exit 1 if this holds: 'p99>250ms', 'errors>1%';
                          repeatable
        --require EXPR    exit 1 unless this holds
        --slo LIST        several of these, separated by commas
        --save FILE       save everything, for report and compare
        --seed N          of all that is random (default: another each time)
        --yes             do not ask before more than 1,000 requests a second
                          go to anything but this machine
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json, junit, html, openmetrics
                          or hdr
        --json            short for --format json
        --force           replace FILE if it is there`

// addRequestFlags adds the flags to cmd.
func addRequestFlags(cmd *cobra.Command) *requestOptions {
	o := new(requestOptions)
	f := cmd.Flags()
	f.StringVarP(&o.method, "method", "m", "", "the method")
	f.StringArrayVarP(&o.header, "header", "H", nil, "send this field, too")
	f.StringVar(&o.body, "body", "", "the body")
	f.StringVar(&o.targets, "targets", "", "a list of targets")
	f.BoolVar(&o.templates, "templates", false, "expand variables")
	f.StringVar(&o.basic, "basic", "", "basic authorization")
	f.StringVar(&o.bearer, "bearer", "", "bearer authorization")
	f.StringVar(&o.userAgent, "user-agent", "", "the User-Agent field")
	f.BoolVar(&o.closing, "close", false, "a connection for each request")
	f.StringVar(&o.ok, "ok", "", "the status codes that are ok")
	f.StringVar(&o.expectBody, "expect-body", "", "text that has to be in a body")
	f.IntVar(&o.redirects, "redirects", 0, "follow so many redirects")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "of a request")
	f.Uint64Var(&o.maxErrors, "max-errors", 0, "end after so many that were not ok")
	f.IntVar(&o.connections, "connections", 0, "at most so many connections")
	f.BoolVar(&o.http2, "http2", false, "speak HTTP/2")
	f.StringVar(&o.proxy, "proxy", "", "go through a proxy")
	f.StringVar(&o.unix, "unix", "", "connect to a unix socket")
	f.StringArrayVar(&o.resolve, "resolve", nil, "connect there instead")
	f.StringVar(&o.cacert, "cacert", "", "trust the certificates in this file")
	f.StringVar(&o.cert, "cert", "", "the client's certificate")
	f.StringVar(&o.certKey, "key", "", "the key of the client's certificate")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "trust every certificate")
	f.StringArrayVar(&o.fail, "fail", nil, "a threshold that must not hold")
	f.StringArrayVar(&o.require, "require", nil, "a threshold that must hold")
	f.StringArrayVar(&o.slo, "slo", nil, "thresholds that must hold, separated by commas")
	f.StringVar(&o.save, "save", "", "save everything to this file")
	f.Uint64Var(&o.seed, "seed", 0, "of all that is random")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	return o
}

// needTarget checks that there is one URL or a list of targets.
func (o *requestOptions) needTarget(args []string) error {
	if len(args) == 1 && args[0] == "-" && o.targets == "" {
		o.targets = "-"
		return nil
	}
	switch {
	case len(args) == 1 && o.targets != "":
		return cli.Hint(errors.New("a URL and --targets"), "give one of them")
	case len(args) == 0 && o.targets == "":
		return cli.Hint(errors.New("nothing to load"), "name a URL, such as http://127.0.0.1:8080/")
	case len(args) > 1:
		return cli.Hint(fmt.Errorf("%d URLs", len(args)), "name one, or give a list with --targets")
	}
	if len(args) == 1 {
		if u, err := url.Parse(args[0]); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			if !o.templates {
				return cli.Hint(fmt.Errorf("%q is not an HTTP address", args[0]), "write it like http://127.0.0.1:8080/path")
			}
		}
	}
	return nil
}

// config returns the configuration of a load, without what says when requests are sent.
func (o *requestOptions) config(cmd *cobra.Command, args []string) (*load.Config, error) {
	c := &load.Config{
		Seed: o.seed, Connections: o.connections, Timeout: o.timeout, MaxErrors: o.maxErrors,
		Unix: o.unix, HTTP2: o.http2, Redirects: o.redirects, Expect: []byte(o.expectBody),
	}
	var err error
	if c.OK, err = parseStatuses(o.ok); err != nil {
		return nil, cli.Usage(err)
	}
	switch {
	case o.timeout <= 0:
		return nil, cli.Usagef("--timeout %v is not above 0", o.timeout)
	case o.connections < 0 || o.redirects < 0:
		return nil, cli.Usagef("--connections and --redirects cannot be negative")
	}
	switch o.proxy {
	case "":
	case "env":
		c.Proxy = http.ProxyFromEnvironment
	default:
		u, err := url.Parse(o.proxy)
		if err != nil || u.Host == "" {
			return nil, cli.Usagef("--proxy: %q is neither env nor a URL", withoutSecrets(o.proxy))
		}
		c.Proxy = http.ProxyURL(u)
	}
	if c.TLS, err = o.tls(cmd); err != nil {
		return nil, err
	}
	if c.Targets, err = o.readTargets(cmd, args); err != nil {
		return nil, err
	}
	c.Resolve, err = parseResolve(o.resolve, c.Targets.Hosts())
	return c, usage(err)
}

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

// tls returns how to speak TLS.
func (o *requestOptions) tls(cmd *cobra.Command) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: o.insecure}
	if o.cacert != "" {
		pem, err := readSmall(cmd, o.cacert)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, cli.Hint(fmt.Errorf("%q holds no certificate", o.cacert), "it has to be PEM, with BEGIN CERTIFICATE")
		}
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

// settings returns the flags that were given, for the result. None has a secret.
func settings(cmd *cobra.Command, loopOnly ...string) (list []load.Setting) {
	for _, name := range append(loopOnly, "method", "timeout", "warmup", "connections", "ok", "redirects", "http2", "close", "targets", "unix", "resolve", "max-errors", "templates") {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			list = append(list, load.Setting{Name: name, Value: f.Value.String()})
		}
	}
	return list
}

// finish judges a result, saves it and prints it, and returns what makes the exit code.
func (o *requestOptions) finish(cmd *cobra.Command, reports *cli.Reports, r *load.Result, interrupted error) error {
	failing, required, err := parseThresholds(o.fail, o.require, o.slo)
	if err != nil {
		return cli.Usage(err)
	}
	r.Judge(failing, required)
	var errs []error
	if o.save != "" {
		errs = append(errs, saveResult(cmd, o.save, r))
	}
	if o.proxy == "" && (os.Getenv("HTTP_PROXY") != "" || os.Getenv("http_proxy") != "") {
		cli.Warn(cmd, "HTTP_PROXY is set and not used; add --proxy env to use it")
	}
	errs = append(errs, writeResults(cmd, reports, []namedResult{{"", r}}, false), interrupted)
	switch {
	case len(r.Status) == 0 && interrupted == nil:
		errs = append(errs, cli.Hint(noAnswer(r), "nothing was ever answered; see whether it runs, and the address"))
	default:
		errs = append(errs, verdictError(r))
	}
	return errors.Join(errs...)
}

// noAnswer says what became of requests of which none was answered.
func noAnswer(r *load.Result) error {
	for i, n := range r.Requests.Outcomes {
		if text := r.Examples[load.Outcome(i)]; n > 0 && text != "" {
			return errors.New(text)
		}
	}
	return errors.New("no answer")
}

// saveResult writes a result to a new file.
func saveResult(cmd *cobra.Command, name string, r *load.Result) error {
	data, err := r.AppendBinary(nil)
	if err != nil {
		return err
	}
	out, err := cli.Create(cmd, name, cli.CreateOptions{Force: true})
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, bytes.NewReader(data)); err != nil {
		return err
	}
	return out.Commit()
}
