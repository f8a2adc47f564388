package guard

import (
	"net/http"
	"time"
)

// An outcome is what became of a request. Each request has one.
type outcome uint8

const (
	admitted      outcome = iota // reached the handler, and was answered
	bypassed                     // reached it by its class, whatever the limits say
	rateLimited                  // 429
	shed                         // 503: no permit
	limiterError                 // 503: a shared limit could not decide, and fails closed
	draining                     // 503: the guard is being drained
	upstreamError                // was admitted, and the upstream or the transport failed
	canceled                     // its context ended, while it waited or later
	outcomes                     // how many there are
)

var outcomeNames = [outcomes]string{"admitted", "bypassed", "rate_limited", "shed", "limiter_error", "draining",
	"upstream_error", "canceled"}

func (o outcome) String() string { return outcomeNames[o] }

// An event is one request as the guard saw it.
type event struct {
	class   string // name of its class
	client  bool   // from a RoundTripper
	outcome outcome

	// limit is the name of the limit that refused, or whose Decider failed last; empty if
	// none did. dry is what would have become of the request but for a dry run, and
	// admitted if that is no different.
	limit string
	dry   outcome

	// failed tells that a Decider failed, whatever was then done.
	failed bool

	status int   // of the answer; 0 if there was none, 101 after an upgrade
	bytes  int64 // of the answer's body, without what went over a connection taken over

	wait  time.Duration // in the gate's queue, or of a client for its limits
	work  time.Duration // under the permit, less what the answer waited for its client; 0 without one
	total time.Duration // since the request came
}

// An observer is told of every request. Its methods are called by many goroutines at once, and
// must not keep e.
type observer interface {
	// begin is called before anything is decided. What it returns goes on as the request; it
	// is r, or r with another context.
	begin(r *http.Request) *http.Request

	// decided is called once it is known whether the request may go on. e has its
	// outcome so far, class, limit and wait.
	decided(r *http.Request, e *event)

	// finished is called at the end, with all of e, also after a panic.
	finished(r *http.Request, e *event)
}

// observe adds an observer. It must not be called once the guard is in use.
func (g *Guard) observe(o observer) { g.observers = append(g.observers, o) }
