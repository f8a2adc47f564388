package vegas

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

func window(i, limit, inFlight, samples int, rtt time.Duration) Window {
	start := time.Duration(i) * 100 * ms
	return Window{Start: start, End: start + 100*ms, Limit: limit, MaxInFlight: inFlight, Samples: samples, RTT: rtt}
}

// Whatever the windows, the limit stays within its bounds, and the same windows give
// the same limits.
func TestBoundsAndDeterminism(t *testing.T) {
	type pair struct{ a, b Controller }
	for name, c := range map[string]pair{
		"vegas": {NewVegas(Config{Min: 2, Max: 50, Phase: 7}), NewVegas(Config{Min: 2, Max: 50, Phase: 7})},
		"aimd":  {&AIMD{Initial: 2, Max: 50}, &AIMD{Initial: 2, Max: 50}},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		limit := c.a.Limit()
		for i := range 100_000 {
			w := window(i, limit, r.IntN(60), r.IntN(200), time.Duration(r.ExpFloat64()*1e7))
			if r.IntN(10) == 0 {
				w.Overloads = r.IntN(5)
			}
			if r.IntN(50) == 0 {
				w.Samples, w.RTT = 0, 0
			}
			limit = c.a.Update(w)
			if other := c.b.Update(w); other != limit {
				t.Fatalf("%s: window %d: %d and %d from the same windows", name, i, limit, other)
			}
			if limit < 1 || limit > 50 || name == "vegas" && limit < 2 {
				t.Fatalf("%s: window %d: limit %d", name, i, limit)
			}
		}
	}
}

// A fast refusal must not become the base.
func TestOverloadIsNoSample(t *testing.T) {
	v := NewVegas(Config{Initial: 20})
	v.Update(window(0, 20, 20, 100, 10*ms))
	base, before := v.Base(), v.Limit()
	w := window(1, before, before, 0, 0)
	w.Overloads = 1000
	if got := v.Update(w); got != int(0.9*float64(before)) && got != before*9/10 {
		t.Errorf("limit %d after overload at %d", got, before)
	}
	if v.Base() != base {
		t.Errorf("base %v, was %v", v.Base(), base)
	}
}

// Idle for hours, the limit does not run away.
func TestIdleLimit(t *testing.T) {
	v := NewVegas(Config{})
	for i := range 100_000 {
		l := v.Limit()
		if v.Update(window(i, l, 2, 100, 10*ms)); v.Limit() > 20 {
			t.Fatalf("window %d: limit %d with 2 in flight", i, v.Limit())
		}
	}
}

func TestAIMD(t *testing.T) {
	a := &AIMD{Initial: 10}
	if got := a.Update(Window{Limit: 10, MaxInFlight: 5}); got != 11 {
		t.Errorf("half used: %d, want 11", got)
	}
	if got := a.Update(Window{Limit: 11, MaxInFlight: 5}); got != 11 {
		t.Errorf("less used: %d, want 11", got)
	}
	if got := a.Update(Window{Limit: 11, MaxInFlight: 11, Overloads: 3}); got != 9 {
		t.Errorf("overload: %d, want 9", got)
	}
	var zero AIMD
	if got := zero.Limit(); got != 1 {
		t.Errorf("zero AIMD starts at %d", got)
	}
}

func TestFixed(t *testing.T) {
	if Fixed(0).Limit() != 1 || Fixed(7).Limit() != 7 || Fixed(7).Update(Window{Limit: 9}) != 9 {
		t.Error("Fixed moves")
	}
}

func TestConfigInOrder(t *testing.T) {
	for _, c := range []Config{{}, {Initial: 5000}, {Min: 10, Max: 5}, {Initial: -1, Min: -1, Max: -1}, {Max: 1 << 30}} {
		v := NewVegas(c)
		if l := v.Limit(); l < 1 || l < v.cfg.Min || l > v.cfg.Max || v.cfg.Max > MaxLimit {
			t.Errorf("%+v: limit %d, bounds %d to %d", c, l, v.cfg.Min, v.cfg.Max)
		}
	}
}

func TestHistogram(t *testing.T) {
	for d := time.Duration(1); d < 300*time.Second; d += 1 + d/100 {
		m := middle(bucketOf(d))
		want := min(float64(d), 1<<histogramMaxLen)
		if e := m/want - 1; e > 0.004 || e < -0.004 {
			t.Fatalf("%v counts as %v ns: off by %.2f %%", d, m, 100*e)
		}
	}
	if bucketOf(-5) != 0 || bucketOf(1<<62) != histogramBuckets-1 {
		t.Error("durations out of range are not clamped")
	}
	var h histogram
	if n, d, _ := h.trimmedMean(); n != 0 || d != 0 {
		t.Errorf("empty: %d, %v", n, d)
	}
	h.add(time.Microsecond)
	h.add(time.Hour) // both are trimmed in part
	for range 18 {
		h.add(10 * ms)
	}
	if n, d, e := h.trimmedMean(); n != 20 || e > ms || d < 9960*time.Microsecond || d > 10040*time.Microsecond {
		t.Errorf("%d samples, mean %v; want 20 and 10ms", n, d)
	}
	h.clear()
	if h.total() != 0 {
		t.Error("clear leaves samples")
	}
}

