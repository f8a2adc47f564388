package load

import (
	"sync/atomic"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/vegas"
)

// lateAfter is how long after its due moment a request is late.
const lateAfter = time.Millisecond

// A job is a request from when it is reserved to when it is done. Times are since the loop's
// beginning, which is before the warm-up.
type job struct {
	index    uint64
	message  *message
	due      time.Duration
	free     time.Duration // when there was a place for it; at most due counts
	sent     time.Duration
	permit   vegas.Permit
	measured bool
}

// An answer is what came back for a job, as far as anybody wants to know.
type answer struct {
	outcome Outcome
	status  int
	advice  *advice
	err     error
}

// A tally is what one loop counts. Only its live part may be read by others.
type tally struct {
	r        *run
	rec      Recorder
	statuses [600]uint64
	examples [NumOutcomes]string
	advice   Advice
	in, out  uint64 // bytes
	connects uint64
	missed   uint64 // sent after the window, for the client's own lag
	sent     uint64 // in the window
	ok       uint64 // done in the window
	recent   *latency.Histogram
	last     time.Duration // the last outcome
	seen     Observation

	live live
}

// live is what a loop shows while it runs.
type live struct {
	_        [64]byte
	inFlight atomic.Int64
	sent     atomic.Uint64
	ok       atomic.Uint64
	failed   atomic.Uint64
	connects atomic.Uint64 // opened by net/http, in whatever goroutine
	want     atomic.Bool   // a histogram, please
	recent   atomic.Pointer[latency.Histogram]
	_        [64]byte
}

// begin notes that a job is being sent, at j.sent.
func (t *tally) begin(j *job) {
	t.live.inFlight.Add(1)
	if !j.measured {
		return
	}
	r := t.r
	origin := max(j.due, j.free)
	t.rec.Offered(j.due-r.start, 1)
	t.rec.Sent(j.sent-r.start, max(0, j.sent-origin), j.sent-j.due > lateAfter)
	if j.sent < r.end || j.due >= r.end { // random gaps may end behind the window
		t.sent++
	} else if origin < r.end {
		t.missed++
	}
	t.live.sent.Add(1)
}

// end notes what became of a job at now, and gives its permit back.
func (t *tally) end(j *job, now time.Duration, a *answer) {
	r := t.r
	t.live.inFlight.Add(-1)
	if r.gate != nil {
		j.permit.Release(now, feedback(a))
	}
	if a.outcome != OK {
		r.failed(a.outcome)
	}
	if !j.measured {
		return
	}
	t.rec.Done(now-r.start, a.outcome, now-j.due, now-j.sent)
	t.last = max(t.last, now)
	if a.outcome == OK {
		t.live.ok.Add(1)
		if now < r.end {
			t.ok++
		}
	} else {
		t.live.failed.Add(1)
		if a.err != nil && t.examples[a.outcome] == "" {
			t.examples[a.outcome] = a.err.Error()
		}
	}
	if a.status != 0 {
		t.statuses[a.status]++
	}
	if a.advice != nil && a.advice.said != 0 {
		t.noteAdvice(a.advice)
	}
	if t.recent != nil {
		t.recent.Record(now - j.due)
		if t.live.want.Load() {
			t.show()
		}
	}
	if r.cfg.Observe != nil {
		t.observe(j, now, a)
	}
}

// show hands the recent response times to whoever watches.
func (t *tally) show() {
	t.live.want.Store(false)
	t.live.recent.Store(t.recent)
	t.recent = new(latency.Histogram)
}

// feedback is what a controller learns from an answer (docs/vegas.md): overload has its own
// meaning, and what tells nothing about the endpoint's speed is no sample.
func feedback(a *answer) vegas.Outcome {
	switch {
	case a.outcome == OK || a.outcome == Redirect:
		return vegas.Success
	case a.outcome == Timeout, a.outcome == TooMany, a.outcome == Refused, a.outcome == Reset, a.status == 503:
		return vegas.Overload
	}
	return vegas.Ignore
}

func (t *tally) noteAdvice(a *advice) {
	if wait, ok := a.retryAfter(); ok {
		s := &t.advice
		if s.RetryAfter == 0 || wait < s.Least {
			s.Least = wait
		}
		s.Most = max(s.Most, wait)
		s.Sum += wait
		s.RetryAfter++
	}
	if a.said&^(1<<0|1<<(date-retryAfter)) != 0 {
		t.advice.RateLimit++
	}
}

func (t *tally) observe(j *job, now time.Duration, a *answer) {
	o := &t.seen
	start := t.r.start
	*o = Observation{Index: j.index, Due: j.due - start, Sent: j.sent - start, Done: now - start,
		Outcome: a.outcome, Status: a.status, RetryAfter: -1}
	if adv := a.advice; adv != nil && adv.said != 0 {
		if wait, ok := adv.retryAfter(); ok {
			o.RetryAfter = wait
		}
		o.RateLimit, _ = adv.get(rateLimit)
		o.RateLimitPolicy, _ = adv.get(rateLimitPolicy)
		o.Limit, _ = adv.get(legacyLimit)
		o.Remaining, _ = adv.get(legacyRemaining)
		o.Reset, _ = adv.get(legacyReset)
	}
	t.r.cfg.Observe(o)
}

// drop notes that a job was due and is never sent, which is certain at now.
func (t *tally) drop(j *job, now time.Duration) {
	if !j.measured {
		return
	}
	due := j.due - t.r.start
	t.rec.Offered(due, 1)
	t.rec.Dropped(due, max(0, now-j.due))
}

// classify tells the outcome of a complete answer.
func (r *run) classify(status int, found bool) Outcome {
	switch {
	case r.ok[status] && found:
		return OK
	case status < 300:
		return Protocol
	case r.ok[status]: // but the body is not
		return Protocol
	case status < 400:
		return Redirect
	case status == 429:
		return TooMany
	case status < 500:
		return ClientError
	}
	return ServerError
}
