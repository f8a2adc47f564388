package gcra

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Limiter is one limit. Its state is one word and every decision at most one
// compare-and-swap. It is safe for concurrent use and must not be copied. The zero
// Limiter denies everything.
type Limiter struct {
	cell   atomic.Pointer[cell]
	change sync.Mutex // held by Change
}

// A cell is a TAT and the limit it counts under, together in one cache line. A change of the limit
// makes a new one.
type cell struct {
	tat atomic.Uint64 // or closed
	params
	limit Limit
}

// New returns a limiter that admits r on average and up to burst cells at once. It
// refuses what it cannot keep exactly; see [Limit.Check].
func New(r Rate, burst uint64) (*Limiter, error) {
	limit := Limit{r, burst}
	p, err := limit.params()
	if err != nil {
		return nil, err
	}
	l := new(Limiter)
	l.cell.Store(&cell{params: p, limit: limit})
	return l, nil
}

// Take asks for n cells at now, the monotonic time since the limiter's beginning. Over any interval d of
// the times passed in, at most burst + d·r cells are admitted. With n = 0, or on a denial, nothing
// is written.
func (l *Limiter) Take(now time.Duration, n uint64) (d Decision) {
	at := ticks(now)
	c := l.cell.Load()
	if c == nil {
		return d
	}
	// What is usual, without detours: no cell is closed, nothing is about to be explained.
	for {
		tat := c.tat.Load()
		if n-1 >= c.burst || at < c.changed || tat == closed {
			return l.take(at, n)
		}
		cost := n * c.interval
		t := max(tat, at)
		if t-at > c.capacity-cost {
			return c.denied(n, t-at, 0)
		}
		if t += cost; c.tat.CompareAndSwap(tat, t) {
			// Written where the caller finds it: copying a Decision costs as much as the swap.
			d.Allowed, d.why = true, passed
			d.Limit, d.Remaining, d.ResetAfter = c.burst, c.remaining(t-at), nanos(t-at)
			d.cells, d.mark, d.epoch = n, t, c.epoch
			return d
		}
	}
}

// take is Take in full.
func (l *Limiter) take(at, n uint64) Decision {
	for {
		c := l.cell.Load()
		tat := c.tat.Load()
		if tat == closed {
			runtime.Gosched() // the new cell is about to be stored
			continue
		}
		t, owed := c.position(tat, at)
		if n == 0 {
			return c.admitted(0, owed, t)
		}
		if n > c.burst || owed > c.capacity-n*c.interval {
			return c.denied(n, owed, 0)
		}
		cost := n * c.interval
		if c.tat.CompareAndSwap(tat, t+cost) {
			return c.admitted(n, owed+cost, t+cost)
		}
	}
}

// admitted returns the decision that n cells passed, after which owed is owed.
func (p *params) admitted(n, owed, tat uint64) Decision {
	return Decision{Allowed: true, Limit: p.burst, Remaining: p.remaining(owed), ResetAfter: nanos(owed), why: passed,
		cells: n, mark: tat, epoch: p.epoch}
}

// Peek tells whether n cells would pass at now, and writes nothing. See [Taker].
func (l *Limiter) Peek(now time.Duration, n uint64) Decision {
	at := ticks(now)
	for {
		c := l.cell.Load()
		if c == nil {
			return Decision{}
		}
		tat := c.tat.Load()
		if tat == closed {
			runtime.Gosched()
			continue
		}
		return c.peek(tat, at, n)
	}
}

func (p *params) peek(tat, at, n uint64) Decision {
	_, owed := p.position(tat, at)
	if n > 0 && (n > p.burst || owed > p.capacity-n*p.interval) {
		return p.denied(n, owed, 0)
	}
	return p.admitted(0, owed, 0)
}

// Reserve asks for n cells that may be used at now or up to longest later: after the decision's Delay.
// The limiter's promise holds for the times at which they may be used. A reservation
// that is not needed is given back with [Limiter.Refund].
func (l *Limiter) Reserve(now time.Duration, n uint64, longest time.Duration) Decision {
	at, slack := ticks(now), ticks(longest)
	for {
		c := l.cell.Load()
		if c == nil {
			return Decision{}
		}
		tat := c.tat.Load()
		if tat == closed {
			runtime.Gosched()
			continue
		}
		next, d := c.reserve(tat, at, n, slack)
		if next == tat || c.tat.CompareAndSwap(tat, next) {
			return d
		}
	}
}

// reserve returns the TAT after a reservation, or tat if it is refused, and the decision.
func (p *params) reserve(tat, at, n, slack uint64) (uint64, Decision) {
	t, owed := p.position(tat, at)
	if n > p.burst {
		return tat, p.denied(n, owed, slack)
	}
	cost := n * p.interval
	if n == 0 {
		return tat, p.admitted(0, owed, t)
	}
	room := p.capacity - cost
	if owed > room && owed-room > slack || t+cost < t || t+cost >= lastTAT {
		return tat, p.denied(n, owed, slack)
	}
	d := p.admitted(n, owed+cost, t+cost)
	if owed > room {
		d.Delay = nanos(owed - room)
	}
	return t + cost, d
}

// Refund gives back the cells of d, which this limiter allowed and which were not used, and reports
// whether it could. It can while d is the last decision that counted and something is
// still owed at now; otherwise later decisions stand on d, or there is nothing to give back,
// and nothing changes.
func (l *Limiter) Refund(now time.Duration, d *Decision) bool {
	n, mark, epoch, ok := d.refundable()
	c := l.cell.Load()
	if !ok || c == nil || epoch != c.epoch || mark <= ticks(now) {
		return false
	}
	return c.tat.CompareAndSwap(mark, mark-n*c.interval)
}

// Change sets a new limit from now on, or from the last change on if that was later. What is owed stays
// owed, counted in cells, so a change hands out no burst: over an interval with changes, at most
// burst + ∫r dt cells pass, with the largest burst. Where times after now have been passed in before the call, the
// faster of the two rates counts up to them, and an interval that begins with them counts from now. The
// zero Limiter takes its first limit this way. A rate at which the largest burst so far would
// take over 18 years is refused, because such debts could not be kept. An error changes nothing.
func (l *Limiter) Change(now time.Duration, limit Limit) error {
	l.change.Lock()
	defer l.change.Unlock()
	old := l.cell.Load()
	if old == nil {
		p, err := limit.params()
		if err == nil {
			l.cell.Store(&cell{params: p, limit: limit})
		}
		return err
	}
	p, err := old.next(ticks(now), limit)
	if err != nil {
		return err
	}
	c := &cell{params: p, limit: limit}
	c.tat.Store(old.convert(&p)(old.tat.Swap(closed)))
	l.cell.Store(c)
	return nil
}

// Limit returns the limit in force, the zero Limit for the zero Limiter.
func (l *Limiter) Limit() Limit {
	if c := l.cell.Load(); c != nil {
		return c.limit
	}
	return Limit{}
}

// EffectiveRate returns the rate that is kept; see [Limit.EffectiveRate].
func (l *Limiter) EffectiveRate() Rate { return l.Limit().EffectiveRate() }
