package gcra

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestConcurrentHistories lets goroutines take, reserve and refund with clocks that run apart and
// checks the promise over every interval, and that nothing is lost: when all is over, what is owed is
// what was used, if no time has passed.
func TestConcurrentHistories(t *testing.T) {
	limit := Limit{Rate{1_000_000, time.Second}, 50}
	kinds := map[string]func(t *testing.T) Reserver{
		"limiter": func(t *testing.T) Reserver {
			l, err := New(limit.Rate, limit.Burst)
			if err != nil {
				t.Fatal(err)
			}
			return l
		},
		"keyed": func(t *testing.T) Reserver {
			k, err := NewKeyed[string](KeyedConfig{Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			return k.Key("a")
		},
	}
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			for round := range 10 {
				l := make(t)
				var shared atomic.Int64
				events := [8][]event{}
				var wg sync.WaitGroup
				for g := range events {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(uint64(round), uint64(g)))
						for range 60 {
							now := time.Duration(shared.Add(rng.Int64N(2000))) - time.Duration(rng.Int64N(3000))
							n := 1 + rng.Uint64N(5)
							var d Decision
							if rng.IntN(5) == 0 {
								d = l.Reserve(now, n, 20*time.Microsecond)
							} else {
								d = l.Take(now, n)
							}
							if d.Allowed && !(rng.IntN(3) == 0 && l.Refund(now, &d)) {
								events[g] = append(events[g], event{max(now, 0) + d.Delay, n})
							}
						}
					})
				}
				wg.Wait()
				var all []event
				for _, e := range events {
					all = append(all, e...)
				}
				checkPromise(t, limit, all, limitBound(limit, 1))
			}
		})
	}
}

func TestNothingIsLost(t *testing.T) {
	limit := Limit{Rate{1, time.Second}, 100_000}
	l, err := New(limit.Rate, limit.Burst)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var used, usedKeyed, refunded atomic.Uint64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(9, uint64(g)))
			for range 2000 {
				n := 1 + rng.Uint64N(9)
				if d := l.Take(0, n); d.Allowed && !(rng.IntN(4) == 0 && l.Refund(0, &d)) {
					used.Add(n)
				}
				d := keyed.Take(7, 0, n)
				if !d.Allowed {
					continue
				}
				if rng.IntN(4) == 0 && keyed.Refund(7, 0, &d) {
					refunded.Add(n)
					continue
				}
				usedKeyed.Add(n)
			}
		})
	}
	wg.Wait()
	if got, want := l.Peek(0, 0).Remaining, limit.Burst-used.Load(); got != want {
		t.Errorf("limiter: %d remain, want %d", got, want)
	}
	if got, want := keyed.Peek(7, 0, 0).Remaining, limit.Burst-usedKeyed.Load(); got != want {
		t.Errorf("keyed: %d remain, want %d", got, want)
	}
	if s := keyed.Stats(); s.Cells-s.Refunded != usedKeyed.Load() || s.Refunded != refunded.Load() || s.Keys != 1 {
		t.Errorf("keyed: %+v, want %d cells used and %d refunded", s, usedKeyed.Load(), refunded.Load())
	}
}

// TestConcurrentChanges changes limits under load, at times that the takers' clock has left behind, and checks
// B + ∫ dt/T for the times at which the changes came into force.
func TestConcurrentChanges(t *testing.T) {
	limits := []Limit{{Rate{1000, time.Second}, 10}, {Rate{5000, time.Second}, 20}, {Rate{40_000, time.Second}, 5}}
	one, err := New(limits[0].Rate, limits[0].Burst)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := NewKeyed[int](KeyedConfig{Limit: limits[0], MaxKeys: 300})
	if err != nil {
		t.Fatal(err)
	}
	kinds := []changing{one, changingKey{keyed.Key(-1), keyed}}
	history := [2][]force{{{0, limits[0]}}, {{0, limits[0]}}}
	events := [2][4][]event{}
	var clock atomic.Int64
	var done atomic.Bool
	var changer, takers sync.WaitGroup
	changer.Go(func() {
		for i := 1; !done.Load(); i++ {
			now, to := time.Duration(clock.Load()), limits[i%3]
			for k, l := range kinds {
				runtime.Gosched()
				if err := l.Change(now, to); err != nil {
					t.Error(err)
				}
				history[k] = append(history[k], force{l.since(), to})
			}
		}
	})
	for g := range 4 {
		takers.Go(func() {
			for i := range 500 {
				now := time.Duration(clock.Add(int64(20 * time.Microsecond)))
				for k, l := range kinds {
					if l.Take(now, 1).Allowed {
						events[k][g] = append(events[k][g], event{now, 1})
					}
				}
				keyed.Take(i, now, 1)
				runtime.Gosched()
			}
		})
	}
	takers.Wait()
	done.Store(true)
	changer.Wait()
	for k := range kinds {
		all := slices.Concat(events[k][:]...)
		if len(all) < 20 {
			t.Errorf("only %d cells passed", len(all))
		}
		checkPromise(t, "changing", all, changingBound(history[k], 0))
	}
}

// TestKindsConcurrently lets goroutines use the other kinds of limits with clocks that run apart, and checks
// their promises over every interval.
func TestKindsConcurrently(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for range 200 / fewer {
		k := anyKind(t, rng)
		var shared atomic.Int64
		step := int64(max(k.unit/8, 1))
		var events [4][]event
		var wg sync.WaitGroup
		seed := rng.Uint64()
		for g := range events {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(g)))
				for range 40 {
					now := max(time.Duration(shared.Add(rng.Int64N(step+1))-rng.Int64N(2*step)), 0)
					n := 1 + rng.Uint64N(min(k.burst, 4))
					if d := k.limit.Take(now, n); d.Allowed && !(rng.IntN(4) == 0 && k.limit.Refund(now, &d)) {
						events[g] = append(events[g], event{now, n})
					}
				}
			})
		}
		wg.Wait()
		checkPromise(t, k.name, slices.Concat(events[:]...), k.bound)
	}
}

// TestLeakyConcurrently checks that cells leave an interval apart whoever puts them in.
func TestLeakyConcurrently(t *testing.T) {
	for range 20 {
		l, err := NewLeaky(Every(time.Microsecond), 200)
		if err != nil {
			t.Fatal(err)
		}
		var shared atomic.Int64
		var leaving [4][]time.Duration
		var wg sync.WaitGroup
		for g := range leaving {
			wg.Go(func() {
				for i := range 200 {
					now := time.Duration(shared.Add(700))
					n := uint64(1 + (g+i)%3)
					d := l.Take(now, n)
					if !d.Allowed || i%5 == 0 && l.Refund(now, &d) {
						continue
					}
					for j := range n {
						leaving[g] = append(leaving[g], now+d.Delay+time.Duration(j)*time.Microsecond)
					}
				}
			})
		}
		wg.Wait()
		all := slices.Concat(leaving[:]...)
		slices.Sort(all)
		for i := 1; i < len(all); i++ {
			if all[i]-all[i-1] < time.Microsecond {
				t.Fatalf("cells leave at %d and %d", all[i-1], all[i])
			}
		}
		if len(all) < 200 {
			t.Errorf("only %d cells passed", len(all))
		}
	}
}
