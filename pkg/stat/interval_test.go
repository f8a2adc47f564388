package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// binomialBelow is P(B < k), summed up.
func binomialBelow(k, n int, q float64) float64 {
	sum := 0.0
	for i := range k {
		c := 1.0
		for j := range i {
			c *= float64(n-j) / float64(i-j)
		}
		sum += c * math.Pow(q, float64(i)) * math.Pow(1-q, float64(n-i))
	}
	return sum
}

func TestQuantileRanks(t *testing.T) {
	for _, confidence := range []float64{0.9, 0.95, 0.99} {
		tail := (1 - confidence) / 2
		for n := 1; n <= 60; n++ {
			for _, q := range []float64{0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 1} {
				at, low, high := QuantileRanks(uint64(n), q, confidence)
				wantLow, wantHigh := 0, n+1
				for l := 1; l <= n && binomialBelow(l, n, q) <= tail; l++ {
					wantLow = l
				}
				for h := n; h >= 1 && 1-binomialBelow(h, n, q) <= tail+1e-12; h-- {
					wantHigh = h
				}
				wantLow, wantHigh = min(wantLow, int(at)), max(wantHigh, int(at))
				if int(low) != wantLow || int(high) != wantHigh {
					t.Fatalf("n %d, q %g, %g: ranks %d to %d, want %d to %d", n, q, confidence, low, high, wantLow, wantHigh)
				}
			}
		}
	}
	// A million: the normal distribution is close.
	at, low, high := QuantileRanks(1e6, 0.99, 0.95)
	if at != 990000 || math.Abs(float64(990000-low)-195) > 3 || math.Abs(float64(high-990000)-195) > 3 {
		t.Errorf("p99 of a million: %d in %d to %d", at, low, high)
	}
}

func TestProportion(t *testing.T) {
	for _, c := range []struct {
		k, n      uint64
		low, high float64
	}{ // R 4.2: prop.test(k, n, correct=FALSE)$conf.int
		{10, 100, 0.05522914, 0.1743657},
		{0, 50, 0, 0.07134759},
		{50, 50, 0.92865241, 1},
		{1, 3, 0.06149194, 0.7923403},
	} {
		i := Proportion(c.k, c.n, 0.95)
		if i.Value != float64(c.k)/float64(c.n) || math.Abs(i.Low-c.low) > 1e-6 || math.Abs(i.High-c.high) > 1e-6 {
			t.Errorf("%d of %d: %v, want %g to %g", c.k, c.n, i, c.low, c.high)
		}
	}
	if Proportion(0, 0, 0.95).Known() {
		t.Error("a share of nothing is known")
	}
}

// cover counts how often an interval around 200 samples' estimates holds the truth.
func cover(draw func(r *rand.Rand) []float64, interval func([]float64) Interval, truth float64) float64 {
	const trials = 600
	held := 0
	for i := range trials {
		r := rand.New(rand.NewPCG(uint64(i), 17))
		if v := interval(draw(r)); v.Low <= truth && truth <= v.High && v.Low <= v.Value && v.Value <= v.High {
			held++
		}
	}
	return float64(held) / trials
}

func exponential(n int) func(r *rand.Rand) []float64 {
	return func(r *rand.Rand) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = r.ExpFloat64()
		}
		return v
	}
}

func normal(n int) func(r *rand.Rand) []float64 {
	return func(r *rand.Rand) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = 10 + r.NormFloat64()
		}
		return v
	}
}

func bootstrapMean(cfg BootstrapConfig) func([]float64) Interval {
	return func(v []float64) Interval {
		return Bootstrap(len(v), func(pick []int) float64 {
			sum := 0.0
			for _, i := range pick {
				sum += v[i]
			}
			return sum / float64(len(pick))
		}, cfg)
	}
}

// TestCoverage draws many samples and counts. The bounds are five standard errors of the
// count from 95 %, lower for the bootstrap, which is known to be narrow on small samples.
func TestCoverage(t *testing.T) {
	for _, c := range []struct {
		name     string
		draw     func(*rand.Rand) []float64
		interval func([]float64) Interval
		truth    float64
		least    float64
		most     float64
	}{
		{"mean", normal(12), func(v []float64) Interval { return Mean(v, 0.95) }, 10, 0.91, 0.99},
		{"median", exponential(25), func(v []float64) Interval { return Median(v, 0.95) }, math.Ln2, 0.91, 1},
		{"p90", exponential(300), func(v []float64) Interval { return Quantile(slices.Sorted(slices.Values(v)), 0.9, 0.95) }, math.Log(10), 0.91, 1},
		{"BCa mean", exponential(30), bootstrapMean(BootstrapConfig{Seed: 1, Resamples: 500}), 1, 0.88, 0.98},
		{"percentile mean", exponential(30), bootstrapMean(BootstrapConfig{Seed: 1, Resamples: 500, Percentile: true}), 1, 0.86, 0.98},
	} {
		if got := cover(c.draw, c.interval, c.truth); got < c.least || got > c.most {
			t.Errorf("%s: the truth is within in %.1f %% of the samples, want %.0f to %.0f", c.name, 100*got, 100*c.least, 100*c.most)
		}
	}
}

// TestBlocks: neighbours that depend on each other make single draws far too sure of themselves.
func TestBlocks(t *testing.T) {
	draw := func(r *rand.Rand) []float64 {
		v := make([]float64, 200)
		x := 0.0
		for i := range v {
			x = 0.8*x + r.NormFloat64()
			v[i] = x
		}
		return v
	}
	single := cover(draw, bootstrapMean(BootstrapConfig{Resamples: 300}), 0)
	blocks := cover(draw, bootstrapMean(BootstrapConfig{Resamples: 300, Block: 20}), 0)
	if single > 0.7 || blocks < 0.83 {
		t.Errorf("single draws hold the truth in %.2f, blocks in %.2f of the samples", single, blocks)
	}
}

func TestIntervalEdges(t *testing.T) {
	for name, i := range map[string]Interval{
		"mean": Mean(nil, 0.95), "median": Median(nil, 0.95), "quantile": Quantile(nil, 0.5, 0.95),
		"bootstrap": Bootstrap(0, nil, BootstrapConfig{}),
	} {
		if i.Known() {
			t.Errorf("%s of nothing: %v", name, i)
		}
	}
	for name, i := range map[string]Interval{
		"mean": Mean([]float64{3}, 0.95), "median": Median([]float64{3}, 0.95), "quantile": Quantile([]float64{3}, 0.5, 0.95),
		"bootstrap": bootstrapMean(BootstrapConfig{})([]float64{3, 3, 3, 3}),
	} {
		if i.Value != 3 || !math.IsInf(i.Low, -1) || !math.IsInf(i.High, 1) {
			t.Errorf("%s of too few: %v", name, i)
		}
	}
	if i := bootstrapMean(BootstrapConfig{})([]float64{3, 3, 3, 3, 3, 3}); i != Exactly(3) {
		t.Errorf("mean of equal values: %v", i)
	}
	never := func([]int) float64 { return math.NaN() }
	if i := Bootstrap(9, never, BootstrapConfig{}); i.Known() {
		t.Errorf("of a statistic without a value: %v", i)
	}
	if got := (Interval{1, 0, 3}).Scale(-2); got != (Interval{-2, -6, 0}) {
		t.Errorf("turned round: %v", got)
	}
	if got := (Interval{1, 0, 3}).Scale(2).Hull(Interval{9, -1, 4}); got != (Interval{2, -1, 6}) {
		t.Errorf("hull: %v", got)
	}
}
