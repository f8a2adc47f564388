package vegas

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// With patience without end, everyone who waits is served: were a wake-up lost, the
// test would hang.
func TestNoLostWakeUp(t *testing.T) {
	for name, parts := range map[string][]float64{"plain": nil, "partitions": {0.5, 0.25}} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, 1, GateConfig{Queue: 1000, Patience: time.Hour, Target: time.Hour, Partitions: parts})
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					for j := range 200 {
						p, err := g.Acquire(t.Context(), Class{Partition: (i + j) % 2, Priority: Priority(j%4 - 1)})
						if err != nil {
							t.Error(err)
							return
						}
						perturb()
						p.Release(g.Now(), Ignore)
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			for i := 0; ; i++ {
				select {
				case <-done:
					if s := g.Stats(); s.InFlight != 0 || s.Waiting != 0 || s.Late != 0 {
						t.Errorf("at the end %+v", s)
					}
					return
				default:
					g.Resize(1 + i%5)
					runtime.Gosched()
				}
			}
		})
	}
}

// A release at any moment of an acquisition wakes it, though nothing else happens
// afterwards that could make up for a lost wake-up.
func TestNoLostWakeUpAlone(t *testing.T) {
	for name, parts := range map[string][]float64{"plain": nil, "partitions": {1}} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, 1, GateConfig{Queue: 1, Patience: time.Hour, Partitions: parts})
			var turn, done atomic.Int64
			rounds := int64(50_000)
			if testing.Short() {
				rounds = 10_000
			}
			go func() {
				for i := int64(1); i <= rounds; i++ {
					for turn.Load() < i {
						runtime.Gosched()
					}
					p, err := g.Acquire(t.Context(), Class{})
					if err != nil {
						return
					}
					p.Release(0, Ignore)
					done.Store(i)
				}
			}()
			for i := int64(1); i <= rounds; i++ {
				p, ok := g.Try(0, Class{})
				if !ok {
					t.Fatalf("round %d: %+v", i, g.Stats())
				}
				turn.Store(i)
				for range rand.IntN(4000) { // up to the time an acquisition takes
					turn.Load()
				}
				p.Release(0, Ignore)
				for start := time.Now(); done.Load() < i; runtime.Gosched() {
					if time.Since(start) > 10*time.Second {
						t.Fatalf("round %d: not woken: %+v", i, g.Stats())
					}
				}
			}
		})
	}
}

// Nobody takes a permit that has just become free for one who waits.
func TestNobodyPassesTheQueue(t *testing.T) {
	for range 50 {
		g := newGate(t, 1, GateConfig{Queue: 2, Patience: time.Hour, Target: time.Hour})
		p, _ := g.Try(0, Class{})
		var order []int
		var wg sync.WaitGroup
		acquire := func(i int) {
			wg.Go(func() {
				q, err := g.Acquire(t.Context(), Class{})
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				q.Release(0, Ignore)
			})
		}
		acquire(1)
		for g.Stats().Waiting == 0 {
			runtime.Gosched()
		}
		// The second is on its way to the queue as the permit is released.
		g.qmu.Lock()
		acquire(2)
		time.Sleep(100 * time.Microsecond)
		wg.Go(func() { p.Release(0, Ignore) })
		for inFlight(g.state.Load()) != 0 {
			runtime.Gosched()
		}
		if _, ok := g.Try(0, Class{}); ok {
			t.Fatal("Try passed one who waits")
		}
		acquire(3)
		time.Sleep(100 * time.Microsecond)
		g.qmu.Unlock()
		wg.Wait()
		if order[0] != 1 {
			t.Fatalf("served in the order %v", order)
		}
	}
}

// One who was sent away as its context ended has no permit to give back.
func TestEvictedAndCancelled(t *testing.T) {
	g := newGate(t, 1, GateConfig{Queue: 1})
	g.Try(0, Class{})
	w, _, _ := g.enqueue(0, level(Background))
	g.enqueue(0, level(High))
	if err := g.leave(w, context.Canceled); err != nil || w.err != ErrFull {
		t.Errorf("left with %v, sent away with %v", err, w.err)
	}
	if s := g.Stats(); s.InFlight != 1 || s.Waiting != 1 {
		t.Errorf("%+v", s)
	}
}

