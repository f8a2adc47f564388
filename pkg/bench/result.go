package bench

import (
	"math"
	"slices"

	"cqkit/pkg/stat"
)

// A Result is what was measured of one contender.
type Result struct {
	Name   string  `json:"name"`
	Batch  int     `json:"batch"`           // operations a value
	Cycle  int     `json:"cycle,omitempty"` // operations after which they come again; 0 if they are all the same
	Group  int     `json:"group"`           // values a piece
	Pieces int     `json:"pieces"`          // a sample
	Allocs float64 `json:"allocs"`          // an operation; 0 also where they were not counted, for what takes over a second
	Items  float64 `json:"items"`           // an operation
	Bytes  float64 `json:"bytes,omitempty"` // an operation
	// Values are nanoseconds an operation, all that were measured, in the order of measurement. In a cycle the
	// first is of its first operation.
	Values []float64 `json:"values_ns"`
}

// tooNoisy is the half-width of the median's interval from which no digit is held.
const tooNoisy = 0.1

// Samples returns the samples, in nanoseconds an operation: of so many pieces each the lower quartile. Comparing
// takes as many of both sides; 0 means r.Pieces. If there are not even so many, each piece is a sample.
func (r *Result) Samples(pieces int) []float64 {
	if pieces == 0 {
		pieces = r.Pieces
	}
	all := r.pieces()
	if pieces <= 1 || len(all) < pieces {
		return all
	}
	out := make([]float64, 0, len(all)/pieces)
	for part := range slices.Chunk(all, pieces) {
		if len(part) == pieces {
			out = append(out, stat.Undisturbed(part))
		}
	}
	return out
}

// pieces returns the values, of a cycle as what they say of the mean over it: the time of some neighbours
// by the time that these take undisturbed, times the mean of that over the cycle.
func (r *Result) pieces() []float64 {
	if r.Cycle == 0 {
		return r.Values
	}
	each := r.each()
	var mean float64
	for _, v := range each {
		mean += v / float64(len(each))
	}
	var out []float64
	for i := 0; i+r.Group <= len(r.Values); i += r.Group {
		var took, weight float64
		for j := i; j < i+r.Group; j++ {
			took += r.Values[j]
			weight += each[j%r.Cycle]
		}
		out = append(out, mean*took/weight)
	}
	return out
}

// each returns what every operation of a cycle takes undisturbed, in their order; the mean of those known for
// one that was not reached.
func (r *Result) each() []float64 {
	out := make([]float64, r.Cycle)
	known, sum := 0, 0.0
	for i := range out {
		var times []float64
		for j := i; j < len(r.Values); j += r.Cycle {
			times = append(times, r.Values[j])
		}
		if len(times) > 0 {
			out[i] = stat.Undisturbed(times)
			sum += out[i]
			known++
		}
	}
	for i := known; i < len(out); i++ {
		out[i] = sum / float64(known)
	}
	return out
}

// Each returns what the operations of a cycle take, each undisturbed, in ascending order; nil without one.
func (r *Result) Each() []float64 {
	if r.Cycle == 0 {
		return nil
	}
	each := r.each()
	slices.Sort(each)
	return each
}

// Median returns the median of the samples in nanoseconds an operation, with its interval at 95 %, widened for
// dependence among neighbours. Under six samples its bounds are infinite.
func (r *Result) Median() stat.Interval {
	samples := r.Samples(0)
	m := stat.Median(samples, 0.95)
	if widen := math.Sqrt(stat.Dependence(samples)); widen > 1 {
		m.Low, m.High = m.Value-widen*(m.Value-m.Low), m.Value+widen*(m.High-m.Value)
	}
	return m.Within(math.SmallestNonzeroFloat64, math.Inf(1))
}

// Noise returns the larger relative half-width of the median's interval, infinite where there is none.
func (r *Result) Noise() float64 {
	m := r.Median()
	if math.IsInf(m.High, 1) || len(r.Samples(0)) < 6 {
		return math.Inf(1)
	}
	return max(m.High-m.Value, m.Value-m.Low) / m.Value
}

// Noisy tells whether the median holds no digit. Of too few samples for an interval the largest must not be more
// than 20 % above the least.
func (r *Result) Noisy() bool {
	if s := r.Samples(0); len(s) < 6 {
		return slices.Max(s) > (1+2*tooNoisy)*slices.Min(s)
	}
	return r.Noise() > tooNoisy
}

// Quantile returns a quantile of the values, disturbed ones among them, or of [Result.Each] in a cycle: the
// one of rank ⌈q·n⌉.
func (r *Result) Quantile(q float64) float64 {
	s := r.Each()
	if s == nil {
		s = slices.Sorted(slices.Values(r.Values))
	}
	return s[min(len(s), max(1, int(math.Ceil(q*float64(len(s))))))-1]
}

// Spread returns p5 and p95 of what [Result.Quantile] is of, and false where there are too few samples.
func (r *Result) Spread() (p5, p95 float64, ok bool) {
	if len(r.Samples(0)) < fewest {
		return 0, 0, false
	}
	return r.Quantile(0.05), r.Quantile(0.95), true
}

// PerSecond returns the items a second, and BytesPerSecond the bytes, with the intervals of the median.
func (r *Result) PerSecond() stat.Interval { return inverse(r.Median(), r.Items) }

// BytesPerSecond is [Result.PerSecond] of bytes.
func (r *Result) BytesPerSecond() stat.Interval { return inverse(r.Median(), r.Bytes) }

func inverse(ns stat.Interval, each float64) stat.Interval {
	f := each * 1e9
	return stat.Interval{Value: f / ns.Value, Low: f / ns.High, High: f / ns.Low}
}

// A Size is something that was counted in bytes, such as memory a key. It has no noise worth a statistic.
type Size struct {
	Name  string  `json:"name"`
	Bytes float64 `json:"bytes"`
	Per   string  `json:"per"` // of what, such as "key"
}

// A Required is a threshold and how it was judged.
type Required struct {
	Expr  stat.Expr
	Value float64 // in the unit of Expr.Kind; NaN without data
	State stat.State
}

// Judge judges thresholds that must hold by the results and sizes.
func Judge(exprs []stat.Expr, results []Result, sizes []Size) (list []Required) {
	for _, e := range exprs {
		measured := stat.Nothing
		if i := slices.IndexFunc(results, func(r Result) bool { return r.Name == e.Name }); i >= 0 {
			r := &results[i]
			measured = r.Median()
			if s := r.Samples(0); len(s) < 6 { // no interval: all of the samples must say so
				measured.Low, measured.High = slices.Min(s), slices.Max(s)
			}
			switch e.Kind {
			case stat.Rate:
				measured = inverse(measured, r.Items)
			case stat.BytesRate:
				measured = inverse(measured, r.Bytes)
			}
		} else if i := slices.IndexFunc(sizes, func(s Size) bool { return s.Name == e.Name }); i >= 0 {
			measured = stat.Exactly(sizes[i].Bytes)
		}
		list = append(list, Required{e, measured.Value, e.Judge(measured, true)})
	}
	return list
}
