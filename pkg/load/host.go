package load

import (
	"fmt"
	"runtime"
	"time"
)

// Bounds beyond which figures are not trusted. docs/load.md explains them.
const (
	maxLag    = time.Millisecond
	maxMissed = 0.0002 // of the offered requests
	maxCPU    = 0.90   // of the processors the loops can use
	maxBusy   = 0.95   // of all processors of the host
	maxSteal  = 0.05
)

// A host is what the operating system counted up to some moment.
type host struct {
	cpu   time.Duration // of this process, user and system
	total uint64        // ticks of all processors; 0 = not known
	idle  uint64
	steal uint64
}

// judge tells how the client fared in the run, and what speaks against the figures.
func (r *run) judge(res *Result, before, after host, elapsed time.Duration) Client {
	c := Client{CPU: after.cpu - before.cpu, CPUs: runtime.GOMAXPROCS(0), Busy: -1, Steal: -1}
	if total := after.total - before.total; before.total > 0 && after.total > before.total {
		c.Busy = 1 - float64(after.idle-before.idle)/float64(total)
		c.Steal = float64(after.steal-before.steal) / float64(total)
	}
	doubt := func(format string, args ...any) { c.Reasons = append(c.Reasons, fmt.Sprintf(format, args...)) }
	lag, response := res.Lag.Quantile(0.99), res.Response.Quantile(0.99)
	if lag > maxLag && lag > response/10 {
		doubt("requests left %v behind schedule at p99, for reasons of the client", lag.Round(10*time.Microsecond))
	}
	var missed uint64
	for _, t := range r.tallies {
		missed += t.missed
	}
	if n := res.Requests.Offered; n > 0 && float64(missed) > maxMissed*float64(n) {
		doubt("%d of %d requests missed the window, for reasons of the client", missed, n)
	}
	used := 0.0
	if elapsed > 0 {
		used = float64(c.CPU) / float64(elapsed)
	}
	if can := min(c.CPUs, max(len(r.tallies), 1)); used > maxCPU*float64(can) {
		doubt("client was busy: it used %.2f of %d processors", used, can)
	}
	if c.Busy > maxBusy {
		doubt("host was busy: %.0f%% of its processors' time was used", 100*c.Busy)
	}
	if c.Steal > maxSteal {
		doubt("hypervisor took %.0f%% of the processors' time", 100*c.Steal)
	}
	if n := res.Requests.Outcomes[ClientLimit]; n > 0 {
		doubt("%d requests failed for want of descriptors, ports or memory of the client", n)
	}
	if r.wanted > r.places && r.full.Load() {
		doubt("descriptors allowed %d connections of %d, and all were in use", r.places, r.wanted)
	}
	return c
}
