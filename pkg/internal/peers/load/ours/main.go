// Command ours is the client of pkg/load and nothing else, as a process to be measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/load"
)

func main() {
	rate := flag.String("r", "", "rate")
	concurrency := flag.Int("c", 0, "in flight")
	duration := flag.Duration("d", 3*time.Second, "duration")
	loops := flag.Int("loops", 0, "event loops")
	flag.Parse()
	if err := run(flag.Arg(0), *rate, *concurrency, *duration, *loops); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func run(url, rate string, concurrency int, duration time.Duration, loops int) error {
	targets, err := load.NewTargets(load.TargetOptions{}, load.Request{URL: url})
	if err != nil {
		return err
	}
	c := load.Config{Targets: targets, Concurrency: concurrency, Duration: duration, Loops: loops}
	if rate != "" {
		if c.Rate, err = gcra.ParseProfile(rate); err != nil {
			return err
		}
	}
	r, err := load.Run(context.Background(), &c)
	if err != nil {
		return err
	}
	n := r.Requests
	late, _ := r.RateError()
	fmt.Printf("requests %d ok %d dropped %d elapsed_ns %d rate_error %.6f p50_ns %d p99_ns %d lag_p50_ns %d lag_p99_ns %d trusted %t %q\n",
		n.Sent, n.Outcomes[load.OK], n.Dropped, r.Window, late, r.Response.Quantile(0.5), r.Response.Quantile(0.99),
		r.Lag.Quantile(0.5), r.Lag.Quantile(0.99), r.Trusted(), r.Client.Reasons)
	return nil
}
