package load

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/vegas"
)

// TestSeveralLoops runs with loops that share the schedule, the places and the controller. They
// keep processors to themselves, so there are more of those than the machine may have.
func TestSeveralLoops(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6))
	for name, c := range map[string]Config{
		"open":         {Rate: mustProfile(t, "2k/s"), Requests: 500},
		"poisson":      {Rate: mustProfile(t, "2k/s"), Requests: 500, Poisson: true},
		"closed":       {Concurrency: 7, Requests: 500},
		"places":       {Rate: mustProfile(t, "5k/s"), Concurrency: 4, Requests: 500},
		"one place":    {Concurrency: 1, Requests: 500},
		"controller":   {Controller: &steps{}, Requests: 500},
		"controller 2": {Controller: vegas.Fixed(2), Requests: 500},
		"both":         {Controller: vegas.Fixed(2), Rate: mustProfile(t, "5k/s"), Requests: 500},
	} {
		t.Run(name, func(t *testing.T) {
			server, url := serve(t, func(w http.ResponseWriter, r *http.Request) { time.Sleep(200 * time.Microsecond) })
			c.Targets, c.Loops, c.Timeout = one(t, url), 3, 20*time.Second
			r, err := Run(t.Context(), &c)
			if err != nil {
				t.Fatal(err)
			}
			if got := outcomes(r); got != "ok 500" || server.served.Load() != 500 {
				t.Errorf("%s, and the server served %d", got, server.served.Load())
			}
			limit := int64(c.Concurrency)
			switch name {
			case "controller":
				limit = 4
			case "controller 2", "both":
				limit = 2
			}
			if most := server.most.Load(); limit > 0 && most > limit {
				t.Errorf("%d in flight, limit %d", most, limit)
			}
		})
	}
}

// TestLoopsStop interrupts loops that wait, for a moment that is far away or for answers.
func TestLoopsStop(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6))
	hang := make(chan struct{})
	defer close(hang)
	_, url := serve(t, func(w http.ResponseWriter, r *http.Request) { <-hang })
	for name, c := range map[string]Config{
		"far":     {Rate: mustProfile(t, "1/h"), Duration: time.Hour},
		"answers": {Concurrency: 5, Duration: time.Hour},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		c.Targets, c.Loops, c.Drain = one(t, url), 3, 50*time.Millisecond
		r, err := Run(ctx, &c)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"far": "canceled 1", "answers": "canceled 5"}[name]
		if got := outcomes(r); got != want || !r.Stopped {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestTraceThins keeps a trace within its bounds, and what it says.
func TestTraceThins(t *testing.T) {
	c := Config{Targets: one(t, "http://127.0.0.1/"), Concurrency: 5, Duration: MaxDuration}
	r, err := newRun(&c)
	if err != nil {
		t.Fatal(err)
	}
	tally := r.newTally()
	m := newMonitor(r)
	for now := watchEvery; now < 3*time.Hour; now += watchEvery { // ten answers each time
		tally.live.ok.Add(10)
		m.sample(now)
	}
	if len(m.trace) < mostTrace/2 || len(m.trace) >= mostTrace {
		t.Errorf("%d points", len(m.trace))
	}
	if !slices.IsSortedFunc(m.trace, func(a, b TracePoint) int { return int(a.T - b.T) }) {
		t.Error("out of order")
	}
	for _, p := range m.trace {
		if p.OKPerS < 99 || p.OKPerS > 101 || p.Limit != 5 {
			t.Fatalf("%+v", p)
		}
	}
}
