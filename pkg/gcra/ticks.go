package gcra

import (
	"math"
	"math/bits"
	"time"
)

const (
	ticksPerNano = 16
	maxCapacity  = 1 << 63

	// MaxTime is the latest time that is told from later ones, 18.2 years.
	MaxTime = time.Duration(math.MaxInt64) / ticksPerNano
)

// ticks returns now in ticks, below 2^63.
func ticks(now time.Duration) uint64 {
	return uint64(min(max(now, 0), MaxTime)) * ticksPerNano
}

// nanos returns ticks as a duration, rounded up.
func nanos(t uint64) time.Duration {
	return time.Duration((t>>1 + (ticksPerNano-1+t&1)>>1) / (ticksPerNano / 2))
}

// params is a limit as GCRA uses it, and what has to be known of earlier ones.
// It does not change.
type params struct {
	interval uint64 // T
	capacity uint64 // B·T, at most 2^63
	burst    uint64 // B

	changed uint64 // s: since when this limit is in force; no TAT counts as less
	epoch   uint64 // how many changes there have been
	stretch uint64 // ⌈T/fastest⌉, how times before s count
	fastest uint64 // the least T there ever was
	least   uint64 // the smallest B there ever was
	most    uint64 // and the largest

	cells, fraction uint64 // virtual time at s, in cells and 2^-64 cells, rounded down
}

// A state is what a decision begins with: its time, t = max(TAT, at), and what is owed at that time.
type state struct{ at, t, owed uint64 }

// state returns the state at a time. A time before the last change is moved further back, so that no more
// passes than the limits before would have allowed.
func (p *params) state(tat, at uint64) state {
	if at >= p.changed {
		t := max(tat, at)
		return state{at, t, t - at}
	}
	t := max(tat, p.changed)
	hi, back := bits.Mul64(p.changed-at, p.stretch)
	owed, carry := bits.Add64(t-p.changed, back, 0)
	if hi+carry > 0 {
		owed = math.MaxUint64
	}
	return state{at, t, owed}
}

// after returns the state after a cost that t has room for.
func (s state) after(cost uint64) state {
	return state{s.at, s.t + cost, s.owed + min(cost, math.MaxUint64-s.owed)}
}

// wait returns the time until no more than room is owed.
func (p *params) wait(s state, room uint64) uint64 {
	switch {
	case s.owed <= room:
		return 0
	case s.at >= p.changed:
		return s.owed - room
	case s.t-p.changed > room:
		return s.t - room - s.at
	default:
		return min(s.owed-room, p.changed-s.at)
	}
}

// remaining returns the cells that pass when owed is owed.
func (p *params) remaining(owed uint64) uint64 {
	if owed >= p.capacity {
		return 0
	}
	return (p.capacity - owed) / p.interval
}

// ceilMulDiv returns ⌈a·b/c⌉, and false if it does not fit in 64 bits.
func ceilMulDiv(a, b, c uint64) (uint64, bool) {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 0, false
	}
	q, rem := bits.Div64(hi, lo, c)
	if rem > 0 {
		if q == math.MaxUint64 {
			return 0, false
		}
		q++
	}
	return q, true
}
