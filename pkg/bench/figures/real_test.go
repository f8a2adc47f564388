package figures_test

import (
	"flag"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"cqkit/pkg/bench"
	"cqkit/pkg/bench/figures"
)

var (
	realTrials = flag.Int("real", 0, "trials of TestRealAlarms, each of which measures this machine for some seconds")
	realBusy   = flag.Bool("busy", true, "keep one processor busy in them; false where others do")
	realTime   = flag.Duration("realtime", 200*time.Millisecond, "a figure's share in them")
)

// TestRealAlarms measures real figures on this machine, while something else takes one of its processors, in pairs of
// sessions: one after the other, as with a saved baseline. In the second, half of the figures do 15 % more. It takes long
// and depends on what else runs, so it runs on request only: go test ./pkg/bench/figures -run RealAlarms -real 200 -v -timeout 2h
func TestRealAlarms(t *testing.T) {
	if *realTrials == 0 {
		t.Skip("it takes an hour; -real 200 runs it")
	}
	if *realBusy {
		var stop atomic.Bool
		go func() {
			runtime.LockOSThread()
			for !stop.Load() {
			}
		}()
		defer stop.Store(true)
	}

	names := []string{"hmac/100", "gcra/one", "gcra/1M", "mldsa87/verify", "mldsa87/sign"}
	var equal, more []bench.Contender
	for _, f := range all(t).Figures {
		if slices.Contains(names, f.Name) {
			c := f.Contender
			c.Name = "same/" + f.Name
			equal, more = append(equal, c), append(more, c)
			c.Name = "more/" + f.Name
			equal = append(equal, c)
			c.Func = with15PercentMore(f)
			more = append(more, c)
		}
	}
	loads := 0.0
	session := func(list []bench.Contender) []bench.Result {
		got, err := bench.Run(t.Context(), list, bench.Config{Time: *realTime})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	verdicts := map[string]map[bench.Verdict]int{}
	alarms, found, builds := 0, 0, 0
	noisy := 0
	for range *realTrials {
		base, now := session(equal), session(more)
		m := bench.ThisMachine()
		loads += m.Load / float64(*realTrials)
		changes, err := bench.Compare(base, now, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		failed := false
		for _, c := range changes {
			if verdicts[c.Name] == nil {
				verdicts[c.Name] = map[bench.Verdict]int{}
			}
			verdicts[c.Name][c.Verdict]++
			if c.Verdict == bench.Worse {
				if c.Name[:4] == "same" {
					t.Logf("false alarm: %s %.3g to %.3g ns, %+v", c.Name, c.Base, c.New, c.Change)
					alarms++
					failed = true
				} else {
					found++
				}
			}
		}
		for _, r := range now {
			if r.Noisy() {
				noisy++
			}
		}
		if failed {
			builds++
		}
	}
	n := *realTrials * len(names)
	t.Logf("mean load %.1f; of %d trials of %d figures: %d false alarms in %d trials, %d of %d slowdowns found, %d of %d figures too noisy",
		loads, *realTrials, len(names), alarms, builds, found, n, noisy, 2*n)
	for _, c := range more {
		t.Logf("%-20s %v", c.Name, verdicts[c.Name])
	}
	if alarms > n/100 {
		t.Error("too many false alarms")
	}
}

// with15PercentMore does so many more of f's operations.
func with15PercentMore(f figures.Figure) func(int) {
	if f.Cycle > 1 { // one at a time: by waiting as much longer
		return func(n int) {
			for range n {
				start := time.Now()
				f.Func(1)
				for end := time.Since(start) * 115 / 100; time.Since(start) < end; {
				}
			}
		}
	}
	rest := 0 // in hundredths of an operation
	return func(n int) {
		rest += 15 * n
		f.Func(n + rest/100)
		rest %= 100
	}
}
