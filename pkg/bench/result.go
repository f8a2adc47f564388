package bench

import (
	"math"
	"slices"

	"cqkit/pkg/stat"
)

// A Result is what was measured of one contender.
type Result struct {
	Name   string    `json:"name"`
	Batch  int       `json:"batch"`           // operations a sample
	Allocs float64   `json:"allocs"`          // an operation; 0 also where they were not counted, for what takes over a second
	Items  float64   `json:"items"`           // an operation
	Bytes  float64   `json:"bytes,omitempty"` // an operation
	Values []float64 `json:"values_ns"`       // an operation, in the order of measurement
}

// tooNoisy is the half-width of the median's interval from which no digit is held.
const tooNoisy = 0.1

// Median returns the median of the samples in nanoseconds an operation, with its interval at 95 %, widened for
// dependence among neighbours. Under six samples its bounds are infinite.
func (r *Result) Median() stat.Interval {
	m := stat.Median(r.Values, 0.95)
	if widen := math.Sqrt(stat.Dependence(r.Values)); widen > 1 {
		m.Low, m.High = m.Value-widen*(m.Value-m.Low), m.Value+widen*(m.High-m.Value)
	}
	return m.Within(math.SmallestNonzeroFloat64, math.Inf(1))
}

// Noise returns the larger relative half-width of the median's interval, infinite where there is none.
func (r *Result) Noise() float64 {
	m := r.Median()
	if math.IsInf(m.High, 1) || len(r.Values) < 6 {
		return math.Inf(1)
	}
	return max(m.High-m.Value, m.Value-m.Low) / m.Value
}

// Noisy tells whether the median holds no digit. Too few samples to tell are not noisy.
func (r *Result) Noisy() bool { return len(r.Values) >= 6 && r.Noise() > tooNoisy }

// Spread returns p5 and p95, and false where there are too few samples.
func (r *Result) Spread() (p5, p95 float64, ok bool) {
	if len(r.Values) < fewest {
		return 0, 0, false
	}
	s := slices.Sorted(slices.Values(r.Values))
	at := func(q float64) float64 { return s[max(1, int(math.Ceil(q*float64(len(s)))))-1] }
	return at(0.05), at(0.95), true
}

// PerSecond returns the items a second, and BytesPerSecond the bytes, with the intervals of the median.
func (r *Result) PerSecond() stat.Interval { return inverse(r.Median(), r.Items) }

// BytesPerSecond is [Result.PerSecond] of bytes.
func (r *Result) BytesPerSecond() stat.Interval { return inverse(r.Median(), r.Bytes) }

func inverse(ns stat.Interval, each float64) stat.Interval {
	f := each * 1e9
	return stat.Interval{Value: f / ns.Value, Low: f / ns.High, High: f / ns.Low}
}

// Kinds returns the dimensions a contender's figure has in thresholds.
func (c *Contender) Kinds() []stat.Kind {
	kinds := []stat.Kind{stat.Duration, stat.Rate}
	if c.Bytes > 0 {
		kinds = append(kinds, stat.BytesRate)
	}
	return kinds
}

// A Required is a threshold and how it was judged.
type Required struct {
	Expr  stat.Expr
	Value float64 // in the unit of Expr.Kind; NaN without data
	State stat.State
}

// Judge judges thresholds that must hold by the results.
func Judge(exprs []stat.Expr, results []Result) (list []Required) {
	for _, e := range exprs {
		measured := stat.Nothing
		if i := slices.IndexFunc(results, func(r Result) bool { return r.Name == e.Name }); i >= 0 {
			r := &results[i]
			measured = r.Median()
			if len(r.Values) < 6 { // no interval: all of the samples must say so
				measured.Low, measured.High = slices.Min(r.Values), slices.Max(r.Values)
			}
			switch e.Kind {
			case stat.Rate:
				measured = inverse(measured, r.Items)
			case stat.BytesRate:
				measured = inverse(measured, r.Bytes)
			}
		}
		list = append(list, Required{e, measured.Value, e.Judge(measured, true)})
	}
	return list
}
