package vegas

import (
	"math"
	"time"
)

const (
	probeEvery   = 15 * time.Second
	probeWindows = 80 // at least so many windows from probe to probe
)

type reason uint8

const (
	none reason = iota
	routine
	suspicion // that the delay is not a queue of ours
)

// A probe is a window with so low a limit that no queue of ours is left.
type probe struct {
	reason  reason
	before  operation
	restore float64 // L afterwards
}

// due tells whether w has seen the clock pass a moment for a probe: a multiple of
// probeEvery, or of the least power of two times that that is probeWindows long.
func (v *Vegas) due(w Window) bool {
	m := int64(1)
	for m < 1<<20 && time.Duration(m)*(probeEvery/probeWindows) < w.End-w.Start {
		m *= 2
	}
	n := int64((w.End + v.cfg.Phase) / probeEvery)
	due := v.nth >= 0 && n/m > v.nth/m
	v.nth = n
	return due
}

// lost tells whether throughput U/R has fallen along with the limit, which by Little's
// law it would not if only our own queue had shrunk: either the backend has
// become slower, or someone else takes its capacity.
func (v *Vegas) lost(o operation) bool {
	f := v.from
	shrunk := o.u < 0.85*f.u
	if shrunk && o.u/o.r < 0.85*f.u/f.r {
		return true
	}
	if shrunk || o.u > f.u {
		v.from = o
	}
	return false
}

func (v *Vegas) startProbe(why reason, o operation, limit float64) {
	v.probe = probe{reason: why, before: o, restore: v.l}
	v.l = limit
}

func (v *Vegas) endProbe(w Window) {
	p, before := v.probe, v.from
	v.probe, v.from = probe{}, operation{}
	v.l = p.restore
	if w.Overloads > 0 {
		v.l *= 0.9
	}
	if w.Samples == 0 {
		return
	}
	o := v.reading(w)
	// A round-trip time that half the requests do not shorten is not due to their queue.
	noise := 0.02 + 2*math.Hypot(o.stdErr, p.before.stdErr)
	ours := math.Log(p.before.r/o.r) > noise
	if p.reason == routine || !ours || o.r < v.base.value {
		v.base.learn(o.r, o.stdErr)
	}
	if p.reason == suspicion && !ours && w.Overloads == 0 {
		v.l = before.l
	}
}
