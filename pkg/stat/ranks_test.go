package stat

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestSignedRankCounts(t *testing.T) {
	for n := 1; n <= 12; n++ {
		want := make([]float64, n*(n+1)/2+1)
		for signs := range 1 << n {
			sum := 0
			for i := range n {
				sum += (signs >> i & 1) * (i + 1)
			}
			want[sum] += math.Ldexp(1, -n)
		}
		near(t, "signed rank", n, signedRankCounts(n), want)
	}
}

func TestRankSumCounts(t *testing.T) {
	for m := 1; m <= 6; m++ {
		for n := 1; n <= 6; n++ {
			want := make([]float64, m*n+1)
			total := 0.0
			for set := range 1 << (m + n) {
				if bits.OnesCount(uint(set)) != m {
					continue
				}
				total++
				u := 0 // pairs of a set bit below a clear one
				for i := range m + n {
					for j := range i {
						u += (1 - set>>i&1) * (set >> j & 1)
					}
				}
				want[u]++
			}
			for u := range want {
				want[u] /= total
			}
			near(t, "rank sum", m*10+n, rankSumCounts(m, n), want)
		}
	}
	// The normal distribution takes over without a step.
	exact, approximate := lowerCritical(rankSumCounts(20, 20), 0.99), lowerCritical(rankSumCounts(21, 20), 0.99)
	if exact != 105 || approximate < 105 || approximate > 120 { // 105: Hollander, Wolfe and Chicken, Table A.6
		t.Errorf("critical values %d of 20 and 20, %d of 21 and 20", exact, approximate)
	}
}

func near(t *testing.T, name string, n int, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Fatalf("%s, %d: probability of %d is %g, want %g", name, n, i, got[i], want[i])
		}
	}
}

func TestSignedRankP(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, 2.0 / 256},
		{[]float64{-1, 2, 3, 4, 5, 6, 7, 8}, 4.0 / 256},
		{[]float64{1, -1, 2, -2}, 1},
		{[]float64{0, 0, 0}, 1},
	} {
		if got := signedRankP(c.values); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: %g, want %g", c.values, got, c.want)
		}
	}
}

// TestFewestPairs is why eight pairs are asked for.
func TestFewestPairs(t *testing.T) {
	if lowerCritical(signedRankCounts(7), 0.99) >= 0 || lowerCritical(signedRankCounts(8), 0.99) != 0 {
		t.Error("seven pairs give bounds at 99 %, or eight do not")
	}
}

func TestDependence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, rho := range []float64{0, 0.5, 0.8} {
		v := make([]float64, 5000)
		x := 0.0
		for i := range v {
			x = rho*x + r.NormFloat64()
			v[i] = x
			if r.IntN(50) == 0 {
				v[i] *= 100 // does not hide it
			}
		}
		want := (1 + rho) / (1 - rho)
		if got := Dependence(v); got < 0.7*want || got > 1.15*want {
			t.Errorf("correlation %g: %g, want %g", rho, got, want)
		}
	}
	if Dependence([]float64{1, 2, 3}) != 1 || Dependence(make([]float64, 20)) != 1 {
		t.Error("few or equal values depend on each other")
	}
	if got := Dependence([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}); got < 5 {
		t.Errorf("a trend: %g", got)
	}
}
