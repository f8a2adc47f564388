package vegas

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// counted is what the ports share: a count, and the start of each request.
type counted struct {
	n, most  int
	inFlight int
	start    []time.Duration
	at       []int // in flight as the request started
}

func (c *counted) enter(now time.Duration, id int) bool {
	if c.inFlight >= c.n {
		return false
	}
	for len(c.start) <= id {
		c.start = append(c.start, 0)
		c.at = append(c.at, 0)
	}
	c.inFlight++
	c.most = max(c.most, c.inFlight)
	c.start[id], c.at[id] = now, c.inFlight
	return true
}

func (c *counted) limit() int { return c.n }

// flowGuard is the formula of flow-guard 0.2.1, src/strategy/vegas.rs, without the
// leak of its permits: α = 2, β = 4, judged at each answer, base = least ever, at most
// ten times the initial limit of 10.
type flowGuard struct {
	counted
	base time.Duration
}

func newFlowGuard(int) limiter { return &flowGuard{counted: counted{n: 10}, base: time.Second} }

func (f *flowGuard) try(now time.Duration, id int) bool { return f.enter(now, id) }

func (f *flowGuard) done(now time.Duration, id int, r result) {
	f.inFlight--
	switch r {
	case overload:
		f.n = max(1, f.n*3/4)
	case good:
		rtt := max(1, now-f.start[id])
		f.base = min(f.base, rtt)
		diff := float64(f.n) * (1 - float64(f.base)/float64(rtt))
		if diff > 4 {
			f.n = max(1, f.n-1)
		} else if diff < 2 && f.n < 100 {
			f.n++
		}
	}
}

// netflix is the WindowedLimit of Netflix's concurrency-limits with its defaults
// (windows of 1 s, averages) around one of its limits.
type netflix struct {
	counted
	next    time.Duration
	sum     time.Duration
	samples int
	most    int
	dropped bool
	update  func(limit float64, rtt time.Duration, inFlight int, dropped bool) float64
	float   float64
}

func (l *netflix) try(now time.Duration, id int) bool { return l.enter(now, id) }

func (l *netflix) done(now time.Duration, id int, r result) {
	l.inFlight--
	if r == cancelled {
		return
	}
	l.most = max(l.most, l.at[id])
	if r == overload {
		l.dropped = true
	} else {
		l.sum += now - l.start[id]
		l.samples++
	}
	if now > l.next && l.samples > 10 {
		rtt := l.sum / time.Duration(l.samples)
		l.float = l.update(l.float, rtt, l.most, l.dropped)
		l.n = int(l.float)
		l.sum, l.samples, l.most, l.dropped = 0, 0, 0, false
		l.next = now + time.Second
	}
}

// newNetflixVegas ports VegasLimit: 20 at first, 1000 at most, α, β, threshold, steps
// of 3, 6, 1, 1 × max(1, ⌊log10 L⌋), a new base every 30·L windows or so.
func newNetflixVegas(svc int) limiter {
	rng := rand.New(rand.NewPCG(uint64(svc), 5))
	var base time.Duration
	probes, jitter := 0.0, 0.5+rng.Float64()/2
	l := &netflix{counted: counted{n: 20}, float: 20}
	l.update = func(limit float64, rtt time.Duration, inFlight int, dropped bool) float64 {
		probes++
		if jitter*30*limit <= probes {
			probes, jitter, base = 0, 0.5+rng.Float64()/2, rtt
			return limit
		}
		if base == 0 || rtt < base {
			base = rtt
			return limit
		}
		k := math.Max(1, math.Floor(math.Log10(math.Floor(limit))))
		queue := math.Ceil(limit * (1 - float64(base)/float64(rtt)))
		next := limit
		switch {
		case dropped:
			next -= k
		case float64(inFlight)*2 < limit:
		case queue <= k:
			next += 6 * k
		case queue < 3*k:
			next += k
		case queue > 6*k:
			next -= k
		}
		return math.Max(1, math.Min(1000, next))
	}
	return l
}

// newGradient2 ports Gradient2Limit: 20 at first and least, 200 at most, queue 4,
// smoothing 0.2, tolerance 1.5, long window 600.
func newGradient2(int) limiter {
	long, n, sum := 0.0, 0, 0.0
	l := &netflix{counted: counted{n: 20}, float: 20}
	l.update = func(limit float64, rtt time.Duration, inFlight int, _ bool) float64 {
		short := float64(rtt)
		if n < 10 {
			n++
			sum += short
			long = sum / float64(n)
		} else {
			f := 2.0 / 601
			long = long*(1-f) + short*f
		}
		if long/short > 2 {
			long *= 0.95
		}
		if float64(inFlight) < limit/2 {
			return limit
		}
		gradient := math.Max(0.5, math.Min(1, 1.5*long/short))
		next := limit*(1-0.2) + 0.2*(limit*gradient+4)
		return math.Max(20, math.Min(200, next))
	}
	return l
}

// envoy ports the gradient controller of Envoy's adaptive concurrency filter: medians
// of windows of 100 ms, minRTT from 50 requests at limit 3 once a minute (jitter
// 15 %), buffer 25 %, gradient from 0.5 to 2, headroom √L, 1000 at most.
type envoy struct {
	counted
	rng       *rand.Rand
	samples   []time.Duration
	minRTT    time.Duration
	measuring bool
	epoch     time.Duration
	deferred  int
	nextMin   time.Duration
	nextEnd   time.Duration
	atMin     int
}

func newEnvoy(svc int) limiter {
	e := &envoy{counted: counted{n: 3}, rng: rand.New(rand.NewPCG(uint64(svc), 6))}
	e.measure(0)
	return e
}

func (e *envoy) measure(now time.Duration) {
	e.measuring, e.epoch, e.deferred, e.n = true, now, e.n, 3
	e.samples = e.samples[:0]
}

func (e *envoy) timers(now time.Duration) {
	if e.measuring {
		return
	}
	if now >= e.nextMin {
		e.measure(now)
		return
	}
	if now < e.nextEnd {
		return
	}
	e.nextEnd = now + 100*ms
	if len(e.samples) == 0 {
		return
	}
	g := math.Max(0.5, math.Min(2, 1.25*float64(e.minRTT)/float64(e.median())))
	old, limit := e.n, float64(e.n)*g
	e.n = max(3, min(1000, int(limit+math.Sqrt(limit))))
	if old == 3 && e.n == 3 {
		if e.atMin++; e.atMin >= 5 {
			e.atMin = 0
			e.measure(now)
		}
	} else {
		e.atMin = 0
	}
}

func (e *envoy) median() time.Duration {
	slices.Sort(e.samples)
	m := e.samples[len(e.samples)/2]
	e.samples = e.samples[:0]
	return m
}

func (e *envoy) try(now time.Duration, id int) bool {
	e.timers(now)
	return e.enter(now, id)
}

func (e *envoy) done(now time.Duration, id int, r result) {
	e.inFlight--
	e.timers(now)
	if r != good || e.start[id] < e.epoch {
		return
	}
	e.samples = append(e.samples, max(1, now-e.start[id]))
	if e.measuring && len(e.samples) >= 50 {
		e.minRTT = e.median()
		e.n, e.measuring = e.deferred, false
		e.nextMin = now + time.Minute + time.Duration(e.rng.Float64()*0.15*float64(time.Minute))
		e.nextEnd = now + 100*ms
	}
}
