package vegas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

type service = func(t time.Duration, r *rand.Rand) time.Duration

func always[T any](v T) func(time.Duration) T { return func(time.Duration) T { return v } }

// lognormal has the given median; σ = 0.15 puts its p99 at 1.42 times that.
func lognormal(median func(t time.Duration) time.Duration, sigma float64) service {
	return func(t time.Duration, r *rand.Rand) time.Duration {
		return time.Duration(float64(median(t)) * math.Exp(sigma*r.NormFloat64()))
	}
}

func usual(d time.Duration) service { return lognormal(always(d), 0.15) }

func exponential(mean time.Duration) service {
	return func(_ time.Duration, r *rand.Rand) time.Duration {
		return time.Duration(r.ExpFloat64() * float64(mean))
	}
}

func bimodal(a, b time.Duration, share float64) service {
	slow, fast := usual(b), usual(a)
	return func(t time.Duration, r *rand.Rand) time.Duration {
		if r.Float64() < share {
			return slow(t, r)
		}
		return fast(t, r)
	}
}

// pareto has index 1.5 and is cut at 1 s; its mean is about 3 × least.
func pareto(least time.Duration) service {
	return func(_ time.Duration, r *rand.Rand) time.Duration {
		return min(time.Second, time.Duration(float64(least)*math.Pow(1-r.Float64(), -1/1.5)))
	}
}

func stepAt(at time.Duration, a, b time.Duration) func(time.Duration) time.Duration {
	return func(t time.Duration) time.Duration {
		if t < at {
			return a
		}
		return b
	}
}

const ms = time.Millisecond

// crowd is n clients that come back 20 ms after they were refused: full overload.
func crowd(n int) []load {
	return []load{{clients: always(n), backoff: 20 * ms}}
}

func open(rate float64) []load { return []load{{rate: always(rate)}} }

// scenarios are those of docs/vegas.md.
func scenarios() []*scenario {
	minute, s := time.Minute, time.Second
	twenty := always(20)
	list := []*scenario{
		{name: "200 clients", length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: usual(10 * ms), loads: crowd(200), best: 23},
		{name: "step to 30 ms, first 60 s", length: 120 * s, from: 60 * s, to: 120 * s, servers: twenty,
			service: lognormal(stepAt(60*s, 10*ms, 30*ms), 0.15), loads: crowd(200), best: 23},
		{name: "step to 30 ms, no overload", length: 180 * s, from: 60 * s, to: 180 * s, servers: twenty,
			service: lognormal(stepAt(60*s, 10*ms, 30*ms), 0.15), loads: []load{{clients: always(15), backoff: 20 * ms}}, best: 15},
		{name: "bimodal 90/10", length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: bimodal(10*ms, 80*ms, 0.1), loads: crowd(200), best: 23},
		{name: "bimodal 50/50", length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: bimodal(10*ms, 50*ms, 0.5), loads: crowd(200), best: 23},
		{name: "1 h overload", length: time.Hour, from: 10 * s, to: time.Hour, servers: twenty, service: usual(50 * ms), loads: open(800), best: 24},

		{name: "exponential", heldOut: true, length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: exponential(10 * ms), loads: crowd(200), best: 23},
		{name: "pareto", heldOut: true, length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: pareto(4 * ms), loads: crowd(200), best: 23},
		{name: "slow ramp", heldOut: true, length: 11 * minute, from: 10 * s, to: 11 * minute, servers: twenty,
			service: lognormal(func(t time.Duration) time.Duration {
				return 10*ms + time.Duration(20*ms.Seconds()*1e9*min(1, t.Minutes()/10))
			}, 0.15), loads: crowd(100), best: 23},
		{name: "oscillating capacity", heldOut: true, length: 4 * minute, from: 10 * s, to: 4 * minute,
			servers: func(t time.Duration) int { return 15 + int(math.Round(5*math.Sin(2*math.Pi*t.Seconds()/30))) },
			service: usual(10 * ms), loads: crowd(200), best: 23},
		{name: "pause of 2 s", heldOut: true, length: 90 * s, from: 10 * s, to: 90 * s, servers: twenty, service: usual(10 * ms),
			pause: 30 * s, loads: crowd(200), best: 23},
		{name: "two services", heldOut: true, length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: usual(10 * ms),
			loads: append(crowd(100), crowd(100)...), best: 12},
		{name: "capacity lost", heldOut: true, length: 120 * s, from: 60 * s, to: 120 * s,
			servers: func(t time.Duration) int {
				if t < 60*s {
					return 20
				}
				return 8
			}, service: usual(10 * ms), loads: crowd(200), best: 10},
		{name: "idle night, then burst", heldOut: true, length: 61 * minute, from: 60 * minute, to: 61 * minute, servers: twenty,
			service: usual(10 * ms), loads: []load{{clients: func(t time.Duration) int {
				if t < 60*minute {
					return 2
				}
				return 200
			}, think: 50 * ms, backoff: 20 * ms}}, best: 23},
		{name: "client cancellations", heldOut: true, length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: usual(10 * ms),
			cancel: 0.2, loads: crowd(200), best: 23},
		{name: "short queue, fast 503", heldOut: true, length: 130 * s, from: 10 * s, to: 130 * s, servers: twenty, service: usual(10 * ms),
			queue: 10, loads: crowd(200), best: 23},
	}
	for _, n := range []int{1, 2, 4, 8, 12, 20, 64} {
		list = append(list, &scenario{name: fmt.Sprintf("%d servers, 1 h", n), heldOut: true, length: time.Hour, from: 10 * s, to: time.Hour,
			servers: always(n), service: usual(20 * ms), loads: open(100 * float64(n)), best: n + 4 - 1/n})
	}
	return list
}
