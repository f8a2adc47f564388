package vegas

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a gate.
const (
	MaxLimit      = 1<<24 - 1 // highest limit
	MaxQueue      = 1<<16 - 1 // most waiters
	MaxPartitions = 64
)

// Errors of [Gate.Acquire] and [Gate.Do]. In either case the request has not started.
var (
	// ErrFull means that the limit was reached and that there was no room to wait.
	ErrFull = errors.New("concurrency limit reached")
	// ErrLate means that the request waited for as long as the queue lets any wait.
	ErrLate = errors.New("waited too long for the concurrency limit")
)

// ErrOverload is for functions given to [Gate.Do] to wrap: the backend refused because
// it has too much to do.
var ErrOverload = errors.New("backend overloaded")

// GateConfig configures a [Gate]. The zero value has no queue and no partitions.
type GateConfig struct {
	// Queue is how many may wait, at most MaxQueue. Zero means that Acquire never
	// waits.
	Queue int

	// Patience is how long one may wait while the queue is short lived, and Target
	// how long once it has not been empty for as long as Patience. Zero means 100 ms
	// and 5 ms.
	Patience, Target time.Duration

	// Partitions are the shares of the limit L that are kept for the partitions
	// 0, 1, …: partition i has ⌊Partitions[i]·L⌋ permits of its own. They
	// must be from 0 to 1 and add up to 1 at most; what is left is for all. Empty means
	// that everything is for all. A gate with partitions takes a lock a request.
	Partitions []float64

	// Classify tells what the error of a function given to Do says about the
	// backend. Nil means [Classify].
	Classify func(error) Outcome
}

// Priority says who is served first while requests wait.
type Priority int8

// The priorities. Others count as the nearest of these.
const (
	Background Priority = -1
	Normal     Priority = 0
	High       Priority = 1
	Critical   Priority = 2
)

// A Class is what a gate knows about a request. The zero Class is one of normal
// priority in partition 0.
type Class struct {
	Priority  Priority
	Partition int // without meaning to a gate without partitions
}

// A Gate lets at most so many requests through at once as its controller says. It is
// safe for concurrent use and must not be copied.
type Gate struct {
	_ [64]byte
	// state holds the count in flight in its low 24 bits, the limit in the 24 bits
	// above and the count of waiters in the 16 bits on top. That all three are one
	// word makes taking a permit one compare-and-swap that cannot pass the limit.
	state atomic.Uint64
	_     [120]byte
	meter
	controller Controller
	cfg        GateConfig
	origin     time.Time

	_       [64]byte
	qmu     sync.Mutex // lock order: meter.mu, then qmu
	queue   queue
	parts   []partition
	spare   []*waiter
	refused atomic.Int64
	late    int64
	gaveUp  int64
}

const (
	limitShift  = 24
	waiterShift = 48
	oneWaiter   = uint64(1) << waiterShift
	fieldMask   = 1<<24 - 1
)

func inFlight(s uint64) int { return int(s & fieldMask) }
func limitOf(s uint64) int  { return int(s >> limitShift & fieldMask) }
func waiters(s uint64) int  { return int(s >> waiterShift) }

// NewGate returns a gate that begins with the limit of c. It owns c from then on.
func NewGate(c Controller, cfg GateConfig) (*Gate, error) {
	if c == nil {
		return nil, errors.New("gate without a controller")
	}
	if cfg.Queue < 0 || cfg.Queue > MaxQueue {
		return nil, fmt.Errorf("queue of %d: must be from 0 to %d", cfg.Queue, MaxQueue)
	}
	if cfg.Patience < 0 || cfg.Target < 0 {
		return nil, fmt.Errorf("patience %v and target %v: must not be negative", cfg.Patience, cfg.Target)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 100 * time.Millisecond
	}
	if cfg.Target == 0 {
		cfg.Target = 5 * time.Millisecond
	}
	if cfg.Classify == nil {
		cfg.Classify = Classify
	}
	g := &Gate{controller: c, cfg: cfg, origin: time.Now()}
	var err error
	if g.parts, err = newPartitions(cfg.Partitions); err != nil {
		return nil, err
	}
	limit := min(max(1, c.Limit()), MaxLimit)
	g.state.Store(uint64(limit) << limitShift)
	g.meter.init(limit)
	return g, nil
}

// Now returns the time since the gate was made, by the monotonic clock. It is what
// Acquire and Do go by.
func (g *Gate) Now() time.Duration { return time.Since(g.origin) }

