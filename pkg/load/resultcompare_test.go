package load

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/stat"
)

// runsOf returns n runs of few seconds, one a minute from first on, slower by a factor. noise is a
// standard deviation from run to run.
func runsOf(r *rand.Rand, n, seconds int, first time.Duration, factor, noise float64) (list []*Result) {
	for i := range n {
		slow := factor * math.Exp(noise*r.NormFloat64())
		res := drive(r.Uint64(), seconds, func(int) float64 { return slow * math.Exp(0.02*r.NormFloat64()) }, noFailures)
		res.Start = time.Unix(0, 0).Add(first + time.Duration(i)*time.Minute)
		list = append(list, res)
	}
	return list
}

// verdicts counts what comparing comes to.
func verdicts(trials int, compare func(r *rand.Rand) *Comparison) map[stat.Verdict]int {
	count := map[stat.Verdict]int{}
	for i := range trials {
		count[compare(rand.New(rand.NewPCG(uint64(i), 3))).Verdict]++
	}
	return count
}

func TestCompare(t *testing.T) {
	trials := 30
	if testing.Short() {
		trials = 4
	}
	for _, c := range []struct {
		name          string
		runs, seconds int
		noise, factor float64
		want          stat.Verdict
		most          int // undecided; nothing else is right
	}{
		{"pairs, equal", 20, 1, 0.02, 1, stat.Same, 1},
		{"pairs, 10 % slower", 20, 1, 0.02, 1.1, stat.Worse, 1},
		{"pairs, 10 % faster", 20, 1, 0.02, 1 / 1.1, stat.Better, 1},
		{"one run, equal", 1, 30, 0.005, 1, stat.Same, 15},
		{"one run, 15 % slower", 1, 30, 0.005, 1.15, stat.Worse, 4},
		{"one run, too short", 1, 5, 0.005, 1.3, stat.Undecided, 0},
	} {
		count := verdicts(trials, func(r *rand.Rand) *Comparison {
			got, err := Compare(runsOf(r, c.runs, c.seconds, 0, 1, c.noise), runsOf(r, c.runs, c.seconds, 20*time.Second, c.factor, c.noise), CompareConfig{})
			if err != nil {
				t.Fatal(err)
			}
			return got
		})
		if count[stat.Undecided] > c.most && c.want != stat.Undecided || count[c.want]+count[stat.Undecided] < trials {
			t.Errorf("%s: %v, want %v", c.name, count, c.want)
		}
	}
}

func TestCompareErrors(t *testing.T) {
	side := func(failures int) []*Result {
		return []*Result{drive(uint64(failures), 30, steady, func(int) map[Outcome]int { return map[Outcome]int{ServerError: failures} })}
	}
	for _, c := range []struct {
		base, new int
		want      stat.Verdict
	}{{0, 0, stat.Same}, {0, 2, stat.Worse}, {4, 0, stat.Better}, {2, 2, stat.Same}, {10, 10, stat.Undecided}, {0, 20, stat.Worse}} {
		got, err := Compare(side(c.base), side(c.new), CompareConfig{On: []string{"errors"}})
		if err != nil || got.Verdict != c.want || got.Changes[0].Metric != "errors" {
			t.Errorf("%d and %d of 200: %+v, %v, want %v", c.base, c.new, got, err, c.want)
		}
	}
}

