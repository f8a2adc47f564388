package vegas

import (
	"sync"
	"sync/atomic"
	"time"
)

// When a window ends; see docs/vegas.md.
const (
	windowShort   = 100 * time.Millisecond
	windowSamples = 100
	windowLong    = time.Second
	windowFew     = 5
	windowRetry   = 10 * time.Millisecond // before another look at a window that was too thin
)

// A view is a window being filled. Requests that began in it add to it without a
// lock, so one that was descheduled from before its end until two windows later may
// add its sample to the wrong window.
type view struct {
	start     atomic.Int64
	max       atomic.Int64 // most in flight
	overloads atomic.Int64
	_         [104]byte // its readers need not see the counting
	rtt       histogram
}

func (v *view) raise(n int) {
	for m := v.max.Load(); int64(n) > m; m = v.max.Load() {
		if v.max.CompareAndSwap(m, int64(n)) {
			return
		}
	}
}

// A meter turns the requests of a gate into windows. Everything but the lock is safe
// to read at any time; mu is held to end a window.
type meter struct {
	view atomic.Pointer[view]
	due  atomic.Int64 // when the window may end
	_    [112]byte

	mu    sync.Mutex
	views [2]view
	last  Window
	limit int
}

func (m *meter) init(limit int) {
	m.limit = limit
	m.due.Store(int64(windowShort))
	m.view.Store(&m.views[0])
}

// end closes the window if it holds enough by now and returns it. The next one begins
// with inFlight requests. The caller holds mu and sets limit before it lets go of it.
func (m *meter) end(now time.Duration, inFlight int) (Window, bool) {
	v := m.view.Load()
	start := time.Duration(v.start.Load())
	d := now - start
	if d < windowShort {
		return Window{}, false
	}
	n := v.rtt.total()
	overloads := int(v.overloads.Load())
	if n < windowSamples && (d < windowLong || n < windowFew && overloads == 0) {
		wait := windowRetry
		if n == 0 && overloads == 0 {
			wait = windowShort
		}
		m.due.Store(int64(now + wait))
		return Window{}, false
	}
	w := Window{Start: start, End: now, Limit: m.limit, MaxInFlight: int(v.max.Load()), Overloads: overloads}
	w.Samples, w.RTT = v.rtt.trimmedMean()
	next := &m.views[0]
	if next == v {
		next = &m.views[1]
	}
	next.rtt.clear()
	next.overloads.Store(0)
	next.max.Store(int64(inFlight))
	next.start.Store(int64(now))
	m.view.Store(next)
	m.due.Store(int64(now + windowShort))
	m.last = w
	return w, true
}
