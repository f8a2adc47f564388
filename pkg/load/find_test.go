package load

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cqkit/pkg/stat"
)

// A backend is an endpoint in virtual time: servers that work on a request for some time each,
// a queue before them, and a way there and back.
type backend struct {
	servers int
	service func(r *rand.Rand) time.Duration
	network time.Duration
	// slower is by how much the service slows down with each request beyond the servers.
	slower float64
	// refuseBeyond is how many requests are accepted; what is beyond is refused at once. 0 is all.
	refuseBeyond int
}

func (b *backend) capacity(r *rand.Rand) float64 {
	var sum time.Duration
	const n = 200_000
	for range n {
		sum += b.service(r)
	}
	return float64(b.servers) * n / sum.Seconds()
}

type arrival struct {
	at, sent time.Duration
	done     bool // it leaves, and does not arrive
	ok       bool
}

type arrivals []arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// simulate runs a finder against a backend.
func simulate(b *backend, w *finder, r *rand.Rand) (took time.Duration) {
	var events arrivals
	var queue []time.Duration // when each was sent
	free, inFlight := b.servers, 0
	var now time.Duration
	send := func() {
		for inFlight < w.Limit() {
			inFlight++
			heap.Push(&events, arrival{at: now + b.network/2, sent: now})
		}
	}
	work := func(sent time.Duration) {
		d := b.service(r)
		if b.slower > 0 {
			d = time.Duration(float64(d) * (1 + b.slower*float64(max(0, len(queue)))))
		}
		heap.Push(&events, arrival{at: now + d, sent: sent, done: true, ok: true})
	}
	send()
	for !w.over && len(events) > 0 {
		e := heap.Pop(&events).(arrival)
		now = e.at
		if !e.done {
			switch {
			case b.refuseBeyond > 0 && b.servers-free+len(queue) >= b.refuseBeyond:
				e.ok = false
				heap.Push(&events, arrival{at: now + time.Millisecond, sent: e.sent, done: true})
			case free > 0:
				free--
				work(e.sent)
			default:
				queue = append(queue, e.sent)
			}
			continue
		}
		if e.ok {
			if len(queue) > 0 {
				work(queue[0])
				queue = queue[1:]
			} else {
				free++
			}
		}
		inFlight--
		outcome := TooMany
		if e.ok {
			outcome = OK
		}
		w.observe(&Observation{Due: e.sent, Sent: e.sent, Done: now + b.network/2, Outcome: outcome})
		send()
	}
	return now
}

func fixed(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

func exponential(d time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(d)) }
}

func bimodal(a, b time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		if r.IntN(10) == 0 {
			return b
		}
		return a
	}
}

// searchFor lets a finder loose on a backend.
func searchFor(b *backend, cfg FindConfig, seed uint64) (*Result, time.Duration) {
	w := newFinder(cfg, seed, func() {})
	took := simulate(b, w, rand.New(rand.NewPCG(seed, 9)))
	r := &Result{}
	w.report(r, false)
	return r, took
}

var simple = FindConfig{Longest: 15 * time.Second, Narrow: 0.02, MaxLimit: 1000}