func TestCompareCapacity(t *testing.T) {
	found := func(per float64) *Result {
		r := drive(1, 3, steady, noFailures)
		r.Mode, r.Loop = ModeFind, LoopClosed
		r.Capacity = &Capacity{PerS: per, LowPerS: 0.99 * per, HighPerS: 1.01 * per, Concurrency: 5, LowLimit: 5, HighLimit: 5}
		return r
	}
	for per, want := range map[float64]stat.Verdict{1000: stat.Same, 880: stat.Worse, 1150: stat.Better, 930: stat.Undecided} {
		got, err := Compare([]*Result{found(1000)}, []*Result{found(per)}, CompareConfig{})
		if err != nil || got.Verdict != want || got.Changes[0].Metric != "capacity" || got.Changes[0].Method != "intervals" {
			t.Errorf("%g after 1000: %+v, %v, want %v", per, got, err, want)
		}
	}
	lost := found(1000)
	lost.Capacity = nil
	if got, err := Compare([]*Result{found(1000)}, []*Result{lost}, CompareConfig{}); err != nil || got.Verdict != stat.Undecided || !strings.Contains(got.Warnings[0], "capacity") {
		t.Errorf("without a capacity: %+v, %v", got, err)
	}
}

func TestInterleaved(t *testing.T) {
	at := func(seconds ...int) (list []*Result) {
		for _, s := range seconds {
			list = append(list, &Result{Start: time.Unix(int64(s), 0)})
		}
		return list
	}
	for name, c := range map[string]struct {
		base, new []*Result
		want      bool
	}{
		"in turns":         {at(0, 2, 4, 6, 8, 10, 12, 14), at(1, 3, 5, 7, 9, 11, 13, 15), true},
		"AB BA":            {at(0, 3, 4, 7, 8, 11, 12, 15), at(1, 2, 5, 6, 9, 10, 13, 14), true},
		"unsorted":         {at(14, 2, 4, 6, 8, 10, 12, 0), at(15, 3, 5, 7, 9, 11, 13, 1), true},
		"too few":          {at(0, 2, 4, 6, 8, 10, 12), at(1, 3, 5, 7, 9, 11, 13), false},
		"one more":         {at(0, 2, 4, 6, 8, 10, 12, 14, 16), at(1, 3, 5, 7, 9, 11, 13, 15), false},
		"one after other":  {at(0, 1, 2, 3, 4, 5, 6, 7), at(8, 9, 10, 11, 12, 13, 14, 15), false},
		"two of one first": {at(0, 1, 4, 6, 8, 10, 12, 14), at(2, 3, 5, 7, 9, 11, 13, 15), false},
		"at the same time": {at(0, 0, 4, 6, 8, 10, 12, 14), at(0, 0, 5, 7, 9, 11, 13, 15), false},
	} {
		if got := interleaved(c.base, c.new); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCompareWarns(t *testing.T) {
	base, new := drive(1, 30, steady, noFailures), drive(2, 30, steady, noFailures)
	base.Settings, new.Settings = []Setting{{"rate", "1k/s"}, {"seed", "1"}}, []Setting{{"rate", "2k/s"}, {"seed", "2"}}
	new.Machine.CPUs = 64
	new.Client.Reasons = []string{"lag"}
	got, err := Compare([]*Result{base}, []*Result{new}, CompareConfig{})
	if err != nil || got.Verdict != stat.Undecided {
		t.Fatalf("%+v, %v", got, err)
	}
	all := strings.Join(got.Warnings, "\n")
	for _, want := range []string{"in turns", "different machines", "--rate", "trusted"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning about %q in %q", want, all)
		}
	}
	short, err := Compare([]*Result{drive(1, 5, steady, noFailures)}, []*Result{drive(2, 5, steady, noFailures)}, CompareConfig{})
	if err != nil || short.Verdict != stat.Undecided || !strings.Contains(short.Warnings[0], "a verdict takes 20") {
		t.Errorf("five seconds: %+v, %v", short, err)
	}
	closed := drive(1, 5, steady, noFailures)
	closed.Loop = LoopClosed
	if _, err := Compare([]*Result{base}, []*Result{closed}, CompareConfig{}); !errors.Is(err, ErrNotComparable) {
		t.Errorf("open and closed: %v", err)
	}
	if _, err := Compare(nil, []*Result{base}, CompareConfig{}); !errors.Is(err, ErrNotComparable) {
		t.Errorf("nothing: %v", err)
	}
}
