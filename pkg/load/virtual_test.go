package load

import (
	"bufio"
	"context"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/latency"
)

// pipes is a server in virtual time: each connection is a net.Pipe, and answers begin
// when work says so.
func pipes(work func(arrived time.Duration) (answer time.Duration)) func(context.Context, string, string) (net.Conn, error) {
	origin := time.Now()
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for r := bufio.NewReader(server); request(r); {
				now := time.Since(origin)
				time.Sleep(work(now) - now)
				if _, err := io.WriteString(server, hello); err != nil {
					return
				}
			}
		}()
		return client, nil
	}
}

// near tells whether a quantile is right to what a histogram can tell.
func near(got, want time.Duration) bool {
	return math.Abs(float64(got-want)) <= float64(want)/200
}

// TestDueMoments looks at each request's moments in virtual time, where they have to be exact.
func TestDueMoments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []Observation
		c := Config{Targets: one(t, "http://127.0.0.1/"), Rate: mustProfile(t, "3/s:2s,100/s:1s"), Warmup: time.Second,
			Dial:    pipes(func(at time.Duration) time.Duration { return at + 7*time.Millisecond }),
			Observe: func(o *Observation) { mu.Lock(); seen = append(seen, *o); mu.Unlock() }}
		r, err := Run(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes(r); got != "ok 106" || len(seen) != 106 || r.Lag.Max() != 0 || r.Requests.Late != 0 {
			t.Errorf("%s, %d observed, %d late, lag %v", got, len(seen), r.Requests.Late, r.Lag.Max())
		}
		slices.SortFunc(seen, func(a, b Observation) int { return int(int64(a.Index) - int64(b.Index)) })
		for i, o := range seen {
			due, _ := c.Rate.Due(uint64(i))
			if o.Due != due || o.Sent != due || o.Done != due+7*time.Millisecond {
				t.Fatalf("request %d: due %v, sent %v, done %v, want %v", i, o.Due, o.Sent, o.Done, due)
			}
		}
		if r.Window != 3*time.Second || r.Elapsed < 2997*time.Millisecond || !near(r.Response.Quantile(0.99), 7*time.Millisecond) {
			t.Errorf("window %v, elapsed %v, p99 %v", r.Window, r.Elapsed, r.Response.Quantile(0.99))
		}
		if e, ok := r.RateError(); !ok || e != 0 {
			t.Errorf("rate error %g", e)
		}
	})
}

// TestSlots has more due than places allow: waiting is the response's, not the client's lag.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Targets: one(t, "http://127.0.0.1/"), Rate: mustProfile(t, "200/s"), Duration: time.Second, Concurrency: 1, Timeout: time.Second,
			Dial: pipes(func(at time.Duration) time.Duration { return at + 10*time.Millisecond })}
		r, err := Run(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		// A place takes 100 a second, twice as many are due; by the end and one time-out all have
		// left, and the last waited as long as half of them take.
		if got := outcomes(r); got != "ok 200" || r.Lag.Max() != 0 || r.Rates.SentPerS != 100 || r.Rates.OfferedPerS != 200 {
			t.Errorf("%s, lag %v, %+v", got, r.Lag.Max(), r.Rates)
		}
		if got := r.Response.Max(); got != 1005*time.Millisecond {
			t.Errorf("the last took %v", got)
		}
		if !near(r.Service.Max(), 10*time.Millisecond) || !near(r.Response.Quantile(0.5), 505*time.Millisecond) {
			t.Errorf("service %v, response %v", r.Service.Max(), r.Response.Quantile(0.5))
		}
		// Half the time-out, and a quarter never leaves.
		c.Timeout = 500 * time.Millisecond
		if r, err = Run(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		if n := r.Requests; n.Dropped < 49 || n.Dropped > 51 || n.Outcomes[OK]+n.Dropped != 200 {
			t.Error(outcomes(r))
		}
		if low := r.Response.Quantile(0.99); low < 500*time.Millisecond {
			t.Errorf("p99 %v, with drops that waited for longer than the time-out", low)
		}
	})
}

