package vegas

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// When a window ends; see docs/vegas.md.
const (
	windowShort   = 100 * time.Millisecond
	windowSamples = 100
	windowTrips   = 3    // least length in round-trip times
	windowQueue   = 0.5  // fewer samples do where the queue is known to so many requests
	windowLeast   = 10   // but not fewer than these
	windowPlenty  = 1000 // samples more than which tell nothing new
	sampleLeast   = 16   // at least one request in so many is timed
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
	due  atomic.Int64  // when the window may end
	mask atomic.Uint32 // of the requests of TryNow and Do, one in mask + 1 is timed
	_    [104]byte

	mu    sync.Mutex
	views [2]view
	last  Window
	limit int

	settling bool          // more are in flight than the limit allows
	since    time.Duration // when that began
}

func (m *meter) init(limit int) {
	m.limit = limit
	m.due.Store(int64(windowShort))
	m.view.Store(&m.views[0])
}

// end closes the window if it holds enough by now and returns it. The next one begins
// with inFlight requests. The caller holds mu, sets limit and calls begin before it lets
// go of it.
func (m *meter) end(now time.Duration, inFlight int) (Window, bool) {
	v := m.view.Load()
	if m.settling {
		m.settle(v, now, inFlight)
		return Window{}, false
	}
	w := Window{
		Start: time.Duration(v.start.Load()), End: now, Limit: m.limit,
		MaxInFlight: int(v.max.Load()), Overloads: int(v.overloads.Load()),
	}
	if w.End-w.Start < windowShort {
		return Window{}, false
	}
	w.Samples, w.RTT, w.StdErr = v.rtt.trimmedMean()
	if !enough(w) {
		// Where only a part is timed, those that are come every tenth of a millisecond; or
		// else far fewer come than did.
		if now-time.Duration(m.due.Load()) > windowRetry {
			m.mask.Store(0)
		}
		wait := windowRetry
		if w.Samples == 0 && w.Overloads == 0 {
			wait = windowShort
		}
		m.due.Store(int64(now + wait))
		return Window{}, false
	}
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
	m.sample(w)
	return w, true
}

// sample has so many requests timed that the next window gets about windowPlenty samples
// or, if it is as short as w or shorter, all of them.
func (m *meter) sample(w Window) {
	requests := float64(w.Samples) * float64(m.mask.Load()+1) // a power of two
	mask := uint32(0)
	for mask < sampleLeast-1 && requests >= windowPlenty*float64(2*(mask+1)) {
		mask = 2*mask + 1
	}
	m.mask.Store(mask)
}

// enough tells whether w, which is at least windowShort long, may end.
func enough(w Window) bool {
	d := w.End - w.Start
	if d < windowTrips*w.RTT {
		return false
	}
	queue := float64(w.MaxInFlight) * float64(w.StdErr) // standard error of the queue, times RTT
	return w.Samples >= windowSamples ||
		w.Samples >= windowLeast && queue <= windowQueue*float64(w.RTT) ||
		d >= windowLong && (w.Samples >= windowFew || w.Overloads > 0)
}

// begin is called once the limit of the window that has just begun is known. Until no more
// are in flight than it allows, nothing is measured: answers then still tell of the
// limit before.
func (m *meter) begin(now time.Duration, inFlight int) {
	if inFlight > m.limit {
		m.settling, m.since = true, now
		m.view.Load().start.Store(math.MaxInt64)
		m.due.Store(int64(now))
	}
}

// settle begins the window when few enough are in flight, or after windowLong.
func (m *meter) settle(v *view, now time.Duration, inFlight int) {
	if inFlight > m.limit && now-m.since < windowLong {
		return
	}
	m.settling = false
	v.rtt.clear()
	v.max.Store(int64(inFlight))
	v.start.Store(int64(now))
	m.due.Store(int64(now + windowShort))
}