// TestFindCapacity searches backends of 1 to 64 servers, fast and slow, with service times of several
// shapes. The capacity found must be right to 5 %, the limit must reach it, and not be
// twice what is needed.
func TestFindCapacity(t *testing.T) {
	const ms = time.Millisecond
	r := rand.New(rand.NewPCG(1, 1))
	var worst float64
	n, within2, longer := 0, 0, 0
	for _, servers := range []int{1, 2, 4, 8, 12, 20, 32, 64} {
		for name, service := range map[string]func(*rand.Rand) time.Duration{
			"fixed 10 ms": fixed(10 * ms), "fixed 2 ms": fixed(2 * ms), "fixed 50 ms": fixed(50 * ms),
			"exponential 10 ms": exponential(10 * ms), "exponential 30 ms": exponential(30 * ms), "bimodal": bimodal(5*ms, 40*ms),
		} {
			for seed := range uint64(4) {
				b := &backend{servers: servers, service: service, network: 200 * time.Microsecond}
				truth := b.capacity(r)
				res, took := searchFor(b, simple, seed)
				what := fmt.Sprintf("%d servers, %s, seed %d", servers, name, seed)
				c := res.Capacity
				if c == nil {
					t.Errorf("%s: nothing found: %q", what, res.Client.Reasons)
					continue
				}
				wrong := c.PerS/truth - 1
				n++
				worst = max(worst, math.Abs(wrong))
				if math.Abs(wrong) <= 0.02 {
					within2++
				}
				if took > 8*time.Second {
					longer++
				}
				// The statistics of few, slow, random answers allow no more.
				if bound := 0.05 + 3/math.Sqrt(truth*5); math.Abs(wrong) > bound {
					t.Errorf("%s: capacity %.0f/s, found %.0f/s (%.0f to %.0f) at %d: %+.1f%%", what, truth, c.PerS, c.LowPerS, c.HighPerS, c.Concurrency, 100*wrong)
				}
				if c.Concurrency > 3*servers+3 {
					t.Errorf("%s: found at a limit of %d", what, c.Concurrency)
				}
				if took > 20*time.Second {
					t.Errorf("%s: took %v", what, took)
				}
			}
		}
	}
	t.Logf("%d searches: at most %.1f%% wrong, %d within 2%%, %d longer than 8 s", n, 100*worst, within2, longer)
}

// TestFindPastTheKnee searches backends that get slower when there is too much to do, and that refuse it.
func TestFindPastTheKnee(t *testing.T) {
	const ms = time.Millisecond
	for name, b := range map[string]*backend{
		"slower": {servers: 8, service: fixed(10 * ms), slower: 0.02},
		"refuse": {servers: 8, service: exponential(10 * ms), refuseBeyond: 16},
	} {
		res, _ := searchFor(b, simple, 1)
		c := res.Capacity
		if c == nil || math.Abs(c.PerS/800-1) > 0.06 || c.Concurrency < 7 || c.Concurrency > 16 {
			t.Errorf("%s: %+v, want 800/s at about 8", name, c)
		}
	}
}

