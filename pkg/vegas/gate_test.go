package vegas

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newGate(t testing.TB, limit int, cfg GateConfig) *Gate {
	t.Helper()
	g, err := NewGate(Fixed(limit), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestTry(t *testing.T) {
	g := newGate(t, 2, GateConfig{})
	a, ok1 := g.Try(0, Class{})
	_, ok2 := g.Try(0, Class{})
	if _, ok3 := g.Try(0, Class{}); !ok1 || !ok2 || ok3 {
		t.Fatalf("limit 2 let %v %v %v pass", ok1, ok2, ok3)
	}
	if s := g.Stats(); s.InFlight != 2 || s.Limit != 2 || s.Refused != 1 {
		t.Fatalf("stats %+v", s)
	}
	a.Release(1, Success)
	if _, ok := g.Try(2, Class{}); !ok {
		t.Fatal("released permit not given out again")
	}
}

func TestReleaseTwicePanics(t *testing.T) {
	for name, cfg := range map[string]GateConfig{"plain": {}, "partitions": {Partitions: []float64{1}}} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, 2, cfg)
			p, _ := g.Try(0, Class{})
			p.Release(0, Ignore)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
				if n := g.Stats().InFlight; n != 0 {
					t.Errorf("%d in flight after the panic", n)
				}
			}()
			p.Release(0, Ignore)
		})
	}
}

func TestConfigRefused(t *testing.T) {
	for name, cfg := range map[string]GateConfig{
		"queue below zero":   {Queue: -1},
		"queue too long":     {Queue: MaxQueue + 1},
		"negative patience":  {Patience: -1},
		"negative target":    {Target: -1},
		"share below zero":   {Partitions: []float64{-0.1}},
		"share of more":      {Partitions: []float64{1.1}},
		"shares over one":    {Partitions: []float64{0.6, 0.6}},
		"too many":           {Partitions: make([]float64, MaxPartitions+1)},
		"share not a number": {Partitions: []float64{nan()}},
	} {
		if _, err := NewGate(Fixed(1), cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewGate(nil, GateConfig{}); err == nil {
		t.Error("no controller: accepted")
	}
}

func nan() float64 { z := 0.0; return z / z }

// No permit passes the limit, and once a shrink has settled the count stays below the
// new one. Counting happens outside the gate, while permits are held.
func TestNeverAboveLimit(t *testing.T) {
	for name, cfg := range map[string]GateConfig{
		"try":        {},
		"part timed": {},
		"queue":      {Queue: 64, Patience: time.Minute},
		"partitions": {Queue: 64, Patience: time.Minute, Partitions: []float64{0.3, 0.3}},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 12
			g := newGate(t, most, cfg)
			timed := name != "part timed"
			if !timed {
				g.mask.Store(3) // until the window ends
			}
			var held, worst, served atomic.Int64
			var bound, resizes atomic.Int64 // what held may not pass, and how often that changed
			bound.Store(most)
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(i), 0))
					for ctx.Err() == nil {
						c := Class{Partition: r.IntN(2), Priority: Priority(r.IntN(4) - 1)}
						p, ok := Permit{}, false
						if cfg.Queue > 0 {
							cctx, cancel := context.WithCancel(ctx)
							if r.IntN(3) == 0 {
								go func() { perturb(); cancel() }()
							}
							var err error
							p, err = g.Acquire(cctx, c)
							ok = err == nil
							cancel()
						} else if timed {
							p, ok = g.Try(g.Now(), c)
						} else {
							p, ok = g.TryNow(c)
						}
						if !ok {
							runtime.Gosched()
							continue
						}
						was, b := resizes.Load(), bound.Load()
						if n := held.Add(1); n > b && was == resizes.Load() {
							worst.Store(n)
						}
						perturb()
						served.Add(1)
						held.Add(-1)
						if o := Outcome(r.IntN(3)); timed {
							p.Release(g.Now(), o)
						} else {
							p.Done(o)
						}
					}
				})
			}
			r := rand.New(rand.NewPCG(99, 0))
			for range 300 {
				n := 1 + r.IntN(most)
				resizes.Add(1)
				if int64(n) > bound.Load() {
					bound.Store(int64(n)) // first allow, then widen
					g.Resize(n)
				} else {
					g.Resize(n)
					for g.Stats().InFlight > n { // settles
						runtime.Gosched()
					}
					bound.Store(int64(n))
				}
				resizes.Add(1)
				time.Sleep(100 * time.Microsecond)
			}
			stop()
			wg.Wait()
			if w := worst.Load(); w != 0 {
				t.Errorf("%d in flight at once, above the limit", w)
			}
			if s := g.Stats(); s.InFlight != 0 || s.Waiting != 0 {
				t.Errorf("at the end %+v", s)
			}
			if served.Load() == 0 {
				t.Error("nothing was served")
			}
		})
	}
}

// perturb yields at random, so that schedules differ.
func perturb() {
	for range rand.IntN(4) {
		runtime.Gosched()
	}
	if rand.IntN(64) == 0 {
		time.Sleep(time.Microsecond)
	}

}
