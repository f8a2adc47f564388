package vegas

import (
	"math/rand/v2"
	"time"
)

// apart is how far the clocks of the services in a scenario are from each other.
var apart = map[string]time.Duration{"two services, clocks 4 s apart": 4 * time.Second}

// more are scenarios beyond those other projects are compared in; see docs/vegas.md.
func more() []*scenario {
	s := time.Second
	twenty := always(20)
	steps := func(a, b int) func(time.Duration) int {
		return func(t time.Duration) int {
			if t < 60*s {
				return a
			}
			return b
		}
	}
	services := func(n, clients int) (l []load) {
		for range n {
			l = append(l, crowd(clients)...)
		}
		return l
	}
	late := services(2, 100)
	late[1].clients = func(t time.Duration) int {
		if t < 30*s {
			return 0
		}
		return 100
	}
	// A second in five, at random, everything takes twice as long.
	slowdowns := func(t time.Duration, r *rand.Rand) time.Duration {
		d := usual(10*ms)(t, r)
		if rand.New(rand.NewPCG(uint64(t/s), 7)).IntN(5) == 0 {
			d *= 2
		}
		return d
	}
	// Every 10 s nothing begins for 200 ms, as when a collector stops the world.
	collector := func(t time.Duration, r *rand.Rand) time.Duration {
		return usual(10*ms)(t, r) + max(0, 200*ms-t%(10*s))
	}
	list := []*scenario{
		{name: "step to 13 ms", service: lognormal(stepAt(60*s, 10*ms, 13*ms), 0.15), best: 23},
		{name: "step to 100 ms", service: lognormal(stepAt(60*s, 10*ms, 100*ms), 0.15), best: 23},
		{name: "step from 30 to 10 ms", service: lognormal(stepAt(60*s, 30*ms, 10*ms), 0.15), best: 23},
		{name: "8, then 28 servers", servers: steps(8, 28), loads: crowd(300), best: 31},
		{name: "24, then 3 servers", servers: steps(24, 3), loads: crowd(300), best: 5},
		{name: "three services", from: 10 * s, loads: services(3, 70), best: 8},
		{name: "late second service", from: 40 * s, loads: late, best: 12},
		{name: "two services, step to 30 ms", service: lognormal(stepAt(60*s, 10*ms, 30*ms), 0.15), loads: services(2, 100), best: 12},
		{name: "exponential, 3 servers", from: 10 * s, servers: always(3), service: exponential(20 * ms), loads: crowd(40), best: 6},
		{name: "exponential, 64 servers", from: 10 * s, servers: always(64), service: exponential(20 * ms), loads: crowd(400), best: 68},
		{name: "exponential, 200 servers", from: 20 * s, servers: always(200), service: exponential(20 * ms), loads: crowd(1000), best: 206},
		{name: "service of 1 ms", from: 10 * s, service: usual(1 * ms), loads: []load{{clients: always(200), backoff: 5 * ms}}, best: 23},
		{name: "service of 1 s", from: 100 * s, length: 400 * s, service: usual(time.Second), loads: open(40), best: 24},
		{name: "Poisson at 95 % of capacity", from: 10 * s, loads: open(1880), best: 40},

		{name: "wide lognormal (σ = 1)", heldOut: true, from: 10 * s, service: lognormal(always(10*ms), 1), best: 22},
		{name: "correlated slow-downs", heldOut: true, from: 10 * s, service: slowdowns, best: 27},
		{name: "pauses of 200 ms every 10 s", heldOut: true, from: 10 * s, service: collector, best: 20},
		{name: "10, then 20 servers", heldOut: true, servers: steps(10, 20), best: 20},
		{name: "2000 clients", heldOut: true, from: 10 * s, loads: crowd(2000), best: 20},
		{name: "five services, 40 servers", heldOut: true, from: 10 * s, servers: always(40), loads: services(5, 100), best: 8},
		{name: "two services, clocks 4 s apart", heldOut: true, from: 10 * s, loads: services(2, 100), best: 12},
		{name: "bimodal 50/50, 6 servers", heldOut: true, from: 10 * s, servers: always(6), service: bimodal(10*ms, 50*ms, 0.5), best: 12},
		{name: "cancellations, then step to 30 ms", heldOut: true, cancel: 0.2, service: lognormal(stepAt(60*s, 10*ms, 30*ms), 0.15), best: 21},
	}
	for _, sc := range list {
		if sc.from == 0 {
			sc.from = 60 * s
		}
		if sc.length == 0 {
			sc.length = 130 * s
		}
		sc.to = sc.length
		if sc.servers == nil {
			sc.servers = twenty
		}
		if sc.service == nil {
			sc.service = usual(10 * ms)
		}
		if sc.loads == nil {
			sc.loads = crowd(200)
		}
	}
	return list
}
