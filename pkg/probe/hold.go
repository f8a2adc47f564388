package probe

import (
	"cmp"
	"context"
	"sync"
	"time"

	"cqkit/pkg/infer"
)

// pacing of a hold.
const (
	turn     = 100 * time.Millisecond // between looks at how it goes
	crowding = 500 * time.Millisecond // without a refusal until more connections join
	leastPS  = 20.0                   // requests a second, however low the rate
)

// A hold asks under one key, more than is admitted, for as long as its context lives.
type hold struct {
	key         string
	ask         Asker
	began       time.Time
	ready       chan struct{} // closed when it begins
	connections int
	expected    float64

	mu sync.Mutex
	// inUse is when the first refusal came of a limit that had not been asked for enough
	// before: what it had when it was at rest is not known. 0 if it had.
	inUse   time.Duration
	crowded bool // more connections had to join before the first refusal
	events  []infer.Event
	refused []refusal // those that stated a wait
	last    refusal   // the newest refusal
	failed  int
	err     error // the newest of requests that were not answered
	done    int   // of events, when looked at last
	lastTry time.Time
	next    time.Time // when the next request may leave
	pace    float64   // requests a second; 0: as soon as the last was answered

	workers int
	wg      sync.WaitGroup
}

// A refusal is an event with what it said.
type refusal struct {
	event  infer.Event
	stated time.Duration
	said   bool
}

func newHold(key string, ask Asker, c *Config) *hold {
	return &hold{key: key, ask: ask, ready: make(chan struct{}), connections: c.Connections, expected: c.PerSecond}
}

// run asks until ctx is done, and returns when the last answer is there.
func (h *hold) run(ctx context.Context) {
	workers := h.enough(ctx)
	close(h.ready)
	h.start(ctx, workers)
	tick := time.NewTicker(turn)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.wg.Wait()
			return
		case <-tick.C:
			h.start(ctx, h.adapt())
		}
	}
}

// enough sends a first request, to see how long that takes, lets the limit come to
// rest again, and returns how many connections ask for eight times the expected rate. Asked for less
// than it admits, a limit stays full, and its burst is not seen.
func (h *hold) enough(ctx context.Context) int {
	sent := time.Now()
	if a := h.ask(context.WithoutCancel(ctx), h.key); a.Verdict == Failed {
		h.mu.Lock()
		h.failed++
		h.err = a.Err
		h.mu.Unlock()
	}
	rtt := time.Since(sent)
	select {
	case <-ctx.Done():
	case <-time.After(min(time.Second, time.Duration(2*float64(time.Second)/h.expected))):
	}
	h.began = time.Now()
	return 1 + int(min(float64(h.connections), 8*h.expected*rtt.Seconds()))
}

// start lets more connections ask, up to n in all.
func (h *hold) start(ctx context.Context, n int) {
	for ; h.workers < min(n, h.connections); h.workers++ {
		h.wg.Go(func() {
			for h.wait(ctx) {
				h.one(ctx)
			}
		})
	}
}

// wait waits until the next request may leave.
func (h *hold) wait(ctx context.Context) bool {
	h.mu.Lock()
	now := time.Now()
	at := now
	if h.pace > 0 {
		at = h.next
		if at.Before(now) {
			at = now // what could not be asked in time is not caught up with
		}
		h.next = at.Add(time.Duration(float64(time.Second) / h.pace))
	}
	h.mu.Unlock()
	if d := at.Sub(now); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return ctx.Err() == nil
}

// one sends one request.
func (h *hold) one(ctx context.Context) {
	// An answer is worth having even if the hold is over.
	sent := time.Now()
	a := h.ask(context.WithoutCancel(ctx), h.key)
	e := infer.Event{Sent: sent.Sub(h.began), Answered: time.Since(h.began), Admitted: a.Verdict == Admitted}
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.Verdict == Failed {
		h.failed++
		h.err = cmp.Or(a.Err, h.err)
		return
	}
	h.events = append(h.events, e)
	if a.Verdict != Refused {
		return
	}
	r := refusal{e, a.RetryAfter, a.Stated}
	if r.said {
		h.refused = append(h.refused, r)
	}
	if e.Answered >= h.last.event.Answered {
		h.last = r
	}
	if h.pace == 0 {
		h.pace = max(leastPS, 4*h.expected)
		h.next = time.Now()
		if h.crowded {
			h.inUse = e.Answered
		}
	}
}

// adapt sets the pace by what was refused since it was called last, and returns how
// many connections there should be.
func (h *hold) adapt() (workers int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pace == 0 {
		if time.Since(h.began) > crowding {
			h.crowded = true
			return 2 * h.workers
		}
		return h.workers
	}
	recent := h.events[h.done:]
	if len(recent) < 4 {
		return h.workers
	}
	refused := countRefused(recent)
	d := time.Since(h.lastTry)
	h.done, h.lastTry = len(h.events), time.Now()
	if 2*refused < len(recent) {
		h.pace *= 2
	}
	if d < time.Minute && float64(len(recent)) < 0.8*h.pace*d.Seconds() {
		return 2 * h.workers
	}
	return h.workers
}

// snapshot returns what has been seen, which the caller must not change, the refusals
// among it that said how long to wait, and what limit that is.
func (h *hold) snapshot() (events []infer.Event, said []refusal, f infer.Fit) {
	h.mu.Lock()
	events, said = h.events[:len(h.events):len(h.events)], h.refused[:len(h.refused):len(h.refused)]
	inUse := h.inUse
	h.mu.Unlock()
	if inUse == 0 {
		return events, said, infer.Limit(events)
	}
	since := make([]infer.Event, 0, len(events))
	for _, e := range events {
		if e.Sent >= inUse {
			since = append(since, e)
		}
	}
	return events, said, infer.LimitInUse(since)
}

// shareRefused returns the share of refused requests in the second half.
func shareRefused(events []infer.Event) float64 {
	events = events[len(events)/2:]
	return float64(countRefused(events)) / float64(max(1, len(events)))
}

func countRefused(events []infer.Event) (n int) {
	for _, e := range events {
		if !e.Admitted {
			n++
		}
	}
	return n
}
