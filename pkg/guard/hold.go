package guard

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/vegas"
)

// buffered is how many bytes of an answer net/http takes without sending any: the least
// of its buffers, see bufferBeforeChunkingSize in net/http/server.go.
const buffered = 2048

// hold is the permit of an exchange. Times in atomics are those of Guard.now plus one, so that 0
// is none.
type hold struct {
	held   atomic.Bool
	mu     sync.Mutex // held while the permit is given back
	permit vegas.Permit
	work   time.Duration // under the permit, once that was given back

	header  atomic.Int64 // when the answer began
	writing atomic.Int64 // since when it waits for the client
	blocked atomic.Int64 // how long it did before that
	over    atomic.Bool  // the exchange is
	fired   atomic.Bool  // the timer has, and expire may yet run for it
	timer   *time.Timer  // runs expire
	armed   bool
}

func (h *hold) reset() {
	h.held.Store(false)
	h.permit, h.work, h.armed = vegas.Permit{}, 0, false
	h.header.Store(0)
	h.writing.Store(0)
	h.blocked.Store(0)
	h.over.Store(false)
	h.fired.Store(false)
}

// keep takes the permit.
func (x *exchange) keep(p vegas.Permit) {
	x.permit = p
	x.held.Store(true)
}

// release gives the permit back, if it is still held. The request is said to have taken until now.
func (x *exchange) release(now time.Duration, o vegas.Outcome) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.held.Load() {
		return
	}
	x.held.Store(false)
	x.work = max(0, now-x.permit.Start())
	x.permit.Release(x.permit.Start()+x.work, o)
}

// worked is how long the exchange, which is over, worked under its permit.
func (x *exchange) worked() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.work
}

// releaseEarly is release before the handler has returned, and leaves aside how it ends.
func (x *exchange) releaseEarly(now time.Duration) {
	x.release(now, x.g.cfg.Gate.Classify(x.e.status, nil))
}

// began is called with the status when the answer begins.
func (x *exchange) began(status int) {
	x.e.status = status
	if x.held.Load() && (x.g.cfg.Gate.Hold == HoldHeader || status == http.StatusSwitchingProtocols) {
		x.releaseEarly(x.g.now())
	}
}

// enter is called before n bytes go to the client, or what is buffered does, and leave after.
// In between the timer runs that takes the permit from a request whose client does not read.
func (x *exchange) enter(n int, flush bool) {
	if !x.held.Load() || x.g.cfg.Gate.Hold != HoldWork || !flush && x.e.bytes+int64(n) <= buffered {
		return
	}
	now := x.g.now()
	if x.header.Load() == 0 {
		x.header.Store(int64(now) + 1)
	}
	began, blocked := time.Duration(x.header.Load()-1), time.Duration(x.blocked.Load())
	slack, stream := x.g.cfg.Gate.Slack-blocked, began+x.g.cfg.Gate.Stream-now
	switch {
	case slack <= 0:
		x.releaseEarly(now - blocked)
		return
	case stream <= 0:
		x.releaseEarly(began)
		return
	}
	x.writing.Store(int64(now) + 1)
	if x.timer == nil {
		x.timer = time.AfterFunc(min(slack, stream), x.expire)
	} else if !x.timer.Reset(min(slack, stream)) && x.armed {
		x.fired.Store(true)
	}
	x.armed = true
}

func (x *exchange) leave() {
	if since := x.writing.Load(); since != 0 {
		x.blocked.Add(int64(x.g.now()) + 1 - since)
		x.writing.Store(0)
	}
}

// expire takes the permit from a request that has waited for its client for too long, or
// whose answer is a stream, and otherwise sets the timer for when that may be so.
func (x *exchange) expire() {
	x.fired.Store(true)
	if x.over.Load() || !x.held.Load() {
		return
	}
	slack, stream := x.g.cfg.Gate.Slack, x.g.cfg.Gate.Stream
	now := x.g.now()
	began := time.Duration(x.header.Load() - 1)
	since, blocked := x.writing.Load(), time.Duration(x.blocked.Load())
	next := began + stream - now
	if since != 0 {
		waits := now - time.Duration(since-1)
		if blocked+waits >= slack {
			x.releaseEarly(now - waits - blocked)
			return
		}
		next = min(next, slack-blocked-waits)
	}
	if now >= began+stream {
		x.releaseEarly(began) // how long it goes on says nothing about the backend
		return
	}
	x.timer.Reset(next)
	if x.writing.Load() != since {
		x.timer.Reset(min(next, slack)) // enter set it, and this overwrote that
	}
}

// disarm ends the exchange for the timer, and tells whether expire is not running and will
// not run for it any more.
func (x *exchange) disarm() bool {
	x.over.Store(true)
	return !x.armed || x.timer.Stop() && !x.fired.Load()
}
