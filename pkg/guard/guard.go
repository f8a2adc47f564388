package guard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/vegas"
)

// A Guard decides about requests. One guard may stand in front of several handlers, which then
// share its limits. It is safe for concurrent use and must not be copied.
type Guard struct {
	cfg       Config
	origin    time.Time
	limits    []*limiter
	gate      *vegas.Gate // nil without one
	bounds    *bounded    // of the gate's controller
	classes   []Class     // the default one last
	observers []observer
	adapts    bool // some rate does
	shared    bool // some limit is

	mode     atomic.Uint32 // a Mode
	policies atomic.Pointer[[]string]
	retry    []string // Retry-After of a 503

	exchanges sync.Pool // of this guard, so that it can live in a bubble of testing/synctest
	inFlight  atomic.Int64
	closing   atomic.Bool
	idle      chan struct{} // of capacity 1: none was in flight while closing

	served, dropped atomic.Uint64 // by the gate, for Adapt
	settings        sync.Mutex    // held by Apply and while rates adapt

	hosts hosts // for RoundTripper
}

// New returns a guard, or why there is none like that.
func New(cfg Config) (*Guard, error) {
	cfg.Limits = slices.Clone(cfg.Limits)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	g := &Guard{cfg: cfg, origin: time.Now(), idle: make(chan struct{}, 1)}
	g.classes = append(slices.Clone(cfg.Classes), Class{Name: defaultName})
	g.retry = []string{seconds(cfg.RetryAfter)}
	g.mode.Store(uint32(cfg.Mode))
	for _, l := range cfg.Limits {
		limit, err := newLimiter(l)
		if err != nil {
			return nil, err
		}
		g.limits = append(g.limits, limit)
		g.adapts = g.adapts || limit.adapt != nil
		g.shared = g.shared || limit.Shared != nil
	}
	g.announce()
	if err := g.newGate(); err != nil {
		return nil, err
	}
	g.exchanges.New = func() any { return newExchange(g) }
	return g, nil
}

// newGate makes the gate, if there is to be one.
func (g *Guard) newGate() error {
	c := g.cfg.Gate
	if c == nil {
		return nil
	}
	own := *c
	g.cfg.Gate = &own
	if own.Slack == 0 {
		own.Slack = 10 * time.Millisecond
	}
	if own.Stream == 0 {
		own.Stream = time.Second
	}
	if own.ReadAhead == 0 {
		own.ReadAhead = 16 << 10
	}
	if own.Classify == nil {
		own.Classify = Classify
	}
	if own.Vegas.Phase == 0 {
		own.Vegas.Phase = time.Duration(g.origin.UnixNano())
	}
	g.bounds = newBounded(own.Controller, own.Vegas)
	cfg := vegas.GateConfig{Queue: own.Queue, Patience: own.Patience, Target: own.Target}
	if slices.ContainsFunc(g.classes, func(c Class) bool { return c.Share != 0 }) {
		for _, c := range g.classes {
			cfg.Partitions = append(cfg.Partitions, c.Share)
		}
	}
	var err error
	g.gate, err = vegas.NewGate(g.bounds, cfg)
	return err
}

// now is the time of every decision: since the guard, or its gate, was made.
func (g *Guard) now() time.Duration {
	if g.gate != nil {
		return g.gate.Now()
	}
	return time.Since(g.origin)
}

func (g *Guard) dryRun() bool { return Mode(g.mode.Load()) == DryRun }

// Middleware returns a handler that lets the requests through to next that the guard admits.
// next may use its ResponseWriter as far as that of the server goes (http.Flusher, http.Hijacker,
// io.ReaderFrom, http.ResponseController), and, as net/http has it, not after
// it has returned. A panic in next is passed on.
func (g *Guard) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := g.begin(r)
		defer x.end()
		if !x.admit() {
			x.refuse(w)
			x.returned = true
			return
		}
		next.ServeHTTP(x.wrap(w), x.r)
		if !x.wroteHeader && g.cfg.Headers == HeadersAlways {
			x.headers(w.Header())
		}
		x.returned = true
	})
}

// Drain makes the guard answer everything that comes from now on, health checks too, with 503 and
// Connection: close, and waits until what had come before is done or ctx ends, whose error
// it then returns. Connections that were taken over count for as long as their handlers run.
// A guard that was drained stays so.
func (g *Guard) Drain(ctx context.Context) error {
	g.closing.Store(true)
	for g.inFlight.Load() > 0 {
		select {
		case <-g.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	g.signal() // for others that drain it, too
	return nil
}

// signal tells who drains the guard that nothing is in flight.
func (g *Guard) signal() {
	select {
	case g.idle <- struct{}{}:
	default:
	}
}

// Classify is what an answer says about the backend where nothing else is configured. 503,
// 504 and time-outs say that it has too much to do. Answers below 400 tell its speed. Others
// tell nothing: a 404 or a 429 is fast, and would let the backend look faster than
// it is.
func Classify(status int, err error) vegas.Outcome {
	switch {
	case err != nil:
		if isTimeout(err) {
			return vegas.Overload
		}
		return vegas.Ignore
	case status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		return vegas.Overload
	case status < 400:
		return vegas.Success
	}
	return vegas.Ignore
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
