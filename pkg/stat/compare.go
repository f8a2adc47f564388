package stat

import (
	"errors"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// A Verdict is what a comparison came to.
type Verdict uint8

// The verdicts. Same means that a change of [CompareConfig.Matters] is ruled out, Undecided that the data
// are too noisy or too few to tell.
const (
	Undecided Verdict = iota
	Same
	Better
	Worse
)

// String returns "undecided", "same", "better" or "worse".
func (v Verdict) String() string {
	return [...]string{"undecided", "same", "better", "worse"}[v]
}

// A CompareConfig configures [Compare] and [ComparePaired]. The zero value is useful.
type CompareConfig struct {
	// Matters is the least relative change that must not be missed; 0 means 0.1. Changes of
	// less than half of it are not reported as one.
	Matters float64
	// Confidence of the interval; 0 means 0.99. It bounds the share of false alarms.
	Confidence float64
	// LessIsBetter tells times from rates.
	LessIsBetter bool
	// Between is the relative standard deviation by which the two sides may differ as a whole for no
	// reason of their own, because they were measured one after the other. It widens the
	// interval of [Compare]; interleaved pairs show it and need no guess.
	Between float64
}

func (c CompareConfig) filled() CompareConfig {
	if c.Matters == 0 {
		c.Matters = 0.1
	}
	if c.Confidence == 0 {
		c.Confidence = 0.99
	}
	return c
}

// A Comparison is a change with its interval and what it means.
type Comparison struct {
	Base, New  float64  // medians
	Change     Interval // New/Base - 1: 0.1 is ten per cent more
	P          float64  // of the hypothesis that both sides are the same; NaN = not computed
	Confidence float64  // of Change
	Pairs      int      // pairs or, unpaired, values of the smaller side that were used
	Verdict    Verdict
}

// ErrNotComparable means that a side has no values, or one that is not above zero and finite,
// or that pairs do not pair.
var ErrNotComparable = errors.New("not comparable")

// MinSession is the fewest values of a side with which [Compare] and [CompareSeries] give a verdict.
const MinSession = 20

// maxPairs bounds the work: more values are first summed up by medians of neighbours.
const maxPairs = 100

// ComparePaired compares values that were measured in turns: new[i] next to base[i]. What
// changes slowly, or is shared, then cancels out. The change is the centre of the ratios' logarithms, with
// the shorter of Wilcoxon's interval and the median's, widened if neighbouring ratios depend on each other.
// Eight pairs are the fewest that can give a verdict at 99 %; thirty stand foreign load.
func ComparePaired(base, new []float64, cfg CompareConfig) (Comparison, error) {
	cfg = cfg.filled()
	if len(base) != len(new) || !positive(base) || !positive(new) {
		return Comparison{}, ErrNotComparable
	}
	ratios := make([]float64, len(base))
	for i := range base {
		ratios[i] = math.Log(new[i] / base[i])
	}
	widen := math.Sqrt(Dependence(ratios))
	ratios = condense(ratios, maxPairs)
	shift := center(ratios, cfg.Confidence)
	c := Comparison{Base: median(base), New: median(new), P: signedRankP(ratios), Confidence: cfg.Confidence, Pairs: len(base)}
	c.conclude(shift, widen, 0, cfg)
	return c, nil
}

// Compare compares values that were not measured in turns. Its interval is that of the Mann-Whitney test,
// widened for dependence among neighbours, which must be in the order of measurement, and by
// cfg.Between. It is at least as wide as the fifths of each side differ, for a side that drifts would
// have ended up elsewhere at another time. [MinSession] values a side are the fewest that
// can give a verdict, sixty stand foreign load.
func Compare(base, new []float64, cfg CompareConfig) (Comparison, error) {
	cfg = cfg.filled()
	if !positive(base) || !positive(new) {
		return Comparison{}, ErrNotComparable
	}
	a, b := logs(base), logs(new)
	widen := math.Sqrt(max(Dependence(a), Dependence(b)))
	a, b = condense(a, maxPairs), condense(b, maxPairs)
	thresholds := benchmath.DefaultThresholds
	p := benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(a), &thresholds), benchmath.NewSample(slices.Clone(b), &thresholds)).P
	c := Comparison{Base: median(base), New: median(new), P: p, Confidence: cfg.Confidence, Pairs: min(len(base), len(new))}
	shift := rankSum(a, b, cfg.Confidence)
	half := wander(a, b)
	shift.Low, shift.High = min(shift.Low, shift.Value-half), max(shift.High, shift.Value+half)
	c.conclude(shift, widen, cfg.Between, cfg)
	return c, nil
}

