package main

import (
	"math"

	"cqkit/pkg/bench"
	"cqkit/pkg/report"
)

// The JSON of history; docs/schema/cqbench-history.json is its schema.
type historyJSON struct {
	Sessions []historySessionJSON `json:"sessions"`
	Figures  []historyFigureJSON  `json:"figures"`
	Warnings []string             `json:"warnings"`
}

type historySessionJSON struct {
	File     string         `json:"file"`
	Machine  bench.Machine  `json:"machine"`
	Settings bench.Settings `json:"settings"`
}

type historyFigureJSON struct {
	Name        string              `json:"name"`
	Medians     []historyMedianJSON `json:"medians"`
	SinceFirst  *changeJSON         `json:"since_first,omitempty"`
	SinceBefore *changeJSON         `json:"since_before,omitempty"`
}

type historyMedianJSON struct {
	Session int      `json:"session"`
	Median  float64  `json:"median"`
	Low     *float64 `json:"low,omitempty"`
	High    *float64 `json:"high,omitempty"`
	Noisy   bool     `json:"noisy"`
}

func (h *history) json() historyJSON {
	j := historyJSON{Sessions: []historySessionJSON{}, Figures: []historyFigureJSON{}, Warnings: append([]string{}, h.warnings...)}
	for i, s := range h.sessions {
		j.Sessions = append(j.Sessions, historySessionJSON{h.files[i], s.Machine, s.Settings})
	}
	for _, p := range h.figures {
		one := historyFigureJSON{Name: p.name, Medians: []historyMedianJSON{}, SinceFirst: changeOf(p.changes[sinceFirst]), SinceBefore: changeOf(p.changes[sinceBefore])}
		for i, r := range p.results {
			if r != nil {
				m := historyMedianJSON{Session: i, Median: r.Median().Value, Noisy: r.Noisy()}
				m.Low, m.High = boundsOf(r)
				one.Medians = append(one.Medians, m)
			}
		}
		j.Figures = append(j.Figures, one)
	}
	return j
}

func changeOf(c *bench.Change) *changeJSON {
	if c == nil {
		return nil
	}
	j := newChangeJSON(c)
	return &j
}

// boundsOf are those of the median's interval, nil where there is none.
func boundsOf(r *bench.Result) (low, high *float64) {
	if math.IsInf(r.Noise(), 1) {
		return nil, nil
	}
	m := r.Median()
	return finite(m.Low), finite(m.High)
}

// plain has a row a figure of each session.
func (h *history) plain() *report.Grid {
	g := &report.Grid{}
	for _, n := range []string{"name", "file", "median_ns", "low_ns", "high_ns", "samples", "noisy"} {
		g.Columns = append(g.Columns, report.Column{Name: n})
	}
	var rows [][]report.Cell
	for _, p := range h.figures {
		for i, r := range p.results {
			if r == nil {
				continue
			}
			low, high := math.NaN(), math.NaN()
			if l, u := boundsOf(r); l != nil && u != nil {
				low, high = *l, *u
			}
			noisy := "false"
			if r.Noisy() {
				noisy = "true"
			}
			rows = append(rows, []report.Cell{report.String(p.name), report.String(h.files[i]), report.Float(r.Median().Value, 3), report.Float(low, 3), report.Float(high, 3),
				report.Int(len(r.Samples(0))), report.String(noisy)})
		}
	}
	g.Rows = report.RowsOf(rows...)
	return g
}
