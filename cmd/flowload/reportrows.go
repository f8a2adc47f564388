package main

import (
	"fmt"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// countColumns are the names of the cells that countCells gives.
func countColumns() []string {
	names := []string{"offered", "sent", "dropped", "late"}
	for o := range load.Outcome(load.NumOutcomes) {
		names = append(names, o.String())
	}
	return names
}

func countCells(c *load.Counts) []report.Cell {
	cells := []report.Cell{report.Uint(c.Offered), report.Uint(c.Sent), report.Uint(c.Dropped), report.Uint(c.Late)}
	for _, n := range c.Outcomes {
		cells = append(cells, report.Uint(n))
	}
	return cells
}

func timeColumns(of string) (names []string) {
	for _, name := range []string{"min", "mean", "p50", "p90", "p99", "p999", "max", "unanswered"} {
		if name != "unanswered" {
			name += "_ns"
		}
		names = append(names, of+"_"+name)
	}
	return names
}

func timeCells(h *latency.Histogram) []report.Cell {
	if h.Count() == 0 {
		return make([]report.Cell, 8)
	}
	ns := func(d time.Duration) report.Cell { return report.Int(d) }
	return []report.Cell{ns(h.Min()), ns(h.Mean()), ns(h.Quantile(0.5)), ns(h.Quantile(0.9)), ns(h.Quantile(0.99)), ns(h.Quantile(0.999)), ns(h.Max()), report.Uint(h.AtLeast())}
}

func grid(names []string, rows func(yield func([]report.Cell) bool)) *report.Grid {
	g := &report.Grid{Rows: rows}
	for _, name := range names {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	return g
}

// resultsGrid has a row a result, for programs.
func resultsGrid(results []namedResult) *report.Grid {
	names := []string{"file", "mode", "target", "loop", "start", "elapsed_ns", "offered_per_s", "sent_per_s", "ok_per_s"}
	names = append(names, countColumns()...)
	names = append(append(names, timeColumns("response")...), timeColumns("service")...)
	names = append(names, "capacity_per_s", "capacity_low_per_s", "capacity_high_per_s", "concurrency", "verdict")
	return grid(names, func(yield func([]report.Cell) bool) {
		for _, r := range results {
			row := []report.Cell{report.String(r.name), report.String(r.Mode), report.String(r.Target), report.String(r.Loop), report.String(r.Start.UTC().Format(time.RFC3339Nano)),
				report.Int(r.Elapsed), report.Float(r.Rates.OfferedPerS, 1), report.Float(r.Rates.SentPerS, 1), report.Float(r.Rates.OKPerS, 1)}
			row = append(row, countCells(&r.Requests)...)
			row = append(append(row, timeCells(&r.Response)...), timeCells(&r.Service)...)
			if c := r.Capacity; c != nil {
				row = append(row, report.Float(c.PerS, 1), report.Float(c.LowPerS, 1), report.Float(c.HighPerS, 1), report.Int(c.Concurrency))
			} else {
				row = append(row, make([]report.Cell, 4)...)
			}
			if !yield(append(row, report.String(r.Verdict()))) {
				return
			}
		}
	})
}

// secondsGrid has a row a second, for programs.
func secondsGrid(results []namedResult) *report.Grid {
	names := append([]string{"file", "second"}, countColumns()...)
	names = append(append(names, timeColumns("response")...), timeColumns("service")...)
	return grid(names, func(yield func([]report.Cell) bool) {
		for _, r := range results {
			for i := range r.Seconds {
				s := &r.Seconds[i]
				row := append([]report.Cell{report.String(r.name), report.Int(i)}, countCells(&s.Counts)...)
				for _, b := range [][]byte{s.Response, s.Service} {
					var h latency.Histogram
					if b != nil && h.UnmarshalBinary(b) != nil {
						continue
					}
					row = append(row, timeCells(&h)...)
				}
				if !yield(row) {
					return
				}
			}
		}
	})
}

// resultSuites is a suite a result, with a case a threshold and one for the measurement itself.
func resultSuites(results []namedResult) (suites []report.Suite) {
	for _, r := range results {
		s := report.Suite{Name: "flowload " + r.Mode}
		if r.name != "" {
			s.Name += " " + r.name
		}
		for _, t := range r.Thresholds {
			c := report.Case{Name: t.Expr.Text, Class: r.Target, Time: r.Elapsed, Output: []string{"measured " + measuredWords(t)}}
			problem := &report.Problem{Type: t.State.String(), Message: "measured " + measuredWords(t)}
			switch t.State {
			case stat.Violated, stat.NoData:
				c.Failure = problem
			case stat.Straddling:
				c.Error = problem
			}
			s.Cases = append(s.Cases, c)
		}
		c := report.Case{Name: "measurement", Class: r.Target, Time: r.Elapsed}
		switch {
		case len(r.Thresholds) == 0 && r.Requests.Outcomes[load.OK] == 0:
			c.Failure = &report.Problem{Type: load.Fail, Message: "no request was ok"}
		case !r.Trusted():
			c.Error = &report.Problem{Type: load.Untrusted, Message: fmt.Sprintf("the figures cannot be trusted: %s", r.Client.Reasons[0]), Lines: r.Client.Reasons[1:]}
		}
		s.Cases = append(s.Cases, c)
		suites = append(suites, s)
	}
	return suites
}
