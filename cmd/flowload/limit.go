package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/gcra"
	"cqkit/pkg/infer"
	"cqkit/pkg/probe"
	"cqkit/pkg/report"
)

// limitOptions are the flags of flowload limit.
type limitOptions struct {
	expect     string
	key        string
	refused    string
	method     string
	header     []string
	body       string
	cacert     string
	insecure   bool
	yes        bool
	mustState  bool
	config     probe.Config
	http       probe.HTTP
	reports    *cli.Reports
	limit      gcra.Limit
	refusedSet map[int]bool
}

func limitCommand() *cobra.Command {
	var o limitOptions
	cmd := &cobra.Command{
		Use:   "limit URL",
		Short: "see whether an endpoint keeps the rate limit that it should",
		Long: `Usage:
    flowload limit URL --expect 500/s:burst=50 [--key header:NAME]

Asks URL for more than it admits, and tells from what it admits and when which
rate and which burst that is, whether a Retry-After is true, and, with --key,
whether one client's use leaves another's alone. docs/limit.md says how.

Options:
        --expect LIMIT    what the limit should be: 500/s:burst=50, 30k/m, 2/h
        --key header:NAME[=A,B]
                          a client is who sends this field; two, with the values
                          A and B or made for this run, have a limit each
        --refused CODES   which answers are refusals (default 429): 429,503
        --tolerance X     how far off may be good enough (default 5%)
        --require-retry-after
                          refusals have to say how long to wait
    -d, --duration TIME   hold each client above its limit for at most so long
                          (default 15s)
    -c, --connections N   at most so many (default 64)
    -H, --header FIELD    send this, too: 'Authorization: Bearer X'; repeatable
    -m, --method METHOD   default GET
        --body TEXT       send a body; @FILE is what stands in a file
        --timeout TIME    of each request (default 10s)
        --cacert FILE     trust the certificates in FILE instead of the system's
    -k, --insecure        trust every certificate
        --yes             do not ask before more than 1,000 requests a second
                          against anything but this machine
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json or junit
        --json            short for --format json
        --force           replace FILE if it is there`,
		Example: `        flowload limit https://example.org/ --expect 100/m:burst=20 \
            --key header:X-API-Key=one,two
    $ flowload serve --listen 127.0.0.1:0 --addr-file addr --for 1m \
        --limit 50/s:burst=5 >serve.log 2>&1 & sleep 2
    $ flowload limit "http://$(cat addr)/" --expect 50/s:burst=5`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Hint(fmt.Errorf("%d URLs", len(args)), "name one URL, such as http://127.0.0.1:8080/")
			}
			return nil
		},
		PreRunE: func(cmd *cobra.Command, args []string) error { return o.parse(cmd, args[0]) },
		RunE:    func(cmd *cobra.Command, args []string) error { return probeLimit(cmd, &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.expect, "expect", "", "what the limit should be")
	f.StringVar(&o.key, "key", "", "a client is who sends this field")
	f.StringVar(&o.refused, "refused", "429", "which answers are refusals")
	f.Var((*share)(&o.config.Tolerance), "tolerance", "how far off is good enough")
	f.BoolVar(&o.mustState, "require-retry-after", false, "refusals have to say how long to wait")
	f.DurationVarP(&o.config.Longest, "duration", "d", 15*time.Second, "hold each client above its limit for at most so long")
	f.IntVarP(&o.config.Connections, "connections", "c", 64, "at most so many connections")
	f.StringArrayVarP(&o.header, "header", "H", nil, "send this field, too")
	f.StringVarP(&o.method, "method", "m", "GET", "the method")
	f.StringVar(&o.body, "body", "", "send a body")
	f.DurationVar(&o.http.Timeout, "timeout", 10*time.Second, "of each request")
	f.StringVar(&o.cacert, "cacert", "", "trust the certificates in this file")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "trust every certificate")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit)
	cli.SetExit(cmd, 1, "the limit is not what it should be, or not what it says")
	cli.SetExit(cmd, 4, "the measurement cannot be trusted, or is too short")
	return cmd
}

// share is a flag for a share: 5% or 0.05.
type share float64

func (s *share) String() string { return strconv.FormatFloat(100*float64(*s), 'g', -1, 64) + "%" }
func (s *share) Type() string   { return "share" }
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x > 0 && x < 1) {
		return errors.New("not a share between 0 and 1, such as 5% or 0.05")
	}
	*s = share(x)
	return nil
}

