package vegas

import (
	"context"
	"flag"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cqvegas "cqkit/pkg/vegas"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/platinummonkey/go-concurrency-limits/core"
	platinum "github.com/platinummonkey/go-concurrency-limits/limiter"
	"github.com/platinummonkey/go-concurrency-limits/strategy"
	"golang.org/x/sync/semaphore"
)

var rounds = flag.Int("rounds", 0, "compare what a permit costs, in so many rounds")

// A contender takes a permit and gives it back.
type contender struct {
	name string
	do   func()
}

func contenders(tb testing.TB) []contender {
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	ctx := context.Background()
	gate := func() *cqvegas.Gate {
		g, err := cqvegas.NewGate(cqvegas.NewVegas(cqvegas.Config{Initial: 100}), cqvegas.GateConfig{Queue: 100})
		must(err)
		return g
	}
	g, n, d := gate(), gate(), gate()
	call := func(context.Context) error { return nil }
	s := semaphore.NewWeighted(1000)
	f := adaptivelimiter.NewWithDefaults[any]()
	l, err := platinum.NewDefaultLimiterWithDefaults("", strategy.NewSimpleStrategy(100), nil, core.EmptyMetricRegistryInstance)
	must(err)
	waiting := platinum.NewBlockingLimiter(l, time.Second, nil)
	return []contender{
		{"bound", bound()},
		{"gate, Try and Release", func() {
			if p, ok := g.Try(g.Now(), cqvegas.Class{}); ok {
				p.Release(g.Now(), cqvegas.Success)
			}
		}},
		{"gate, TryNow and Done", func() {
			if p, ok := n.TryNow(cqvegas.Class{}); ok {
				p.Done(cqvegas.Success)
			}
		}},
		{"gate, Do", func() { _ = d.Do(ctx, call) }},
		{"x/sync semaphore", func() {
			if s.TryAcquire(1) {
				s.Release(1)
			}
		}},
		{"failsafe-go", func() {
			if p, ok := f.TryAcquirePermit(); ok {
				p.Record()
			}
		}},
		{"go-concurrency-limits", func() {
			if p, ok := l.Acquire(ctx); ok {
				p.OnSuccess()
			}
		}},
		{"go-concurrency-limits, blocking", func() {
			if p, ok := waiting.Acquire(ctx); ok {
				p.OnSuccess()
			}
		}},
	}
}

// bound is what a limiter that times every request cannot do without: a count, two clock
// reads and a histogram.
func bound() func() {
	var count struct {
		_ [64]byte
		n atomic.Int64
		_ [64]byte
	}
	h := new([4096]atomic.Uint32)
	origin := time.Now()
	return func() {
		count.n.Add(1)
		start := time.Since(origin)
		h[min(uint64(time.Since(origin)-start), 4095)].Add(1)
		count.n.Add(-1)
	}
}

// BenchmarkGate takes a permit and gives it back.
func BenchmarkGate(b *testing.B) {
	for _, c := range contenders(b) {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.do()
				}
			})
		})
	}
}

// TestRatios interleaves short runs of all, so that whatever else the machine does
// falls on all of them, and prints the least and the median of their times, and the median
// over the rounds of the ratio to the bound of the same round.
func TestRatios(t *testing.T) {
	if *rounds == 0 {
		t.Skip("measures times, which other load on the machine spoils; run with -rounds 40")
	}
	const calls = 100_000
	for _, goroutines := range []int{1, 2} {
		all := contenders(t)
		times := make([][]float64, len(all))
		for range *rounds {
			for i, c := range all {
				start := time.Now()
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for range calls {
							c.do()
						}
					})
				}
				wg.Wait()
				times[i] = append(times[i], float64(time.Since(start))/float64(calls*goroutines))
			}
		}
		for i, c := range all {
			ratios := make([]float64, *rounds)
			for r := range ratios {
				ratios[r] = times[i][r] / times[0][r]
			}
			slices.Sort(ratios)
			slices.Sort(times[i])
			t.Logf("%d goroutines  %-32s least %6.1f ns  median %6.1f ns  to the bound %5.2f",
				goroutines, c.name, times[i][0], times[i][*rounds/2], ratios[*rounds/2])
		}
	}
}
