package vegas

// The simulator: services with a limiter each in front of one backend, in virtual
// time, event by event and in one goroutine. A file of the same content drives other
// projects' code in the module of comparisons.

import (
	"math"
	"math/rand/v2"
	"time"
)

// A limiter is one under test. Requests are numbered; a number is used again
// once done was called for it.
type limiter interface {
	try(now time.Duration, id int) bool
	done(now time.Duration, id int, r result)
	limit() int
}

type result int

const (
	good result = iota
	overload
	cancelled
)

// A load is the demand on one service: open (rate per second) or closed (clients that
// think, ask, and back off when refused).
type load struct {
	rate    func(t time.Duration) float64
	clients func(t time.Duration) int
	think   time.Duration
	backoff time.Duration
}

type scenario struct {
	name     string
	heldOut  bool // not looked at while choosing constants
	length   time.Duration
	from, to time.Duration // what is measured
	servers  func(t time.Duration) int
	service  func(t time.Duration, r *rand.Rand) time.Duration
	pause    time.Duration // when the backend stands still for 2 s
	queue    int           // backend's queue; refuses at once beyond; 0 = endless
	cancel   float64       // share of requests cancelled before 2 mean services
	loads    []load
	best     int // the best fixed limit of each service, from -search
}

const pauseLength = 2 * time.Second

type eventKind uint8

const (
	arrive eventKind = iota
	finish
	abandon
	tick
)

type event struct {
	at   time.Duration
	seq  uint64
	kind eventKind
	svc  int32
	id   int32
	gen  uint32
}

// events is a binary heap; container/heap would box each event.
type events []event

func before(a, b *event) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

func (h *events) push(e event) {
	s := append(*h, e)
	*h = s
	i := len(s) - 1
	for i > 0 {
		p := (i - 1) / 2
		if !before(&e, &s[p]) {
			break
		}
		s[i] = s[p]
		i = p
	}
	s[i] = e
}

func (h *events) pop() event {
	s := *h
	n := len(s) - 1
	top, last := s[0], s[n]
	s = s[:n]
	*h = s
	if n == 0 {
		return top
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && before(&s[c+1], &s[c]) {
			c++
		}
		if !before(&s[c], &last) {
			break
		}
		s[i] = s[c]
		i = c
	}
	s[i] = last
	return top
}

type simRequest struct {
	start   time.Duration
	gen     uint32
	svc     int32
	client  int32
	running bool
	queued  bool
	refused bool // by the backend
}

type point struct {
	at    time.Duration
	limit int
	good  int // in the second before
}

type outcome struct {
	good     []int // by service
	whole    int   // from the first second to the last, measured or not
	p50, p99 time.Duration
	trace    []point // once a second, of the first service
	maxLimit int     // highest at a whole second while measuring
	endLimit int
}

func (o outcome) total() (n int) {
	for _, g := range o.good {
		n += g
	}
	return n
}

type sim struct {
	sc       *scenario
	lim      []limiter
	rng      *rand.Rand
	h        events
	seq      uint64
	now      time.Duration
	reqs     []simRequest
	free     []int32
	queue    []int32
	head     int
	busy     int
	parked   [][]int32 // closed clients not needed at the moment
	latency  [2048]int
	measured int
	out      outcome
	lastGood int
	allGood  int
}

func (s *sim) at(t time.Duration, k eventKind, svc, id int32, gen uint32) {
	s.seq++
	s.h.push(event{t, s.seq, k, svc, id, gen})
}

func (s *sim) exp(mean time.Duration) time.Duration {
	return time.Duration(s.rng.ExpFloat64() * float64(mean))
}

// simulate runs sc with a fresh limiter from make in front of each service.
func simulate(sc *scenario, seed uint64, make_ func(svc int) limiter) outcome {
	s := &sim{sc: sc, rng: rand.New(rand.NewPCG(seed, 1))}
	s.out.good = make([]int, len(sc.loads))
	s.parked = make([][]int32, len(sc.loads))
	for i := range sc.loads {
		s.lim = append(s.lim, make_(i))
		l := &sc.loads[i]
		if l.rate != nil {
			s.at(s.exp(time.Duration(1e9/l.rate(0))), arrive, int32(i), -1, 0)
			continue
		}
		n := 0
		for t := time.Duration(0); t < sc.length; t += time.Second {
			n = max(n, l.clients(t))
		}
		for c := range n {
			s.at(s.exp(max(l.think, 10*time.Millisecond)), arrive, int32(i), int32(c), 0)
		}
	}
	s.at(10*time.Millisecond, tick, 0, 0, 0)
	for len(s.h) > 0 {
		e := s.h.pop()
		if e.at > sc.length {
			break
		}
		s.now = e.at
		switch e.kind {
		case arrive:
			s.arrive(e)
		case finish:
			s.finish(e.id, e.gen)
		case abandon:
			s.abandon(e.id, e.gen)
		case tick:
			s.tick()
		}
	}
	s.out.whole = s.allGood
	s.out.endLimit = s.lim[0].limit()
	s.out.p50, s.out.p99 = s.quantile(0.5), s.quantile(0.99)
	return s.out
}

