package target

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Longest is the longest time a [Distribution] gives. Longer ones are cut to it.
const Longest = time.Hour

// A Distribution is a random time. The zero Distribution is always 0. It is a value
// and safe for concurrent use.
type Distribution struct {
	kind    kind
	a, b, p float64 // in nanoseconds, but for σ, α and the probability
}

type kind uint8

const (
	fixed kind = iota
	exponential
	uniform
	bimodal
	lognormal
	pareto
)

// kinds are the distributions by the names they are parsed under, with the number of
// times and of plain numbers that follow.
var kinds = map[string]struct {
	kind           kind
	times, numbers int
	form           string
}{
	"":          {fixed, 1, 0, "TIME"},
	"exp":       {exponential, 1, 0, "exp:MEAN"},
	"uniform":   {uniform, 2, 0, "uniform:FROM,TO"},
	"bimodal":   {bimodal, 2, 1, "bimodal:TIME,TIME,PROBABILITY"},
	"lognormal": {lognormal, 1, 1, "lognormal:MEAN,SIGMA"},
	"pareto":    {pareto, 1, 1, "pareto:MEAN,SHAPE"},
}

// Fixed returns the distribution that is always d.
func Fixed(d time.Duration) Distribution { return Distribution{kind: fixed, a: float64(d)} }

// Exponential returns the exponential distribution with a mean.
func Exponential(mean time.Duration) Distribution {
	return Distribution{kind: exponential, a: float64(mean)}
}

// ParseDistribution reads a distribution in the forms of docs/target.md, such as
// "10ms" or "bimodal:5ms,50ms,0.1". Times are from 0 to [Longest].
func ParseDistribution(s string) (Distribution, error) {
	name, rest, named := strings.Cut(s, ":")
	if !named {
		name, rest = "", s
	}
	k, ok := kinds[name]
	if !ok {
		return Distribution{}, fmt.Errorf("unknown distribution %q: fixed times are written as 10ms, others are exp, uniform, bimodal, lognormal and pareto", name)
	}
	fields := strings.Split(rest, ",")
	if len(fields) != k.times+k.numbers {
		return Distribution{}, fmt.Errorf("%q is not of the form %s", s, k.form)
	}
	values := make([]float64, 3)
	for i, f := range fields {
		if i < k.times {
			d, err := time.ParseDuration(f)
			if err != nil || d < 0 || d > Longest {
				return Distribution{}, fmt.Errorf("%q in %q is not a time from 0 to %v, such as 10ms", f, s, Longest)
			}
			values[i] = float64(d)
			continue
		}
		x, err := strconv.ParseFloat(f, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return Distribution{}, fmt.Errorf("%q in %q is not a number", f, s)
		}
		values[i] = x
	}
	d := Distribution{kind: k.kind, a: values[0]}
	switch k.kind {
	case uniform:
		d.b = values[1]
		if d.b < d.a {
			return Distribution{}, fmt.Errorf("%q ends before it begins", s)
		}
	case bimodal:
		d.b, d.p = values[1], values[2]
		if d.p < 0 || d.p > 1 {
			return Distribution{}, fmt.Errorf("%q in %q is not a probability", fields[2], s)
		}
	case lognormal:
		d.p = values[1]
		if d.p < 0 || d.p > 5 {
			return Distribution{}, fmt.Errorf("σ in %q is not from 0 to 5", s)
		}
	case pareto:
		d.p = values[1]
		if d.p <= 1 || d.p > 1000 {
			return Distribution{}, fmt.Errorf("the shape in %q is not over 1 and up to 1000", s)
		}
	}
	return d, nil
}

// Mean returns the mean, not counting that times are cut to [Longest].
func (d Distribution) Mean() time.Duration {
	switch d.kind {
	case uniform:
		return time.Duration((d.a + d.b) / 2)
	case bimodal:
		return time.Duration(d.a*(1-d.p) + d.b*d.p)
	}
	return time.Duration(d.a)
}

// Draw returns a time drawn with r, from 0 to [Longest].
func (d Distribution) Draw(r *rand.Rand) time.Duration {
	x := d.a
	switch d.kind {
	case exponential:
		x *= r.ExpFloat64()
	case uniform:
		x += (d.b - d.a) * r.Float64()
	case bimodal:
		if r.Float64() < d.p {
			x = d.b
		}
	case lognormal:
		x *= math.Exp(d.p*r.NormFloat64() - d.p*d.p/2)
	case pareto:
		x *= (d.p - 1) / d.p * math.Pow(1-r.Float64(), -1/d.p)
	}
	return time.Duration(min(max(x, 0), float64(Longest)))
}

// String returns the distribution in the form it is parsed from.
func (d Distribution) String() string {
	a, b := time.Duration(d.a), time.Duration(d.b)
	switch d.kind {
	case exponential:
		return fmt.Sprintf("exp:%v", a)
	case uniform:
		return fmt.Sprintf("uniform:%v,%v", a, b)
	case bimodal:
		return fmt.Sprintf("bimodal:%v,%v,%v", a, b, d.p)
	case lognormal:
		return fmt.Sprintf("lognormal:%v,%v", a, d.p)
	case pareto:
		return fmt.Sprintf("pareto:%v,%v", a, d.p)
	}
	return a.String()
}