// Try takes a permit if the limit allows, and never waits nor passes those who
// wait. The request starts at now, which is a time as of Now; a caller that never
// waits may use times of its own instead, from zero on. It is timed; TryNow may save
// the clock.
func (g *Gate) Try(now time.Duration, c Class) (Permit, bool) {
	part, ok := g.enter(c)
	if !ok {
		return Permit{}, false
	}
	return Permit{gate: g, start: now, part: part}, true
}

// enter takes a permit, and returns the partition it is of, or counts a refusal.
func (g *Gate) enter(c Class) (part int32, ok bool) {
	if part, ok = g.pass(c); !ok {
		g.refused.Add(1)
	}
	return part, ok
}

// pass takes a permit if there is one and nobody waits for it.
func (g *Gate) pass(c Class) (part int32, ok bool) {
	if g.parts != nil {
		return g.passPart(c)
	}
	for {
		s := g.state.Load()
		if inFlight(s) >= limitOf(s) || waiters(s) != 0 {
			return 0, false
		}
		if g.state.CompareAndSwap(s, s+1) {
			g.began(inFlight(s) + 1)
			return 0, true
		}
	}
}

func (g *Gate) began(n int) {
	if v := g.view.Load(); int64(n) > v.max.Load() {
		v.raise(n)
	}
}

// A Permit is the right to one request. The zero Permit holds nothing.
type Permit struct {
	gate  *Gate
	start time.Duration
	part  int32
}

// Start returns when the request started, or a negative time if it is not timed.
func (p Permit) Start() time.Duration { return p.start }

// Release gives the permit back at now and tells how the request went. It must be
// called exactly once for each permit; it panics once more permits came back than
// were given out. Releasing the zero Permit does nothing.
func (p Permit) Release(now time.Duration, o Outcome) {
	g := p.gate
	if g == nil {
		return
	}
	switch o {
	case Success:
		if v := g.view.Load(); int64(p.start) >= v.start.Load() && now >= p.start {
			v.rtt.add(now - p.start)
		}
	case Overload:
		g.view.Load().overloads.Add(1)
	}
	g.giveBack(p.part)
	if int64(now) >= g.due.Load() {
		g.endWindow(now)
	}
}

func (g *Gate) giveBack(part int32) {
	if g.parts != nil {
		g.releasePart(part)
		return
	}
	s := g.state.Add(^uint64(0))
	if inFlight(s) == fieldMask {
		g.state.Add(1)
		panic("vegas: permit released twice")
	}
	if waiters(s) != 0 {
		g.qmu.Lock()
		g.pump()
		g.qmu.Unlock()
	}
}

// endWindow asks the controller for a limit if the window is full.
func (g *Gate) endWindow(now time.Duration) {
	if !g.meter.mu.TryLock() {
		return // someone else is at it
	}
	defer g.meter.mu.Unlock()
	w, ok := g.meter.end(now, inFlight(g.state.Load()))
	if !ok {
		return
	}
	g.setLimit(g.controller.Update(w))
	g.meter.begin(now, inFlight(g.state.Load()))
}

// Resize sets the limit to n, from 1 to MaxLimit; others count as the nearest. A
// smaller limit takes nothing from those in flight: none passes until their number is
// below it. The controller goes on from its own limit at the end of the window; [Fixed]
// keeps n.
func (g *Gate) Resize(n int) {
	g.meter.mu.Lock()
	defer g.meter.mu.Unlock()
	g.setLimit(n)
}

// setLimit is called with meter.mu held.
func (g *Gate) setLimit(n int) {
	n = min(max(1, n), MaxLimit)
	g.meter.limit = n
	for {
		s := g.state.Load()
		t := s&^(fieldMask<<limitShift) | uint64(n)<<limitShift
		if s == t {
			return
		}
		if g.state.CompareAndSwap(s, t) {
			if waiters(t) != 0 {
				g.qmu.Lock()
				g.pump()
				g.qmu.Unlock()
			}
			return
		}
	}
}

// Stats is what a gate is doing and has done.
type Stats struct {
	Limit, InFlight, Waiting int

	// Refused counts requests that found neither a permit nor room to wait, Late
	// those that waited too long, Cancelled those whose context ended as they waited.
	Refused, Late, Cancelled int64

	// Last is the last whole window.
	Last Window
}

// Stats returns the present figures. Limit, InFlight and Waiting are of one moment.
func (g *Gate) Stats() Stats {
	s := g.state.Load()
	st := Stats{Limit: limitOf(s), InFlight: inFlight(s), Waiting: waiters(s), Refused: g.refused.Load()}
	g.qmu.Lock()
	st.Late, st.Cancelled = g.late, g.gaveUp
	g.qmu.Unlock()
	g.meter.mu.Lock()
	st.Last = g.last
	g.meter.mu.Unlock()
	return st
}