func (s *sim) arrive(e event) {
	l := &s.sc.loads[e.svc]
	if l.rate != nil {
		s.at(s.now+s.exp(time.Duration(1e9/l.rate(s.now))), arrive, e.svc, -1, 0)
	} else if int(e.id) >= l.clients(s.now) {
		s.parked[e.svc] = append(s.parked[e.svc], e.id)
		return
	}
	var id int32
	if n := len(s.free); n > 0 {
		id = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		id = int32(len(s.reqs))
		s.reqs = append(s.reqs, simRequest{})
	}
	if !s.lim[e.svc].try(s.now, int(id)) {
		s.free = append(s.free, id)
		if l.rate == nil {
			s.at(s.now+s.exp(l.backoff), arrive, e.svc, e.id, 0)
		}
		return
	}
	r := &s.reqs[id]
	*r = simRequest{start: s.now, gen: r.gen + 1, svc: e.svc, client: e.id}
	if s.sc.cancel > 0 && s.rng.Float64() < s.sc.cancel {
		s.at(s.now+time.Duration(s.rng.Float64()*2*float64(s.sc.service(s.now, s.rng))), abandon, e.svc, id, r.gen)
	}
	if s.sc.queue > 0 && s.busy >= s.sc.servers(s.now) && len(s.queue)-s.head >= s.sc.queue {
		r.refused = true
		s.at(s.now+time.Millisecond, finish, e.svc, id, r.gen)
		return
	}
	r.queued = true
	s.queue = append(s.queue, id)
	s.serve()
}

// serve gives waiting requests to idle servers.
func (s *sim) serve() {
	for s.head < len(s.queue) && s.busy < s.sc.servers(s.now) {
		id := s.queue[s.head]
		s.head++
		r := &s.reqs[id]
		if !r.queued {
			continue // abandoned; its number is free only now
		}
		r.queued, r.running = false, true
		s.busy++
		end := s.now + s.sc.service(s.now, s.rng)
		if p := s.sc.pause; p > 0 && end > p && s.now < p+pauseLength {
			end += p + pauseLength - max(p, s.now)
		}
		s.at(end, finish, r.svc, id, r.gen)
	}
	if s.head > 4096 && s.head > len(s.queue)/2 {
		s.queue = append(s.queue[:0], s.queue[s.head:]...)
		s.head = 0
	}
}

func (s *sim) finish(id int32, gen uint32) {
	r := &s.reqs[id]
	if r.gen != gen || !r.running && !r.refused {
		return
	}
	res := good
	if r.refused {
		res = overload
	} else {
		s.busy--
		d := s.now - r.start
		s.allGood++
		if s.now >= s.sc.from && s.now < s.sc.to {
			s.out.good[r.svc]++
			s.latency[bucket(d)]++
			s.measured++
		}
	}
	s.finished(id, res)
	s.serve()
}

func (s *sim) abandon(id int32, gen uint32) {
	r := &s.reqs[id]
	if r.gen != gen || r.refused || !r.running && !r.queued {
		return
	}
	if r.queued {
		// Take it out, so that the number can be used again.
		for i := s.head; i < len(s.queue); i++ {
			if s.queue[i] == id {
				s.queue = append(s.queue[:i], s.queue[i+1:]...)
				break
			}
		}
	} else {
		s.busy--
	}
	s.finished(id, cancelled)
	s.serve()
}

func (s *sim) finished(id int32, res result) {
	r := &s.reqs[id]
	r.running, r.queued, r.refused = false, false, false
	r.gen++
	s.lim[r.svc].done(s.now, int(id), res)
	s.free = append(s.free, id)
	if l := &s.sc.loads[r.svc]; l.rate == nil {
		t := s.now
		if l.think > 0 {
			t += s.exp(l.think)
		}
		s.at(t, arrive, r.svc, r.client, 0)
	}
}

func (s *sim) tick() {
	s.serve()
	for i := range s.sc.loads {
		if l := &s.sc.loads[i]; l.rate == nil {
			n := l.clients(s.now)
			keep := s.parked[i][:0]
			for _, c := range s.parked[i] {
				if int(c) < n {
					s.at(s.now, arrive, int32(i), c, 0)
				} else {
					keep = append(keep, c)
				}
			}
			s.parked[i] = keep
		}
	}
	if s.now%time.Second == 0 {
		n := s.lim[0].limit()
		if s.now >= s.sc.from && s.now < s.sc.to {
			s.out.maxLimit = max(s.out.maxLimit, n)
		}
		s.out.trace = append(s.out.trace, point{s.now, n, s.allGood - s.lastGood})
		s.lastGood = s.allGood
	}
	s.at(s.now+10*time.Millisecond, tick, 0, 0, 0)
}

// bucket is 100 to a factor of e from 100 µs on.
func bucket(d time.Duration) int {
	return min(max(0, int(100*math.Log(float64(d)/1e5))), 2047)
}

func (s *sim) quantile(q float64) time.Duration {
	rank, seen := int(q*float64(s.measured)), 0
	for i, n := range s.latency {
		if seen += n; seen > rank {
			return time.Duration(1e5 * math.Exp((float64(i)+0.5)/100))
		}
	}
	return 0
}

// fixedLimiter is the yardstick.
type fixedLimiter struct{ n, inFlight int }

func (f *fixedLimiter) try(time.Duration, int) bool {
	if f.inFlight >= f.n {
		return false
	}
	f.inFlight++
	return true
}

func (f *fixedLimiter) done(time.Duration, int, result) { f.inFlight-- }
func (f *fixedLimiter) limit() int                      { return f.n }
