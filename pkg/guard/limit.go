package guard

import (
	"context"
	"net/http"
	"sync/atomic"

	"cqkit/pkg/gcra"
)

// A limiter is a Limit at work.
type limiter struct {
	Limit
	keyed *gcra.Keyed[string] // this process's; nil if the limit is shared and nothing takes its place
	most  uint64              // the largest burst so far; see gcra.Limiter.Change
	adapt *adapter            // nil if the rate stays
	dry   atomic.Bool
	set   atomic.Pointer[gcra.Limit] // as configured or applied last
}

func newLimiter(l Limit) (*limiter, error) {
	n := &limiter{Limit: l, most: l.Limit.Burst}
	n.dry.Store(l.DryRun)
	n.set.Store(&l.Limit)
	own := l.Limit
	if l.Shared != nil {
		if l.Fail != FailLocal {
			return n, nil
		}
		own = l.Local
	}
	var err error
	n.keyed, err = gcra.NewKeyed[string](gcra.KeyedConfig{Limit: own, MaxKeys: l.MaxKeys})
	if l.Adapt != nil {
		n.adapt = newAdapter(*l.Adapt)
	}
	return n, err
}

// limit is the limit that is told to clients: the one in force, or the shared one.
func (l *limiter) limit() gcra.Limit {
	if l.Shared != nil {
		return *l.set.Load()
	}
	return l.keyed.Limit()
}

// cost is how many cells the request takes.
func (l *limiter) cost(r *http.Request) uint64 {
	if l.Cost == nil {
		return 1
	}
	return l.Cost(r)
}

// dry tells whether a limit only tells what it would refuse.
func (x *exchange) dry(l *limiter) bool { return l.dry.Load() || x.g.dryRun() }

// A take is one limit's part in a decision of several.
type take struct {
	l        *limiter
	entry    gcra.Entry
	key      string // for a Decider
	n        uint64
	skip     bool // it has been decided already
	decision gcra.Decision
}

// limit asks all limits for a request, and tells whether it may go on.
func (x *exchange) limit() bool {
	g := x.g
	if len(g.limits) == 1 && g.limits[0].Shared == nil {
		// What is usual.
		l := g.limits[0]
		n := l.cost(x.r)
		if n == 0 {
			return true
		}
		x.key = l.Key.append(x.key[:0], x)
		if x.e.client && g.cfg.Client.MaxWait > 0 {
			return x.reserve(l, n)
		}
		return x.judge(l, gcra.TakeBytes(l.keyed, x.key, x.start, n))
	}
	return x.limitAll()
}

// judge takes in the decision of a limit and tells whether the request may go on.
func (x *exchange) judge(l *limiter, d gcra.Decision) bool {
	if x.tightest == nil || !d.Allowed || d.Remaining < x.decision.Remaining {
		x.tightest, x.decision = l, d
	}
	if d.Allowed {
		return true
	}
	if l.adapt != nil {
		l.adapt.denied.Store(true)
	}
	x.e.limit = l.Name
	if x.dry(l) {
		x.e.dry = rateLimited
		return true
	}
	x.e.outcome = rateLimited
	return false
}

// limitAll asks several limits, or shared ones: first whether all would let the request
// pass, then the shared ones for cells, then those here, whose cells can be given back. So a
// denial costs nothing unless the last cell went between the asking and the taking.
func (x *exchange) limitAll() bool {
	x.takes = x.takes[:0]
	shared := 0
	for _, l := range x.g.limits {
		n := l.cost(x.r)
		if n == 0 {
			continue
		}
		x.key = l.Key.append(x.key[:0], x)
		t := take{l: l, n: n}
		if l.keyed != nil {
			t.entry = gcra.KeyBytes(l.keyed, x.key)
		}
		if l.Shared != nil {
			t.key = string(x.key)
			shared++
		} else if d := t.entry.Peek(x.start, n); !d.Allowed {
			if !x.judge(l, d) {
				return false
			}
			continue // a dry run: what would have been denied takes nothing
		}
		x.takes = append(x.takes, t)
	}
	return x.takeShared(shared) && x.takeLocal()
}

// takeShared takes the cells of the shared limits.
func (x *exchange) takeShared(shared int) bool {
	if shared > 1 {
		// Cells of a shared limit cannot be given back: ask all before taking from one.
		for i := range x.takes {
			t := &x.takes[i]
			if t.l.Shared == nil {
				continue
			}
			d, err := x.ask(t, 0)
			if err == nil && d.Remaining < t.n {
				d.Allowed = false
				if d.RetryAfter == 0 {
					d.RetryAfter = d.ResetAfter
				}
				if !x.judge(t.l, d) {
					return false
				}
				t.skip = true
			} else if err != nil && !x.without(t) {
				return false
			}
		}
	}
	for i := range x.takes {
		t := &x.takes[i]
		if t.l.Shared == nil || t.skip {
			continue
		}
		d, err := x.ask(t, t.n)
		if err != nil && !x.without(t) || err == nil && !x.judge(t.l, d) {
			return false
		}
	}
	return true
}

// ask asks a Decider for n cells. It does not wait for longer than the limit lets it.
func (x *exchange) ask(t *take, n uint64) (gcra.Decision, error) {
	ctx, cancel := context.WithTimeout(x.r.Context(), t.l.Timeout)
	defer cancel()
	return t.l.Shared.Take(ctx, t.key, n)
}

// without does what a limit wants when its Decider cannot decide, and tells whether the request
// may go on.
func (x *exchange) without(t *take) bool {
	if x.r.Context().Err() != nil {
		x.e.outcome, x.err = canceled, x.r.Context().Err()
		return false
	}
	x.e.failed, x.e.limit = true, t.l.Name
	t.skip = true
	switch t.l.Fail {
	case FailLocal:
		return x.judge(t.l, t.entry.Take(x.start, t.n))
	case FailClosed:
		if x.dry(t.l) {
			x.e.dry = limiterError
			return true
		}
		x.e.outcome = limiterError
		return false
	}
	return true
}

// takeLocal takes the cells of the limits here. Where one went since the limits were asked, those
// that were taken before it are given back.
func (x *exchange) takeLocal() bool {
	for i := range x.takes {
		t := &x.takes[i]
		if t.l.Shared != nil {
			continue
		}
		t.decision = t.entry.Take(x.start, t.n)
		if x.judge(t.l, t.decision) {
			continue
		}
		for j := range x.takes[:i] {
			if u := &x.takes[j]; u.l.Shared == nil && u.decision.Allowed {
				u.entry.Refund(x.start, &u.decision)
			}
		}
		return false
	}
	return true
}
