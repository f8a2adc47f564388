package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/vegas"
)

// A run is one execution of a [Config]: what its loops share.
type run struct {
	cfg      Config
	messages []message
	names    *names
	want     *pattern
	ok       [600]bool
	schedule *schedule // nil in a closed loop
	gate     *vegas.Gate
	limit    atomic.Int64 // what the controller said last
	places   int          // how many may be in flight without a gate
	wanted   int          // how many were asked for

	origin time.Time
	start  time.Duration // end of the warm-up, since origin
	end    time.Duration // of the window; nothing is due from here on
	cutoff time.Duration // what is unsent from here on is dropped

	next    atomic.Uint64 // closed loop: the next request's number
	counted atomic.Uint64 // closed loop: measured requests reserved
	errors  atomic.Uint64
	full    atomic.Bool // all places were in use at some moment

	halted  atomic.Int64 // when sending was interrupted; maxTime before
	wakes   []func()     // wake the loops
	tallies []*tally
	engine  string
}

const (
	// After a connection could not be opened, its place in a closed loop rests.
	restFor = 10 * time.Millisecond
	// receiveSize is how much is read at once, at most.
	receiveSize = 64 << 10
)

const never = time.Duration(math.MaxInt64)

// now is the time since the loop's beginning, by the monotonic clock.
func (r *run) now() time.Duration { return time.Since(r.origin) }

// haltedAt returns when sending was interrupted, or never.
func (r *run) haltedAt() time.Duration { return time.Duration(r.halted.Load()) }

// halt interrupts the run: nothing is sent any more.
func (r *run) halt() {
	if r.halted.CompareAndSwap(int64(never), int64(r.now())) {
		for _, wake := range r.wakes {
			wake()
		}
	}
}

// failed counts a request that did not end in ok against the limit of errors.
func (r *run) failed(o Outcome) {
	if o != Canceled && r.cfg.MaxErrors > 0 && r.errors.Add(1) == r.cfg.MaxErrors {
		r.halt()
	}
}

// A watched controller lets others see its limit.
type watched struct {
	vegas.Controller
	limit *atomic.Int64
}

// A steered controller changes its limit by itself, too, whenever it likes.
type steered interface {
	attach(resize func(limit int))
}

func (w watched) Update(v vegas.Window) int {
	n := w.Controller.Update(v)
	w.limit.Store(int64(n))
	return n
}

// Run sends what c asks for and returns what was measured. It returns an error, and no
// result, only if c cannot be carried out at all. When ctx ends, nothing more is sent, what is
// in flight is waited for as Config.Drain says, and the result has what was measured.
//
// A Config may be run again, but for its Controller, and several runs may go on at once,
// though they disturb each other.
func Run(ctx context.Context, c *Config) (*Result, error) {
	r, err := newRun(c)
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}

func (r *run) run(ctx context.Context) (*Result, error) {
	r.names.resolveAll(ctx)
	r.origin = time.Now()
	began := r.origin
	loops, err := r.loops()
	if err != nil {
		return nil, err
	}
	m := newMonitor(r)
	var wg sync.WaitGroup
	for _, loop := range loops {
		wg.Go(loop)
	}
	done := make(chan struct{})
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		m.watch(ctx, done)
	}()
	wg.Wait()
	finished := r.now()
	close(done)
	<-watch
	r.dropRest(finished)
	res := r.result(finished)
	res.Start = began.Add(r.start)
	res.Trace = m.trace
	res.Client = r.judge(res, m.began, readHost(), finished-m.beganAt)
	return res, nil
}

func newRun(c *Config) (*run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	r := &run{cfg: c.withDefaults(), messages: c.Targets.messages}
	cfg := &r.cfg
	r.halted.Store(int64(never))
	r.want = newPattern(cfg.Expect)
	for _, s := range cfg.OK {
		for code := s.First; code <= s.Last; code++ {
			r.ok[code] = true
		}
	}
	r.start = cfg.Warmup
	r.end = r.start + cfg.Duration
	if cfg.Rate != nil {
		if peak := cfg.peak(); peak > MaxRate {
			return nil, fmt.Errorf("rate of %g/s is above %d/s", peak, MaxRate)
		}
		var random *rand.Rand
		if cfg.Poisson {
			random = rand.New(rand.NewPCG(cfg.Seed, 0))
		}
		r.schedule = newSchedule(cfg.Rate, cfg.Warmup, cfg.Duration, cfg.Requests, cfg.Burst, random)
		r.end = r.schedule.window()
	}
	r.cutoff = r.end + cfg.Timeout
	if err := r.setPlaces(); err != nil {
		return nil, err
	}
	if cfg.Controller != nil {
		r.limit.Store(int64(cfg.Controller.Limit()))
		gate, err := vegas.NewGate(watched{cfg.Controller, &r.limit}, vegas.GateConfig{})
		if err != nil {
			return nil, err
		}
		r.gate = gate
		if c, ok := cfg.Controller.(steered); ok {
			c.attach(func(limit int) {
				gate.Resize(limit)
				r.limit.Store(int64(limit))
			})
		}
	}
	r.names = newNames(cfg)
	return r, nil
}

