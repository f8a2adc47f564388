package gcra

import (
	"sync/atomic"
	"time"
)

// Stats are counts since the beginning of a [Keyed] or a [Counted].
type Stats struct {
	Allowed  uint64 // decisions that let cells pass
	Denied   uint64 // decisions that did not, those of a dry run too
	Cells    uint64 // that passed
	Refunded uint64 // cells that were given back

	// Of a Keyed only.
	Evicted    uint64 // keys that owed nothing and were forgotten
	Overflowed uint64 // decisions of keys that found no room and share a limit
	Keys       int64  // in the table now
	SizeBytes  int64  // of the table's entries now
}

func (s *Stats) add(t Stats) {
	s.Allowed += t.Allowed
	s.Denied += t.Denied
	s.Cells += t.Cells
	s.Refunded += t.Refunded
	s.Evicted += t.Evicted
	s.Overflowed += t.Overflowed
	s.Keys += t.Keys
	s.SizeBytes += t.SizeBytes
}

// Counted is a limit that counts its decisions. It is as safe for concurrent use as the
// limit is; it must not be copied.
type Counted struct {
	limit                            Taker
	allowed, denied, cells, refunded atomic.Uint64
}

// NewCounted counts the decisions of l that are made through it.
func NewCounted(l Taker) *Counted { return &Counted{limit: l} }

// Take asks l for n cells and counts the answer, unless n = 0.
func (c *Counted) Take(now time.Duration, n uint64) Decision {
	if c.limit == nil {
		return Decision{}
	}
	d := c.limit.Take(now, n)
	c.count(d, n)
	return d
}

func (c *Counted) count(d Decision, n uint64) {
	switch {
	case n == 0:
	case d.Err() == nil:
		c.allowed.Add(1)
		c.cells.Add(n)
	default:
		c.denied.Add(1)
	}
}

// Peek asks l, and counts nothing.
func (c *Counted) Peek(now time.Duration, n uint64) Decision {
	if c.limit == nil {
		return Decision{}
	}
	return c.limit.Peek(now, n)
}

// Reserve asks l and counts the answer. If l is no [Reserver], it is a Take.
func (c *Counted) Reserve(now time.Duration, n uint64, longest time.Duration) Decision {
	r, ok := c.limit.(Reserver)
	if !ok {
		return c.Take(now, n)
	}
	d := r.Reserve(now, n, longest)
	c.count(d, n)
	return d
}

// Refund gives the cells of d back to l and counts them. If l is no [Refunder], it cannot.
func (c *Counted) Refund(now time.Duration, d *Decision) bool {
	r, ok := c.limit.(Refunder)
	n := d.cells
	if !ok || !r.Refund(now, d) {
		return false
	}
	c.refunded.Add(n)
	return true
}

// Stats returns the counts. Decisions made at the same time may be in it in part.
func (c *Counted) Stats() Stats {
	return Stats{Allowed: c.allowed.Load(), Denied: c.denied.Load(), Cells: c.cells.Load(), Refunded: c.refunded.Load()}
}

// DryRun is a limit that denies nothing: its decisions are those of Taker, but
// allowed, and with [Decision.DryRun] where Taker denied. What was denied costs nothing.
type DryRun struct{ Taker Taker }

// Take asks for n cells; see [DryRun].
func (r DryRun) Take(now time.Duration, n uint64) Decision {
	if r.Taker == nil {
		return Decision{}
	}
	return r.Taker.Take(now, n).dry()
}

// Peek tells what Take would say.
func (r DryRun) Peek(now time.Duration, n uint64) Decision {
	if r.Taker == nil {
		return Decision{}
	}
	return r.Taker.Peek(now, n).dry()
}
