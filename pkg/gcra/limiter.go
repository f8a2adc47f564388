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
			return c.denied(n, state{at, t, t - at}, 0)
		}
		if at-c.changed > c.span.Load() {
			c.see(at)
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
		s := c.state(tat, at)
		if n == 0 {
			return c.admitted(0, s)
		}
		if n > c.burst || s.owed > c.capacity-n*c.interval {
			return c.denied(n, s, 0)
		}
		c.see(at)
		s = s.after(n * c.interval)
		if c.tat.CompareAndSwap(tat, s.t) {
			return c.admitted(n, s)
		}
	}
}

// admitted returns the decision that n cells passed and left a state.
func (p *params) admitted(n uint64, s state) Decision {
	return Decision{Allowed: true, Limit: p.burst, Remaining: p.remaining(s.owed), ResetAfter: nanos(s.t - s.at), why: passed,
		cells: n, mark: s.t, epoch: p.epoch}
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
	s := p.state(tat, at)
	if n > 0 && (n > p.burst || s.owed > p.capacity-n*p.interval) {
		return p.denied(n, s, 0)
	}
	return p.admitted(0, s)
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
		if next == tat {
			return d
		}
		c.see(at)
		if d.Delay > 0 {
			c.reserveUntil(at + ticks(d.Delay))
		}
		if c.tat.CompareAndSwap(tat, next) {
			return d
		}
	}
}

// reserve returns the TAT after a reservation, or tat if it is refused, and the decision.
func (p *params) reserve(tat, at, n, slack uint64) (uint64, Decision) {
	s := p.state(tat, at)
	if n > p.burst {
		return tat, p.denied(n, s, slack)
	}
	if n == 0 {
		return tat, p.admitted(0, s)
	}
	cost := n * p.interval
	wait := p.wait(s, p.capacity-cost)
	if wait > slack || s.t >= lastTAT-cost {
		return tat, p.denied(n, s, slack)
	}
	s = s.after(cost)
	d := p.admitted(n, s)
	d.Delay = nanos(wait)
	return s.t, d
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

// Change sets a new limit from now on, or from the last change or the latest time at which cells have passed, if that was
// later. What is owed stays owed, counted in cells, so a change hands out no burst: over any interval of the
// times passed in, at most burst + ∫r dt cells pass, with the largest burst. Reserved cells keep their
// times, and the new limit follows them. (The latest time is known to 4 µs, if times come as closely as that.) The
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
	p, err := old.next(limit)
	if err != nil {
		return err
	}
	tat := old.tat.Swap(closed)
	reserved := old.reserved.Load()
	p.begin(&old.params, max(ticks(now), old.seen(tat)))
	c := &cell{params: p, limit: limit}
	c.tat.Store(old.convert(&p, p.changed, reserved)(tat))
	c.reserved.Store(reserved)
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
