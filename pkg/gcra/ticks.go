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

	changed uint64 // c: since when this limit is in force; no TAT counts as less
	stretch uint64 // ⌈T/fastest⌉, how times before c count
	fastest uint64 // the least T there ever was
	most    uint64 // the largest B there ever was
	epoch   uint64 // how many changes there have been

	cells, fraction uint64 // virtual time at c, in cells and 2^-64 cells, rounded down
}

// position returns t = max(tat, at) and what is owed at that time. A time before the last change is
// moved further back, so that what the limit before it would have been allows no more.
func (p *params) position(tat, at uint64) (t, owed uint64) {
	if at >= p.changed {
		t = max(tat, at)
		return t, t - at
	}
	t = max(tat, p.changed)
	hi, back := bits.Mul64(p.changed-at, p.stretch)
	owed, carry := bits.Add64(t-p.changed, back, 0)
	if hi+carry > 0 {
		owed = math.MaxUint64
	}
	return t, owed
}

// remaining returns the cells that pass when owed is owed.
func (p *params) remaining(owed uint64) uint64 {
	if owed >= p.capacity {
		return 0
	}
	return (p.capacity - owed) / p.interval
}

// next returns the parameters after a change to l at the time at.
func (p *params) next(at uint64, l Limit) (params, error) {
	q, err := l.params()
	if err != nil {
		return params{}, err
	}
	q.most = max(p.most, q.burst)
	if hi, lo := bits.Mul64(q.most, q.interval); hi > 0 || lo > maxCapacity {
		return params{}, fmt.Errorf("what a burst of %d may owe takes more than 18 years at the new rate", q.most)
	}
	q.changed = max(at, p.changed)
	q.fastest = min(p.fastest, q.interval)
	q.stretch = q.interval / q.fastest
	if q.interval%q.fastest > 0 {
		q.stretch++
	}
	q.epoch = p.epoch + 1
	q.cells, q.fraction = p.virtual(q.changed)
	return q, nil
}

// virtual returns the virtual time at a time from p.changed on.
func (p *params) virtual(at uint64) (cells, fraction uint64) {
	whole, rem := (at-p.changed)/p.interval, (at-p.changed)%p.interval
	part, _ := bits.Div64(rem, 0, p.interval)
	fraction, carry := bits.Add64(p.fraction, part, 0)
	return p.cells + whole + carry, fraction
}

// convert returns the function that makes TATs under p into TATs under the later q:
// what is owed stays the same in cells, less what time has paid back in between.
func (p *params) convert(q *params) func(tat uint64) uint64 {
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
		if tat <= p.changed || tat-p.changed <= paid {
			return q.changed
		}
		hi, lo := bits.Mul64(tat-p.changed-paid, q.interval)
		if hi >= p.interval {
			return lastTAT
		}
		owed, rem := bits.Div64(hi, lo, p.interval)
		if rem > 0 {
			owed, carry = bits.Add64(owed, 1, 0)
			if carry > 0 {
				return lastTAT
			}
		}
		sum, carry := bits.Add64(q.changed, owed, 0)
		if carry > 0 || sum > lastTAT {
			return lastTAT
		}
		return sum
	}
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
