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

// Config configures a [Vegas]. The zero Config is the one docs/vegas.md measures.
type Config struct {
	// Initial is the first limit. Zero means DefaultInitial.
	Initial int
	// Min and Max bound the limit. Zero means 1 and DefaultMax.
	Min, Max int
	// Seed makes the moments of probing differ from controller to controller, so
	// that gates in front of one backend do not probe together.
	Seed uint64
}

// Vegas is the controller of docs/vegas.md, after L. S. Brakmo and L. L. Peterson, "TCP
// Vegas: end to end congestion avoidance on a global internet", IEEE JSAC 13(8),
// 1995, section III-B: the requests beyond what the backend works on wait in its queue, and
// the limit keeps that queue short but not empty. Symbols are those of the page. It
// is not safe for concurrent use; the gate sees to that.
type Vegas struct {
	cfg  Config
	l    float64 // L, the limit
	base float64 // B, the round-trip time without a queue, in ns; 0 = none yet

	slow bool // in slow start

	falling    bool    // in a run of decreases
	l0, u0, r0 float64 // L, U and R at its start

	probing   bool
	l1        float64 // L to restore after a probe
	suspect   float64 // R that caused the probe; 0 = it was due
	nextProbe time.Duration
	rng       uint64
}

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
	return &Vegas{cfg: cfg, l: float64(cfg.Initial), slow: true, rng: cfg.Seed}
}

// Limit returns the present limit.
func (v *Vegas) Limit() int { return int(v.l) }

// Base returns B, the round-trip time the controller believes the backend has
// without a queue; zero before the first window with samples.
func (v *Vegas) Base() time.Duration { return time.Duration(v.base) }

// Probing tells whether the next window is a probe, with the limit lowered for it.
func (v *Vegas) Probing() bool { return v.probing }

// Update returns the limit after w.
func (v *Vegas) Update(w Window) int {
	if v.probing {
		v.endProbe(w)
	} else {
		v.step(w)
	}
	v.l = min(max(float64(v.cfg.Min), v.l), float64(v.cfg.Max))
	return int(v.l)
}

func (v *Vegas) step(w Window) {
	l := v.l
	u := math.Min(math.Floor(l), float64(w.MaxInFlight)) // U
	saturated := 2*u >= math.Floor(l)
	if w.Overloads > 0 {
		v.slow = false
		v.l = math.Max(0.9*l, float64(v.cfg.Min))
	}
	if w.Samples == 0 {
		return
	}
	r := math.Max(1, float64(w.RTT)) // R
	if v.base == 0 || r < v.base {
		v.base = r
	}
	if v.nextProbe == 0 {
		v.schedule(w)
	}
	q := u * (1 - v.base/r) // Q
	k := math.Max(1, math.Log10(l))
	c := u * v.base / r // C
	alpha := 3 * k
	beta := math.Min(6*k, alpha+math.Max(1, c/4))
	if v.slow && q >= alpha {
		v.slow = false
		v.l = math.Min(v.l, c+alpha)
	}
	if q > beta {
		v.decrease(l, u, r, alpha)
		return
	}
	v.falling = false
	switch {
	case w.Overloads > 0:
		return
	case !saturated:
		v.l = math.Min(l, math.Max(20, 4*u))
		return
	case v.slow:
		v.l = 1.5*l + 0.5
	case q <= k:
		v.l = l + 2*alpha
	case q < alpha:
		v.l = l + k
	}
	if w.End >= v.nextProbe {
		v.startProbe(w, u, r)
	}
}

// decrease shrinks the limit. If throughput U/R shrinks along with it (Little's law),
// either the backend has become slower or someone else takes its capacity: a probe
// tells.
func (v *Vegas) decrease(l, u, r, alpha float64) {
	if !v.falling {
		v.falling, v.l0, v.u0, v.r0 = true, l, u, r
	} else if r > 1.05*v.r0 {
		v.u0, v.r0 = u, r // the cause was still under way at the start
	} else if u/r < 0.85*v.u0/v.r0 {
		v.falling = false
		v.probing, v.suspect = true, r
		v.l1 = v.l
		v.l = 0.5 * u
		return
	}
	v.l = math.Min(v.l, math.Max(0.85*u, u*v.base/r+alpha))
}

// schedule puts the next probe 10 to 15 s after w, or 80 to 120 windows like w.
func (v *Vegas) schedule(w Window) {
	// SplitMix64 (G. Steele et al., OOPSLA 2014, figure 13).
	v.rng += 0x9e3779b97f4a7c15
	z := v.rng
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	wait := min(max(10*time.Second, 80*(w.End-w.Start)), 30*time.Second)
	v.nextProbe = w.End + wait + time.Duration(z%uint64(wait/2))
}

// startProbe lowers the limit for one window so far that no queue of ours is left.
func (v *Vegas) startProbe(w Window, u, r float64) {
	v.probing = true
	v.l1 = v.l
	v.l = 0.5 * u * v.base / r
	v.schedule(w)
}

// endProbe takes the round-trip time seen without a queue for the base, where the
// two differ by more than noise, and restores the limit.
func (v *Vegas) endProbe(w Window) {
	suspect := v.suspect
	v.probing, v.suspect = false, 0
	v.l = v.l1
	if w.Overloads > 0 {
		v.l *= 0.9
	}
	if w.Samples == 0 {
		return
	}
	r := float64(w.RTT)
	if r < 0.97*v.base || r > 1.1*v.base {
		v.base = r
	}
	if suspect > 0 && r > 0.88*suspect && w.Overloads == 0 {
		v.l = v.l0 // it was not our queue
	}
}
