package target

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestDistributionMeans(t *testing.T) {
	const n = 400_000
	for _, s := range []string{"10ms", "exp:10ms", "uniform:5ms,15ms", "bimodal:5ms,55ms,0.1", "lognormal:10ms,0.5", "pareto:10ms,3.5", "0s"} {
		d, err := ParseDistribution(s)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		sum, least := 0.0, math.Inf(1)
		for range n {
			x := float64(d.Draw(r))
			sum += x
			least = min(least, x)
		}
		want := 10e6
		if s == "0s" {
			want = 0
		}
		if mean := float64(d.Mean()); mean != want {
			t.Errorf("%s: the mean is said to be %v", s, d.Mean())
		}
		if got := sum / n; math.Abs(got-want) > 0.01*want {
			t.Errorf("%s: the mean of %d is %v", s, n, time.Duration(got))
		}
		if least < 0 {
			t.Errorf("%s: %v", s, time.Duration(least))
		}
	}
}

// TestDistributionShapes checks one quantile of each against its inverse function.
func TestDistributionShapes(t *testing.T) {
	const n = 200_000
	for s, median := range map[string]float64{
		"exp:10ms":           10 * math.Ln2,
		"uniform:4ms,16ms":   10,
		"lognormal:10ms,0.8": 10 * math.Exp(-0.32),
		"pareto:10ms,2.5":    6 * math.Pow(0.5, -0.4),
	} {
		d, err := ParseDistribution(s)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(3, 4))
		below := 0
		for range n {
			if float64(d.Draw(r)) < median*1e6 {
				below++
			}
		}
		if share := float64(below) / n; math.Abs(share-0.5) > 0.01 {
			t.Errorf("%s: %v of the draws are below the median", s, share)
		}
	}
}

func TestParseDistributionRefuses(t *testing.T) {
	for _, s := range []string{"", "10", "ms", "-1ms", "2h", "exp", "exp:", "exp:10ms,3", "exp:10ms,", "normal:10ms", "bimodal:5ms,50ms", "bimodal:5ms,50ms,1.1",
		"bimodal:5ms,50ms,NaN", "uniform:5ms,4ms", "lognormal:10ms,-1", "lognormal:10ms,Inf", "pareto:10ms,1", "exp:10ms ", ":10ms,", "fixed:10ms"} {
		if d, err := ParseDistribution(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}

func FuzzParseDistribution(f *testing.F) {
	for _, s := range []string{"10ms", "exp:1h", "uniform:0s,1ns", "bimodal:5ms,50ms,0.1", "lognormal:10ms,0.5", "pareto:1us,1.5", "exp:", "pareto:1h,1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDistribution(s)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q: an error of two lines: %q", s, err)
			}
			return
		}
		again, err := ParseDistribution(d.String())
		if err != nil || again != d {
			t.Errorf("%q is %v, which is %v, %v", s, d, again, err)
		}
		if x := d.Draw(rand.New(rand.NewPCG(1, 1))); x < 0 || x > Longest {
			t.Errorf("%q: %v", s, x)
		}
	})
}
