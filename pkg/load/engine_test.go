package load

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

func mustProfile(t testing.TB, s string) *gcra.Profile {
	t.Helper()
	p, err := gcra.ParseProfile(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// one returns the targets that are one URL.
func one(t testing.TB, url string) *Targets {
	t.Helper()
	return many(t, TargetOptions{}, Request{URL: url})
}

func many(t testing.TB, o TargetOptions, requests ...Request) *Targets {
	t.Helper()
	targets, err := NewTargets(o, requests...)
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// do runs c and checks what is true of every result. Servers are in this process, so the
// client has one loop: two would take both processors of a small machine.
func do(t testing.TB, ctx context.Context, c Config) *Result {
	t.Helper()
	c.Loops = 1
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	r, err := Run(ctx, &c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Requests.check(); err != nil {
		t.Errorf("%v: %+v", err, r.Requests)
	}
	if n := r.Service.Count(); n != r.Requests.Sent {
		t.Errorf("%d service times of %d requests", n, r.Requests.Sent)
	}
	if n := r.Response.Count(); n != r.Requests.Offered {
		t.Errorf("%d response times of %d requests", n, r.Requests.Offered)
	}
	var answered, statuses uint64
	for o, n := range r.Requests.Outcomes {
		if Outcome(o).Answered() {
			answered += n
		}
	}
	for _, n := range r.Status {
		statuses += n
	}
	if statuses < answered { // 2xx that are not ok have a status, too
		t.Errorf("%d statuses of %d answers", statuses, answered)
	}
	return r
}

// outcomes writes counts as a test wants to compare them.
func outcomes(r *Result) string {
	var parts []string
	for o, n := range r.Requests.Outcomes {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", Outcome(o), n))
		}
	}
	if n := r.Requests.Dropped; n > 0 {
		parts = append(parts, fmt.Sprintf("dropped %d", n))
	}
	return strings.Join(parts, ", ")
}

// engines are the ways a request can go out.
var engines = map[string]func(*Config){
	"own": func(*Config) {}, // the event loop, where there is one
	"net": func(c *Config) {
		if c.Dial == nil && c.Unix == "" && c.Resolve == nil {
			c.Dial = (&net.Dialer{}).DialContext
		}
	},
	"http": func(c *Config) { c.Redirects = 1 },
}

// each runs a test with each engine.
func each(t *testing.T, names []string, f func(t *testing.T, engine func(*Config))) {
	if names == nil {
		names = slices.Sorted(maps.Keys(engines))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { f(t, engines[name]) })
	}
}

var ownEngines = []string{"net", "own"}

// A counter is a handler that knows what it served.
type counter struct {
	served, open, most atomic.Int64
	conns              atomic.Int64
	handle             http.HandlerFunc
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.served.Add(1)
	n := c.open.Add(1)
	for {
		m := c.most.Load()
		if n <= m || c.most.CompareAndSwap(m, n) {
			break
		}
	}
	defer c.open.Add(-1)
	if c.handle != nil {
		c.handle(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	io.WriteString(w, "hello")
}

// quietLog is for servers whose clients are meant to misbehave.
var quietLog = log.New(io.Discard, "", 0)

func serve(t testing.TB, handle http.HandlerFunc) (*counter, string) {
	c := &counter{handle: handle}
	s := httptest.NewUnstartedServer(c)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.conns.Add(1)
		}
	}
	s.Config.ErrorLog = quietLog
	s.Start()
	t.Cleanup(s.Close)
	return c, s.URL
}

func TestOpenLoop(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		server, url := serve(t, nil)
		c := Config{Targets: one(t, url), Rate: mustProfile(t, "500/s"), Duration: 400 * time.Millisecond, Warmup: 100 * time.Millisecond}
		engine(&c)
		r := do(t, t.Context(), c)
		if got := outcomes(r); got != "ok 200" || server.served.Load() != 250 {
			t.Errorf("%s, and the server served %d", got, server.served.Load())
		}
		if r.Window != 400*time.Millisecond || r.Warmup != 100*time.Millisecond || r.Elapsed < r.Window || r.Loop != LoopOpen {
			t.Errorf("window %v, warm-up %v, elapsed %v, %s loop", r.Window, r.Warmup, r.Elapsed, r.Loop)
		}
		if r.Rates.OfferedPerS != 500 {
			t.Errorf("%g requests offered a second", r.Rates.OfferedPerS)
		}
		if n := r.Lag.Count(); n != 200 {
			t.Errorf("%d lags", n)
		}
		if r.BytesIn < 200*5 || r.BytesOut == 0 || r.Connects == 0 || r.Status[200] != 200 {
			t.Errorf("%d bytes in, %d out, %d connections, statuses %v", r.BytesIn, r.BytesOut, r.Connects, r.Status)
		}
	})
}