// peak returns about the highest rate there is.
func (c *Config) peak() float64 {
	most := c.Rate.PerSecond(0)
	length := c.Duration
	for i := range 1000 {
		most = max(most, c.Rate.PerSecond(time.Duration(float64(length)*float64(i)/1000)))
	}
	return most
}

// setPlaces decides how many requests may be in flight.
func (r *run) setPlaces() error {
	cfg := &r.cfg
	n := cfg.Connections
	if n == 0 {
		n = DefaultConnections
	}
	if cfg.Concurrency > 0 {
		n = min(cfg.Concurrency, max(n, cfg.Concurrency))
		if cfg.Connections > 0 {
			n = min(n, cfg.Connections)
		}
	}
	r.wanted = n
	if most := descriptorLimit() - 64; most < n { // for files, pipes and the runtime
		if most < 1 {
			return errors.New("descriptor limit too low for any connection")
		}
		n = most
	}
	r.places = n
	if cfg.Rate == nil && cfg.Controller == nil {
		r.full.Store(true) // a closed loop is
	}
	return nil
}

// count returns how many loops there are to be.
func (r *run) count() int {
	n := r.cfg.Loops
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, r.places)
}

func (r *run) newTally() *tally {
	t := &tally{r: r}
	if r.cfg.Progress != nil {
		t.recent = new(latency.Histogram)
	}
	r.tallies = append(r.tallies, t)
	return t
}

// message returns what request i asks for.
func (r *run) message(i uint64) *message {
	if len(r.messages) == 1 {
		return &r.messages[0]
	}
	return &r.messages[i%uint64(len(r.messages))]
}

// reserveClosed reserves the next request of a closed loop at now.
func (r *run) reserveClosed(now time.Duration, j *job) bool {
	if now >= r.end || r.haltedAt() != never {
		return false
	}
	measured := now >= r.start
	if measured && r.cfg.Requests < 1<<62 && r.counted.Add(1) > r.cfg.Requests {
		return false
	}
	i := r.next.Add(1) - 1
	*j = job{index: i, message: r.message(i), due: now, free: now, sent: now, measured: measured}
	return true
}

// reserveOpen reserves the next request of the schedule.
func (r *run) reserveOpen(j *job) bool {
	i, due, ok := r.schedule.next()
	if !ok {
		return false
	}
	*j = job{index: i, message: r.message(i), due: due, measured: due >= r.start}
	return true
}

// tooLate tells whether j is to be dropped at now: it is one time-out after the end, and after
// its own due moment, which only random gaps can bring behind the end.
func (r *run) tooLate(j *job, now time.Duration) bool {
	return now >= r.cutoff && now >= j.due+r.cfg.Timeout
}

// dropRest drops what was due and no loop has taken.
func (r *run) dropRest(now time.Duration) {
	if r.schedule == nil {
		return
	}
	var j job
	for r.reserveOpen(&j) && j.due < r.haltedAt() {
		r.tallies[0].drop(&j, now)
	}
}

// result puts together what the loops counted.
func (r *run) result(finished time.Duration) *Result {
	recorders := make([]*Recorder, len(r.tallies))
	for i, t := range r.tallies {
		recorders[i] = &t.rec
	}
	res := NewResult(recorders...)
	res.Target = r.cfg.Targets.String()
	res.Engine = r.engine
	res.Protocol = "HTTP/1.1"
	if r.cfg.HTTP2 {
		res.Protocol = "HTTP/2.0"
	}
	res.Machine = Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: processor(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
	res.Loop = LoopClosed
	if r.schedule != nil {
		res.Loop = LoopOpen
	}
	res.Seed = r.cfg.Seed
	res.Warmup = min(r.start, finished)
	last := r.start
	res.Status = map[int]uint64{}
	res.Examples = map[Outcome]string{}
	var sent, ok uint64
	for _, t := range r.tallies {
		last = max(last, t.last)
		sent += t.sent
		ok += t.ok
		for code, n := range t.statuses {
			if n > 0 {
				res.Status[code] += n
			}
		}
		for o, s := range t.examples {
			if s != "" && res.Examples[Outcome(o)] == "" {
				res.Examples[Outcome(o)] = s
			}
		}
		res.Advice.add(t.advice)
		res.BytesIn += t.in
		res.BytesOut += t.out
		res.Connects += t.connects + t.live.connects.Load()
	}
	end := min(r.end, r.haltedAt())
	res.Stopped = r.haltedAt() != never
	if r.schedule == nil && r.counted.Load() > r.cfg.Requests {
		end = min(end, last)
	}
	if r.schedule != nil && res.Requests.Dropped > 0 {
		last = max(last, min(finished, r.cutoff))
	}
	end = max(end, r.start)
	res.Window = end - r.start
	res.Elapsed = max(last, end) - r.start
	if s := res.Window.Seconds(); s > 0 {
		res.Rates = Rates{OfferedPerS: float64(res.Requests.Offered) / s, SentPerS: float64(sent) / s, OKPerS: float64(ok) / s}
	}
	return res
}
