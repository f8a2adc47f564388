package vegas

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// untimed is the start of a request that gives no sample and ends no window.
const untimed time.Duration = math.MinInt64

// TryNow is Try for a request that starts at the present time, and Done its Release. While
// a window has more samples than it needs, a part of the requests, chosen at random, is
// not timed: the clock, which costs several times what the rest of the gate does, is
// read for the others only.
func (g *Gate) TryNow(c Class) (Permit, bool) {
	part, ok := g.enter(c)
	if !ok {
		return Permit{}, false
	}
	p := Permit{gate: g, start: untimed, part: part}
	if g.sampled() {
		p.start = g.Now()
	}
	return p, true
}

// Done is Release at the present time, for permits of which Try and Release were not given
// times of the caller's own. It reads the clock only if the request is timed.
func (p Permit) Done(o Outcome) {
	now := untimed
	if p.start != untimed && p.gate != nil {
		now = p.gate.Now()
	}
	p.Release(now, o)
}

// sampled tells whether to time a request.
func (g *Gate) sampled() bool {
	mask := g.mask.Load()
	return mask == 0 || rand.Uint32()&mask == 0
}

// Do waits for a permit of the zero Class as Acquire does, calls f and releases the
// permit with what Classify makes of f's error, which it returns. If f panics, the permit is
// released with Ignore. Like TryNow, it times only as many calls as windows need.
func (g *Gate) Do(ctx context.Context, f func(context.Context) error) error {
	return g.DoClass(ctx, Class{}, f)
}

// DoClass is Do for a request of class c.
func (g *Gate) DoClass(ctx context.Context, c Class, f func(context.Context) error) error {
	p, err := g.acquire(ctx, c, g.sampled())
	if err != nil {
		return err
	}
	outcome := Ignore
	defer func() { p.Done(outcome) }()
	err = f(ctx)
	outcome = g.cfg.Classify(err)
	return err
}

// Classify is the Outcome of an error where nothing else is configured: Success for
// nil, Overload for ErrOverload and context.DeadlineExceeded, Ignore for all others.
func Classify(err error) Outcome {
	switch {
	case err == nil:
		return Success
	case errors.Is(err, ErrOverload), errors.Is(err, context.DeadlineExceeded):
		return Overload
	}
	return Ignore
}
