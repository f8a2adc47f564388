package stat

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// trials returns how many there are: the bars are stated for 200.
func trials(t *testing.T, n int) int {
	if testing.Short() {
		return min(n, 40)
	}
	return n
}

// tally counts the verdicts of trials, and how often the interval holds the true change.
func tally(trials int, change float64, compare func(r *rand.Rand) (Comparison, error)) (count map[Verdict]int, held int) {
	count = map[Verdict]int{}
	for i := range trials {
		c, err := compare(rand.New(rand.NewPCG(uint64(i), 99)))
		if err != nil {
			panic(err)
		}
		count[c.Verdict]++
		if c.Change.Low <= change && change <= c.Change.High {
			held++
		}
	}
	return count, held
}

// TestPairedVerdicts is the promise of docs/stat.md: 30 interleaved pairs give a false alarm in
// at most 1 % of the comparisons of equal sides, and find a loss of 10 % in 95 %.
func TestPairedVerdicts(t *testing.T) {
	n := trials(t, 600)
	for _, name := range slices.Sorted(maps.Keys(noises)) {
		for _, lessIsBetter := range []bool{true, false} {
			equal, held := tally(n, 0, func(r *rand.Rand) (Comparison, error) {
				base, new := interleaved(noises[name](r), 30, 1)
				return ComparePaired(base, new, CompareConfig{LessIsBetter: lessIsBetter})
			})
			loss := 1.1
			if !lessIsBetter {
				loss = 0.9
			}
			lost, _ := tally(n, 0, func(r *rand.Rand) (Comparison, error) {
				base, new := interleaved(noises[name](r), 30, loss)
				return ComparePaired(base, new, CompareConfig{LessIsBetter: lessIsBetter})
			})
			t.Logf("%-24s equal: %v, lost 10 %%: %v, truth within: %.1f %%", name, equal, lost, 100*float64(held)/float64(n))
			if equal[Worse]+equal[Better] > n/100 {
				t.Errorf("%s: %d false alarms in %d", name, equal[Worse]+equal[Better], n)
			}
			if lost[Worse] < 95*n/100 || lost[Better] > 0 {
				t.Errorf("%s: a loss of 10 %% is found in %d of %d", name, lost[Worse], n)
			}
			if held < 97*n/100 {
				t.Errorf("%s: the interval at 99 %% holds the truth in %d of %d", name, held, n)
			}
		}
	}
}

// sessions tries a comparison of two sessions of 60 values, each with noise of its own, on equal sides and on
// one with a loss of 15 %, of which found says how many per cent must be found. What
// there is of verdicts must not be false.
func sessions(t *testing.T, found map[string]int, compare func(base, new []float64) (Comparison, error)) {
	n := trials(t, 150)
	for _, name := range slices.Sorted(maps.Keys(noises)) {
		count := func(factor float64) map[Verdict]int {
			count, _ := tally(n, 0, func(r *rand.Rand) (Comparison, error) {
				base, _ := interleaved(noises[name](r), 60, factor)
				_, new := interleaved(noises[name](r), 60, factor)
				return compare(base, new)
			})
			return count
		}
		equal, lost := count(1), count(1.15)
		t.Logf("%-24s equal: %v, lost 15 %%: %v", name, equal, lost)
		if equal[Worse]+equal[Better] > n/100 {
			t.Errorf("%s: %d false alarms in %d", name, equal[Worse]+equal[Better], n)
		}
		if lost[Worse] < found[name]*n/100 || lost[Better]+lost[Same] > n/100 {
			t.Errorf("%s: a loss of 15 %%: %v of %d", name, lost, n)
		}
	}
}

// TestUnpairedVerdicts: on a machine that drifts or is shared there is no verdict.
func TestUnpairedVerdicts(t *testing.T) {
	sessions(t, map[string]int{"white": 99, "heavy-tailed": 99, "pauses": 99, "foreign load throughout": 90}, func(base, new []float64) (Comparison, error) {
		return Compare(base, new, CompareConfig{LessIsBetter: true})
	})
}

// TestSeriesVerdicts is the same of a load that goes up and down threefold, and of one that does not.
func TestSeriesVerdicts(t *testing.T) {
	sessions(t, map[string]int{"white": 99, "heavy-tailed": 99, "pauses": 99, "foreign load throughout": 90}, func(base, new []float64) (Comparison, error) {
		return CompareSeries(base, new, CompareConfig{LessIsBetter: true})
	})
	sessions(t, map[string]int{"white": 99, "heavy-tailed": 95, "pauses": 95, "foreign load throughout": 65}, func(base, new []float64) (Comparison, error) {
		for i := range base {
			shape := 2 + math.Sin(float64(i)/10)
			base[i], new[i] = base[i]*shape, new[i]*shape
		}
		return CompareSeries(base, new, CompareConfig{LessIsBetter: true})
	})
}

