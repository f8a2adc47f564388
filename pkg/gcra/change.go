package gcra

import (
	"fmt"
	"math"
	"math/bits"
)

const (
	closed  = math.MaxUint64     // the TAT of a cell that has been replaced
	lastTAT = math.MaxUint64 - 1 // debts beyond it are all the same: no time that is told apart pays them
)

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
