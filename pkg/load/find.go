package load

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
	"cqkit/pkg/vegas"
)

// FindConfig says how far a search for capacity goes.
type FindConfig struct {
	// Longest is how long is searched. Zero means 15 s.
	Longest time.Duration
	// Narrow is the half width of the 95 % interval that ends the search early, as a share. Zero means 0.02.
	Narrow float64
	// Objectives must hold at the capacity that is reported; see [Metrics].
	Objectives []stat.Expr
	// MaxLimit bounds the requests in flight. Zero means 1000.
	MaxLimit int
}

// Find finds the highest rate of answers that are ok, in a closed loop, and at how many requests
// in flight, by the search of docs/find.md. Of c, what says when to send is ignored:
// Rate, Concurrency, Controller, Duration, Requests, Warmup. The result is that of [Run], but
// Response, Service and Rates are of the measurements at the reported limit, and Capacity is
// nil if nothing was found.
func Find(ctx context.Context, c *Config, f FindConfig) (*Result, error) {
	if f.Longest == 0 {
		f.Longest = 15 * time.Second
	}
	if f.Narrow == 0 {
		f.Narrow = 0.02
	}
	if f.MaxLimit == 0 {
		f.MaxLimit = vegas.DefaultMax
	}
	if f.Longest < 0 || f.Narrow < 0 || f.MaxLimit < 0 {
		return nil, fmt.Errorf("search of %v, to %v, up to a limit of %d: negative", f.Longest, f.Narrow, f.MaxLimit)
	}
	cfg := *c
	if cfg.Connections > 0 {
		f.MaxLimit = min(f.MaxLimit, cfg.Connections)
	}
	finding, found := context.WithCancel(ctx)
	defer found()
	w := newFinder(f, cfg.Seed, found)
	cfg.Rate, cfg.Concurrency, cfg.Requests, cfg.Warmup = nil, 0, 0, 0
	cfg.Controller = w
	// The search ends the run. This is for an endpoint so slow that no window ever ends.
	cfg.Duration = 2*f.Longest + time.Second
	observe := c.Observe
	cfg.Observe = func(o *Observation) {
		w.observe(o)
		if observe != nil {
			observe(o)
		}
	}
	r, err := Run(finding, &cfg)
	if err != nil {
		return nil, err
	}
	w.report(r, ctx.Err() != nil)
	return r, nil
}

// A finder measures what a search asks for. It is the controller of a run, and sees
// every request.
type finder struct {
	found  func()    // ends the run
	resize func(int) // tells the gate, of a real run

	// limit is what the gate is told. It is read under the gate's own lock, so that nothing that is held
	// while the gate is called may be needed to read it.
	limit    atomic.Int64
	resizing sync.Mutex // orders the calls of resize

	mu      sync.Mutex
	s       *search
	over    bool
	last    time.Duration // when the slice before ended
	now     current
	before  current // its requests may still be in flight
	foundAt time.Duration
}

// A current is the slice that is being measured.
type current struct {
	l           *level
	began       time.Duration // when the limit changed
	from, until time.Duration // once it has settled
	trips       time.Duration // sum of the service times of what was ok
	n           int64
}

// seen is what became of the requests of a level.
type seen struct {
	counts  Counts
	service *latency.Histogram
}

func newFinder(f FindConfig, seed uint64, found func()) *finder {
	w := &finder{found: found, s: newSearch(f.MaxLimit, f.Longest, f.Narrow, seed)}
	if len(f.Objectives) > 0 {
		w.s.keeps = func(l *level) stat.State { return l.judge(f.Objectives) }
	}
	w.begin(0)
	return w
}

// begin asks for the next slice, at a time.
func (w *finder) begin(now time.Duration) {
	limit, length, ok := w.s.next()
	if !ok {
		w.over, w.foundAt = true, now
		w.found()
		return
	}
	settle := 10 * time.Millisecond
	if w.now.l != nil {
		settle = max(settle, 2*max(w.now.l.trip, w.s.level(limit).trip))
	}
	w.limit.Store(int64(limit))
	w.before = w.now
	w.now = current{l: w.s.level(limit), began: now, from: now + settle, until: now + settle + length}
	if w.now.l.seen.service == nil {
		w.now.l.seen.service = new(latency.Histogram)
	}
}

// Limit implements vegas.Controller.
func (w *finder) Limit() int { return int(w.limit.Load()) }

// Update implements vegas.Controller. What a gate sees in its windows is not asked for.
func (w *finder) Update(vegas.Window) int { return w.Limit() }

// attach implements steered.
func (w *finder) attach(resize func(limit int)) { w.resize = resize }