func TestClosedLoop(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		server, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Millisecond)
			io.WriteString(w, "x")
		})
		c := Config{Targets: one(t, url), Concurrency: 7, Duration: 300 * time.Millisecond, Warmup: 50 * time.Millisecond}
		engine(&c)
		r := do(t, t.Context(), c)
		if most := server.most.Load(); most != 7 {
			t.Errorf("at most %d in flight, want 7", most)
		}
		if n := server.served.Load(); r.Requests.Sent == 0 || r.Requests.Sent > uint64(n) || r.Requests.Outcomes[OK] != r.Requests.Sent {
			t.Errorf("%s, and the server served %d", outcomes(r), n)
		}
		if r.Response.Quantile(0.5) != r.Service.Quantile(0.5) || r.Requests.Late != 0 || r.Lag.Max() != 0 {
			t.Errorf("a closed loop with response %v, service %v, %d late", r.Response.Quantile(0.5), r.Service.Quantile(0.5), r.Requests.Late)
		}
		if _, ok := r.RateError(); ok {
			t.Error("a closed loop with a rate error")
		}
		if server.conns.Load() > 7 && r.Engine != "net/http" { // which opens some in advance
			t.Errorf("%d connections", server.conns.Load())
		}
	})
}

func TestNumberOfRequests(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		for name, c := range map[string]Config{
			"closed":  {Concurrency: 3},
			"open":    {Rate: mustProfile(t, "2k/s")},
			"burst":   {Rate: mustProfile(t, "2k/s"), Burst: 10},
			"poisson": {Rate: mustProfile(t, "2k/s"), Poisson: true, Seed: 4},
			"slots":   {Rate: mustProfile(t, "10k/s"), Concurrency: 2},
			"auto":    {Rate: mustProfile(t, "2k/s"), Controller: vegas.NewVegas(vegas.Config{})},
			"auto 2":  {Controller: vegas.NewVegas(vegas.Config{})},
		} {
			server, url := serve(t, nil)
			c.Targets, c.Requests = one(t, url), 99
			engine(&c)
			r := do(t, t.Context(), c)
			if got := outcomes(r); got != "ok 99" || server.served.Load() != 99 {
				t.Errorf("%s: %s, and the server served %d", name, got, server.served.Load())
			}
			if c.Concurrency > 0 && server.most.Load() > int64(c.Concurrency) {
				t.Errorf("%s: %d in flight", name, server.most.Load())
			}
		}
	})
}

