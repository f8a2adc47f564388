package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"cqkit/pkg/gcra"
)

// errPaused means that nobody asks the server for a while, because it did not answer.
var errPaused = errors.New("it did not answer, and is left alone for a while")

// exchange lets f ask the server, if the breaker lets it.
func (s *Store) exchange(ctx context.Context, to *setting, f func(context.Context) error) error {
	if err := gaveUp(ctx); err != nil {
		return err
	}
	leave, ok := s.breaker.enter(s.now())
	if !ok {
		return errPaused
	}
	inner, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	result := abandoned
	defer func() { s.breaker.exit(leave, s.now(), result) }()
	err := s.prepare(inner, to)
	if err == nil {
		err = f(inner)
	}
	s.counts.exchanges.Add(1)
	switch {
	case err == nil:
		result = answered
	case gaveUp(ctx) != nil: // the caller's time was up, not ours
		return gaveUp(ctx)
	default:
		result = failed
		to.ready.Store(false) // a server that comes back may lack what was prepared
		s.counts.failures.Add(1)
	}
	return err
}

// ask asks the server for cells of a key.
func (s *Store) ask(ctx context.Context, to *setting, name string, a ask) (r reply, err error) {
	err = s.exchange(ctx, to, func(ctx context.Context) error {
		r, err = s.server.take(ctx, name, &to.params, a)
		return err
	})
	return r, err
}

// without decides when the server has not, because of err.
func (s *Store) without(ctx context.Context, to *setting, key string, n uint64, err error) (gcra.Decision, error) {
	if s.options.Failure == FailClosed || gaveUp(ctx) != nil || errors.Is(err, ErrClosed) {
		return gcra.Decision{}, s.explain(ctx, err)
	}
	s.counts.alone.Add(1)
	d := s.alone.Take(key, s.now(), n)
	if !d.Allowed && n > d.Limit && n <= to.burst {
		// It passes again once the server is back.
		pause := max(s.breaker.left(s.now()), time.Second)
		d = to.decision(n, false, to.capacity)
		d.RetryAfter = max(d.RetryAfter, pause)
	}
	return d, nil
}

// explain returns the error of a decision that was not made.
func (s *Store) explain(ctx context.Context, err error) error {
	if e := gaveUp(ctx); e != nil {
		return e
	}
	if errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", s.place, ErrUnavailable, err)
}

// gaveUp returns why the caller does not wait any more, or nil. A connection may notice a deadline before the context does.
func gaveUp(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// jittered returns d, less up to a quarter at random.
func jittered(d time.Duration) time.Duration {
	return d - time.Duration(rand.Float64()*float64(d/4))
}
