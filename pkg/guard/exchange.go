package guard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// An exchange is one request and its answer on their way through a guard. It is reused once
// the handler has returned, unless someone might still hold it.
type exchange struct {
	g     *Guard
	r     *http.Request
	e     event
	came  time.Duration
	start time.Duration // when it was last decided about: later than came if it waited first

	class    *Class
	part     int
	address  netip.Addr
	hasAddr  bool
	key      []byte        // scratch
	takes    []take        // scratch
	decision gcra.Decision // of the limit that denied, or of which the least remains
	tightest *limiter      // whose decision that is
	returned bool          // the handler, without a panic
	ahead    bool          // some of the body was awaited
	upstream bool          // a proxy's
	err      error         // of the upstream or transport

	hold
	writers
}

func newExchange(g *Guard) *exchange {
	return &exchange{g: g}
}

// begin starts an exchange. It must be ended.
func (g *Guard) begin(r *http.Request) *exchange {
	g.inFlight.Add(1)
	x := g.exchanges.Get().(*exchange)
	for _, o := range g.observers {
		r = o.begin(r)
	}
	x.r, x.came = r, g.now()
	x.start = x.came
	return x
}

// end finishes an exchange, whatever became of it.
func (x *exchange) end() {
	g := x.g
	now := g.now()
	x.finish(now)
	if g.adapts {
		g.adaptRates(now)
	}
	if len(g.observers) > 0 {
		x.e.work = x.worked()
		x.e.total = now - x.came
		for _, o := range g.observers {
			o.finished(x.r, &x.e)
		}
	}
	x.recycle()
	if g.inFlight.Add(-1) == 0 && g.closing.Load() {
		g.signal()
	}
}

// finish gives the permit back and settles the outcome.
func (x *exchange) finish(now time.Duration) {
	if x.e.outcome != admitted && x.e.outcome != bypassed {
		return
	}
	if err := x.r.Context().Err(); err != nil && x.err == nil {
		x.err = err
	}
	switch {
	case x.gone && x.err == nil:
		x.err = context.Canceled
	case x.upstream && !x.returned && x.err == nil:
		x.err = io.ErrUnexpectedEOF // the answer broke off
	}
	switch {
	case x.err == nil:
	case errors.Is(x.err, context.Canceled):
		x.e.outcome = canceled
	default:
		x.e.outcome = upstreamError
	}
	if x.e.status == 0 && x.returned && !x.e.client {
		x.e.status = http.StatusOK // what net/http makes of no answer
	}
	if x.held.Load() {
		x.release(now-time.Duration(x.blocked.Load()), x.verdict())
	}
}

// verdict is what the exchange, which is over, says about the backend.
func (x *exchange) verdict() vegas.Outcome {
	if x.e.outcome == canceled || !x.returned {
		return vegas.Ignore
	}
	return x.g.cfg.Gate.Classify(x.e.status, x.err)
}

// recycle makes the exchange ready for another request, unless a timer still knows it or a
// panic may have left something behind that does.
func (x *exchange) recycle() {
	if !x.disarm() || !x.returned || x.e.client {
		return
	}
	x.r, x.e = nil, event{}
	x.class, x.hasAddr = nil, false
	x.tightest, x.decision = nil, gcra.Decision{}
	x.returned, x.upstream, x.ahead, x.err = false, false, false, nil
	x.hold.reset()
	x.writers.reset()
	x.g.exchanges.Put(x)
}

// admit decides whether the request may go on, and takes a permit for it if it needs one.
func (x *exchange) admit() bool {
	ok := x.decide()
	for _, o := range x.g.observers {
		o.decided(x.r, &x.e)
	}
	return ok
}

func (x *exchange) decide() bool {
	g := x.g
	x.classify()
	x.e.class = x.class.Name
	if g.closing.Load() {
		x.e.outcome = draining
		return false
	}
	if x.class.Bypass {
		x.e.outcome = bypassed
		return true
	}
	if len(g.limits) > 0 && !x.limit() {
		return false
	}
	if g.gate == nil || x.class.Ungated {
		return true
	}
	x.readAhead()
	return x.acquire()
}

// classify finds the class of a request.
func (x *exchange) classify() {
	classes := x.g.classes
	x.part = len(classes) - 1
	x.class = &classes[x.part]
	if x.part == 0 {
		return
	}
	normal, plain := normalPath(x.r.URL.Path)
	for i := range classes[:x.part] {
		if classes[i].matches(x.r, normal, plain) {
			x.class, x.part = &classes[i], i
			return
		}
	}
}

func (c *Class) matches(r *http.Request, normal string, plain bool) bool {
	if c.Bypass && !plain {
		return false
	}
	if len(c.Paths) > 0 && !slices.ContainsFunc(c.Paths, func(p string) bool { return matchPath(p, normal) }) {
		return false
	}
	return (len(c.Methods) == 0 || slices.Contains(c.Methods, r.Method)) && (c.Match == nil || c.Match(r))
}

// priority is that of the class, or what a trusted proxy says.
func (x *exchange) priority() vegas.Priority {
	if name := x.g.cfg.PriorityHeader; name != "" && !x.e.client {
		if v := x.r.Header.Get(name); v != "" && x.g.cfg.Proxies.trusted(peer(x.r)) {
			for i, p := range priorityNames {
				if strings.EqualFold(v, p) {
					return vegas.Background + vegas.Priority(i)
				}
			}
		}
	}
	return x.class.Priority
}

var priorityNames = []string{"background", "normal", "high", "critical"}

// acquire takes a permit, or waits for one.
func (x *exchange) acquire() bool {
	g := x.g
	class := vegas.Class{Priority: x.priority(), Partition: x.part}
	if g.dryRun() {
		p, ok := g.gate.Try(g.now(), class)
		if ok {
			x.keep(p)
		} else {
			x.e.dry = shed
		}
		return true
	}
	before := x.start
	if g.shared || x.ahead {
		before = g.now() // that took a while
	}
	p, err := g.gate.Acquire(x.r.Context(), class)
	if err == nil {
		x.e.wait += p.Start() - before
		x.keep(p)
		g.served.Add(1)
		return true
	}
	x.e.wait += g.now() - before
	if errors.Is(err, vegas.ErrFull) || errors.Is(err, vegas.ErrLate) {
		x.e.outcome, x.err = shed, err
		g.dropped.Add(1)
	} else {
		x.e.outcome, x.err = canceled, err
	}
	return false
}

// addr is the address of the client.
func (x *exchange) addr() netip.Addr {
	if !x.hasAddr {
		x.address, x.hasAddr = x.g.cfg.Proxies.client(x.r), true
	}
	return x.address
}

// host is the host the request is for, in lower case.
func (x *exchange) host() string {
	h := x.r.Host
	if x.e.client || h == "" {
		h = x.r.URL.Host
	}
	return strings.ToLower(h)
}