// TestOutcomes asks for answers of every kind.
func TestOutcomes(t *testing.T) {
	_, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		fmt.Sscanf(r.URL.Path, "/%d", &status)
		switch status {
		case 429:
			w.Header().Set("Retry-After", r.URL.RawQuery)
			w.Header().Set("RateLimit", `"a";r=0;t=3`)
		case 301:
			w.Header().Set("Location", "/200")
		}
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			io.WriteString(w, "this is the body")
		}
	})
	var requests []Request
	for _, path := range []string{"/200", "/201", "/204", "/304", "/301", "/404", "/410", "/429?2", "/429?4", "/500", "/503"} {
		requests = append(requests, Request{URL: url + path})
	}
	requests = append(requests, Request{URL: url + "/200", Method: "HEAD"})
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		c := Config{Targets: many(t, TargetOptions{}, requests...), Concurrency: 1, Requests: uint64(len(requests))}
		engine(&c)
		var mu sync.Mutex
		seen := map[string]int{}
		c.Observe = func(o *Observation) {
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprintf("%d %s %v %s", o.Status, o.Outcome, o.RetryAfter, o.RateLimit)]++
			if o.Sent < o.Due || o.Done < o.Sent {
				t.Errorf("due %v, sent %v, done %v", o.Due, o.Sent, o.Done)
			}
		}
		r := do(t, t.Context(), c)
		if got, want := outcomes(r), "ok 4, redirect 2, too_many 2, client_error 2, server_error 2"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if a := r.Advice; a.RetryAfter != 2 || a.RateLimit != 2 || a.Least != 2*time.Second || a.Most != 4*time.Second || a.Sum != 6*time.Second {
			t.Errorf("advice %+v", a)
		}
		if seen[`429 too_many 4s "a";r=0;t=3`] != 1 || seen["200 ok -1ns "] != 2 || len(seen) != 11 {
			t.Errorf("observed %v", seen)
		}
		c.OK = []StatusRange{{200, 200}, {304, 304}, {429, 429}}
		c.Expect = []byte("the body")
		c.Observe = nil
		r = do(t, t.Context(), c)
		// 201 and 204 are not ok, 304 and HEAD have no body
		if got, want := outcomes(r), "ok 3, redirect 1, client_error 2, server_error 2, protocol 4"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if !strings.Contains(r.Examples[Protocol], "not what was to be expected") {
			t.Errorf("examples %v", r.Examples)
		}
	})
}

func TestBodies(t *testing.T) {
	big := make([]byte, 1<<20)
	for i := range big {
		big[i] = byte(i * i >> 3)
	}
	_, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		w.Write(body)
	})
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		for _, path := range []string{"/", "/chunked"} {
			for _, size := range []int{0, 1, 100, 20_000, len(big)} {
				c := Config{Targets: many(t, TargetOptions{}, Request{Method: "POST", URL: url + path, Body: big[:size]}), Concurrency: 2, Requests: 2}
				c.Expect = big[:size]
				engine(&c)
				r := do(t, t.Context(), c)
				if got := outcomes(r); got != "ok 2" || r.BytesIn < uint64(2*size) || r.BytesOut < uint64(2*size) {
					t.Errorf("%s, %d bytes: %s %v, %d bytes in, %d out", path, size, got, r.Examples, r.BytesIn, r.BytesOut)
				}
			}
		}
	})
}

func TestClose(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		server, url := serve(t, nil)
		c := Config{Targets: many(t, TargetOptions{Close: true}, Request{URL: url}), Concurrency: 2, Requests: 20}
		engine(&c)
		r := do(t, t.Context(), c)
		if got := outcomes(r); got != "ok 20" || server.conns.Load() != 20 || r.Connects != 20 {
			t.Errorf("%s, %d connections, the server saw %d", got, r.Connects, server.conns.Load())
		}
	})
}

func TestSeveralHosts(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		a, first := serve(t, nil)
		b, second := serve(t, nil)
		c := Config{Targets: many(t, TargetOptions{}, Request{URL: first}, Request{URL: second}), Concurrency: 1, Connections: 1, Requests: 10}
		engine(&c)
		if got := outcomes(do(t, t.Context(), c)); got != "ok 10" || a.served.Load() != 5 || b.served.Load() != 5 {
			t.Errorf("%s: %d and %d", got, a.served.Load(), b.served.Load())
		}
	})
}

// TestController runs with a limit that moves, and looks at who keeps to it.
func TestController(t *testing.T) {
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		for name, rate := range map[string]*gcra.Profile{"closed": nil, "open": mustProfile(t, "2k/s")} {
			server, url := serve(t, func(w http.ResponseWriter, r *http.Request) { time.Sleep(2 * time.Millisecond) })
			c := Config{Targets: one(t, url), Controller: &steps{}, Rate: rate, Duration: 700 * time.Millisecond}
			engine(&c)
			r := do(t, t.Context(), c)
			if most := server.most.Load(); most < 2 || most > 4 {
				t.Errorf("%s: %d in flight, want 4 at most", name, most)
			}
			if len(r.Trace) == 0 || !slices.ContainsFunc(r.Trace, func(p TracePoint) bool { return p.Limit > 1 }) {
				t.Errorf("%s: trace %v", name, r.Trace)
			}
			if r.Requests.Outcomes[OK] != r.Requests.Sent || r.Requests.Sent == 0 {
				t.Errorf("%s: %s", name, outcomes(r))
			}
		}
	})
}

