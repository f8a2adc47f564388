package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
