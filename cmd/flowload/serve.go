package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/target"
)

// serveOptions are the flags of flowload serve.
type serveOptions struct {
	listen  string
	service string
	jitter  string
	stall   string
	refuse  string
	fail    string
	reset   string

	limit      string
	limitBy    string
	retryAfter string

	tls     bool
	caOut   string
	lasting *lasting

	config target.Config
	outage target.Cycle
	limits *targetLimit
}

func serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "serve a target with a known capacity, to try things on",
		Long: `Usage:
    flowload serve [--service TIME] [--servers N] [--queue N]

Serves an endpoint that works on N requests at once for a time each, and so
answers N/TIME a second; docs/target.md has the model. What really happened, it
tells under /-/stats. It speaks HTTP/1.1 and HTTP/2.

Options:
        --listen ADDR     where to listen (default 127.0.0.1:8080); with port 0,
                          the address is chosen and printed
        --service TIME    how long a request takes (default 0s): 10ms, exp:10ms,
                          uniform:5ms,15ms, bimodal:5ms,50ms,0.1,
                          lognormal:10ms,0.5 or pareto:10ms,2.5
        --servers N       how many requests are worked on at once (default 0, as
                          many as come)
        --queue N         how many may wait for that (default 1000); beyond, 503
        --jitter TIME     delay answers by this on top, as a network would
        --stall OFF/EVERY stand still for the last OFF of every EVERY: 1s/8s
        --refuse OFF/EVERY
                          refuse connections in the last OFF of every EVERY
        --fail SHARE      answer 500 to so many: 1%
        --reset SHARE     reset the connections of so many
        --limit LIMIT     answer 429 beyond a rate for each client:
                          500/s:burst=50
        --limit-by KEY    what a client is: ip (the default), header:NAME or all
        --retry-after X   what a 429 tells: honest (the default), none, or so
                          many seconds, always
        --size BYTES      the size of an answer (default 0)
        --chunked         send answers without their length
        --seed N          of all that is random (default: another each time)
        --tls             serve with TLS and a certificate made for it
        --ca-out FILE     write that certificate to FILE, for clients to trust
        --addr-file FILE  write the address to FILE once it is open
        --for TIME        end after so long`,
		Example: `        until Ctrl-C, with a limit of its own that is not honest about it:
        flowload serve --limit 100/s:burst=10 --retry-after 0
    $ flowload serve --listen :0 --service exp:10ms --servers 8 --for 1s
    $ flowload serve --listen :0 --stall 100ms/800ms --fail 1% --for 1s`,
		PreRunE: func(*cobra.Command, []string) error { return o.parse() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return serveTarget(cmd, &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "where to listen")
	f.StringVar(&o.service, "service", "0s", "how long a request takes")
	f.IntVar(&o.config.Servers, "servers", 0, "how many requests are worked on at once")
	f.IntVar(&o.config.Queue, "queue", 1000, "how many may wait")
	f.StringVar(&o.jitter, "jitter", "0s", "delay answers by this on top")
	f.StringVar(&o.stall, "stall", "", "stand still for a part of the time")
	f.StringVar(&o.refuse, "refuse", "", "refuse connections for a part of the time")
	f.StringVar(&o.fail, "fail", "0", "answer 500 to so many")
	f.StringVar(&o.reset, "reset", "0", "reset the connections of so many")
	f.StringVar(&o.limit, "limit", "", "answer 429 beyond a rate")
	f.StringVar(&o.limitBy, "limit-by", "ip", "what a client is")
	f.StringVar(&o.retryAfter, "retry-after", "honest", "what a 429 tells")
	f.Int64Var(&o.config.SizeBytes, "size", 0, "the size of an answer")
	f.BoolVar(&o.config.Chunked, "chunked", false, "send answers without their length")
	f.Uint64Var(&o.config.Seed, "seed", 0, "of all that is random")
	f.BoolVar(&o.tls, "tls", false, "serve with TLS")
	f.StringVar(&o.caOut, "ca-out", "", "write the certificate to this file")
	o.lasting = addLastingFlags(cmd)
	cli.EndOnTerminate(cmd)
	cli.SetExit(cmd, 0, "ended by SIGTERM or --for")
	cli.SetExit(cmd, 130, "interrupted by Ctrl-C")
	return cmd
}

