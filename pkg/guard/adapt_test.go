package guard

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// backend is a handler with some servers and a queue without end, in a bubble's time.
type backend struct {
	mu      sync.Mutex
	servers []time.Time // when each is free
	mean    time.Duration
	rng     *rand.Rand
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	first := 0
	for i, t := range b.servers {
		if t.Before(b.servers[first]) {
			first = i
		}
	}
	start := b.servers[first]
	if now := time.Now(); start.Before(now) {
		start = now
	}
	end := start.Add(time.Duration(float64(b.mean) * (0.8 + 0.4*b.rng.Float64())))
	b.servers[first] = end
	b.mu.Unlock()
	time.Sleep(time.Until(end))
	w.WriteHeader(200)
}

// TestAdaptFindsTheBackendsRate has clients ask for twice what a backend can do, and halves what it
// can do on the way. The rate must come down to what it can do, so that next to nobody is shed,
// and go up again once it can do more.
func TestAdaptFindsTheBackendsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, servers = 10, 10
		b := &backend{servers: make([]time.Time, servers), mean: 40 * time.Millisecond, rng: rand.New(rand.NewPCG(1, 2))}
		bounds := &Adapt{Min: gcra.Rate{Cells: 5, Per: time.Second}, Max: gcra.Rate{Cells: 100, Per: time.Second}}
		g := newGuard(t, Config{
			Gate:   &Gate{Vegas: vegas.Config{Initial: 4}, Queue: 50},
			Limits: []Limit{{Limit: perSecond(100, 10), Key: ByHeader("X-Key"), Adapt: bounds}},
		})
		h := g.Middleware(b)
		end := time.Now().Add(75 * time.Second)
		var all sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for i := range clients {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 7))
				for time.Now().Before(end) {
					time.Sleep(time.Duration(rng.ExpFloat64() * float64(20*time.Millisecond))) // 50 a second
					all.Go(func() {
						w := httptest.NewRecorder()
						r := httptest.NewRequest("GET", "/", nil)
						r.Header.Set("X-Key", strconv.Itoa(i))
						h.ServeHTTP(w, r)
						mu.Lock()
						defer mu.Unlock()
						codes[w.Code]++
					})
				}
			})
		}
		// phase waits until the rate has settled and looks at five seconds of it.
		phase := func(name string, capacity float64) {
			time.Sleep(20 * time.Second)
			mu.Lock()
			clear(codes)
			mu.Unlock()
			time.Sleep(5 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			ok, busy := float64(codes[200])/5, float64(codes[503])/5
			t.Logf("%s: capacity %.0f/s, ok %.0f/s, 503 %.1f/s, 429 %.0f/s, rate %v", name, capacity, ok, busy, float64(codes[429])/5, g.limits[0].limit().Rate.PerSecond())
			if ok < 0.85*capacity || busy > 0.1*capacity {
				t.Errorf("%s: %.0f/s of %.0f/s served, %.0f/s shed", name, ok, capacity, busy)
			}
		}
		phase("at first", 250)
		b.mu.Lock()
		b.mean *= 2
		b.mu.Unlock()
		phase("slower", 125)
		b.mu.Lock()
		b.mean /= 2
		b.mu.Unlock()
		phase("as before", 250)
		all.Wait()
		settled(t, g)
	})
}

// TestAdaptKeepsItsBounds drives the law by hand.
func TestAdaptKeepsItsBounds(t *testing.T) {
	g := newGuard(t, Config{
		Gate: &Gate{},
		Limits: []Limit{{Limit: perSecond(100, 10), Adapt: &Adapt{
			Min: gcra.Rate{Cells: 10, Per: time.Second}, Max: gcra.Rate{Cells: 120, Per: time.Second}}}},
	})
	l := g.limits[0]
	now := time.Second
	step := func(served, dropped uint64, denied bool) float64 {
		g.served.Add(served)
		g.dropped.Add(dropped)
		l.adapt.denied.Store(denied)
		g.adaptRates(now)
		now += time.Second
		return l.limit().Rate.PerSecond()
	}
	for i, c := range []struct {
		served, dropped uint64
		denied          bool
		want            float64
	}{
		{0, 0, false, 100},      // nothing happened
		{1000, 5, false, 100},   // as good as nobody was shed
		{1000, 5, true, 105},    // and the limit is in the way
		{900, 300, true, 78.75}, // a quarter was
		{0, 3, true, 78.75},     // too few to tell
		{0, 7, true, 39.375},    // together they do: half, at most
		{0, 100, true, 19.6875},
		{0, 100, true, 10}, // the least
		{0, 100, true, 10},
	} {
		if got := step(c.served, c.dropped, c.denied); got < c.want*0.999 || got > c.want*1.001 {
			t.Fatalf("step %d: %v, want %v", i, got, c.want)
		}
	}
	for range 100 {
		step(100, 0, true)
	}
	if got := l.limit(); got.Rate.PerSecond() != 120 || got.Burst != 10 {
		t.Errorf("the most: %v", got)
	}
	// Twice in one period counts once.
	now -= time.Second
	g.dropped.Add(1000)
	if got := step(0, 0, false); got != 120 {
		t.Errorf("out of turn: %v", got)
	}
}

// TestAdaptHandsOutNoBurst changes the rate between two requests, a thousand times, and counts
// what passes.
func TestAdaptHandsOutNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		low, high := gcra.Rate{Cells: 1, Per: time.Second}, gcra.Rate{Cells: 100, Per: time.Second}
		g := newGuard(t, Config{Gate: &Gate{}, Limits: []Limit{{Limit: gcra.Limit{Rate: high, Burst: 20}, Key: ByAll(), Adapt: &Adapt{Min: low, Max: high}}}})
		h := g.Middleware(http.HandlerFunc(hello))
		passed := 0
		for i := range 1000 {
			g.settings.Lock()
			g.limits[0].setRate(g.now(), []float64{1, 100}[i%2])
			g.settings.Unlock()
			if visit(h) == 200 {
				passed++
			}
			time.Sleep(time.Millisecond)
		}
		// 20 at once, half a second at 100/s and half at 1/s.
		if passed > 20+50+1 || passed < 60 {
			t.Errorf("%d passed", passed)
		}
	})
}

// TestAdaptOverHTTP does the same with real requests: too many of them bring the rate down, and
// once the backend takes what comes it goes up again.
func TestAdaptOverHTTP(t *testing.T) {
	high := gcra.Rate{Cells: 40, Per: time.Second}
	g := newGuard(t, Config{
		Gate: &Gate{Controller: vegas.Fixed(1)},
		Limits: []Limit{{Limit: gcra.Limit{Rate: high, Burst: 10}, Key: ByAll(),
			Adapt: &Adapt{Min: gcra.Rate{Cells: 1, Per: time.Second}, Max: high, Every: 20 * time.Millisecond}}},
	})
	var work atomic.Int64
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Duration(work.Load())) })))
	rate := func() float64 { return g.limits[0].limit().Rate.PerSecond() }
	load := func(clients int, until func() bool) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for ctx.Err() == nil {
					if resp, err := http.Get(s.URL); err == nil {
						resp.Body.Close()
					}
				}
			})
		}
		eventually(t, until)
		cancel()
		all.Wait()
	}
	work.Store(int64(100 * time.Millisecond))
	load(8, func() bool { return rate() < 20 })
	work.Store(0)
	load(1, func() bool { return rate() == 40 })
}
