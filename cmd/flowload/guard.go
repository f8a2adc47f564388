package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/guard"
)

// guardOptions are the flags of flowload guard.
type guardOptions struct {
	listen, upstream string
	limits           limitFlags
	gate             gateFlags
	store            storeFlags
	admin            adminFlags
	proxy            proxyFlags

	dryRun  bool
	check   bool
	drain   time.Duration
	log     string
	lasting *lasting

	config guard.Config
}

func guardCommand() *cobra.Command {
	var o guardOptions
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "put rate and concurrency limits in front of an upstream",
		Long: `Usage:
    flowload guard --upstream URL [--listen ADDR] [--gcra LIMIT] [--vegas]

Passes requests on to an upstream: as many a second as --gcra allows each
client, beyond which they are answered 429, and as many at once as the upstream
can work on, which --vegas finds out, beyond which they wait, and then are
answered 503. Both answers say when to try again. What is promised is in
docs/guard.md.

Options:
        --upstream URL        where requests go: http, https, or h2c for HTTP/2
                              without TLS
        --listen ADDR         where they come from (default 127.0.0.1:8000)
        --gcra [NAME=]LIMIT   a rate limit for each key, such as 500/s:burst=50;
                              can be repeated, then all of them hold
        --key KEY             what the limit counts by: ip (the default),
                              header:NAME, path, host or all; can be repeated,
                              the first for the first --gcra; a request without
                              the header counts by its address
        --adaptive MIN..MAX   let the rate follow what the upstream can do,
                              between two rates: 100/s..2k/s
        --vegas[=MIN..MAX]    limit how many requests are in the upstream at
                              once, to what it can work on (default 1..1000)
        --queue N             how many may wait for that (default 100)
        --hold UNTIL          how long a request counts for --vegas: work (the
                              default), without waiting for slow clients; until
                              the header of its answer; or its whole body
        --bypass PATH         let requests for PATH through whatever the limits
                              say, for health checks; can be repeated
        --trusted-proxy CIDR  take the word of a proxy there for the address of
                              a client, in X-Forwarded-For; can be repeated
        --forwarded           read Forwarded (RFC 7239) instead
        --priority-header NAME
                              let such a proxy say who is served first while
                              requests wait: critical, high, normal, background
        --rate-headers WHEN   when answers have RateLimit: denial (the default),
                              always or never
        --dry-run             refuse nothing, only tell what would be refused
        --drain TIME          how long requests in flight may take to finish in
                              the end (default 30s)
        --log FORM            json or text (default text)

Limits shared by several guards:
        --store URL           keep the rate limits in redis://, rediss://,
                              nats:// or postgres://; @FILE reads the URL from
                              FILE
        --mode MODE           strict (the default), leased or best-effort: see
                              docs/store.md
        --fail POLICY         what to do when the store does not answer: open,
                              closed, or local, this guard's part of the limit
        --instances N         how many guards share the limits, for --fail local
        --create-schema       make the tables in the database first

Control plane:
        --admin ADDR          serve /metrics, /status and /limits there; see
                              docs/guard-control.md
        --admin-tokens FILE   a line for each operator, NAME TOKEN; without it,
                              nothing can be changed
        --admin-cert FILE, --admin-key FILE
                              serve the control plane with TLS
        --admin-exposed       let it be reached from elsewhere without both, and
                              /metrics there without a token
        --runtime-metrics     add figures of the process to /metrics

TLS and the upstream:
        --tls-cert FILE, --tls-key FILE
                              serve requests with TLS
        --upstream-ca FILE    trust these certificates of the upstream
    -k, --insecure            trust any
        --upstream-timeout TIME
                              how long the upstream may take to begin an answer
                              (default 1m0s), beyond which it is 504
        --keep-host           pass on the Host that the client named

        --check               check the settings, and end
        --addr-file FILE      write the addresses to FILE once they are open
        --for TIME            end after so long`,
		Example: `        until Ctrl-C, with a control plane:
        flowload guard --upstream http://localhost:8080 --vegas \
            --admin 127.0.0.1:9000 --admin-tokens tokens
    $ flowload guard --check --upstream http://localhost:8080 --vegas \
        --gcra 500/s:burst=50 --key header:X-API-Key --bypass /healthz
    $ flowload guard --upstream http://localhost --gcra 9/s --listen :0 --for 1s`,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return o.parse() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return runGuard(cmd, &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.upstream, "upstream", "", "where requests go")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8000", "where they come from")
	f.BoolVar(&o.dryRun, "dry-run", false, "refuse nothing")
	f.DurationVar(&o.drain, "drain", 30*time.Second, "how long requests in flight may take to finish")
	f.StringVar(&o.log, "log", "text", "json or text")
	f.BoolVar(&o.check, "check", false, "check the settings, and end")
	o.limits.add(f)
	o.gate.add(f)
	o.proxy.add(f)
	o.store.add(f)
	o.admin.add(f)
	o.lasting = addLastingFlags(cmd)
	cli.EndOnTerminate(cmd)
	cli.SetExit(cmd, 0, "ended by SIGTERM or --for, or the settings are right (--check)")
	cli.SetExit(cmd, 130, "interrupted by Ctrl-C; requests in flight were finished")
	return cmd
}

