package vegas

import (
	"flag"
	"testing"
	"time"
)

var search = flag.Bool("search", false, "look for the best fixed limit of each scenario")

// TestSearch prints, for each scenario, the goodput of fixed limits up to the first that reaches
// 99.95 % of the highest: the best.
func TestSearch(t *testing.T) {
	if !*search {
		t.Skip("looks for the best fixed limits, which takes minutes; run with -search")
	}
	for _, sc := range scenarios() {
		c := *sc
		if c.length > 15*time.Minute && c.from < time.Minute {
			c.length, c.to = 2*time.Minute, 2*time.Minute
		}
		n := 0
		for i := range 100 {
			n = max(n, c.servers(c.from+(c.to-c.from)*time.Duration(i)/100))
		}
		n /= len(c.loads)
		most, low := 0, max(1, n-8)
		var good []outcome
		for l := low; l <= n+n/2+6; l++ {
			good = append(good, simulate(&c, 1, func(int) limiter { return &fixedLimiter{n: l} }))
			most = max(most, good[len(good)-1].total())
		}
		for i, o := range good {
			if r := float64(o.total()) / float64(most); r > 0.995 {
				t.Logf("%-28s limit %d: %.2f %%, p99 %v", c.name, low+i, 100*r, o.p99)
				if r >= 0.9995 {
					break
				}
			}
		}
	}
}

// TestScenarios holds the controller to the bars of docs/vegas.md.
func TestScenarios(t *testing.T) {
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			if raceDetector {
				t.Skip("simulates in one goroutine, where there are no races, and takes minutes with the race detector")
			}
			if testing.Short() && sc.length > 15*time.Minute {
				t.Skip("simulates an hour, which takes seconds; not with -short")
			}
			fixed := simulate(sc, 1, func(int) limiter { return &fixedLimiter{n: sc.best} })
			o := simulate(sc, 1, ours)
			goodput := float64(o.total()) / float64(fixed.total())
			p99 := float64(o.p99) / float64(fixed.p99)
			limit := float64(o.maxLimit) / float64(sc.best)
			t.Logf("goodput %.2f %%, p99 %.1f ms = %.2f of that at %d, limit %d at the end, %d at most",
				100*goodput, 1e3*o.p99.Seconds(), p99, sc.best, o.endLimit, o.maxLimit)
			if goodput < 0.98 {
				t.Errorf("goodput %.2f %% of the best fixed limit's, want at least 98 %%", 100*goodput)
			}
			if p99 > 1.2 {
				t.Errorf("p99 %.2f times that of the best fixed limit, want at most 1.2", p99)
			}
			if sc.length == time.Hour && limit > 1.3 {
				t.Errorf("limit up to %d, %.2f times the best, want at most 1.3", o.maxLimit, limit)
			}
		})
	}
}
