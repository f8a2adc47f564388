package vegas

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

var (
	table = flag.Bool("table", false, "print the table of docs/vegas.md and draw its plots")
	only  = flag.String("only", "", "with -table: a part of the scenario's name")
)

var limiters = []struct {
	name string
	make func(int) limiter
	real bool // reads the clock
}{
	{"cqkit", newCqkit, false},
	{"flow-guard's formula", newFlowGuard, false},
	{"Netflix Vegas", newNetflixVegas, false},
	{"Netflix Gradient2", newGradient2, false},
	{"Envoy gradient", newEnvoy, false},
	{"failsafe-go 0.9.8", newFailsafe, true},
	{"go-concurrency-limits 0.8.0", newPlatinum, true},
}

func TestTable(t *testing.T) {
	if !*table {
		t.Skip("takes minutes; run with -table")
	}
	dir := filepath.Join("..", "..", "..", "..", "docs")
	for _, sc := range scenarios() {
		if !strings.Contains(sc.name, *only) || strings.Contains(sc.name, "servers,") {
			continue // hours by number of servers are measured in pkg/vegas
		}
		fixed := simulate(sc, 1, func(int) limiter { return &fixedLimiter{n: sc.best} })
		row := fmt.Sprintf("| %s | %d / %.0f |", sc.name, sc.best, 1e3*fixed.p99.Seconds())
		var plots []line
		for _, l := range limiters {
			var o outcome
			if l.real {
				synctest.Test(t, func(*testing.T) { o = simulate(sc, 1, l.make) })
			} else {
				o = simulate(sc, 1, l.make)
			}
			row += fmt.Sprintf(" %.1f / %.0f / %d |", 100*float64(o.total())/float64(fixed.total()), 1e3*o.p99.Seconds(), o.maxLimit)
			plots = append(plots, line{l.name, o.trace})
		}
		t.Log(row)
		if name := plotted[sc.name]; name != "" {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(plot(sc, plots)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var plotted = map[string]string{
	"step to 30 ms, first 60 s": "vegas-step.svg",
	"capacity lost":             "vegas-capacity.svg",
	"1 h overload":              "vegas-hour.svg",
}

type line struct {
	name  string
	trace []point
}

// plot draws limits over time, cut at 80.
func plot(sc *scenario, lines []line) string {
	const w, h, top, left = 640, 260, 24, 36
	const most = 80
	colours := []string{"#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", w+left+190, h+top+30)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="14">%s: limit over time (dashed: best fixed limit)</text>`+"\n", left, sc.name)
	y := func(n int) float64 { return top + h - h*float64(min(n, most))/most }
	for n := 0; n <= most; n += 20 {
		fmt.Fprintf(&b, `<path d="M%d %.0fH%d" stroke="#ddd"/><text x="4" y="%.0f">%d</text>`+"\n", left, y(n), left+w, y(n)+4, n)
	}
	fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="black" stroke-dasharray="4 3"/>`+"\n", left, y(sc.best), left+w)
	for i, l := range lines {
		step := max(1, len(l.trace)/300)
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="%.1f" points="`, colours[i], map[bool]float64{true: 2, false: 1}[i == 0])
		for j := 0; j < len(l.trace); j += step {
			p := l.trace[j]
			fmt.Fprintf(&b, "%.1f,%.1f ", left+w*p.at.Seconds()/sc.length.Seconds(), y(p.limit))
		}
		fmt.Fprintf(&b, `"/><text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+w+8, top+14+16*i, colours[i], l.name)
	}
	for i := range 7 {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%.0f s</text>`+"\n", left+w*i/6-8, h+top+16, sc.length.Seconds()*float64(i)/6)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