// parse reads what the flags say.
func (o *serveOptions) parse() error {
	var err error
	flag := func(name string, parse func() error) {
		if err != nil {
			return
		}
		if err = parse(); err != nil {
			err = fmt.Errorf("--%s: %w", name, err)
		}
	}
	flag("service", func() (err error) { o.config.Service, err = target.ParseDistribution(o.service); return })
	flag("jitter", func() (err error) { o.config.Jitter, err = target.ParseDistribution(o.jitter); return })
	flag("fail", func() (err error) { o.config.FailShare, err = target.ParseShare(o.fail); return })
	flag("reset", func() (err error) { o.config.ResetShare, err = target.ParseShare(o.reset); return })
	if o.stall != "" {
		flag("stall", func() (err error) { o.config.Stall, err = target.ParseCycle(o.stall); return })
	}
	if o.refuse != "" {
		flag("refuse", func() (err error) { o.outage, err = target.ParseCycle(o.refuse); return })
	}
	if o.limit != "" {
		flag("limit", func() (err error) {
			o.limits, err = newTargetLimit(o.limit, o.limitBy, o.retryAfter)
			return
		})
	}
	switch {
	case err != nil:
		return err
	case o.caOut != "" && !o.tls:
		return cli.Hint(errors.New("--ca-out without --tls"), "add --tls")
	case o.limit == "" && (o.limitBy != "ip" || o.retryAfter != "honest"):
		return cli.Hint(errors.New("--limit-by and --retry-after say how to limit, but there is no limit"), "add --limit")
	}
	if err := checkListen("listen", o.listen); err != nil {
		return err
	}
	if err := o.config.Check(); err != nil {
		return err
	}
	return o.lasting.check()
}

func serveTarget(cmd *cobra.Command, o *serveOptions) error {
	if !cmd.Flags().Changed("seed") {
		o.config.Seed = rand.Uint64()
	}
	if o.limits != nil {
		o.config.Limit = o.limits.allow
	}
	handler, err := target.New(o.config)
	if err != nil {
		return err
	}
	listener, err := target.Listen(cmd.Context(), o.listen, o.outage)
	if err != nil {
		return inUse(err)
	}
	defer listener.Close()
	s := served{Server: newServer(cmd, handler), name: "requests", listener: listener}
	if o.tls {
		if s.TLSConfig, err = o.certificate(cmd, listener.Addr()); err != nil {
			return err
		}
	}
	if err := o.lasting.announce(cmd, []string{"listening on " + s.url()}, s); err != nil {
		return err
	}
	ctx, cancel := o.lasting.context(cmd)
	defer cancel()
	err = serveAll(ctx, 5*time.Second, s)
	sayStats(cmd, handler.Stats())
	return err
}

// certificate makes one for the names a local client may use.
func (o *serveOptions) certificate(cmd *cobra.Command, addr net.Addr) (*tls.Config, error) {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		hosts = append(hosts, host)
	}
	cert, pem, err := target.Certificate(time.Now(), hosts...)
	if err != nil {
		return nil, err
	}
	if o.caOut != "" {
		out, err := cli.Create(cmd, o.caOut, cli.CreateOptions{Force: true})
		if err != nil {
			return nil, err
		}
		defer out.Close()
		if _, err := out.Write(pem); err != nil {
			return nil, err
		}
		if err := out.Commit(); err != nil {
			return nil, err
		}
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

func sayStats(cmd *cobra.Command, s target.Stats) {
	cli.Say(cmd, "%s: %s ok, %s failed, %s reset, %s limited, %s refused, %s left by their clients; at most %s waited",
		cli.Count(s.Arrivals, "request"), cli.Thousands(s.Served), cli.Thousands(s.Failed), cli.Thousands(s.Reset), cli.Thousands(s.Limited),
		cli.Thousands(s.Full), cli.Thousands(s.Abandoned), cli.Thousands(int64(s.MostWaiting)))
}
