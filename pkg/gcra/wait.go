package gcra

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrWait means that the cells would not pass within the time there is. Nothing was taken.
var ErrWait = errors.New("cells do not pass in time")

// Wait takes n cells of l and returns when they may be used, which is when clock has passed
// the moment at which they pass. Callers are served in the order in which they called.
// clock returns the monotonic time since the limiter's beginning, as in
//
//	func() time.Duration { return time.Since(start) }
//
// It returns the error of ctx if that ends first, and at once an error that wraps [ErrWait]
// if ctx has a deadline before the cells pass, and the decision's error if they never do. Cells that were taken
// for a wait that ends early are given back if nobody is behind it.
func Wait(ctx context.Context, clock func() time.Duration, l Reserver, n uint64) (Decision, error) {
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	now := clock()
	d := l.Reserve(now, n, MaxTime)
	if !d.Allowed {
		if errors.Is(d.Err(), ErrLimited) {
			return d, ErrWait
		}
		return d, d.Err()
	}
	for due := now + d.Delay; now < due; now = clock() {
		if err := sleep(ctx, due-now); err != nil {
			l.Refund(clock(), &d)
			return Decision{}, err
		}
	}
	return d, nil
}

// sleep waits for d. It does not begin if ctx has an earlier deadline.
func sleep(ctx context.Context, d time.Duration) error {
	timer, stop := context.WithTimeout(ctx, d)
	defer stop()
	// The deadline of a context is never after its parent's.
	if deadline, ok := ctx.Deadline(); ok {
		if until, _ := timer.Deadline(); !until.Before(deadline) {
			return fmt.Errorf("%w: %w", ErrWait, context.DeadlineExceeded)
		}
	}
	<-timer.Done()
	return ctx.Err()
}
