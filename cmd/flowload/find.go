package main

import (
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
)

// findOptions are the flags of flowload find.
type findOptions struct {
	longest time.Duration
	narrow  share
	most    int
	request *requestOptions
	reports *cli.Reports
}

func findCommand() *cobra.Command {
	var o findOptions
	o.narrow = 0.02
	cmd := &cobra.Command{
		Use:   "find URL",
		Short: "find how much an endpoint can do",
		Long: `Usage:
    flowload find URL [--slo 'p99<50ms,errors<0.1%']

Finds the highest rate of answers that are ok, with its interval, and the
smallest number of requests in flight that reaches it; with --slo, the highest
rate at which these hold. docs/find.md says how. The latencies of the report are
those at that number in flight.

Search:
    -d, --duration TIME   at most so long (default 15s)
        --narrow SHARE    end when the interval is so narrow to both sides
                          (default 2%)
        --max-concurrency N
                          never more in flight (default 1000)

` + requestHelp,
		Example: `        flowload find http://localhost:8080/ --slo 'p99<50ms,errors<0.1%'
    $ flowload serve --listen 127.0.0.1:0 --addr-file addr --for 1m \
        --service 10ms >serve.log 2>&1 & sleep 2
    $ flowload find "http://$(cat addr)/" -d 5s --max-concurrency 8`,
		Args: func(_ *cobra.Command, args []string) error { return o.request.needTarget(args) },
		PreRunE: func(*cobra.Command, []string) error {
			_, _, err := parseThresholds(o.request.fail, o.request.require, o.request.slo)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error { return find(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.DurationVarP(&o.longest, "duration", "d", 15*time.Second, "at most so long")
	f.Var(&o.narrow, "narrow", "end when the interval is so narrow")
	f.IntVar(&o.most, "max-concurrency", 1000, "never more in flight")
	o.request = addRequestFlags(cmd)
	o.reports = cli.AddReportFlags(cmd, resultFormats...)
	cli.SetExit(cmd, 1, "a threshold is violated or has no data, or nothing was ok")
	cli.SetExit(cmd, 4, "the measurement cannot be trusted, or no capacity was found")
	return cmd
}

func find(cmd *cobra.Command, o *findOptions, args []string) error {
	if !cmd.Flags().Changed("seed") {
		o.request.seed = rand.Uint64()
	}
	if o.longest <= 0 || o.most < 1 {
		return cli.Usagef("--duration and --max-concurrency have to be above 0")
	}
	c, err := o.request.config(cmd, args)
	if err != nil {
		return err
	}
	if err := o.request.askBefore(c, "as many requests as are answered"); err != nil {
		return err
	}
	_, objectives, err := parseThresholds(nil, nil, o.request.slo)
	if err != nil {
		return cli.Usage(err)
	}
	collectOften()
	line := newLiveLine(cmd)
	c.Progress, c.ProgressEvery = line.tell, 500*time.Millisecond
	r, err := load.Find(cmd.Context(), c, load.FindConfig{Longest: o.longest, Narrow: float64(o.narrow), Objectives: objectives, MaxLimit: o.most})
	line.stop()
	if err != nil {
		return err
	}
	r.Settings = settings(cmd, "duration", "narrow", "max-concurrency", "slo")
	r.Machine.Program = cli.Version()
	return o.request.finish(cmd, o.reports, r, cmd.Context().Err())
}
