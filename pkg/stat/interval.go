package stat

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// An Interval is an estimate with the bounds of its confidence interval. Bounds are
// infinite where the data cannot give one at that confidence.
type Interval struct {
	Value, Low, High float64
}

// Exactly returns the interval of a number that is known.
func Exactly(v float64) Interval { return Interval{v, v, v} }

// Nothing is the interval that nothing is known about.
var Nothing = Interval{math.NaN(), math.Inf(-1), math.Inf(1)}

// Known tells whether there is an estimate at all.
func (i Interval) Known() bool { return !math.IsNaN(i.Value) }

// Hull returns the smallest interval around i and o, with the value of i.
func (i Interval) Hull(o Interval) Interval {
	return Interval{i.Value, math.Min(i.Low, o.Low), math.Max(i.High, o.High)}
}

// Scale returns i times f; a negative f turns it round.
func (i Interval) Scale(f float64) Interval {
	if f < 0 {
		return Interval{i.Value * f, i.High * f, i.Low * f}
	}
	return Interval{i.Value * f, i.Low * f, i.High * f}
}

// Mean returns the mean of values with the interval of Student's t, which supposes that
// means of such samples are about normal and values independent.
func Mean(values []float64, confidence float64) Interval {
	return summary(benchmath.AssumeNormal, values, confidence)
}

// Median returns the median of values with an interval between two of them, by the binomial
// distribution of ranks. It supposes only that they are independent. Under six values give
// no bounds at 95 %, under eight none at 99 %.
func Median(values []float64, confidence float64) Interval {
	return summary(benchmath.AssumeNothing, values, confidence)
}

func summary(assume benchmath.Assumption, values []float64, confidence float64) Interval {
	switch len(values) {
	case 0:
		return Nothing
	case 1:
		return Interval{values[0], math.Inf(-1), math.Inf(1)}
	}
	s := assume.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), confidence)
	return Interval{s.Center, s.Lo, s.Hi}
}

// Quantile returns the q-quantile of values, in ascending order, as [QuantileRanks] says.
func Quantile(sorted []float64, q, confidence float64) Interval {
	n := len(sorted)
	if n == 0 {
		return Nothing
	}
	at, low, high := QuantileRanks(uint64(n), q, confidence)
	i := Interval{sorted[at-1], math.Inf(-1), math.Inf(1)}
	if low > 0 {
		i.Low = sorted[low-1]
	}
	if high <= uint64(n) {
		i.High = sorted[high-1]
	}
	return i
}

// QuantileRanks returns the rank of the q-quantile among n independent values, max(1, ⌈q·n⌉), and
// the ranks of the values between which the quantile of their distribution lies with the
// given confidence. A low of 0 or a high of n + 1 means that no value is a bound. n is at least 1.
//
// The number of values below the true quantile is binomial with n and q (H. A. David and H. N. Nagaraja,
// "Order Statistics", 3rd ed., Section 7.1): low is the greatest l with P(B < l) ≤ (1 - confidence)/2, high
// the least h with P(B ≥ h) ≤ (1 - confidence)/2.
func QuantileRanks(n uint64, q, confidence float64) (at, low, high uint64) {
	q = math.Min(math.Max(q, 0), 1)
	x := q * float64(n)
	if whole := math.Round(x); math.Abs(x-whole) <= 1e-12*x {
		x = whole
	}
	at = min(max(uint64(math.Ceil(x)), 1), n)
	tail := (1 - confidence) / 2
	low = search(n+1, func(l uint64) bool { return l > 0 && below(l, n, q) > tail })
	if low > 0 {
		low--
	}
	high = search(n+1, func(h uint64) bool { return 1-below(h, n, q) <= tail })
	return at, min(low, at), max(high, at)
}

// search returns the least i up to n for which f holds, n if there is none below.
func search(n uint64, f func(uint64) bool) uint64 {
	low, high := uint64(0), n
	for low < high {
		if mid := low + (high-low)/2; f(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// below returns P(B < k) of a binomial B with n and q.
func below(k, n uint64, q float64) float64 {
	switch {
	case k == 0:
		return 0
	case k > n:
		return 1
	}
	return betaInc(float64(n-k+1), float64(k), 1-q)
}

// Proportion returns k of n with Wilson's score interval (E. B. Wilson, "Probable inference, the law of
// succession, and statistical inference", JASA 22, 1927), which holds for few events and for none. It
// supposes that events are independent.
func Proportion(k, n uint64, confidence float64) Interval {
	if n == 0 {
		return Nothing
	}
	z := normalQuantile(1 - (1-confidence)/2)
	m, p := float64(n), float64(k)/float64(n)
	center := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	i := Interval{p, math.Max(0, center-half), math.Min(1, center+half)}
	if k == 0 {
		i.Low = 0
	}
	if k == n {
		i.High = 1
	}
	return i
}

// Within returns i with its bounds moved into [low, high].
func (i Interval) Within(low, high float64) Interval {
	clamp := func(v float64) float64 { return math.Min(math.Max(v, low), high) }
	return Interval{i.Value, clamp(i.Low), clamp(i.High)}
}
