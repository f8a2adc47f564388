package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

var sink uint64

// work is a function that keeps a processor busy for about n·k steps.
func work(k int) func(n int) {
	return func(n int) {
		x := sink | 1
		for range n * k {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		sink = x
	}
}

func TestRunInterleaves(t *testing.T) {
	var order strings.Builder
	began := map[string]bool{}
	note := func(name string) func(int) {
		f := work(2000)
		return func(n int) {
			if began["b"] {
				order.WriteString(name)
			}
			f(n)
		}
	}
	ended := 0
	got, err := Run(t.Context(), []Contender{
		{Name: "a", Func: note("a"), Passes: 7},
		{Name: "b", Func: note("b"), Setup: func() error { return nil }, Single: true},
	}, Config{Time: 5 * time.Millisecond, Count: 6, Progress: func(done, all int) {
		ended = done
		if all != 5 && all != 6 {
			t.Errorf("%d rounds", all)
		}
	}})
	if err != nil || len(got) != 2 || ended < 5 {
		t.Fatal(got, err, ended)
	}
	if got[0].Batch%7 != 0 || got[1].Batch != 1 {
		t.Errorf("batches of %d and %d", got[0].Batch, got[1].Batch)
	}
	for _, r := range got {
		if len(r.Values) != 5 && len(r.Values) != 6 { // five if a pause made the batch seem long
			t.Errorf("%s: %d samples", r.Name, len(r.Values))
		}
	}

	// Rounds turn round: forwards, backwards, forwards.
	began["b"] = true
	order.Reset()
	if _, err := Run(t.Context(), []Contender{{Name: "a", Func: note("a"), Single: true}, {Name: "b", Func: note("b"), Single: true}}, Config{Time: time.Hour, Count: 6}); err != nil {
		t.Fatal(err)
	}
	if s := order.String(); !strings.HasSuffix(s, "abbaabbaabba") {
		t.Errorf("order %s", s)
	}
}

func TestRunOfWhatIsSlow(t *testing.T) {
	e := entrant{Contender: Contender{Name: "slow", Func: func(int) { time.Sleep(1100 * time.Millisecond) }}}
	if testing.Short() {
		t.Skip("sleeps for a second")
	}
	e.calibrate(Config{Time: time.Second, Count: 60})
	if e.count != 3 || e.n != 1 {
		t.Errorf("%d samples of %d", e.count, e.n)
	}
}

func TestRunCountsAllocations(t *testing.T) {
	var keep []byte
	got, err := Run(t.Context(), []Contender{
		{Name: "some", Func: func(n int) {
			for range n {
				keep = make([]byte, 100)
			}
		}},
		{Name: "none", Func: work(100)},
	}, Config{Time: 5 * time.Millisecond, Count: 5})
	_ = keep
	if err != nil || got[0].Allocs < 1 || got[0].Allocs > 1.5 || got[1].Allocs > 0.5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got, err := Run(ctx, []Contender{{Name: "a", Func: work(1000)}}, Config{Time: 10 * time.Millisecond, Count: 10, Progress: func(done, _ int) {
		if done == 4 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || len(got) != 1 || len(got[0].Values) == 0 || len(got[0].Values) > 4 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRunRefuses(t *testing.T) {
	f := work(1)
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		list []Contender
		cfg  Config
	}{
		"nothing":      {},
		"no name":      {list: []Contender{{Func: f}}},
		"a bad name":   {list: []Contender{{Name: "a b", Func: f}}},
		"a number":     {list: []Contender{{Name: "1a", Func: f}}},
		"no function":  {list: []Contender{{Name: "a"}}},
		"a name twice": {list: []Contender{{Name: "a", Func: f}, {Name: "a", Func: f}}},
		"few samples":  {list: []Contender{{Name: "a", Func: f}}, cfg: Config{Count: 4}},
		"many samples": {list: []Contender{{Name: "a", Func: f}}, cfg: Config{Count: MaxCount + 1}},
		"time below 0": {list: []Contender{{Name: "a", Func: f}}, cfg: Config{Time: -1}},
		"no setup":     {list: []Contender{{Name: "a", Func: f, Setup: func() error { return broken }}}},
	} {
		if got, err := Run(t.Context(), tt.list, tt.cfg); err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		} else if name == "no setup" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