// observe takes a request down, and goes on to the next slice if this one is over.
func (w *finder) observe(o *Observation) {
	if !w.step(o) || w.resize == nil {
		return
	}
	w.resizing.Lock()
	defer w.resizing.Unlock()
	w.resize(w.Limit())
}

// step tells whether the limit has changed.
func (w *finder) step(o *Observation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.take(o)
	c := &w.now
	if w.over || o.Done < c.until || c.n < leastAnswers && o.Done < c.until+slowest {
		return false
	}
	trip := time.Duration(0)
	if c.n > 0 {
		trip = c.trips / time.Duration(c.n)
	}
	limit := w.Limit()
	w.s.add(limit, slice{c.from, o.Done}, trip, o.Done-w.last)
	w.last = o.Done
	w.begin(o.Done)
	return w.Limit() != limit
}

const (
	leastAnswers = 5           // that were ok, in a slice,
	slowest      = time.Second // unless they take so much longer
)

func (w *finder) take(o *Observation) {
	if o.Outcome == OK {
		w.s.flow.add(o.Sent, o.Done)
	}
	c := &w.now
	if o.Sent < c.began {
		c = &w.before
	}
	if c.l == nil || o.Sent < c.from || w.over {
		return
	}
	e := &c.l.seen
	if e.service == nil { // of the slow start, which does not count
		return
	}
	e.counts.Offered++
	e.counts.Sent++
	e.counts.Outcomes[o.Outcome]++
	if !o.Outcome.Answered() {
		e.service.RecordAtLeast(o.Done - o.Sent)
		return
	}
	e.service.Record(o.Done - o.Sent)
	if o.Outcome == OK {
		c.trips += o.Done - o.Sent
		c.n++
	}
}

// judge judges a level by objectives: violated if one is, kept if all are.
func (l *level) judge(objectives []stat.Expr) stat.State {
	r := l.result()
	state := stat.Kept
	for _, e := range objectives {
		switch e.Judge(r.Metric(e.Name, e.Kind), true) {
		case stat.Violated:
			return stat.Violated
		case stat.Straddling, stat.NoData:
			state = stat.Straddling
		}
	}
	return state
}

// result returns what was measured at a level as a result of its own.
func (l *level) result() *Result {
	r := &Result{Mode: ModeFind, Loop: LoopClosed, Requests: l.seen.counts}
	if l.seen.service != nil {
		r.Response.Add(l.seen.service)
		r.Service.Add(l.seen.service)
	}
	if len(l.rates) > 0 {
		mean := meanOf(l.rates)
		r.Rates = l.rate(mean)
		r.Capacity = &Capacity{PerS: mean, LowPerS: mean, HighPerS: mean, Concurrency: l.limit, LowLimit: l.limit, HighLimit: l.limit}
	}
	return r
}

// rate returns the rates of a level whose ok rate is known: in a closed loop what is sent is what is due.
func (l *level) rate(ok float64) Rates {
	sent := ok
	if n := l.seen.counts.Outcomes[OK]; n > 0 {
		sent = ok * float64(l.seen.counts.Sent) / float64(n)
	}
	return Rates{OfferedPerS: sent, SentPerS: sent, OKPerS: ok}
}

// report puts what was found into the result of the run.
func (w *finder) report(r *Result, interrupted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Mode = ModeFind
	r.Stopped = interrupted
	l := w.s.chosen
	if l == nil || len(l.rates) == 0 {
		r.Response, r.Service = latency.Histogram{}, latency.Histogram{}
		reason := "no capacity found: nothing settled in the time given"
		if w.s.keeps != nil && w.s.rounds > 0 {
			reason = "no capacity found: no limit keeps the objectives"
		} else if r.Requests.Outcomes[OK] == 0 {
			reason = "no capacity found: no answer was ok"
		}
		r.Client.Reasons = append(r.Client.Reasons, reason)
		return
	}
	at := l.result()
	r.Response, r.Service, r.Rates = at.Response, at.Service, at.Rates
	i := w.s.interval()
	low, high := w.s.alike()
	r.Capacity = &Capacity{PerS: i.Value, LowPerS: i.Low, HighPerS: i.High, Concurrency: l.limit, LowLimit: low, HighLimit: high, FoundAfter: w.foundAt}
	if w.foundAt == 0 {
		r.Capacity.FoundAfter = r.Elapsed
	}
	for _, x := range w.s.levels {
		if t := time.Duration(math.Round(float64(x.trip))); t > 0 && (r.Capacity.Base == 0 || t < r.Capacity.Base) {
			r.Capacity.Base = t
		}
	}
	if half := (i.High - i.Low) / 2; half > 0.1*i.Value {
		r.Client.Reasons = append(r.Client.Reasons, fmt.Sprintf("capacity only known to ±%.0f%%", 100*half/i.Value))
	}
}
