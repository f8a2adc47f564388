package gcra

import (
	"errors"
	"time"
)

var (
	// ErrLimited means that the cells do not pass now. They may after [Decision.RetryAfter].
	ErrLimited = errors.New("rate limit reached")
	// ErrTooLarge means that so many cells at once never pass.
	ErrTooLarge = errors.New("more cells at once than the limit allows")
	// ErrUnset means that the limiter is a zero value. It denies everything.
	ErrUnset = errors.New("limiter has no limit")
)

type reason uint8

const (
	unset reason = iota
	passed
	limited
	tooLarge
)

// A Decision is the answer to one call. Durations are rounded up, so who waits for as
// long as one says is not early. The zero Decision is a denial.
type Decision struct {
	Allowed bool // the cells may be used, after Delay
	DryRun  bool // it would have been a denial, but for a dry run; Err tells why
	why     reason

	Limit     uint64 // the most cells that pass at once, or in a period
	Remaining uint64 // cells that would pass right after this call

	Delay      time.Duration // how long to wait before using the cells; only from Reserve and Leaky
	RetryAfter time.Duration // until the same cells would pass if nothing else does; 0 if allowed or if waiting does not help
	ResetAfter time.Duration // until nothing is owed any more

	cells uint64
	mark  uint64 // the state that the decision wrote, for Refund
	epoch uint64 // and under which limit
}

// Err returns nil for cells that pass, and otherwise [ErrLimited], [ErrTooLarge] or [ErrUnset]. It
// does so for a dry run too, whose Allowed is always true.
func (d Decision) Err() error {
	switch d.why {
	case passed:
		return nil
	case limited:
		return ErrLimited
	case tooLarge:
		return ErrTooLarge
	default:
		return ErrUnset
	}
}

// refundable returns what Refund needs and makes sure that it is used once.
func (d *Decision) refundable() (cells, mark, epoch uint64, ok bool) {
	cells, mark, epoch = d.cells, d.mark, d.epoch
	ok = d.why == passed && cells > 0
	d.cells = 0
	return cells, mark, epoch, ok
}

// dry returns d as a dry run tells it.
func (d Decision) dry() Decision {
	if !d.Allowed {
		d.Allowed, d.DryRun = true, true
	}
	return d
}

// denied returns the decision that n cells do not pass in a state, not even slack later.
func (p *params) denied(n uint64, s state, slack uint64) Decision {
	d := Decision{Limit: p.burst, Remaining: p.remaining(s.owed), ResetAfter: nanos(s.t - s.at), why: limited}
	if n > p.burst {
		d.why = tooLarge
		return d
	}
	// There is a wait, or the call would not have been denied, but for a TAT that would overflow.
	if wait := p.wait(s, p.capacity-n*p.interval); wait > slack {
		d.RetryAfter = nanos(wait - slack)
	}
	return d
}

// A Taker is a limit of any kind.
type Taker interface {
	// Take asks for n cells at now. n = 0 tells the state and changes nothing.
	Take(now time.Duration, n uint64) Decision
	// Peek tells whether Take would be allowed, and changes nothing. Its Remaining
	// is of before the cells.
	Peek(now time.Duration, n uint64) Decision
}

// A Refunder is a limit that takes back cells that were not used.
type Refunder interface {
	// Refund takes back the cells of an allowed decision of the same limit and reports
	// whether it could. They must not have been used. A decision is refunded
	// at most once; Refund marks d, but not its copies.
	Refund(now time.Duration, d *Decision) bool
}

// A Reserver is a limit whose cells can be taken ahead of time.
type Reserver interface {
	Taker
	Refunder
	// Reserve asks for n cells that may be used at now or up to longest later, after
	// the decision's Delay.
	Reserve(now time.Duration, n uint64, longest time.Duration) Decision
}
