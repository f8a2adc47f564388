package gcra

import (
	"sync"
	"time"
)

// All is several limits decided together: cells pass if all of them let them pass, and otherwise
// count in none. It is safe for concurrent use if its limits are, and must not be copied. The zero All, and one
// of no limits, denies everything.
//
// If the limits are used only through one All, that is exact. A limit that is
// also used elsewhere, such as a common one beside one for each customer, may refuse between being asked
// and being taken from; what the others gave is then given back if it can be ([Refunder]), and
// otherwise lost. No limit ever lets pass more than it promises.
type All struct {
	mu     sync.Mutex
	limits []Taker
	each   []Decision // for Take
}

// NewAll returns limits to be decided together.
func NewAll(limits ...Taker) *All { return &All{limits: append([]Taker(nil), limits...)} }

// Take asks all limits for n cells at now. The decision's Limit, Remaining and ResetAfter are those of the limit of
// which the least remains, its Delay and RetryAfter the longest of all.
func (a *All) Take(now time.Duration, n uint64) Decision {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, each := a.take(now, n, a.each[:0])
	a.each = each
	return d
}

// Peek tells whether n cells would pass at now, and changes nothing.
func (a *All) Peek(now time.Duration, n uint64) Decision {
	a.mu.Lock()
	defer a.mu.Unlock()
	var d Decision
	for i, l := range a.limits {
		d = join(i, d, l.Peek(now, n))
	}
	return d
}

// TakeEach is Take that also returns the answer of each limit, appended to each, for headers and
// [All.RefundEach].
func (a *All) TakeEach(now time.Duration, n uint64, each []Decision) (Decision, []Decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, answers := a.take(now, n, each)
	return d, answers
}

func (a *All) take(now time.Duration, n uint64, to []Decision) (Decision, []Decision) {
	var d Decision
	before := len(to)
	for i, l := range a.limits {
		one := l.Peek(now, n)
		d = join(i, d, one)
		to = append(to, one)
	}
	if !d.Allowed || n == 0 {
		return d, to
	}
	each := to[before:]
	for i, l := range a.limits {
		each[i] = l.Take(now, n)
		d = join(i, d, each[i])
		if !each[i].Allowed {
			a.refund(now, each[:i])
			break
		}
	}
	d.cells = 0 // Refund is the limits' own
	return d, to
}

// RefundEach gives back the cells of the decisions that [All.TakeEach] appended, and reports whether
// every limit could take them back.
func (a *All) RefundEach(now time.Duration, each []Decision) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(each) == len(a.limits) && a.refund(now, each)
}

func (a *All) refund(now time.Duration, each []Decision) bool {
	all := true
	for i := range each {
		r, ok := a.limits[i].(Refunder)
		all = ok && r.Refund(now, &each[i]) && all
	}
	return all
}

// join returns the decision of limits of which the i before one said d.
func join(i int, d, one Decision) Decision {
	if i == 0 {
		return one
	}
	if one.Remaining < d.Remaining {
		d.Limit, d.Remaining, d.ResetAfter = one.Limit, one.Remaining, one.ResetAfter
	}
	d.Allowed = d.Allowed && one.Allowed
	d.DryRun = d.DryRun || one.DryRun
	d.Delay = max(d.Delay, one.Delay)
	d.RetryAfter = max(d.RetryAfter, one.RetryAfter)
	if severity[one.why] > severity[d.why] {
		d.why = one.why
	}
	if d.why == unset || d.why == tooLarge {
		d.RetryAfter = 0
	}
	if !d.Allowed {
		d.Delay = 0
	}
	return d
}

var severity = [...]int{passed: 0, limited: 1, tooLarge: 2, unset: 3}
