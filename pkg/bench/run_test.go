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
		{Name: "b", Func: note("b"), Setup: func() error { return nil }, Cycle: 3},
	}, Config{Time: 100 * time.Millisecond, Count: 6, Progress: func(done, all int) {
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
		// Fewer if a pause made an operation seem long.
		if n := len(r.Samples(0)); n != 5 && n != 6 || len(r.Values) != n*r.Pieces*r.Group {
			t.Errorf("%s: %d samples of %d pieces of %d in %d values", r.Name, n, r.Pieces, r.Group, len(r.Values))
		}
	}

	// Rounds turn round: forwards, backwards, forwards.
	began["b"] = true
	order.Reset()
	sleep := func(name string) func(int) {
		return func(int) {
			order.WriteString(name)
			time.Sleep(20 * time.Millisecond)
		}
	}
	if _, err := Run(t.Context(), []Contender{{Name: "a", Func: sleep("a")}, {Name: "b", Func: sleep("b")}}, Config{Time: time.Millisecond, Count: 6}); err != nil {
		t.Fatal(err)
	}
	if s := order.String(); !strings.HasSuffix(s, "abbaabbaab") {
		t.Errorf("order %s", s)
	}
}

func TestPlan(t *testing.T) {
	cfg := Config{Time: 500 * time.Millisecond, Count: 60} // a piece is 1.04 ms
	for _, tt := range []struct {
		name  string
		n     int
		took  time.Duration
		step  int
		cycle int
		want  plan
	}{
		{"short", 1 << 16, 600 * time.Microsecond, 1, 0, plan{113777, 1, 8, 60}},
		{"in steps", 64, 20 * time.Microsecond, 64, 0, plan{3328, 1, 8, 60}},
		{"a piece", 1, 1100 * time.Microsecond, 1, 0, plan{1, 1, 8, 56}},
		{"some milliseconds", 1, 3 * time.Millisecond, 1, 0, plan{1, 1, 8, 20}},
		{"longer", 1, 4 * time.Millisecond, 1, 0, plan{1, 1, 4, 31}},
		{"no more pieces", 1, 20 * time.Millisecond, 1, 0, plan{1, 1, 1, 25}},
		{"few", 1, 60 * time.Millisecond, 1, 0, plan{1, 1, 1, 8}},
		{"fewest", 1, 400 * time.Millisecond, 1, 0, plan{1, 1, 1, 5}},
		{"slow", 1, 1100 * time.Millisecond, 1, 0, plan{1, 1, 1, 3}},
		{"a cycle", 1, 250 * time.Microsecond, 1, 114, plan{1, 4, 8, 60}},
		{"a slow cycle", 1, 2 * time.Millisecond, 1, 114, plan{1, 1, 8, 72}},
	} {
		if got := planOf(cfg, tt.n, tt.took.Nanoseconds(), tt.step, tt.cycle); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestPieces has fewer where a sample is short.
func TestPieces(t *testing.T) {
	for share, want := range map[time.Duration]int{10 * time.Millisecond: 8, 800 * time.Microsecond: 8, 700 * time.Microsecond: 4, 200 * time.Microsecond: 2, 199 * time.Microsecond: 1, 1: 1} {
		if n, each := (Config{Time: 10 * share, Count: 10}).pieces(); n != want || each != max(1, int64(share)/int64(n)) {
			t.Errorf("%v: %d pieces of %d ns, want %d", share, n, each, want)
		}
	}
}

// TestCycle has operations of which every fourth takes four times as long: the figure is the mean, whatever part
// of the cycle a sample is of.
func TestCycle(t *testing.T) {
	next, calls := 0, 0
	c := Contender{Name: "a", Cycle: 4, Func: func(n int) {
		for range n {
			d := time.Millisecond
			if next == 3 {
				d = 4 * time.Millisecond
			}
			time.Sleep(d)
			next = (next + 1) % 4
			calls++
		}
	}}
	got, err := Run(t.Context(), []Contender{c}, Config{Time: 200 * time.Millisecond, Count: 20})
	if err != nil {
		t.Fatal(err)
	}
	r := got[0]
	each := r.Each()
	if r.Cycle != 4 || len(each) != 4 || each[3] < 4e6 || each[0] > each[3] {
		t.Errorf("cycle %d of %v", r.Cycle, each)
	}
	mean := (each[0] + each[1] + each[2] + each[3]) / 4
	if m := r.Median().Value; m < mean*0.9 || each[0] < 3e6 && m > mean*2 {
		t.Errorf("median %v, mean %v", m, mean)
	}
	if (calls-len(r.Values))%4 != 0 {
		t.Errorf("%d operations before the first value", calls-len(r.Values))
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
	if !errors.Is(err, context.Canceled) || len(got) != 1 || len(got[0].Samples(0)) == 0 || len(got[0].Samples(0)) > 4 {
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
		"two orders":   {list: []Contender{{Name: "a", Func: f, Passes: 2, Cycle: 2}}},
		"no setup":     {list: []Contender{{Name: "a", Func: f, Setup: func() error { return broken }}}},
	} {
		if got, err := Run(t.Context(), tt.list, tt.cfg); err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		} else if name == "no setup" && !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
