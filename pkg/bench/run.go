package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"

	"cqkit/pkg/stat"
)

// entrant is a contender while it is measured.
type entrant struct {
	Contender
	plan
	done   int     // operations so far
	allocs float64 // an operation
	values []float64
}

// do does n operations.
func (e *entrant) do(n int) {
	e.Func(n)
	e.done += n
}

// A plan is how often to measure.
type plan struct {
	n      int // operations a value
	group  int // values a piece: 1, or more for a cycle
	pieces int // a sample
	count  int // samples
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
				for range e.group * e.pieces {
					e.values = append(e.values, rounded(float64(e.batch(e.n))/float64(e.n)))
				}
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
	e.do(n)
	return max(1, time.Since(start).Nanoseconds())
}

// least times n operations some times, fewer if they take long, and returns the least: an interruption would
// look like a long batch.
func (e *entrant) least(n int) int64 {
	took := e.batch(n)
	for range 2 {
		if took < int64(slow/10) {
			took = min(took, e.batch(n))
		}
	}
	return took
}

// calibrate warms up, plans, and counts allocations.
func (e *entrant) calibrate(cfg Config) {
	defer func() { // the first value is of the cycle's first operation
		if e.Cycle > 1 && e.done%e.Cycle > 0 {
			e.do(e.Cycle - e.done%e.Cycle)
		}
	}()
	n := max(1, e.Passes)
	_, piece := cfg.pieces()
	took := e.batch(n)
	if e.Cycle > 1 {
		// The median of a few of different lengths: an interruption would count in a mean.
		few := []int64{took}
		for len(few) < min(e.Cycle, 16) && took < int64(slow/10) {
			few = append(few, e.batch(1))
		}
		slices.Sort(few)
		took = few[len(few)/2]
	} else {
		if took < int64(slow/10) {
			took = e.least(n)
		}
		for took < piece/2 && n < 1<<30 {
			n *= 2
			if took = e.batch(n); took >= piece/2 {
				took = e.least(n)
			}
		}
	}
	e.plan = planOf(cfg, n, took, max(1, e.Passes), e.Cycle)
	if took/int64(n) > int64(slow) {
		return // counting allocations would take as long as a sample
	}
	n = max(e.n, e.Cycle)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e.do(n)
	runtime.ReadMemStats(&after)
	// The runtime allocates now and then, too.
	if allocs := float64(after.Mallocs-before.Mallocs) / float64(n); allocs > 0.01 {
		e.allocs = allocs
	}
}

// pieces returns how many pieces a sample has, and how many nanoseconds they take. In less time than it takes to start
// some goroutines there is nothing to measure: then there are fewer.
func (c Config) pieces() (n int, each int64) {
	share := max(1, int64(c.Time)/int64(c.Count))
	for n = MaxPieces; n > 1 && share/int64(n) < int64(shortest); n /= 2 {
	}
	return n, max(1, share/int64(n))
}

// planOf plans for something of which n operations take so many nanoseconds, and which is done in multiples of
// step. How many pieces a sample has must not depend on small differences, or two sessions would differ by it.
func planOf(cfg Config, n int, took int64, step, cycle int) plan {
	pieces, piece := cfg.pieces()
	p := plan{n: n, group: 1, pieces: pieces, count: cfg.Count}
	one := max(1, took/int64(n)) // an operation
	switch {
	case one > int64(slow):
		p.pieces, p.count = 1, slowMost
		return p
	case took < piece && cycle > 1:
		p.group = int(piece / took)
		took *= int64(p.group)
	case took < piece:
		// Half of a piece is near enough to scale the rest.
		if scaled := float64(n) * float64(piece) / float64(took); scaled < 1<<31 {
			p.n = max(step, int(scaled)/step*step)
		}
		took = piece
	}
	enough := min(cfg.Count, stat.MinSession)
	for p.pieces > 1 && int64(cfg.Time) < took*int64(p.pieces)*int64(enough) {
		p.pieces /= 2
	}
	if sample := took * int64(p.pieces); sample*int64(p.count) > int64(cfg.Time) {
		p.count = int(min(int64(p.count), max(fewest, int64(cfg.Time)/sample)))
	}
	p.group = min(p.group, maxValues/p.pieces/p.count)
	if cycle > 1 { // what an operation takes undisturbed is not known from one or two
		p.count = max(p.count, min(MaxCount, (fewest*cycle-1)/(p.group*p.pieces)+1))
	}
	return p
}

// rounded keeps five digits, more than any clock holds, so that what is saved is short.
func rounded(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) {
		return v
	}
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	return v
}

func results(list []*entrant) (out []Result) {
	for _, e := range list {
		if len(e.values) == 0 {
			continue
		}
		r := Result{Name: e.Name, Batch: e.n, Group: e.group, Pieces: e.pieces, Allocs: rounded(e.allocs), Items: e.Items, Bytes: e.Bytes, Values: e.values}
		if e.Cycle > 1 {
			r.Cycle = e.Cycle
		}
		if r.Items == 0 {
			r.Items = 1
		}
		out = append(out, r)
	}
	return out
}