// Windows end after 100 ms with 100 samples, or with fewer that tell the queue; or after
// 1 s with 5 or an overload; but never before three round trips.
func TestWindows(t *testing.T) {
	for _, tc := range []struct {
		name      string
		held      int // in flight all the time
		every     time.Duration
		fast, rtt time.Duration // round-trip times, in turn
		o         Outcome
		end       time.Duration // of the first window
		n         int
	}{
		{"many", 8, ms / 2, ms / 4, 3 * ms / 4, Success, 100 * ms, 199},
		{"some", 8, 5 * ms, ms / 4, 3 * ms / 4, Success, 500 * ms, 100},
		{"few but sure", 0, 5 * ms, ms / 4, 3 * ms / 4, Success, 100 * ms, 20},
		{"few", 8, 190 * ms, ms / 4, 3 * ms / 4, Success, 1140 * ms, 6},
		{"overloads", 0, 600 * ms, ms / 4, ms / 4, Overload, 1200 * ms, 0},
		{"slow", 0, 10 * ms, 400 * ms, 400 * ms, Success, 1200 * ms, 81},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGate(t, 1000, GateConfig{})
			for range tc.held {
				g.Try(0, Class{})
			}
			for now := tc.every; g.Stats().Last.End == 0 && now < time.Minute; now += tc.every {
				tc.fast, tc.rtt = tc.rtt, tc.fast
				if now < tc.rtt {
					continue // it would have started before the window
				}
				p, _ := g.Try(now-tc.rtt, Class{})
				p.Release(now, tc.o)
			}
			w := g.Stats().Last
			if d := w.End - tc.end; d < 0 || d > 10*ms || w.Samples < tc.n-1 || w.Samples > tc.n+2 {
				t.Errorf("window %+v, want an end at %v and %d samples", w, tc.end, tc.n)
			}
			mean := (tc.fast + tc.rtt) / 2
			if w.Samples > 0 && (w.RTT < mean*9/10 || w.RTT > mean*11/10) {
				t.Errorf("RTT %v, want %v", w.RTT, mean)
			}
		})
	}
}

// After a shrink nothing is measured until few enough are in flight, or for a second.
func TestWindowSettles(t *testing.T) {
	var limit atomic.Int64
	limit.Store(10)
	g, err := NewGate(follow{&limit}, GateConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var held []Permit
	for range 9 {
		p, _ := g.Try(0, Class{})
		held = append(held, p)
	}
	sample := func(now time.Duration) { // of 1 ms
		p, ok := g.Try(now-ms, Class{})
		if !ok {
			p = Permit{gate: g, start: now - ms}
			g.state.Add(1)
		}
		p.Release(now, Success)
	}
	now := ms
	fill := func() (start time.Duration) {
		last := g.Stats().Last.End
		for g.Stats().Last.End == last {
			if now += ms / 2; now > time.Hour {
				t.Fatal("no window")
			}
			sample(now)
		}
		return g.Stats().Last.Start
	}
	limit.Store(3)
	fill() // the next window begins with 9 in flight and may have 3
	shrunk := now
	for range 6 {
		now += 100 * ms
		sample(now)
		held[0].Release(now, Ignore)
		held = held[1:]
	}
	settled := now
	if start := fill(); start != settled {
		t.Errorf("shrunk at %v, settled at %v: the window begins at %v", shrunk, settled, start)
	}
	limit.Store(1)
	fill()
	shrunk = now
	if start := fill(); start < shrunk+time.Second || start > shrunk+time.Second+ms {
		t.Errorf("never settled after a shrink at %v: the window begins at %v, want a second later", shrunk, start)
	}
}

// follow is a controller that is told its limit.
type follow struct{ limit *atomic.Int64 }

func (f follow) Limit() int        { return int(f.limit.Load()) }
func (f follow) Update(Window) int { return int(f.limit.Load()) }

// Requests that started before the window give no sample, and a clock that steps back none.
func TestOnlyRequestsOfTheWindow(t *testing.T) {
	g := newGate(t, 10, GateConfig{})
	old, _ := g.Try(0, Class{})
	for now := ms / 2; now <= 101*ms; now += ms / 2 {
		p, _ := g.Try(now-ms/4, Class{})
		p.Release(now, Success)
	}
	if g.Stats().Last.End == 0 {
		t.Fatal("no window yet")
	}
	old.Release(102*ms, Success)
	p, _ := g.Try(110*ms, Class{})
	p.Release(105*ms, Success)
	if n := g.view.Load().rtt.total(); n > 3 {
		t.Errorf("%d samples in the new window", n)
	}
	v := g.view.Load()
	for i := range v.rtt.count {
		if v.rtt.count[i].Load() > 0 && middle(i) > 1e6 {
			t.Errorf("a sample of %v ns", middle(i))
		}
	}
}
