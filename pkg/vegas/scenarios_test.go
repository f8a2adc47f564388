package vegas

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	search   = flag.Bool("search", false, "look for the best fixed limit of each scenario")
	withMore = flag.Bool("more", false, "simulate the scenarios of more, with three seeds each")
	only     = flag.String("only", "", "with -search or -more: a part of the scenario's name")
)

// TestSearch prints, for each scenario, the goodput of fixed limits up to the first that reaches
// 99.95 % of the highest: the best. Of hours it prints the yardstick.
func TestSearch(t *testing.T) {
	if !*search {
		t.Skip("looks for the best fixed limits, which takes minutes; run with -search")
	}
	for _, sc := range append(scenarios(), more()...) {
		if !strings.Contains(sc.name, *only) {
			continue
		}
		if sc.length == time.Hour {
			t.Logf("%q: %#v,", sc.name, yardstick(sc, 1))
			continue
		}
		c := *sc
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

// A fixedResult is what the best fixed limit does in a scenario.
type fixedResult struct {
	good, whole int
	p99         time.Duration
}

func yardstick(sc *scenario, seed uint64) fixedResult {
	o := simulate(sc, seed, func(int) limiter { return &fixedLimiter{n: sc.best} })
	return fixedResult{o.total(), o.whole, o.p99}
}

// hours are yardsticks of the scenarios that take longest to simulate, with seed 1. They change
// with the simulator and the scenario only; -search prints them anew.
var hours = map[string]fixedResult{
	"1 h overload":    {1418165, 1422109, 81647802},
	"1 servers, 1 h":  {176953, 177444, 91141651},
	"2 servers, 1 h":  {354686, 355670, 69575667},
	"4 servers, 1 h":  {709739, 711714, 48058302},
	"8 servers, 1 h":  {1418580, 1422539, 39346810},
	"12 servers, 1 h": {2127081, 2133017, 35602466},
	"20 servers, 1 h": {3545261, 3555130, 32538204},
	"64 servers, 1 h": {11351332, 11382963, 29441784},
}

// A verdict puts an outcome into proportion.
type verdict struct{ goodput, whole, p99, limit float64 }

func judge(sc *scenario, seed uint64) (verdict, string) {
	fixed, ok := hours[sc.name]
	if !ok || seed != 1 {
		fixed = yardstick(sc, seed)
	}
	o := simulate(sc, seed, ours(apart[sc.name]))
	r := verdict{
		goodput: 100 * float64(o.total()) / float64(fixed.good),
		whole:   100 * float64(o.whole) / float64(fixed.whole),
		p99:     float64(o.p99) / float64(fixed.p99),
		limit:   float64(o.maxLimit) / float64(sc.best),
	}
	return r, fmt.Sprintf("| %s | %d / %.0f | %.1f | %.1f | %.2f | %d |", sc.name, sc.best, 1e3*fixed.p99.Seconds(), r.goodput, r.whole, r.p99, o.maxLimit)
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
			r, row := judge(sc, 1)
			t.Log(row)
			if r.goodput < 98 {
				t.Errorf("goodput %.2f %% of the best fixed limit's, want at least 98 %%", r.goodput)
			}
			if r.p99 > 1.2 {
				t.Errorf("p99 %.2f times that of the best fixed limit, want at most 1.2", r.p99)
			}
			if sc.length == time.Hour && r.limit > 1.3 {
				t.Errorf("limit up to %.2f times the best, want at most 1.3", r.limit)
			}
		})
	}
}

// TestMore prints how the controller does in further scenarios.
func TestMore(t *testing.T) {
	if !*withMore {
		t.Skip("simulates for minutes; run with -more")
	}
	for _, sc := range append(scenarios(), more()...) {
		if sc.length == time.Hour || !strings.Contains(sc.name, *only) {
			continue
		}
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(sc.name, " ", seed+1), func(t *testing.T) {
				t.Parallel()
				_, row := judge(sc, seed+1)
				t.Log(row, seed+1)
			})
		}
	}
}
