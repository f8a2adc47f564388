package vegas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// sampledLimiter is a gateLimiter that takes permits as TryNow does, in virtual time.
type sampledLimiter struct {
	gateLimiter
	requests, timed int
}

func (l *sampledLimiter) try(now time.Duration, id int) bool {
	for len(l.permits) <= id {
		l.permits = append(l.permits, Permit{})
	}
	part, ok := l.gate.enter(Class{})
	if !ok {
		return false
	}
	start := untimed
	if l.requests++; l.gate.sampled() {
		l.timed++
		start = now
	}
	l.permits[id] = Permit{gate: l.gate, start: start, part: part}
	return true
}

func (l *sampledLimiter) done(now time.Duration, id int, r result) {
	if l.permits[id].start == untimed {
		now = untimed
	}
	l.gateLimiter.done(now, id, r)
}

// faster is sc with everything n times as fast, so that windows have n times as many samples.
func faster(sc *scenario, n time.Duration) *scenario {
	c := *sc
	c.length, c.from, c.to, c.pause = sc.length/n, sc.from/n, sc.to/n, 0
	c.servers = func(t time.Duration) int { return sc.servers(n * t) }
	c.service = func(t time.Duration, r *rand.Rand) time.Duration { return sc.service(n*t, r) / n }
	c.loads = nil
	for _, l := range sc.loads {
		l.think, l.backoff = l.think/n, l.backoff/n
		c.loads = append(c.loads, l)
	}
	return &c
}

// At 100,000 to 200,000 requests a second, of which one in six is timed, the limit does what it does
// when all are.
func TestSampledSimulation(t *testing.T) {
	if raceDetector || testing.Short() {
		t.Skip("simulates millions of requests in one goroutine")
	}
	const n = 100
	list := []*scenario{{name: "step to 30 ms", servers: always(20), service: lognormal(stepAt(200*time.Second, 10*ms, 30*ms), 0.15)}}
	if *withMore {
		list = append(list,
			&scenario{name: "crowd", servers: always(20), service: usual(10 * ms)},
			&scenario{name: "exponential", servers: always(20), service: exponential(10 * ms)},
			&scenario{name: "20, then 8 servers", service: usual(10 * ms), servers: func(t time.Duration) int {
				if t < 200*time.Second {
					return 20
				}
				return 8
			}})
	}
	for _, sc := range list {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			sc.length, sc.from, sc.to, sc.loads = 400*time.Second, 100*time.Second, 400*time.Second, crowd(200)
			sc := faster(sc, n)
			all := simulate(sc, 1, ours(0))
			var l *sampledLimiter
			part := simulate(sc, 1, func(int) limiter {
				l = &sampledLimiter{gateLimiter: *newGateLimiter(NewVegas(Config{Phase: 7 * time.Second}))}
				return l
			})
			show := func(o outcome) string {
				return fmt.Sprintf("%d answers, p50 %v, p99 %v, limit up to %d", o.total(), o.p50, o.p99, o.maxLimit)
			}
			t.Logf("all: %s; %d of %d: %s", show(all), l.timed, l.requests, show(part))
			if 5*l.timed > l.requests {
				t.Errorf("%d of %d requests were timed", l.timed, l.requests)
			}
			if r := float64(part.total()) / float64(all.total()); math.Abs(r-1) > 0.01 {
				t.Errorf("goodput %.3f of that with all timed", r)
			}
			if r := float64(part.p99) / float64(all.p99); math.Abs(r-1) > 0.05 {
				t.Errorf("p99 %.3f of that with all timed", r)
			}
			if r := float64(part.maxLimit) / float64(all.maxLimit); r > 1.2 {
				t.Errorf("limit up to %.3f of that with all timed", r)
			}
		})
	}
}
