package vegas

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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
