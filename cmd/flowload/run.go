package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/gcra"
	"cqkit/pkg/load"
	"cqkit/pkg/vegas"
)

// runOptions are the flags of flowload run.
type runOptions struct {
	rate        string
	concurrency string
	duration    time.Duration
	requests    uint64
	burst       uint64
	poisson     bool
	warmup      time.Duration
	request     *requestOptions
	reports     *cli.Reports
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run URL",
		Short: "load an endpoint, on a schedule or as fast as it answers",
		Long: `Usage:
    flowload run URL -r 500/s [-d 30s]
    flowload run URL -c 50 [-d 30s]
    flowload run URL -r 500/s -c 50

Sends requests and measures what becomes of each. With -r they are due on a
schedule, whatever the endpoint does, and response times count from when a
request was due: waiting for a slow endpoint is part of them. With -c alone each
connection sends its next request when the last was answered. docs/load.md says
what is measured, from which instant.

When:
    -r, --rate RATE       500/s, 30k/m; 1k/s:10s,2k/s:30s for phases;
                          100/s..2k/s:60s for a ramp; sine:500/s+-200/s:30s; max
    -c, --concurrency N   so many in flight; auto lets Vegas find how many. With
                          -r, requests wait for their turn
    -d, --duration TIME   default 10s, or the length of the rate's phases
    -n, --requests N      end after so many
        --burst N         so many are due at once, in the beginning
        --poisson         random gaps, of the same mean
        --warmup TIME     before that, and in none of the figures

` + requestHelp,
		Example: `        flowload run https://example.org/ -r 100/s..900/s:60s --fail 'p99>250ms'
        flowload run --targets list.txt -r 500/s -d 30s --json
    $ flowload serve --listen 127.0.0.1:0 --addr-file addr --for 1m \
        >serve.log 2>&1 & sleep 2
    $ flowload run "http://$(cat addr)/" -r 200/s -d 2s --slo 'errors<1%'
    $ flowload run "http://$(cat addr)/" -c auto -n 500 --save run.flr`,
		Args: func(_ *cobra.Command, args []string) error { return o.request.needTarget(args) },
		PreRunE: func(*cobra.Command, []string) error {
			_, _, err := parseThresholds(o.request.fail, o.request.require, o.request.slo)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.rate, "rate", "r", "", "when requests are due")
	f.StringVarP(&o.concurrency, "concurrency", "c", "", "how many are in flight")
	f.DurationVarP(&o.duration, "duration", "d", 0, "for how long")
	f.Uint64VarP(&o.requests, "requests", "n", 0, "end after so many")
	f.Uint64Var(&o.burst, "burst", 0, "so many at once in the beginning")
	f.BoolVar(&o.poisson, "poisson", false, "random gaps")
	f.DurationVar(&o.warmup, "warmup", 0, "before that")
	o.request = addRequestFlags(cmd)
	o.reports = cli.AddReportFlags(cmd, resultFormats...)
	cli.SetExit(cmd, 1, "a threshold is violated or has no data, or nothing was ok")
	cli.SetExit(cmd, 4, "the measurement cannot be trusted, or is too short to decide")
	return cmd
}

// when says when requests are sent.
func (o *runOptions) when(c *load.Config) (err error) {
	c.Duration, c.Requests, c.Warmup, c.Burst, c.Poisson = o.duration, o.requests, o.warmup, o.burst, o.poisson
	if o.duration < 0 || o.warmup < 0 {
		return errors.New("--duration and --warmup cannot be negative")
	}
	if o.rate == "" && o.concurrency == "" || o.rate == "max" && o.concurrency == "" {
		return cli.Hint(errors.New("neither a rate nor a concurrency"), "say how hard: -r 500/s, -c 50 or -c auto")
	}
	if o.rate != "" && o.rate != "max" {
		if c.Rate, err = gcra.ParseProfile(o.rate); err != nil {
			return fmt.Errorf("-r: %w", err)
		}
	} else if o.burst > 0 || o.poisson {
		return cli.Hint(errors.New("--burst and --poisson without a rate"), "add -r")
	}
	switch o.concurrency {
	case "":
	case "auto":
		c.Controller = vegas.NewVegas(vegas.Config{})
	default:
		if c.Concurrency, err = strconv.Atoi(o.concurrency); err != nil || c.Concurrency < 1 {
			return cli.Hint(fmt.Errorf("-c: %q", o.concurrency), "give a number above 0, or auto")
		}
	}
	return nil
}

func run(cmd *cobra.Command, o *runOptions, args []string) error {
	if !cmd.Flags().Changed("seed") {
		o.request.seed = rand.Uint64()
	}
	c, err := o.request.config(cmd, args)
	if err != nil {
		return err
	}
	if err := o.when(c); err != nil {
		return cli.Usage(err)
	}
	if c.Rate == nil || peak(c.Rate) > 1000 {
		if err := o.request.askBefore(c, "as many requests as are answered, or more than 1,000 a second,"); err != nil {
			return err
		}
	}
	var waits load.Waits
	if !o.request.templates { // else each request may be of another client
		c.Observe = waits.Observe
	}
	collectOften()
	line := newLiveLine(cmd)
	c.Progress, c.ProgressEvery = line.tell, 500*time.Millisecond
	r, err := load.Run(cmd.Context(), c)
	line.stop()
	if err != nil {
		return err
	}
	waits.Judge(&r.Advice)
	r.Settings = settings(cmd, "rate", "concurrency", "duration", "requests", "burst", "poisson")
	r.Machine.Program = cli.Version()
	return o.request.finish(cmd, o.reports, r, cmd.Context().Err())
}

// peak returns about the highest rate of a profile, a second.
func peak(p *gcra.Profile) (most float64) {
	length, ok := p.Length()
	if !ok || length > time.Hour {
		length = time.Hour
	}
	for i := range 1000 {
		most = max(most, p.PerSecond(length*time.Duration(i)/1000))
	}
	return most
}

// A liveLine tells on a terminal how a run is going.
type liveLine struct {
	tell func(load.Progress)
	stop func()
}

func newLiveLine(cmd *cobra.Command) liveLine {
	p := cli.NewProgress(cmd, "loading", "requests", 0)
	return liveLine{stop: p.Stop, tell: func(g load.Progress) {
		var b strings.Builder
		if g.At < 0 {
			b.WriteString("warming up, ")
		}
		fmt.Fprintf(&b, "%.0f/s sent, %.0f/s ok, ", g.SentPerS, g.OKPerS)
		if g.Limit > 0 {
			fmt.Fprintf(&b, "limit %d, ", g.Limit)
		}
		fmt.Fprintf(&b, "%d in flight, p50 %s p99 %s, %s failed", g.InFlight, short(g.P50), short(g.P99), cli.Thousands(int64(g.Failed)))
		if g.Left >= 0 {
			fmt.Fprintf(&b, ", %v left", g.Left.Round(time.Second))
		}
		p.Tell(b.String())
	}}
}