// TestFindObjectives searches for the highest rate at which an objective holds.
func TestFindObjectives(t *testing.T) {
	const ms = time.Millisecond
	objective := func(text string) []stat.Expr {
		list, err := stat.ParseList(text, Metrics)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, c := range []struct {
		name      string
		b         *backend
		objective string
		low, high float64 // of the capacity; 0 for none at all
	}{
		{"it holds at the knee", &backend{servers: 8, service: fixed(10 * ms)}, "p99<50ms", 760, 840},
		{"it holds below", &backend{servers: 64, service: fixed(10 * ms), slower: 0, network: ms}, "p99<11.5ms", 3500, 6400},
		{"never", &backend{servers: 8, service: fixed(10 * ms)}, "p99<5ms", 0, 0},
	} {
		cfg := simple
		cfg.Objectives = objective(c.objective)
		res, _ := searchFor(c.b, cfg, 1)
		switch got := res.Capacity; {
		case c.high == 0 && got != nil:
			t.Errorf("%s: %+v", c.name, got)
		case c.high > 0 && got == nil:
			t.Errorf("%s: nothing found: %q", c.name, res.Client.Reasons)
		case c.high > 0 && (got.PerS < c.low || got.PerS > c.high):
			t.Errorf("%s: %+v, want %g to %g/s", c.name, got, c.low, c.high)
		case c.high > 0:
			for _, e := range cfg.Objectives {
				if e.Judge(res.Metric(e.Name, e.Kind), true) == stat.Violated {
					t.Errorf("%s: %v does not hold of what is reported", c.name, e)
				}
			}
		}
	}
}

// TestFlow compares the flow with a count, where counting is exact.
func TestFlow(t *testing.T) {
	var f flow
	for i := range 1000 {
		at := time.Duration(i) * 10 * time.Millisecond
		for range 8 {
			f.add(at, at+10*time.Millisecond)
		}
	}
	for _, span := range [][2]time.Duration{{time.Second, 2 * time.Second}, {1234567890, 3456789012}, {0, 10 * time.Second}} {
		if got := f.rate(span[0], span[1]); math.Abs(got-800) > 0.01 {
			t.Errorf("%v: %g a second, want 800", span, got)
		}
	}
	if got := f.rate(5, 5); got != 0 {
		t.Errorf("an empty span: %g", got)
	}
	f = flow{}
	f.add(time.Second, time.Second)
	f.add(-time.Second, 3*time.Millisecond)
	if got := f.rate(0, 2*time.Second); math.Abs(got-1) > 0.01 {
		t.Errorf("%g a second, want 1", got)
	}
}

// bisect is what else is done: limits are doubled while that brings a tenth more, and then halved in
// between, with a second for each. It returns the best rate, its limit and the p99 there.
func bisect(b *backend, seed uint64) (rate float64, limit int, p99, took time.Duration) {
	r := rand.New(rand.NewPCG(seed, 9))
	type point struct {
		rate float64
		p99  time.Duration
	}
	at := func(limit int) point {
		w := newFinder(FindConfig{Longest: time.Hour, Narrow: 0.02, MaxLimit: limit}, seed, func() {})
		h := w.now.l.seen.service
		w.limit.Store(int64(limit))
		w.now.until = time.Second
		w.s.stopped = true // a slice of a second, and no more
		simulate(b, w, r)
		took += time.Second
		return point{w.s.flow.rate(50*time.Millisecond, 950*time.Millisecond), h.Quantile(0.99)}
	}
	low, high := 1, 1
	seen := map[int]point{1: at(1)}
	for high < 1000 {
		seen[2*high] = at(2 * high)
		low, high = high, 2*high
		if seen[high].rate < 1.1*seen[low].rate {
			break
		}
	}
	for high-low > 1 && high-low > low/8 {
		middle := (low + high) / 2
		seen[middle] = at(middle)
		if seen[middle].rate < 0.98*seen[high].rate {
			low = middle
		} else {
			high = middle
		}
	}
	return seen[high].rate, high, seen[high].p99, took
}

// TestFindBesideBisecting compares both where the search is to be within 5 % in 15 s:
// service times of 10 ms, fixed and exponential, on 8 to 64 servers.
func TestFindBesideBisecting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, servers := range []int{8, 16, 32, 64} {
		for name, service := range map[string]func(*rand.Rand) time.Duration{"fixed": fixed(10 * time.Millisecond), "exponential": exponential(10 * time.Millisecond)} {
			b := &backend{servers: servers, service: service, network: 200 * time.Microsecond}
			truth := b.capacity(r)
			var worst, worstBisect, ratio float64
			var took, tookBisect time.Duration
			const seeds = 10
			for seed := range uint64(seeds) {
				res, d := searchFor(b, simple, seed)
				if res.Capacity == nil {
					t.Fatalf("%d servers, %s: nothing found", servers, name)
				}
				took = max(took, d)
				worst = max(worst, math.Abs(res.Capacity.PerS/truth-1))
				rate, _, p99, d := bisect(b, seed)
				tookBisect = max(tookBisect, d)
				worstBisect = max(worstBisect, math.Abs(rate/truth-1))
				ratio += float64(res.Service.Quantile(0.99)) / float64(p99) / seeds
			}
			t.Logf("%2d servers, %-11s: at most %.1f%% wrong in %.1f s; bisecting %.1f%% in %.1f s; p99 %.2f of its", servers, name, 100*worst, took.Seconds(), 100*worstBisect, tookBisect.Seconds(), ratio)
			if worst > 0.06 {
				t.Errorf("%d servers, %s: %.1f%% wrong", servers, name, 100*worst)
			}
		}
	}
}

// TestFindRuns searches a real, fast server on two loops: slices end in one loop while windows of the gate end in
// the other.
func TestFindRuns(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	targets, err := NewTargets(TargetOptions{}, Request{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Find(t.Context(), &Config{Targets: targets, Loops: 2, Seed: 1}, FindConfig{Longest: 2 * time.Second, MaxLimit: 16})
	if err != nil {
		t.Fatal(err)
	}
	if r.Capacity == nil || r.Capacity.Concurrency > 16 || r.Mode != ModeFind || r.Stopped {
		t.Errorf("%+v, mode %s, stopped %v, %q", r.Capacity, r.Mode, r.Stopped, r.Client.Reasons)
	}
}
