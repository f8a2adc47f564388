package main

import (
	"fmt"
	"strings"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/latency"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// resultsPage is the page of results, with charts if they will be seen.
func resultsPage(results []namedResult, charts bool) *report.Page {
	p := &report.Page{}
	for _, r := range results {
		title := fmt.Sprintf("flowload %s %s", r.Mode, r.Target)
		if r.name != "" {
			title += " (" + r.name + ")"
		}
		if p.Title == "" {
			p.Title = title
		} else {
			p.Parts = append(p.Parts, report.Heading(title))
		}
		p.Parts = append(p.Parts, resultParts(r.Result)...)
		if charts {
			p.Parts = append(p.Parts, resultCharts(r.Result)...)
		}
	}
	return p
}

func toneOfVerdict(verdict string) report.Tone {
	return map[string]report.Tone{load.Pass: report.Good, load.Fail: report.Bad, load.Untrusted: report.Odd}[verdict]
}

func resultParts(r *load.Result) []report.Part {
	parts := []report.Part{
		report.Notice{Tone: toneOfVerdict(r.Verdict()), Title: r.Verdict(), Text: verdictSentence(r)},
		runFields(r), outcomeGrid(r), latencyGrid(r),
	}
	if len(r.Thresholds) > 0 {
		parts = append(parts, thresholdGrid(r))
	}
	if len(r.Client.Reasons) > 0 {
		parts = append(parts, report.Paragraph("Why the figures cannot be trusted:"), report.List(r.Client.Reasons))
	}
	return parts
}

func verdictSentence(r *load.Result) string {
	counts := map[stat.State]int{}
	for _, t := range r.Thresholds {
		counts[t.State]++
	}
	s := "No thresholds were given."
	if n := len(r.Thresholds); n > 0 {
		s = fmt.Sprintf("%d of %s kept, %d violated, %d undecided, %d without data.", counts[stat.Kept], cli.Count(int64(n), "threshold"),
			counts[stat.Violated], counts[stat.Straddling], counts[stat.NoData])
	}
	if !r.Trusted() {
		s += " The measurement cannot be trusted."
	}
	if r.Stopped {
		s += " It was stopped before its time."
	}
	return s
}

func runFields(r *load.Result) report.Fields {
	var f report.Fields
	add := func(name, value string) {
		f = append(f, report.Field{Name: name, Value: report.String(value)})
	}
	add("load", loopWords(r))
	add("rates", fmt.Sprintf("%s offered, %s sent, %s ok", perS(r.Rates.OfferedPerS), perS(r.Rates.SentPerS), perS(r.Rates.OKPerS)))
	if e, ok := r.RateError(); ok {
		add("rate error", fmt.Sprintf("%.3g%%", 100*e))
	}
	if r.Lag.Count() > 0 && r.Loop == load.LoopOpen {
		add("lag", fmt.Sprintf("p50 %s, p99 %s", short(r.Lag.Quantile(0.5)), short(r.Lag.Quantile(0.99))))
	}
	if r.Capacity != nil {
		add("capacity", capacityWords(r.Capacity))
	} else if moves(r.Trace) {
		add("limit", limitWords(r.Trace))
	}
	if a := &r.Advice; a.RetryAfter > 0 {
		add("Retry-After", fmt.Sprintf("%s said %s to %s", cli.Count(int64(a.RetryAfter), "answer"), seconds(a.Least), seconds(a.Most))+honesty(a))
	}
	add("time", fmt.Sprintf("%s after %s of warm-up, from %s", seconds(r.Elapsed), seconds(r.Warmup), r.Start.UTC().Format(time.DateTime+" UTC")))
	add("transfer", fmt.Sprintf("%s in, %s out, %s", cli.Size(int64(r.BytesIn)), cli.Size(int64(r.BytesOut)), cli.Count(int64(r.Connects), "connection")))
	add("client", clientWords(r))
	add("machine", fmt.Sprintf("%s/%s, %s, %s, %s, %s", r.Machine.OS, r.Machine.Arch, cli.Count(int64(r.Machine.CPUs), "processor"), r.Machine.CPU, r.Machine.Go, r.Machine.Program))
	if r.Parts > 1 {
		add("parts", fmt.Sprint(r.Parts))
	}
	add("seed", fmt.Sprint(r.Seed))
	for _, s := range r.Settings {
		add("--"+s.Name, s.Value)
	}
	return f
}

// outcomeGrid lists what became of the requests.
func outcomeGrid(r *load.Result) *report.Grid {
	c := &r.Requests
	return &report.Grid{
		Columns: []report.Column{{Name: "Outcome"}, {Name: "Requests"}, {Name: "Share, %"}, {Name: "The first", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			row := func(name string, n uint64, tone report.Tone, example string) bool {
				if n == 0 {
					tone = report.Plain
				}
				share := report.Cell{}
				if c.Offered > 0 {
					share = report.Float(100*float64(n)/float64(c.Offered), 3)
				}
				return yield([]report.Cell{report.String(name), report.Uint(n).As(tone), share, report.String(example)})
			}
			if !row("offered", c.Offered, report.Plain, "") {
				return
			}
			for o, n := range c.Outcomes {
				tone := report.Bad
				if o := load.Outcome(o); o == load.OK {
					tone = report.Good
				} else if o == load.Redirect || o == load.TooMany {
					tone = report.Odd
				}
				if (n > 0 || load.Outcome(o).Answered()) && !row(load.Outcome(o).String(), n, tone, r.Examples[load.Outcome(o)]) {
					return
				}
			}
			_ = row("dropped", c.Dropped, report.Bad, "") && row("late", c.Late, report.Odd, "")
		},
	}
}

func latencyGrid(r *load.Result) *report.Grid {
	unit := timeUnit(&r.Response)
	g := &report.Grid{Columns: []report.Column{{Name: "Latency, " + unit.name}, {Name: "from"}, {Name: "min"}, {Name: "mean"}, {Name: "p50"}, {Name: "p90"}, {Name: "p99"},
		{Name: "p99.9"}, {Name: "max"}, {Name: "unanswered"}}}
	g.Rows = func(yield func([]report.Cell) bool) {
		row := func(name, from string, h *latency.Histogram) bool {
			list := times(name, unit, h, from)
			cells := []report.Cell{report.String(name), report.String(from), report.Number(list[1], list[1])}
			mean := fmt.Sprintf("%.1f", float64(h.Mean())/float64(unit.of))
			cells = append(cells, report.Number(mean, mean))
			for _, s := range list[2:7] {
				cells = append(cells, report.Number(s, strings.TrimPrefix(s, "≥")))
			}
			return yield(append(cells, report.Uint(h.AtLeast())))
		}
		_ = row("response", "due time", &r.Response) && row("service", "send", &r.Service)
	}
	return g
}

func toneOfState(s stat.State) report.Tone {
	switch s {
	case stat.Kept:
		return report.Good
	case stat.Straddling:
		return report.Odd
	}
	return report.Bad
}

func thresholdGrid(r *load.Result) *report.Grid {
	return &report.Grid{
		Columns: []report.Column{{Name: "Threshold"}, {Name: "must"}, {Name: "Measured, 95 %"}, {Name: "State"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, t := range r.Thresholds {
				must := "not hold"
				if t.Require {
					must = "hold"
				}
				if !yield([]report.Cell{report.String(t.Expr.Text), report.String(must), report.String(measuredWords(t)), report.String(t.State.String()).As(toneOfState(t.State))}) {
					return
				}
			}
		},
	}
}
