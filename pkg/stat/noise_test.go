package stat

import (
	"math"
	"math/rand/v2"
)

// A noise is what a machine does to measurements that follow each other. Each call returns
// the factor of the next one, around 1.
type noise func() float64

// noises are the kinds a comparison is tried on, by name. Their sizes are those of half a second of
// load on two cores, one of them taken by something else at times.
var noises = map[string]func(r *rand.Rand) noise{
	"white": func(r *rand.Rand) noise {
		return func() float64 { return math.Exp(0.03 * r.NormFloat64()) }
	},
	"autocorrelated": func(r *rand.Rand) noise {
		x := 0.0
		return func() float64 {
			x = 0.8*x + 0.6*r.NormFloat64() // of variance 1
			return math.Exp(0.04*x + 0.02*r.NormFloat64())
		}
	},
	"drifting": func(r *rand.Rand) noise { // warming up or throttling, and a random walk
		x, slope := 0.0, 0.004*r.NormFloat64()
		return func() float64 {
			x += slope + 0.01*r.NormFloat64()
			return math.Exp(x + 0.02*r.NormFloat64())
		}
	},
	"heavy-tailed": func(r *rand.Rand) noise { // Student's t with two degrees of freedom
		return func() float64 {
			t := r.NormFloat64() / math.Sqrt(r.ExpFloat64())
			return math.Exp(0.02 * min(max(t, -50), 50))
		}
	},
	"pauses": func(r *rand.Rand) noise { // one way only, as all interruptions are
		return func() float64 {
			f := math.Exp(0.02 * r.NormFloat64())
			if r.IntN(12) == 0 {
				f *= 1 + r.ExpFloat64()
			}
			return f
		}
	},
	"foreign load on and off": func(r *rand.Rand) noise { // half of the time, for ten values on average
		on := r.IntN(2) == 0
		return func() float64 {
			if r.IntN(10) == 0 {
				on = !on
			}
			f := math.Exp(0.02 * r.NormFloat64())
			if on {
				f *= 1.5 * math.Exp(0.05*r.NormFloat64())
			}
			return f
		}
	},
	"foreign load in bursts": func(r *rand.Rand) noise { // a fifth of the time, for two values on average
		on := false
		return func() float64 {
			if on {
				on = r.IntN(2) == 0
			} else {
				on = r.IntN(8) == 0
			}
			f := math.Exp(0.02 * r.NormFloat64())
			if on {
				f *= 1.5 * math.Exp(0.05*r.NormFloat64())
			}
			return f
		}
	},
	"foreign load throughout": func(r *rand.Rand) noise {
		x := 0.0
		return func() float64 {
			x = 0.5*x + 0.87*r.NormFloat64()
			return 1.5 * math.Exp(0.05*x+0.03*r.NormFloat64())
		}
	},
}

// interleaved measures n pairs, in the order base new, new base; the new side takes
// factor as long.
func interleaved(next noise, n int, factor float64) (base, new []float64) {
	for i := range n {
		first, second := 100*next(), 100*next()
		if i%2 == 1 {
			first, second = second, first
		}
		base = append(base, first)
		new = append(new, second*factor)
	}
	return base, new
}
