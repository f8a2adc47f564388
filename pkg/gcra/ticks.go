package gcra

import (
	"fmt"
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

// next returns the parameters after a change to l, but for when it begins.
func (p *params) next(l Limit) (params, error) {
	q, err := l.params()
	if err != nil {
		return params{}, err
	}
	q.least = min(p.least, q.burst)
	q.most = max(p.most, q.burst)
	if hi, lo := bits.Mul64(q.most, q.interval); hi > 0 || lo > maxCapacity {
		return params{}, fmt.Errorf("what a burst of %d may owe takes more than 18 years at the new rate", q.most)
	}
	q.fastest = min(p.fastest, q.interval)
	q.stretch = q.interval / q.fastest
	if q.interval%q.fastest > 0 {
		q.stretch++
	}
	q.epoch = p.epoch + 1
	return q, nil
}

// begin makes q the parameters after p from a time on at which p has decided nothing yet.
func (q *params) begin(p *params, at uint64) {
	q.changed = max(at, p.changed)
	q.cells, q.fraction = p.virtual(q.changed)
}

// virtual returns the virtual time at a time from p.changed on.
func (p *params) virtual(at uint64) (cells, fraction uint64) {
	whole, rem := (at-p.changed)/p.interval, (at-p.changed)%p.interval
	part, _ := bits.Div64(rem, 0, p.interval)
	fraction, carry := bits.Add64(p.fraction, part, 0)
	return p.cells + whole + carry, fraction
}

// convert returns the function that makes TATs under p, after which another limit began at a time, into TATs under
// the later q: what is owed stays the same in cells, less what time has paid back in between. Reserved
// cells may be used up to another time.
func (p *params) convert(q *params, until, reserved uint64) func(tat uint64) uint64 {
	// Virtual time from p to q, in ticks of p, rounded down.
	fraction, borrow := bits.Sub64(q.fraction, p.fraction, 0)
	cells, _ := bits.Sub64(q.cells, p.cells, borrow)
	over, paid := bits.Mul64(cells, p.interval)
	part, _ := bits.Mul64(fraction, p.interval)
	paid, carry := bits.Add64(paid, part, 0)
	if over+carry > 0 {
		paid = math.MaxUint64
	}
	return func(tat uint64) uint64 {
		next := q.changed
		if tat > p.changed && tat-p.changed > paid {
			next = p.scale(q, q.changed, tat-p.changed-paid)
		}
		// Cells may have been reserved under p up to last, and a faster limit must not use the time before that once
		// more. If between p and q there was another limit, nothing is known to have been paid back under it.
		if last := min(reserved, tat-min(tat, p.least*p.interval)); last > until {
			from := last
			if q.changed > until {
				from = until
			}
			next = max(next, p.scale(q, max(last, q.changed), min(tat-from, p.most*p.interval)))
		}
		return next
	}
}

// scale returns the TAT under q of what is owed under p, at a time, rounded up.
func (p *params) scale(q *params, at, owed uint64) uint64 {
	owed, ok := ceilMulDiv(owed, q.interval, p.interval)
	sum, carry := bits.Add64(at, owed, 0)
	if !ok || carry > 0 {
		return lastTAT
	}
	return min(sum, lastTAT)
}

const (
	closed  = math.MaxUint64     // the TAT of a cell that has been replaced
	lastTAT = math.MaxUint64 - 1 // debts beyond it are all the same: no time that is told apart pays them
)

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