// TestSmallChangesAreNone: what is measured well and does not matter is no alarm.
func TestSmallChangesAreNone(t *testing.T) {
	for factor, want := range map[float64]Verdict{1.03: Same, 1 / 1.03: Same, 1.07: Worse, 1 / 1.07: Better} {
		count, _ := tally(100, 0, func(r *rand.Rand) (Comparison, error) {
			base, new := interleaved(noises["white"](r), 80, factor)
			return ComparePaired(base, new, CompareConfig{LessIsBetter: true})
		})
		if count[want] < 95 {
			t.Errorf("a factor of %g: %v, want %v", factor, count, want)
		}
	}
	base, new := interleaved(noises["white"](rand.New(rand.NewPCG(1, 1))), 80, 1.07)
	if c, _ := ComparePaired(base, new, CompareConfig{LessIsBetter: true, Matters: 0.3}); c.Verdict != Same {
		t.Errorf("7 %% where 30 %% matter: %v", c.Verdict)
	}
}

func TestCompareEdges(t *testing.T) {
	one, eight := []float64{5}, []float64{1, 2, 3, 4, 5, 6, 7, 8}
	for name, sides := range map[string][2][]float64{
		"empty": {nil, nil}, "zero": {{0}, one}, "negative": {one, {-1}}, "NaN": {{math.NaN()}, one}, "infinite": {one, {math.Inf(1)}},
	} {
		_, paired := ComparePaired(sides[0], sides[1], CompareConfig{})
		_, unpaired := Compare(sides[0], sides[1], CompareConfig{})
		_, series := CompareSeries(sides[0], sides[1], CompareConfig{})
		if !errors.Is(paired, ErrNotComparable) || !errors.Is(unpaired, ErrNotComparable) || !errors.Is(series, ErrNotComparable) {
			t.Errorf("%s: %v, %v, %v", name, paired, unpaired, series)
		}
	}
	if _, err := ComparePaired(one, eight, CompareConfig{}); !errors.Is(err, ErrNotComparable) {
		t.Errorf("pairs that do not pair: %v", err)
	}
	twice := []float64{2, 4, 6, 8, 10, 12, 14, 16}
	for n, want := range map[int]Verdict{1: Undecided, 7: Undecided, 8: Worse} {
		c, err := ComparePaired(eight[:n], twice[:n], CompareConfig{LessIsBetter: true})
		if err != nil || c.Verdict != want || math.Abs(c.Change.Value-1) > 1e-12 || c.Pairs != n {
			t.Errorf("%d pairs, each twice as long: %+v, %v", n, c, err)
		}
	}
	for n, want := range map[int]Verdict{1: Undecided, 19: Undecided, 20: Better} {
		base, new := make([]float64, n), make([]float64, n)
		for i := range n {
			base[i], new[i] = 100+float64(i%3), 200+float64(i%3)
		}
		c, err := Compare(base, new, CompareConfig{})
		if err != nil || c.Verdict != want || c.Base > 102 || c.New < 200 {
			t.Errorf("%d values, twice as much: %+v, %v", n, c, err)
		}
	}
	if c, _ := ComparePaired(eight, eight, CompareConfig{}); c.Verdict != Same || c.Change != (Interval{}) || c.P != 1 {
		t.Errorf("the same twice: %+v", c)
	}
}

func TestCompareIntervals(t *testing.T) {
	for _, c := range []struct {
		base, new Interval
		between   float64
		want      Verdict
	}{
		{Interval{1000, 990, 1010}, Interval{900, 890, 910}, 0, Worse},
		{Interval{1000, 990, 1010}, Interval{900, 890, 910}, 0.05, Undecided},
		{Interval{1000, 900, 1100}, Interval{900, 800, 1000}, 0, Undecided},
		{Interval{1000, 990, 1010}, Interval{1005, 995, 1015}, 0, Same},
		{Interval{900, 890, 910}, Interval{1000, 990, 1010}, 0, Better},
		{Interval{1000, math.Inf(-1), math.Inf(1)}, Interval{900, 890, 910}, 0, Undecided},
		{Interval{1000, -5, 1010}, Interval{10, 9, 11}, 0, Undecided},
	} {
		got, err := CompareIntervals(c.base, c.new, CompareConfig{Between: c.between})
		if err != nil || got.Verdict != c.want {
			t.Errorf("%v against %v: %+v, %v, want %v", c.new, c.base, got, err, c.want)
		}
	}
	if _, err := CompareIntervals(Nothing, Exactly(1), CompareConfig{}); !errors.Is(err, ErrNotComparable) {
		t.Errorf("nothing is comparable: %v", err)
	}
}

func TestUndisturbed(t *testing.T) {
	if got := Undisturbed([]float64{9, 1, 8, 2, 7, 3, 6, 4}); got != 2 {
		t.Errorf("got %g", got)
	}
	if got := Undisturbed([]float64{5}); got != 5 || !math.IsNaN(Undisturbed(nil)) {
		t.Errorf("of one %g, of none %g", got, Undisturbed(nil))
	}
}
