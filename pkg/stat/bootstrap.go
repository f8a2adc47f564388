package stat

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A BootstrapConfig configures [Bootstrap]. The zero value is useful.
type BootstrapConfig struct {
	Confidence float64 // 0 means 0.95
	Resamples  int     // 0 means 1000
	Block      int     // length of the runs of neighbours that are drawn together; 0 means 1
	Seed       uint64
	Percentile bool // plain percentiles, without the correction of bias and acceleration
}

// Bootstrap returns statistic of n observations with its bootstrap interval (B. Efron and
// R. J. Tibshirani, "An Introduction to the Bootstrap", Chapters 13 and 14: percentile and BCa). statistic is
// called with the indices of the observations to use, some several times, and must not keep them;
// NaN means that those have no value. Observations that depend on their neighbours need
// blocks longer than the dependence (D. N. Politis and J. P. Romano's circular blocks, 1992).
//
// Under five observations, or blocks, there is no telling: the bounds are infinite.
func Bootstrap(n int, statistic func(pick []int) float64, cfg BootstrapConfig) Interval {
	if n == 0 {
		return Nothing
	}
	confidence, resamples, block := cfg.Confidence, cfg.Resamples, max(cfg.Block, 1)
	if confidence == 0 {
		confidence = 0.95
	}
	if resamples == 0 {
		resamples = 1000
	}
	pick := make([]int, n)
	for i := range pick {
		pick[i] = i
	}
	value := statistic(pick)
	if n/block < 5 || math.IsNaN(value) {
		return Interval{value, math.Inf(-1), math.Inf(1)}
	}
	r := rand.New(rand.NewPCG(cfg.Seed, 0))
	values := make([]float64, 0, resamples)
	for range resamples {
		for i := 0; i < n; {
			first := r.IntN(n)
			for j := 0; j < block && i < n; i, j = i+1, j+1 {
				pick[i] = (first + j) % n
			}
		}
		if v := statistic(pick); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) < resamples/2+1 {
		return Interval{value, math.Inf(-1), math.Inf(1)}
	}
	slices.Sort(values)
	tail := (1 - confidence) / 2
	low, high := tail, 1-tail
	if !cfg.Percentile {
		low, high = bca(values, value, jackknife(n, block, statistic), tail)
	}
	return Interval{value, math.Min(value, at(values, low)), math.Max(value, at(values, high))}
}

// at returns the p-quantile of sorted values, interpolated.
func at(sorted []float64, p float64) float64 {
	x := p * float64(len(sorted)-1)
	i := min(max(int(x), 0), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (x-float64(i))*(sorted[j]-sorted[i])
}

// jackknife returns the statistic without each block in turn.
func jackknife(n, block int, statistic func([]int) float64) []float64 {
	var values []float64
	pick := make([]int, 0, n)
	for first := 0; first < n; first += block {
		pick = pick[:0]
		for i := range n {
			if i < first || i >= first+block {
				pick = append(pick, i)
			}
		}
		if v := statistic(pick); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values
}

// bca returns the percentiles of sorted that bound the interval (equations 14.9 to 14.15).
func bca(sorted []float64, value float64, jack []float64, tail float64) (low, high float64) {
	smaller, equal := 0, 0
	for _, v := range sorted {
		if v < value {
			smaller++
		} else if v == value {
			equal++
		}
	}
	share := (float64(smaller) + float64(equal)/2) / float64(len(sorted))
	z0 := normalQuantile(math.Min(math.Max(share, 0.001), 0.999))
	var mean, cubes, squares float64
	for _, v := range jack {
		mean += v / float64(len(jack))
	}
	for _, v := range jack {
		d := mean - v
		squares += d * d
		cubes += d * d * d
	}
	a := 0.0
	if squares > 0 {
		a = cubes / (6 * math.Pow(squares, 1.5))
	}
	end := func(p float64) float64 {
		z := z0 + normalQuantile(p)
		return normalBelow(z0 + z/(1-a*z))
	}
	return end(tail), end(1 - tail)
}