// parse reads what the flags say.
func (o *limitOptions) parse(cmd *cobra.Command, target string) error {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return cli.Hint(fmt.Errorf("%q is not an HTTP address", target), "write it like http://127.0.0.1:8080/path")
	}
	if o.expect == "" {
		return cli.Hint(errors.New("--expect is missing"), "say what the limit should be, such as --expect 500/s:burst=50")
	}
	if o.limit, err = gcra.ParseLimit(o.expect); err != nil {
		return fmt.Errorf("--expect: %w", err)
	}
	o.config.PerSecond, o.config.Burst = o.limit.Rate.PerSecond(), o.limit.Burst
	if o.config.Longest <= 0 || o.http.Timeout <= 0 || o.config.Connections < 1 {
		return errors.New("--duration, --timeout and --connections have to be above 0")
	}
	if host := u.Hostname(); o.config.PerSecond > 1000 && !o.yes && !isLoopback(host) {
		return cli.Hint(fmt.Errorf("more than 1,000 requests a second would be sent to %q", host), "add --yes if you may do that")
	}
	o.http.URL, o.http.Method, o.http.Connections = target, o.method, o.config.Connections
	if err := o.parseHeader(); err != nil {
		return err
	}
	if err := o.parseKeys(); err != nil {
		return err
	}
	o.refusedSet = map[int]bool{}
	for code := range strings.SplitSeq(o.refused, ",") {
		n, err := strconv.Atoi(code)
		if err != nil || n < 200 || n > 599 {
			return fmt.Errorf("--refused: %q is not a status code", code)
		}
		o.refusedSet[n] = true
	}
	o.http.Refused = func(status int) bool { return o.refusedSet[status] }
	return nil
}

// withoutSecrets returns a URL without its password and query, for reports.
func withoutSecrets(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (o *limitOptions) parseHeader() error {
	o.http.Header = http.Header{}
	for _, field := range o.header {
		name, value, ok := strings.Cut(field, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return cli.Hint(fmt.Errorf("-H: %q is not a field", name), "write it as 'NAME: VALUE'")
		}
		o.http.Header.Add(name, strings.TrimSpace(value))
	}
	return nil
}

// parseKeys reads "header:NAME" and "header:NAME=A,B".
func (o *limitOptions) parseKeys() error {
	o.config.Keys = []string{""}
	if o.key == "" {
		return nil
	}
	field, ok := strings.CutPrefix(o.key, "header:")
	name, values, given := strings.Cut(field, "=")
	if !ok || name == "" || strings.ContainsAny(name, " \t\r\n:") {
		return cli.Hint(fmt.Errorf("--key: %q is not a field", o.key), "write it as header:NAME or header:NAME=A,B")
	}
	o.http.KeyHeader = name
	if !given {
		// Keys that nobody has used are at rest.
		var random [8]byte
		rand.Read(random[:])
		run := "cqkit-" + hex.EncodeToString(random[:])
		o.config.Keys = []string{run + "-1", run + "-2"}
		return nil
	}
	o.config.Keys = strings.Split(values, ",")
	if len(o.config.Keys) > 8 {
		return errors.New("--key: more than 8 clients")
	}
	return nil
}

// open reads the files that the flags name.
func (o *limitOptions) open(cmd *cobra.Command) error {
	body, err := textOrFile(cmd, o.body)
	if err != nil {
		return err
	}
	o.http.Body = string(body)
	o.http.TLS, err = trust(cmd, o.cacert, o.insecure)
	return err
}

func probeLimit(cmd *cobra.Command, o *limitOptions) error {
	if err := o.open(cmd); err != nil {
		return err
	}
	ask, closeIdle, err := o.http.Asker()
	if err != nil {
		return err
	}
	defer closeIdle()
	began := time.Now()
	progress := cli.NewProgress(cmd, "asking", "requests", 0)
	asked := 0
	o.config.Tell = func(p probe.Progress) {
		if p.Asked < asked { // another client
			asked = 0
		}
		progress.Add(int64(p.Asked - asked))
		asked = p.Asked
	}
	result, err := probe.Run(cmd.Context(), o.config, ask)
	progress.Stop()
	if result == nil {
		return err
	}
	first := result.Keys[0]
	if err == nil && first.Failed == first.Asked && first.Err != nil {
		return cli.Hint(first.Err, "nothing was answered; see whether it runs, and the address")
	}
	if o.mustState && result.RetryAfter == nil && first.Limit.Refused > 0 {
		result.RetryAfter = &probe.Waits{Reason: "no refusal said how long to wait"}
	}
	l := newLimitReport(o, result, time.Since(began))
	if werr := l.write(cmd, o.reports); werr != nil || err != nil {
		return errors.Join(err, werr)
	}
	switch result.OK() {
	case infer.Fail:
		return cli.Rejected(nil)
	case infer.Undecided:
		return cli.Untrusted(nil)
	}
	return nil
}
