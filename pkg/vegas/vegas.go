package vegas

import (
	"math"
	"time"
)

// Defaults of [Config].
const (
	DefaultInitial = 1
	DefaultMax     = 1000
)

// gain is γ, the part of a deviation that is made up for at once.
const gain = 0.5

// Config configures a [Vegas]. The zero Config is the one docs/vegas.md measures.
type Config struct {
	// Initial is the first limit. Zero means DefaultInitial.
	Initial int
	// Min and Max bound the limit. Zero means 1 and DefaultMax.
	Min, Max int
	// Phase is added to the times of windows to tell when to probe. Controllers in front
	// of one backend see through each other's queues only if they probe together, so
	// where several processes share one, let it be the wall clock at time zero:
	// time.Duration(time.Now().UnixNano()) as the gate is made.
	Phase time.Duration
}

// Vegas is the controller of docs/vegas.md, after L. S. Brakmo and L. L. Peterson, "TCP
// Vegas: end to end congestion avoidance on a global internet", IEEE JSAC 13(8),
// 1995, section III-B, and D. X. Wei et al., "FAST TCP: motivation, architecture,
// algorithms, performance", IEEE/ACM ToN 14(6), 2006, equation 2: the requests beyond
// what the backend works on wait in its queue, and the limit keeps that queue at α. Symbols
// are those of the page. It is not safe for concurrent use; the gate sees to that.
type Vegas struct {
	cfg  Config
	l    float64  // L, the limit
	base estimate // B
	r    float64  // R of the window before
	slow bool     // in slow start

	from operation // the highest throughput since the last probe

	probe probe
	nth   int64 // of the moments for probes, the last that has passed; -1 = none seen
}

// An operation is what a window showed: L, U, R and the relative standard error of R.
type operation struct{ l, u, r, stdErr float64 }

// NewVegas returns a controller in slow start. Limits out of order are put in order:
// 1 ≤ Min ≤ Initial ≤ Max.
func NewVegas(cfg Config) *Vegas {
	if cfg.Initial < 1 {
		cfg.Initial = DefaultInitial
	}
	if cfg.Max < 1 {
		cfg.Max = DefaultMax
	}
	cfg.Max = min(cfg.Max, MaxLimit)
	cfg.Min = min(max(1, cfg.Min), cfg.Max)
	cfg.Initial = min(max(cfg.Min, cfg.Initial), cfg.Max)
	return &Vegas{cfg: cfg, l: float64(cfg.Initial), slow: true, nth: -1}
}

// Limit returns the present limit.
func (v *Vegas) Limit() int { return int(v.l + 0.5) }

// Base returns B, the round-trip time the controller believes the backend has
// without a queue; zero before the first window with samples.
func (v *Vegas) Base() time.Duration { return time.Duration(v.base.value) }

// Probing tells whether the next window is a probe, with the limit lowered for it.
func (v *Vegas) Probing() bool { return v.probe.reason != none }

// Update returns the limit after w.
func (v *Vegas) Update(w Window) int {
	if w.Overloads > 0 {
		v.slow = false
	}
	due := v.due(w)
	if v.Probing() {
		v.endProbe(w)
	} else {
		v.step(w, due)
	}
	v.l = min(max(float64(v.cfg.Min), v.l), float64(v.cfg.Max))
	return v.Limit()
}

// reading returns what w shows at the present limit.
func (v *Vegas) reading(w Window) operation {
	r := math.Max(1, float64(w.RTT))
	return operation{
		l:      v.l,
		u:      math.Min(float64(v.Limit()), float64(w.MaxInFlight)),
		r:      r,
		stdErr: float64(w.StdErr) / r,
	}
}

func (v *Vegas) step(w Window, due bool) {
	o := v.reading(w)
	if w.Overloads > 0 {
		v.l *= 0.9
	}
	if w.Samples == 0 {
		return
	}
	rising := o.r > 1.05*v.r
	v.r = o.r

	fell := false // below the base: the backend has become faster
	if v.slow {
		if v.base.value == 0 || v.base.excess(o.r, o.stdErr) <= 0 {
			v.base.learn(o.r, o.stdErr)
		}
	} else if v.base.value == 0 || v.base.excess(o.r, o.stdErr) < 0 {
		fell = v.base.value > 0
		v.base.learn(o.r, o.stdErr)
	}
	c := o.u * v.base.value / o.r // C
	q := o.u - c                  // Q
	alpha := math.Max(3*math.Max(1, math.Log10(o.l)), 2*c*math.Sqrt(v.base.variance))

	switch {
	case 2*o.u < math.Floor(o.l): // hardly used: nothing is known about it
		v.l = math.Min(v.l, math.Max(20, 4*o.u))
		v.from = operation{}
		return
	case w.Overloads > 0:
		v.from = operation{}
		return
	case v.slow:
		if q < alpha+2*c*o.stdErr && v.Limit() < v.cfg.Max {
			v.l = 1.5*o.l + 0.5
			return
		}
		v.slow = false
		v.l = math.Min(o.l, c+alpha)
	default:
		v.l += gain * (alpha - q)
	}
	if !rising && v.lost(o) {
		v.l = math.Min(v.l, c+alpha)
		v.startProbe(suspicion, o, o.u/2)
	} else if due || fell {
		v.startProbe(routine, o, c/2)
	}
}
