package load

import (
	"sync"
	"time"

	"cqkit/pkg/infer"
)

// Waits judges what refusals of one client said about waiting, by the limit that the answers since
// the first of them show (docs/limit.md). Its Observe is for [Config.Observe].
type Waits struct {
	mu     sync.Mutex
	events []infer.Event
	stated []statedWait
}

type statedWait struct {
	event infer.Event
	wait  time.Duration
}

const (
	// The most answers that are kept, the first ones.
	maxWaits = 100_000
	// With less refused, the limit was not asked for more than it admits, and what it would admit is not known.
	leastRefused = 0.2
)

// Observe takes a request down. It is safe for concurrent use.
func (w *Waits) Observe(o *Observation) {
	if !o.Outcome.Answered() || o.Outcome == ServerError {
		return
	}
	refused := o.Outcome == TooMany
	w.mu.Lock()
	defer w.mu.Unlock()
	if !refused && len(w.events) == 0 || len(w.events) == maxWaits {
		return
	}
	e := infer.Event{Sent: o.Sent, Answered: o.Done, Admitted: !refused}
	w.events = append(w.events, e)
	if refused && o.RetryAfter >= 0 {
		w.stated = append(w.stated, statedWait{e, o.RetryAfter})
	}
}

// Judge puts into a how many of the stated waits can be judged, and how many were not honest:
// shorter than what was left, or longer than both a second and that, rounded up to seconds.
func (w *Waits) Judge(a *Advice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.stated) == 0 {
		return
	}
	fit := infer.LimitInUse(w.events)
	if float64(fit.Refused) < leastRefused*float64(len(w.events)) || fit.Kind != infer.Line && fit.Kind != infer.Steps {
		return
	}
	for _, s := range w.stated {
		least, most, ok := fit.Wait(s.event)
		if !ok {
			continue
		}
		a.Judged++
		switch {
		case s.wait < least:
			a.TooShort++
		case s.wait > max(time.Second, (most+time.Second-1).Truncate(time.Second)):
			a.TooLong++
		}
	}
}
