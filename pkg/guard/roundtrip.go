package guard

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"cqkit/pkg/gcra"
)

// Reasons why a request was not sent, for errors.Is; gcra.ErrLimited, gcra.ErrTooLarge,
// vegas.ErrFull and vegas.ErrLate are others.
var (
	// ErrRetryLater means that the host asked to be left alone for longer than a request may
	// wait.
	ErrRetryLater = errors.New("host asked to retry later")
	// ErrDraining means that the guard is being drained.
	ErrDraining = errors.New("guard is being drained")
	// ErrNoDecision means that a shared limit could not decide, and fails closed.
	ErrNoDecision = errors.New("shared limit could not decide")
)

// RefusedError is returned for requests that a [Guard.RoundTripper] did not send. Nothing of
// them has left.
type RefusedError struct {
	Limit      string        // name of the rate limit; empty if it was none
	RetryAfter time.Duration // until it may be sent, as far as that is known
	Err        error
}

func (e *RefusedError) Error() string {
	s := e.Err.Error()
	if e.Limit != "" {
		s = fmt.Sprintf("rate limit %q: %s", e.Limit, s)
	}
	if e.RetryAfter > 0 {
		s += fmt.Sprintf(" (retry after %v)", e.RetryAfter)
	}
	return s
}

func (e *RefusedError) Unwrap() error { return e.Err }

// RoundTripper returns a transport that sends through next what the guard admits; nil stands
// for http.DefaultTransport. Requests wait for their limits as Config.Client says, and for the gate as
// Gate says. Those that may not be sent fail with a [RefusedError]. A permit is held until the body of the answer has been
// read to its end or closed, or until its beginning with HoldHeader. After a 429 or 503 with
// Retry-After, requests to that host wait, or fail, until then. Requests are not repeated.
func (g *Guard) RoundTripper(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &roundTripper{g, next}
}

type roundTripper struct {
	g    *Guard
	next http.RoundTripper
}

// CloseIdleConnections closes those of the transport below, for http.Client.
func (t *roundTripper) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip is that of http.RoundTripper.
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	x := t.g.begin(r)
	x.e.client = true
	sent := false
	defer func() {
		if !sent {
			x.end()
		}
	}()
	if err := x.admitClient(); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(x.r)
	x.returned = true
	if err != nil {
		x.err = err
		return nil, err
	}
	x.began(resp.StatusCode)
	t.g.heed(x.host(), resp)
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols, resp.Body == nil, resp.Body == http.NoBody:
	default:
		if x.held.Load() && t.g.cfg.Gate.Hold == HoldWork && isStream(resp.Header) {
			x.releaseEarly(t.g.now())
		}
		sent = true
		resp.Body = &clientBody{ReadCloser: resp.Body, x: x, idle: t.g.now()}
	}
	return resp, nil
}

// admitClient decides about a request, waits for it as long as it may, and returns why it may
// not be sent.
func (x *exchange) admitClient() error {
	err := x.await()
	for _, o := range x.g.observers {
		o.decided(x.r, &x.e)
	}
	return err
}

func (x *exchange) await() error {
	g := x.g
	if pause := g.hosts.pause(x.host(), x.start); pause > 0 && !g.dryRun() {
		x.e.outcome = rateLimited // unless it may wait for so long
		if err := x.sleepOr(pause, &RefusedError{RetryAfter: pause, Err: ErrRetryLater}); err != nil {
			return err
		}
		x.again()
	}
	for !x.decide() {
		if x.e.outcome != rateLimited || x.decision.RetryAfter <= 0 {
			return x.refused()
		}
		if err := x.sleepOr(x.decision.RetryAfter, x.refused()); err != nil {
			return err
		}
		x.again()
	}
	return nil
}

// sleepOr waits for d, or returns refusal if that is longer than the request may wait.
func (x *exchange) sleepOr(d time.Duration, refusal error) error {
	err := x.sleep(d, x.budget())
	if errors.Is(err, errBudget) {
		return refusal
	}
	if err != nil {
		x.e.outcome = canceled
	}
	return err
}

// reserve is limit for a client that may wait: those of one key go in the order in which
// they came.
func (x *exchange) reserve(l *limiter, n uint64) bool {
	budget := max(0, x.budget())
	if x.dry(l) {
		budget = 0
	}
	entry := gcra.KeyBytes(l.keyed, x.key)
	d := entry.Reserve(x.start, n, budget)
	if !d.Allowed && d.RetryAfter > 0 {
		d.RetryAfter += budget // it is told from then on
	}
	if !x.judge(l, d) || d.Delay <= 0 {
		return x.e.outcome == admitted
	}
	if l.adapt != nil {
		l.adapt.denied.Store(true)
	}
	if err := x.sleep(d.Delay, budget); err != nil {
		entry.Refund(x.g.now(), &d)
		x.e.outcome, x.err = canceled, err
		return false
	}
	return true
}

// budget is how long the request may still wait.
func (x *exchange) budget() time.Duration {
	budget := x.g.cfg.Client.MaxWait - x.e.wait
	if deadline, ok := x.r.Context().Deadline(); ok {
		budget = min(budget, time.Until(deadline))
	}
	return budget
}

// again makes the exchange ready for being decided once more.
func (x *exchange) again() {
	x.e.outcome, x.e.limit, x.e.dry, x.e.failed = admitted, "", admitted, false
	x.tightest = nil
}

// refused returns the error of a request that was not admitted.
func (x *exchange) refused() error {
	switch x.e.outcome {
	case rateLimited:
		return &RefusedError{Limit: x.e.limit, RetryAfter: x.decision.RetryAfter, Err: x.decision.Err()}
	case limiterError:
		return &RefusedError{Limit: x.e.limit, Err: ErrNoDecision}
	case draining:
		return &RefusedError{Err: ErrDraining}
	case shed:
		return &RefusedError{Err: x.err}
	}
	return x.err
}

var errBudget = errors.New("wait is longer than allowed")

// sleep waits for d, unless that is longer than the budget.
func (x *exchange) sleep(d, budget time.Duration) error {
	ctx := x.r.Context()
	if d > budget {
		return errBudget
	}
	began := x.g.now()
	defer func() {
		x.start = x.g.now()
		x.e.wait += x.start - began
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clientBody is the body of an answer, which ends its exchange. What passes between its reads
// is the caller's time.
type clientBody struct {
	io.ReadCloser
	mu   sync.Mutex
	x    *exchange     // nil once it is over
	idle time.Duration // when the last read returned
}

func (b *clientBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.resume()
	b.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.x == nil {
		return n, err
	}
	b.x.e.bytes += int64(n)
	b.idle = b.x.g.now()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			b.x.err = err
		}
		b.finish()
	}
	return n, err
}

func (b *clientBody) Close() error {
	err := b.ReadCloser.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.x != nil {
		b.resume()
		b.finish()
	}
	return err
}

// resume ends the caller's time.
func (b *clientBody) resume() {
	if b.x == nil || !b.x.held.Load() || b.x.g.cfg.Gate.Hold != HoldWork {
		return
	}
	now := b.x.g.now()
	b.x.blocked.Add(int64(now - b.idle))
	b.idle = now
}

func (b *clientBody) finish() {
	b.x.end()
	b.x = nil
}