// steps goes up to 4 and stays.
type steps struct{ n int }

func (s *steps) Limit() int { return 1 }
func (s *steps) Update(vegas.Window) int {
	s.n++
	return min(s.n+1, 4)
}

func TestInterrupt(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		for name, c := range map[string]Config{
			"open":   {Rate: mustProfile(t, "300/s"), Duration: time.Hour},
			"closed": {Concurrency: 3, Duration: time.Hour},
			"full":   {Rate: mustProfile(t, "300/s"), Concurrency: 1, Duration: time.Hour},
		} {
			hang := make(chan struct{})
			var n atomic.Int64
			server, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 20 {
					<-hang
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			c.Targets, c.Drain = one(t, url), 100*time.Millisecond
			engine(&c)
			go func() {
				for server.served.Load() < 25 && !(name == "full" && server.served.Load() == 20) {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(100 * time.Millisecond)
				cancel()
			}()
			r := do(t, ctx, c)
			close(hang)
			if !r.Stopped || r.Requests.Outcomes[Canceled] != 1 || r.Requests.Outcomes[OK] < 19 {
				t.Errorf("%s: stopped %t, %s", name, r.Stopped, outcomes(r))
			}
			if uint64(server.served.Load()) != r.Requests.Sent {
				t.Errorf("%s: %d sent, %d served", name, r.Requests.Sent, server.served.Load())
			}
			if dropped := r.Requests.Dropped; name == "full" && dropped == 0 || name == "closed" && dropped > 0 {
				t.Errorf("%s: %d dropped", name, dropped)
			}
			if r.Window > r.Elapsed || r.Window == 0 {
				t.Errorf("%s: window %v of %v", name, r.Window, r.Elapsed)
			}
		}
	})
}

func TestMaxErrors(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		_, url := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
		c := Config{Targets: one(t, url), Concurrency: 2, Duration: time.Hour, MaxErrors: 10}
		engine(&c)
		r := do(t, t.Context(), c)
		if n := r.Requests.Outcomes[ServerError]; n < 10 || n > 12 || !r.Stopped {
			t.Errorf("%s, stopped %t", outcomes(r), r.Stopped)
		}
	})
}

func TestProgress(t *testing.T) {
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		_, url := serve(t, nil)
		var got []Progress
		c := Config{Targets: one(t, url), Rate: mustProfile(t, "500/s"), Duration: 900 * time.Millisecond, ProgressEvery: 300 * time.Millisecond,
			Progress: func(p Progress) { got = append(got, p) }}
		engine(&c)
		r := do(t, t.Context(), c)
		if len(got) == 0 {
			t.Fatal("no progress")
		}
		last := got[len(got)-1]
		if last.Sent == 0 || last.Sent > r.Requests.Sent || last.SentPerS <= 0 || last.P99 <= 0 || last.Limit == 0 || last.Left > c.Duration {
			t.Errorf("%+v", last)
		}
	})
}

func TestConfigRefused(t *testing.T) {
	good := one(t, "http://127.0.0.1:1/")
	rate := mustProfile(t, "1/s")
	for want, c := range map[string]Config{
		"no targets":            {Concurrency: 1},
		"neither a rate":        {Targets: good},
		"both a concurrency":    {Targets: good, Concurrency: 1, Controller: &steps{}},
		"connections must":      {Targets: good, Concurrency: -1},
		"duration and":          {Targets: good, Concurrency: 1, Duration: -1},
		"time-out":              {Targets: good, Concurrency: 1, Timeout: -1},
		"need a rate":           {Targets: good, Concurrency: 1, Poisson: true},
		"must not be negative":  {Targets: good, Concurrency: 1, Redirects: -1},
		"statuses 0-200":        {Targets: good, Concurrency: 1, OK: []StatusRange{{0, 200}}},
		"above 10000000":        {Targets: good, Rate: mustProfile(t, "11M/s")},
		"rate has no requests":  {Targets: good, Rate: &gcra.Profile{}},
		"must be from 1 to 100": {Targets: good, Rate: rate, Connections: 2_000_000},
	} {
		if r, err := Run(t.Context(), &c); err == nil || r != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