// A context that ends at any point either leaves the permit or gives it back.
func TestCancelAnywhere(t *testing.T) {
	g := newGate(t, 1, GateConfig{Queue: 8, Patience: time.Hour})
	for i := range 3000 {
		p, ok := g.Try(0, Class{})
		if !ok {
			t.Fatalf("round %d: permit lost: %+v", i, g.Stats())
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if q, err := g.Acquire(ctx, Class{}); err == nil {
					q.Release(g.Now(), Ignore)
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		perturb()
		wg.Go(func() { perturb(); cancel() })
		wg.Go(func() { perturb(); p.Release(g.Now(), Ignore) })
		wg.Wait()
		if s := g.Stats(); s.InFlight != 0 || s.Waiting != 0 {
			t.Fatalf("round %d: %+v", i, s)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Acquire(ctx, Class{}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

// order starts waiters one after the other and returns in which order they are served.
func order(t *testing.T, g *Gate, classes []Class, gap time.Duration) (served []int) {
	t.Helper()
	p, ok := g.Try(g.Now(), Class{})
	if !ok {
		t.Fatal("gate not free")
	}
	ch := make(chan int, len(classes))
	for i, c := range classes {
		go func() {
			q, err := g.Acquire(t.Context(), c)
			if err != nil {
				ch <- -i - 1
				return
			}
			ch <- i
			time.Sleep(time.Microsecond)
			q.Release(g.Now(), Ignore)
		}()
		synctest.Wait()
		time.Sleep(gap)
	}
	p.Release(g.Now(), Ignore)
	for range classes {
		served = append(served, <-ch)
	}
	time.Sleep(ms) // the last one releases
	return served
}

func check(t *testing.T, got, want []int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestQueueOrder(t *testing.T) {
	n, h, b, c := Class{}, Class{Priority: High}, Class{Priority: Background}, Class{Priority: Critical}
	patient := GateConfig{Queue: 20, Patience: time.Second, Target: time.Second}
	for _, tc := range []struct {
		name    string
		classes []Class
		gap     time.Duration
		want    []int
	}{
		{"first come first served", []Class{n, n, n, n}, ms, []int{0, 1, 2, 3}},
		{"priority", []Class{b, n, h, c, n}, ms, []int{3, 2, 1, 4, 0}},
		{"priorities outside count as the nearest", []Class{{Priority: -100}, {Priority: 100}}, ms, []int{1, 0}},
		{"every eighth to the oldest", []Class{b, h, h, h, h, h, h, h, h}, ms, []int{1, 2, 3, 4, 5, 6, 7, 0, 8}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				check(t, order(t, newGate(t, 1, patient), tc.classes, tc.gap), tc.want)
			})
		})
	}
	t.Run("last come first served under load", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t, 1, GateConfig{Queue: 20, Patience: 100 * ms, Target: 90 * ms})
			// The first is late before the rest come; the queue has never been empty since.
			check(t, order(t, g, []Class{n, n, n, n}, 30*ms), []int{-1, 3, 2, 1})
		})
	})
}

func TestQueueFullAndEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 1, GateConfig{Queue: 2, Patience: time.Second})
		p, _ := g.Try(0, Class{})
		errs := make([]error, 4)
		for i, c := range []Class{{Priority: Background}, {}, {Priority: Background}, {Priority: High}} {
			go func() {
				q, err := g.Acquire(t.Context(), c)
				errs[i] = err
				q.Release(g.Now(), Ignore)
			}()
			synctest.Wait()
		}
		if !errors.Is(errs[2], ErrFull) || !errors.Is(errs[0], ErrFull) {
			t.Fatalf("got %v, want the third refused and the first sent away", errs)
		}
		p.Release(g.Now(), Ignore)
		synctest.Wait()
		if errs[1] != nil || errs[3] != nil {
			t.Fatalf("got %v, want the others served", errs)
		}
		if s := g.Stats(); s.Refused != 2 || s.InFlight != 0 || s.Waiting != 0 {
			t.Fatalf("%+v", s)
		}
	})
}

// CoDel: patience while the queue is short lived, the target once it stands.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 1, GateConfig{Queue: 100})
		p, _ := g.Try(0, Class{})
		wait := func() time.Duration {
			start := time.Now()
			if _, err := g.Acquire(t.Context(), Class{}); !errors.Is(err, ErrLate) {
				t.Errorf("got %v, want ErrLate", err)
			}
			return time.Since(start)
		}
		time.Sleep(time.Second)
		if d := wait(); d != 100*ms {
			t.Errorf("alone, waited %v", d)
		}
		time.Sleep(time.Second)
		for range 2 { // a queue that has just begun
			go func() {
				if d := wait(); d != 100*ms {
					t.Errorf("in a new queue, waited %v", d)
				}
			}()
			time.Sleep(ms)
		}
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		for range 2 { // keep the queue from emptying
			wg.Go(func() { wait() })
			time.Sleep(60 * ms)
		}
		if d := wait(); d != 5*ms {
			t.Errorf("in a standing queue, waited %v", d)
		}
		wg.Wait()
		p.Release(g.Now(), Ignore)
		if s := g.Stats(); s.Late != 6 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestResizeServesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 1, GateConfig{Queue: 9, Patience: time.Hour})
		var held atomic.Int64
		for range 5 {
			go func() {
				if _, err := g.Acquire(t.Context(), Class{}); err == nil {
					held.Add(1)
				}
			}()
		}
		synctest.Wait()
		for _, n := range []int{3, 2, 5} {
			before := held.Load()
			g.Resize(n)
			synctest.Wait()
			if got, want := held.Load(), max(before, int64(n)); got != want {
				t.Fatalf("limit %d: %d hold permits, want %d", n, got, want)
			}
		}
	})
}

// Of any eight permits given to waiters one goes to the oldest, so that a stream of
// higher priority starves no one.
func TestNoStarvation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 1, GateConfig{Queue: 50, Patience: time.Hour})
		p, _ := g.Try(0, Class{})
		served := make(chan struct{})
		go func() {
			q, err := g.Acquire(t.Context(), Class{Priority: Background})
			if err == nil {
				close(served)
			}
			q.Release(g.Now(), Ignore)
		}()
		synctest.Wait()
		passed := 0
		for range 20 {
			go func() {
				q, err := g.Acquire(t.Context(), Class{Priority: Critical})
				if err != nil {
					t.Error(err)
				}
				select {
				case <-served:
				default:
					passed++
				}
				time.Sleep(time.Microsecond)
				q.Release(g.Now(), Ignore)
			}()
		}
		synctest.Wait()
		p.Release(g.Now(), Ignore)
		<-served
		if passed > 7 {
			t.Errorf("%d were served before the oldest", passed)
		}
		time.Sleep(time.Second)
	})
}