// wander returns how far a and b strayed while they were measured, by the medians of
// consecutive fifths. The factor was chosen by the trials of docs/stat.md.
func wander(a, b []float64) float64 {
	const parts, factor = 5, 0.8
	if min(len(a), len(b)) < MinSession {
		return math.Inf(1)
	}
	a, b = condense(a, parts), condense(b, parts)
	return factor * math.Hypot(slices.Max(a)-slices.Min(a), slices.Max(b)-slices.Min(b))
}

// CompareSeries compares two series that were measured one after the other, with new[i] made under the
// conditions of base[i], such as the seconds of two runs of one schedule. The change is that of
// [ComparePaired], with an interval at least as wide as [Compare]'s rules make it, for neither
// does a drift cancel out here, nor what the sessions differ by; or that of Compare if it is narrower, as it is
// where the conditions do not change.
func CompareSeries(base, new []float64, cfg CompareConfig) (Comparison, error) {
	cfg = cfg.filled()
	c, err := ComparePaired(base, new, cfg)
	if err != nil {
		return c, err
	}
	ratios := make([]float64, len(base))
	for i := range base {
		ratios[i] = math.Log(new[i] / base[i])
	}
	shift := Interval{math.Log1p(c.Change.Value), math.Log1p(c.Change.Low), math.Log1p(c.Change.High)}
	half := wander(ratios, ratios) * math.Sqrt(Dependence(ratios))
	shift.Low, shift.High = min(shift.Low, shift.Value-half), max(shift.High, shift.Value+half)
	c.Verdict = Undecided
	c.conclude(shift, 1, cfg.Between, cfg)
	if u, err := Compare(base, new, cfg); err == nil && u.Change.High-u.Change.Low < c.Change.High-c.Change.Low {
		return u, nil // the conditions did not matter
	}
	return c, nil
}

// CompareIntervals compares two numbers that come with their intervals, both at cfg's confidence. Their
// bounds are combined as independent errors are.
func CompareIntervals(base, new Interval, cfg CompareConfig) (Comparison, error) {
	cfg = cfg.filled()
	if !positive([]float64{base.Value, new.Value}) {
		return Comparison{}, ErrNotComparable
	}
	off := func(i Interval, bound float64) float64 {
		if !(bound > 0) || math.IsInf(bound, 0) {
			return math.Inf(1)
		}
		return math.Abs(math.Log(bound / i.Value))
	}
	v := math.Log(new.Value / base.Value)
	shift := Interval{v, v - math.Hypot(off(new, new.Low), off(base, base.High)), v + math.Hypot(off(new, new.High), off(base, base.Low))}
	c := Comparison{Base: base.Value, New: new.Value, P: math.NaN(), Confidence: cfg.Confidence, Pairs: 1}
	c.conclude(shift, 1, cfg.Between, cfg)
	return c, nil
}

// conclude sets Change and Verdict from the shift of logarithms.
func (c *Comparison) conclude(shift Interval, widen, between float64, cfg CompareConfig) {
	extra := normalQuantile(1-(1-cfg.Confidence)/2) * math.Sqrt2 * between
	low := shift.Value - math.Hypot(widen*(shift.Value-shift.Low), extra)
	high := shift.Value + math.Hypot(widen*(shift.High-shift.Value), extra)
	c.Change = Interval{math.Expm1(shift.Value), math.Expm1(low), math.Expm1(high)}
	loss := Interval{shift.Value, low, high}
	if !cfg.LessIsBetter {
		loss = loss.Scale(-1)
	}
	// In logarithms a factor and its inverse are equally far from none.
	matters := math.Log1p(cfg.Matters)
	switch half := matters / 2; {
	case loss.Value >= half && loss.Low > 0:
		c.Verdict = Worse
	case loss.Value <= -half && loss.High < 0:
		c.Verdict = Better
	case math.Abs(loss.Value) < half && loss.Low > -matters && loss.High < matters:
		c.Verdict = Same
	}
}

func positive(values []float64) bool {
	for _, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			return false
		}
	}
	return len(values) > 0
}

func logs(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = math.Log(v)
	}
	return out
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// condense returns at most n values: medians of neighbours.
func condense(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = median(values[i*len(values)/n : (i+1)*len(values)/n])
	}
	return out
}

// Undisturbed returns the lower quartile of times that the same work took: interruptions only ever
// lengthen a time, so that the shorter ones tell what the work itself takes. Pieces shorter than a turn of
// the scheduler (some milliseconds), eight or so to a value, keep a value sound on a machine
// that others use half of the time. It is NaN without times.
func Undisturbed(times []float64) float64 {
	if len(times) == 0 {
		return math.NaN()
	}
	return slices.Sorted(slices.Values(times))[(len(times)-1)/4]
}
