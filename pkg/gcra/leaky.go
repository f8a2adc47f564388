package gcra

import (
	"errors"
	"math/bits"
	"time"
)

// A Leaky is a leaky bucket used as a queue: cells leave it evenly, an interval apart. Take
// lets cells in and says in the decision's Delay when the first of them leaves; the others follow an interval
// apart. It is safe for concurrent use and must not be copied. The zero Leaky
// denies everything.
type Leaky struct {
	limiter Limiter // of burst 1: its TAT is when the next cell may leave
	queue   uint64
}

// NewLeaky returns a bucket out of which cells leave at r, and in which up to queue
// cells wait besides the one that leaves. Cells leave at least 1/r apart, and none waits longer than queue/r.
func NewLeaky(r Rate, queue uint64) (*Leaky, error) {
	p, err := Limit{r, 1}.params()
	if err != nil {
		return nil, err
	}
	if queue+1 == 0 {
		return nil, errors.New("leaky bucket is too long")
	}
	if hi, lo := bits.Mul64(p.interval, queue+1); hi > 0 || lo > maxCapacity {
		return nil, errors.New("leaky bucket takes more than 18 years to run out")
	}
	l := &Leaky{queue: queue}
	l.limiter.cell.Store(&cell{params: p, limit: Limit{r, 1}})
	return l, nil
}

// Take puts n cells into the bucket at now, all or none.
func (l *Leaky) Take(now time.Duration, n uint64) Decision { return l.decide(now, n, true) }

// Peek tells whether n cells would fit, and when the first of them would leave, and changes nothing.
func (l *Leaky) Peek(now time.Duration, n uint64) Decision { return l.decide(now, n, false) }

func (l *Leaky) decide(now time.Duration, n uint64, take bool) Decision {
	at := ticks(now)
	c := l.limiter.cell.Load()
	if c == nil {
		return Decision{}
	}
	places := l.queue + 1
	for {
		tat := c.tat.Load()
		t := max(tat, at)
		wait := t - at
		// The n-th of these cells leaves (n-1)·T after the first, queue·T from now at the latest.
		whole := l.queue * c.interval
		var free uint64
		if wait <= whole {
			free = (whole-wait)/c.interval + 1
		}
		d := Decision{Limit: places, Remaining: free, ResetAfter: nanos(wait)}
		switch {
		case n > places:
			d.why = tooLarge
			return d
		case n > free:
			d.why = limited
			d.RetryAfter = nanos(wait - (whole - (n-1)*c.interval))
			return d
		}
		d.Allowed, d.why = true, passed
		if n == 0 {
			return d
		}
		d.Delay = nanos(wait)
		if !take {
			return d
		}
		next := t + n*c.interval
		if !c.tat.CompareAndSwap(tat, next) {
			continue
		}
		d.Remaining -= n
		d.ResetAfter = nanos(wait + n*c.interval)
		d.cells, d.mark = n, next
		return d
	}
}

// Refund takes the cells of d out again if none has come in after them and none of
// them has left at now.
func (l *Leaky) Refund(now time.Duration, d *Decision) bool {
	n, mark, _, ok := d.refundable()
	c := l.limiter.cell.Load()
	if !ok || c == nil || mark-n*c.interval < ticks(now) {
		return false
	}
	return c.tat.CompareAndSwap(mark, mark-n*c.interval)
}