// TestFrozenServer holds the response times against the truth, with a server that
// answers nothing for one second in eight: requests that are due then wait for its end. A client that
// waits with them would see one long answer a connection and a p99 of 1 ms.
func TestFrozenServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thaw := func(at time.Duration) time.Duration {
			if in := at % (8 * time.Second); in >= 7*time.Second {
				return at + 8*time.Second - in
			}
			return at
		}
		c := Config{Targets: one(t, "http://127.0.0.1/"), Rate: mustProfile(t, "1k/s"), Duration: 16 * time.Second,
			Dial: pipes(func(at time.Duration) time.Duration { return thaw(at+time.Millisecond) + 0 })}
		r, err := Run(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		var truth latency.Histogram
		for i := range 16_000 {
			due := time.Duration(i) * time.Millisecond
			truth.Record(thaw(due+time.Millisecond) - due)
		}
		for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
			if got, want := r.Response.Quantile(q), truth.Quantile(q); !near(got, want) {
				t.Errorf("quantile %g is %v, in truth %v", q, got, want)
			}
		}
		if got := outcomes(r); got != "ok 16000" {
			t.Error(got)
		}
	})
}

// TestRandomGapsBeyondTheWindow has a time-out that is short against how much longer than the
// regular schedule a random one can be: nothing is dropped before it is due.
func TestRandomGapsBeyondTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longer := 0
		for seed := range uint64(10) {
			c := Config{Targets: one(t, "http://127.0.0.1/"), Rate: mustProfile(t, "10/s"), Requests: 100, Poisson: true, Seed: seed, Timeout: 10 * time.Millisecond,
				Dial: pipes(func(at time.Duration) time.Duration { return at + time.Millisecond })}
			r, err := Run(t.Context(), &c)
			if err != nil {
				t.Fatal(err)
			}
			if e, _ := r.RateError(); outcomes(r) != "ok 100" || e != 0 {
				t.Errorf("seed %d: %s, rate error %g", seed, outcomes(r), e)
			}
			if r.Elapsed > 10*time.Second {
				longer++
			}
		}
		if longer == 0 {
			t.Error("no schedule was longer than the regular one")
		}
	})
}

// TestTimeouts has every tenth answer come after the time-out.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Targets: one(t, "http://127.0.0.1/"), Rate: mustProfile(t, "100/s"), Duration: 2 * time.Second, Timeout: time.Second,
			Dial: pipes(func(at time.Duration) time.Duration {
				if at.Milliseconds()%100 == 0 {
					return at + time.Minute
				}
				return at + time.Millisecond
			})}
		r, err := Run(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes(r); got != "ok 180, timeout 20" || r.Response.AtLeast() != 20 || r.Elapsed != 2900*time.Millisecond {
			t.Errorf("%s, %d lower bounds, elapsed %v", got, r.Response.AtLeast(), r.Elapsed)
		}
		time.Sleep(2 * time.Minute) // the server's connections end
	})
}

// TestOnlyMonotonicTime looks for uses of the wall clock: a step of it must not change anything.
// time.Since and differences of what time.Now returned are monotonic; what takes the wall
// clock's part out of a time is not.
func TestOnlyMonotonicTime(t *testing.T) {
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	wall := []string{"Unix", "UnixNano", "UnixMilli", "UnixMicro", "Round", "Truncate", "UTC", "In", "Local"}
	// Not times of this machine, or no measurement: deadlines in the past, durations for
	// people, and what a saved result says of when it was.
	allowed := map[string]int{"netclient.go": 2, "host.go": 1, "find.go": 1, "names.go": 1, "waits.go": 1} // Config.Unix, there
	seen := 0
	for _, n := range names {
		name := n.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "result") || strings.HasPrefix(name, "save") {
			continue
		}
		file, err := goparser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(wall, s.Sel.Name) {
				found++
			}
			return true
		})
		if found > allowed[name] {
			t.Errorf("%s uses the wall clock in %d places", name, found)
		}
		seen += found
	}
	if seen == 0 {
		t.Error("nothing was looked at")
	}
}
