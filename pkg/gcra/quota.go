package gcra

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// An Allowance is the most cells in each period.
type Allowance struct {
	Cells  uint64
	Period Period
}

// A Tier is what a kind of customer may use: all of its allowances hold.
type Tier struct {
	Name       string // for the caller
	Allowances []Allowance
}

func (t Tier) check() error {
	if len(t.Allowances) == 0 {
		return fmt.Errorf("tier %q has no allowance", t.Name)
	}
	for _, a := range t.Allowances {
		if a.Period < Hour || a.Period > Year {
			return fmt.Errorf("tier %q has an allowance for no period", t.Name)
		}
		if a.Cells == 0 {
			return fmt.Errorf("tier %q allows nothing in a %v", t.Name, a.Period)
		}
	}
	return nil
}

// A Quota limits one customer's cells in periods of the calendar. It counts what is used
// in every kind of period, so the customer's tier can change at any time. It is safe for concurrent
// use and must not be copied. The zero Quota denies everything.
type Quota struct {
	mu     sync.Mutex
	origin time.Time // the calendar's time at which now is 0, in the quota's zone
	tier   Tier
	spans  [periods]span
}

// A span is the current period of a kind and what has been used in it.
type span struct {
	start, end time.Duration // since the origin
	used       uint64
}

// NewQuota returns a quota whose now is 0 at origin; it counts by the calendar of a zone. In each calendar
// period, at most as many cells pass as the tier allows. After a clock has gone back into an
// earlier period, nothing passes until the latest one is reached again.
func NewQuota(tier Tier, origin time.Time, zone *time.Location) (*Quota, error) {
	if err := tier.check(); err != nil {
		return nil, err
	}
	if zone == nil {
		return nil, errors.New("quota without a time zone")
	}
	return &Quota{origin: origin.Round(0).In(zone), tier: tier.clone()}, nil
}

func (t Tier) clone() Tier {
	t.Allowances = append([]Allowance(nil), t.Allowances...)
	return t
}

// at returns the span of a kind at now. What it returns is new if now is in no earlier or
// current one.
func (q *Quota) at(p Period, now time.Duration) span {
	s := q.spans[p-1]
	if now < s.end {
		return s
	}
	start, end := p.bounds(q.origin.Add(now))
	return span{start: start.Sub(q.origin), end: end.Sub(q.origin)}
}

// Take asks for n cells at now. The decision's Limit, Remaining and ResetAfter are those of the allowance of
// which the least remains.
func (q *Quota) Take(now time.Duration, n uint64) Decision { return q.decide(now, n, true) }

// Peek tells whether n cells would pass at now, and changes nothing.
func (q *Quota) Peek(now time.Duration, n uint64) Decision { return q.decide(now, n, false) }

func (q *Quota) decide(now time.Duration, n uint64, take bool) Decision {
	q.mu.Lock()
	defer q.mu.Unlock()
	now = min(max(now, 0), MaxTime)
	d := Decision{Allowed: true, why: passed}
	for i, a := range q.tier.Allowances {
		s := q.at(a.Period, now)
		left := a.Cells - min(s.used, a.Cells)
		until := s.end - now
		if now < s.start {
			if left >= n {
				until = s.start - now
			}
			left = 0
		}
		if i == 0 || left < d.Remaining || left == d.Remaining && until > d.ResetAfter {
			d.Limit, d.Remaining, d.ResetAfter = a.Cells, left, until
		}
		switch {
		case n > a.Cells:
			d.Allowed, d.why = false, tooLarge
		case n > left:
			d.Allowed = false
			if d.why != tooLarge {
				d.why = limited
			}
			d.RetryAfter = max(d.RetryAfter, until)
		}
	}
	switch {
	case q.tier.Allowances == nil:
		return Decision{}
	case d.why == tooLarge:
		d.RetryAfter = 0
	case d.Allowed && take && n > 0:
		for p := Hour; p <= Year; p++ {
			s := q.at(p, now)
			s.used += min(n, ^uint64(0)-s.used)
			q.spans[p-1] = s
		}
		d.Remaining -= n
		d.cells, d.mark = n, uint64(now)
	}
	return d
}

// Refund takes the cells of d out of the periods that are not over.
func (q *Quota) Refund(now time.Duration, d *Decision) bool {
	n, mark, _, ok := d.refundable()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !ok {
		return false
	}
	ok = false
	for i := range q.spans {
		s := &q.spans[i]
		if taken := time.Duration(mark); s.start <= taken && taken < s.end && now < s.end && s.used >= n {
			s.used -= n
			ok = true
		}
	}
	return ok
}

// SetTier changes what is allowed from now on. What was used in the current periods stays used.
func (q *Quota) SetTier(tier Tier) error {
	if err := tier.check(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tier.Allowances == nil {
		return ErrUnset
	}
	q.tier = tier.clone()
	return nil
}

// Tier returns what is allowed.
func (q *Quota) Tier() Tier {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.tier.clone()
}

// Used returns the cells that passed in the period of a kind that now is in, and the instant
// at which the next one begins. It is 0 for a period that is over.
func (q *Quota) Used(now time.Duration, p Period) (cells uint64, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tier.Allowances == nil || p < Hour || p > Year {
		return 0, time.Time{}
	}
	s := q.at(p, min(max(now, 0), MaxTime))
	return s.used, q.origin.Add(s.end)
}
