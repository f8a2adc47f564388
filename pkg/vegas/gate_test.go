package vegas

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
		"queue":      {Queue: 64, Patience: time.Minute},
		"partitions": {Queue: 64, Patience: time.Minute, Partitions: []float64{0.3, 0.3}},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 12
			g := newGate(t, most, cfg)
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
						} else {
							p, ok = g.Try(g.Now(), c)
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
						p.Release(g.Now(), Outcome(r.IntN(3)))
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

func TestPartitions(t *testing.T) {
	g := newGate(t, 10, GateConfig{Partitions: []float64{0.5, 0.2}})
	take := func(part, want int) (ps []Permit) {
		t.Helper()
		for {
			p, ok := g.Try(0, Class{Partition: part})
			if !ok {
				break
			}
			ps = append(ps, p)
		}
		if len(ps) != want {
			t.Fatalf("partition %d got %d, want %d", part, len(ps), want)
		}
		return ps
	}
	b := take(1, 5) // its own 2 and the 3 for all
	a := take(0, 5) // its own
	for _, p := range a {
		p.Release(0, Ignore)
	}
	for _, p := range b {
		p.Release(0, Ignore)
	}
	take(0, 8)
	take(1, 2)
	take(7, 0) // counts as the last
}

// Who gets a permit is what the page's formula says, at whatever limit.
func TestPartitionsModel(t *testing.T) {
	shares := []float64{0.29, 0.1, 0, 0.6} // 0.29 of 100 is 29, in binary a little less
	g := newGate(t, 10, GateConfig{Partitions: shares})
	r := rand.New(rand.NewPCG(3, 4))
	held := make([][]Permit, len(shares))
	limit := 10
	for step := range 100_000 {
		i := r.IntN(len(shares))
		switch r.IntN(20) {
		case 0:
			limit = 1 + r.IntN(100)
			g.Resize(limit)
		case 1, 2, 3, 4, 5, 6, 7, 8:
			if n := len(held[i]); n > 0 {
				held[i][n-1].Release(0, Ignore)
				held[i] = held[i][:n-1]
			}
		default:
			own := func(j int) int { return int(math.Round(shares[j]*1000)) * limit / 1000 }
			used, owned, beyond := 0, 0, 0
			for j := range held {
				used += len(held[j])
				owned += own(j)
				beyond += max(0, len(held[j])-own(j))
			}
			want := used < limit && (len(held[i]) < own(i) || beyond < limit-owned)
			p, ok := g.Try(0, Class{Partition: i})
			if ok != want {
				t.Fatalf("step %d, limit %d: partition %d got one: %v, want %v", step, limit, i, ok, want)
			}
			if ok {
				held[i] = append(held[i], p)
			}
		}
	}
}

// A waiter of a partition with permits of its own passes a queue that stands for
// another partition.
func TestPartitionPassesQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 2, GateConfig{Queue: 1, Patience: time.Hour, Partitions: []float64{0.5, 0.5}})
		p, _ := g.Try(0, Class{})
		go func() {
			q, err := g.Acquire(t.Context(), Class{})
			if err != nil {
				t.Error(err)
			}
			q.Release(g.Now(), Ignore)
		}()
		synctest.Wait()
		q, err := g.Acquire(t.Context(), Class{Partition: 1})
		if err != nil {
			t.Fatal(err)
		}
		q.Release(g.Now(), Ignore)
		p.Release(g.Now(), Ignore)
		synctest.Wait()
		if s := g.Stats(); s.InFlight != 0 || s.Waiting != 0 {
			t.Fatalf("%+v", s)
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

func TestDo(t *testing.T) {
	g := newGate(t, 1, GateConfig{})
	boom := errors.New("boom")
	for name, want := range map[string]error{"success": nil, "error": boom, "overload": ErrOverload} {
		if err := g.Do(t.Context(), func(context.Context) error { return want }); err != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
	func() {
		defer func() { recover() }()
		g.Do(t.Context(), func(context.Context) error { panic("boom") })
	}()
	if n := g.Stats().InFlight; n != 0 {
		t.Errorf("%d in flight", n)
	}
	err := g.Do(t.Context(), func(ctx context.Context) error {
		return g.Do(ctx, func(context.Context) error { return nil })
	})
	if !errors.Is(err, ErrFull) {
		t.Errorf("inside: got %v", err)
	}
}

// Do times one call in mask + 1, but counts every overload.
func TestDoSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 1, GateConfig{})
		do := func(n int, err error) {
			for range n {
				if got := g.Do(t.Context(), func(context.Context) error { return err }); got != err {
					t.Fatal(got)
				}
			}
		}
		do(100, nil)
		if n := g.view.Load().rtt.total(); n != 100 {
			t.Errorf("%d samples of 100 calls", n)
		}
		g.mask.Store(15)
		do(16000, nil)
		if n := g.view.Load().rtt.total() - 100; n < 850 || n > 1150 { // five standard deviations
			t.Errorf("%d samples of 16000 calls, want about 1000", n)
		}
		do(100, ErrOverload)
		if n := g.view.Load().overloads.Load(); n != 100 {
			t.Errorf("%d overloads of 100", n)
		}
		if n := g.Stats().InFlight; n != 0 {
			t.Errorf("%d in flight", n)
		}
	})
}

// How many calls are timed follows the rate, up at once and down at once.
func TestSampling(t *testing.T) {
	var m meter
	for _, tc := range []struct {
		samples int
		want    uint32
	}{{100, 0}, {1999, 0}, {2000, 1}, {2000, 3}, {4000, 15}, {1000, 15}, {999, 7}, {100, 0}, {1 << 20, 15}, {0, 0}} {
		m.sample(Window{Samples: tc.samples})
		if got := m.mask.Load(); got != tc.want {
			t.Errorf("after %d samples: mask %d, want %d", tc.samples, got, tc.want)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want Outcome
	}{
		{nil, Success}, {ErrOverload, Overload}, {context.DeadlineExceeded, Overload},
		{context.Canceled, Ignore}, {errors.New("other"), Ignore},
	} {
		if got := Classify(tc.err); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
}