// parse reads what the flags say.
func (o *guardOptions) parse() error {
	if o.upstream == "" {
		return cli.Hint(errors.New("no upstream given"), "name it with --upstream http://HOST:PORT")
	}
	if o.log != "text" && o.log != "json" {
		return fmt.Errorf("--log %q is neither json nor text", o.log)
	}
	if o.drain < 0 {
		return fmt.Errorf("--drain %v is negative", o.drain)
	}
	if err := checkListen("listen", o.listen); err != nil {
		return err
	}
	c := &o.config
	if o.dryRun {
		c.Mode = guard.DryRun
	}
	for _, part := range []func() error{
		func() error { return o.limits.parse(c) },
		func() error { return o.gate.parse(c) },
		func() error { return o.proxy.parse(o.upstream) },
		func() error { return o.store.parse(c) },
		o.admin.parse,
		o.lasting.check,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	// What only the guard knows: it is made once for nothing.
	_, err := guard.New(o.store.pretend(*c))
	return err
}

func runGuard(cmd *cobra.Command, o *guardOptions) error {
	proxy, err := o.proxy.config(cmd)
	if err != nil {
		return err
	}
	serving, err := certificate(o.proxy.cert, o.proxy.key)
	if err != nil {
		return err
	}
	admin, err := o.admin.config()
	if err != nil {
		return err
	}
	if len(o.config.Limits) == 0 && o.config.Gate == nil {
		cli.Warn(cmd, "nothing is limited: there is neither --gcra nor --vegas")
	}
	if o.check {
		fmt.Fprintln(cmd.OutOrStdout(), "the settings are right")
		return nil
	}
	logger := newLogger(cmd, o.log)
	stores, err := o.store.open(cmd.Context(), &o.config)
	defer closeStores(stores)
	if err != nil {
		return err
	}
	g, err := guard.New(o.config)
	if err != nil {
		return err
	}
	summaries := g.Log(logger, 0)
	defer summaries.Flush()
	proxy.Logger = logger
	handler, err := g.Proxy(proxy)
	if err != nil {
		return err
	}
	main, err := listen(cmd, "requests", o.listen, handler, serving)
	if err != nil {
		return err
	}
	main.drain = g.Drain
	all, lines := []served{main}, []string{"listening on " + main.url()}
	if o.admin.listen != "" {
		admin.Audit = logger
		admin.Metrics = g.Metrics(guard.MetricsConfig{Runtime: o.admin.runtime})
		s, err := listen(cmd, "the control plane", o.admin.listen, g.Control(admin), o.admin.tls)
		if err != nil {
			main.listener.Close()
			return err
		}
		s.ReadTimeout = 30 * time.Second // nothing here is long
		all, lines = append(all, s), append(lines, "control plane on "+s.url())
	}
	if err := o.lasting.announce(cmd, lines, all...); err != nil {
		return err
	}
	ctx, cancel := o.lasting.context(cmd)
	defer cancel()
	return serveAll(ctx, o.drain, all...)
}

// newLogger writes to standard error: warnings and changes, or errors alone with --quiet.
func newLogger(cmd *cobra.Command, form string) *slog.Logger {
	options := &slog.HandlerOptions{}
	if cli.Quiet(cmd) {
		options.Level = slog.LevelError
	}
	if form == "json" {
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), options))
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), options))
}

// listen opens an address for a handler, with TLS if a configuration is given.
func listen(cmd *cobra.Command, name, address string, h http.Handler, secure *tls.Config) (served, error) {
	var config net.ListenConfig
	l, err := config.Listen(cmd.Context(), "tcp", address)
	if err != nil {
		return served{}, inUse(err)
	}
	s := served{Server: newServer(cmd, h), name: name, listener: l}
	s.TLSConfig = secure
	return s, nil
}

// certificate reads a certificate and its key, if there are to be any.
func certificate(cert, key string) (*tls.Config, error) {
	if cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
