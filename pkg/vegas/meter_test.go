package vegas

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

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

// kinds are the ways to take a permit, of which a part need not be timed.
var kinds = map[string]func(g *Gate, err error) error{
	"Do": func(g *Gate, err error) error {
		return g.Do(context.Background(), func(context.Context) error { return err })
	},
	"TryNow": func(g *Gate, err error) error {
		p, ok := g.TryNow(Class{})
		if !ok {
			return ErrFull
		}
		p.Done(Classify(err))
		return err
	},
}

// One request in mask + 1 is timed, but every overload counts.
func TestSamples(t *testing.T) {
	for name, do := range kinds {
		for gate, cfg := range map[string]GateConfig{"plain": {}, "queue": {Queue: 1}, "partitions": {Partitions: []float64{1}}} {
			t.Run(name+" "+gate, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := newGate(t, 1, cfg)
					repeat := func(n int, err error) {
						for range n {
							if got := do(g, err); got != err {
								t.Fatal(got)
							}
						}
					}
					repeat(100, nil)
					if n := g.view.Load().rtt.total(); n != 100 {
						t.Errorf("%d samples of 100 calls", n)
					}
					g.mask.Store(15)
					repeat(16000, nil)
					if n := g.view.Load().rtt.total() - 100; n < 850 || n > 1150 { // five standard deviations
						t.Errorf("%d samples of 16000 calls, want about 1000", n)
					}
					repeat(100, ErrOverload)
					if n := g.view.Load().overloads.Load(); n != 100 {
						t.Errorf("%d overloads of 100", n)
					}
					if n := g.Stats().InFlight; n != 0 {
						t.Errorf("%d in flight", n)
					}
				})
			})
		}
	}
}

// When requests become rare, the first timed one that comes late to a window without enough
// ends the sampling, and the windows go on.
func TestSamplingEndsWithTheRush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 1, GateConfig{})
		request := func() (timed bool) {
			p, _ := g.TryNow(Class{})
			p.Done(Success)
			return p.Start() >= 0
		}
		for range 50 { // 200,000 a second for half a second
			for range 2000 {
				request()
			}
			time.Sleep(10 * time.Millisecond)
		}
		if m := g.mask.Load(); m != 15 {
			t.Fatalf("mask %d in the rush", m)
		}
		for timed := 0; timed < 2; { // one ends the window of the rush
			time.Sleep(time.Second)
			if request() {
				timed++
			}
		}
		if m := g.mask.Load(); m != 0 {
			t.Errorf("mask %d afterwards", m)
		}
		end := g.Stats().Last.End
		for range 10 {
			time.Sleep(time.Second)
			request()
		}
		if g.Stats().Last.End <= end {
			t.Error("no window has ended since")
		}
	})
}

func TestTryNow(t *testing.T) {
	g := newGate(t, 1, GateConfig{})
	p, ok := g.TryNow(Class{})
	if !ok || p.Start() < 0 {
		t.Fatalf("got %v, started at %v", ok, p.Start())
	}
	if p, ok := g.TryNow(Class{}); ok || p != (Permit{}) {
		t.Errorf("limit 1 let a second one pass: %+v", p)
	}
	p.Done(Success)
	Permit{}.Done(Success)
	if s := g.Stats(); s.InFlight != 0 || s.Refused != 1 {
		t.Errorf("stats %+v", s)
	}
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
