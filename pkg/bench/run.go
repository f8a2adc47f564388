package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// entrant is a contender while it is measured.
type entrant struct {
	Contender
	n      int     // operations a batch
	count  int     // samples to take
	allocs float64 // an operation
	values []float64
}

// Run measures the contenders as docs/bench.md says. When ctx ends it returns what was measured until then,
// with ctx's error; contenders without a sample are left out. It locks the calling goroutine to its thread meanwhile.
func Run(ctx context.Context, contenders []Contender, cfg Config) ([]Result, error) {
	cfg, err := cfg.filled()
	if err != nil {
		return nil, err
	}
	if err := checkContenders(contenders); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	list := make([]*entrant, len(contenders))
	rounds := 0
	for i, c := range contenders {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if c.Setup != nil {
			if err := c.Setup(); err != nil {
				return nil, fmt.Errorf("preparing %s: %w", c.Name, err)
			}
		}
		list[i] = &entrant{Contender: c}
		list[i].calibrate(cfg)
		rounds = max(rounds, list[i].count)
	}
	for r := range rounds {
		for i := range list {
			if r%2 == 1 {
				i = len(list) - 1 - i
			}
			// Those with fewer samples take them evenly over the rounds.
			if e := list[i]; (r+1)*e.count/rounds > r*e.count/rounds {
				if ctx.Err() != nil {
					return results(list), ctx.Err()
				}
				e.values = append(e.values, float64(e.batch(e.n))/float64(e.n))
			}
		}
		if cfg.Progress != nil {
			cfg.Progress(r+1, rounds)
		}
	}
	return results(list), nil
}

// batch times n operations, in nanoseconds. A clock that did not move counts as one.
func (e *entrant) batch(n int) int64 {
	start := time.Now()
	e.Func(n)
	return max(1, time.Since(start).Nanoseconds())
}

// calibrate warms up, chooses the batch and the number of samples, and counts allocations.
func (e *entrant) calibrate(cfg Config) {
	step := max(1, e.Passes)
	share := max(1, int64(cfg.Time)/int64(cfg.Count))
	e.n = step
	took := e.batch(e.n)
	if !e.Single {
		// Half of the share is near enough to scale the rest.
		for took < share/2 && e.n < 1<<30 {
			e.n *= 2
			// An interruption would look like enough.
			if took = e.batch(e.n); took >= share/2 && took < int64(slow/10) {
				took = min(took, e.batch(e.n), e.batch(e.n))
			}
		}
		if scaled := float64(e.n) * float64(share) / float64(took); took < share && scaled < 1<<31 {
			e.n = max(step, int(scaled)/step*step)
		}
	} else if took < share { // the first is a cold one
		took = e.batch(e.n)
	}
	one := took / int64(e.n)
	e.count = cfg.Count
	if took > share {
		e.count = int(min(int64(cfg.Count), max(fewest, int64(cfg.Time)/took)))
	}
	if one > int64(slow) {
		e.count = slowMost
		return // counting allocations would take as long as a sample
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e.Func(e.n)
	runtime.ReadMemStats(&after)
	// The runtime allocates now and then, too.
	if allocs := float64(after.Mallocs-before.Mallocs) / float64(e.n); allocs > 0.01 {
		e.allocs = allocs
	}
}

func results(list []*entrant) (out []Result) {
	for _, e := range list {
		if len(e.values) == 0 {
			continue
		}
		r := Result{Name: e.Name, Batch: e.n, Allocs: e.allocs, Items: e.Items, Bytes: e.Bytes, Values: e.values}
		if r.Items == 0 {
			r.Items = 1
		}
		out = append(out, r)
	}
	return out
}
