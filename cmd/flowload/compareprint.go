package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// The JSON of compare; docs/schema/flowload-compare.json is its schema.
type comparisonsJSON struct {
	Base        string           `json:"base"`
	Runs        int              `json:"runs"`
	Comparisons []comparisonJSON `json:"comparisons"`
	Verdict     string           `json:"verdict"`
}

type comparisonJSON struct {
	New      string       `json:"new"`
	Runs     int          `json:"runs"`
	Changes  []changeJSON `json:"changes"`
	Warnings []string     `json:"warnings"`
	Verdict  string       `json:"verdict"`
}

type changeJSON struct {
	Metric     string   `json:"metric"`
	Decides    bool     `json:"decides"`
	Method     string   `json:"method"`
	Base       float64  `json:"base"`
	New        float64  `json:"new"`
	Change     float64  `json:"change"`
	Low        *float64 `json:"low,omitempty"`
	High       *float64 `json:"high,omitempty"`
	P          *float64 `json:"p,omitempty"`
	Confidence float64  `json:"confidence"`
	Verdict    string   `json:"verdict"`
}

func (l *comparisonList) json() comparisonsJSON {
	j := comparisonsJSON{Base: l.base.name, Runs: len(l.base.runs), Verdict: l.verdict().String()}
	for i, c := range l.comparisons {
		one := comparisonJSON{New: l.new[i].name, Runs: len(l.new[i].runs), Changes: []changeJSON{}, Warnings: append([]string{}, c.Warnings...), Verdict: c.Verdict.String()}
		for _, ch := range c.Changes {
			one.Changes = append(one.Changes, changeJSON{ch.Metric, ch.Decides, ch.Method, ch.Base, ch.New, ch.Change.Value,
				finite(ch.Change.Low), finite(ch.Change.High), finite(ch.P), ch.Confidence, ch.Verdict.String()})
		}
		j.Comparisons = append(j.Comparisons, one)
	}
	return j
}

// verdict is the worst of the comparisons.
func (l *comparisonList) verdict() stat.Verdict {
	for _, v := range []stat.Verdict{stat.Worse, stat.Undecided, stat.Better} {
		if slices.ContainsFunc(l.comparisons, func(c *load.Comparison) bool { return c.Verdict == v }) {
			return v
		}
	}
	return stat.Same
}

func toneOfChange(v stat.Verdict) report.Tone {
	return map[stat.Verdict]report.Tone{stat.Same: report.Good, stat.Better: report.Good, stat.Worse: report.Bad, stat.Undecided: report.Odd}[v]
}

func (l *comparisonList) page() *report.Page {
	p := &report.Page{Title: "flowload compare"}
	for i, c := range l.comparisons {
		p.Parts = append(p.Parts, report.Heading(fmt.Sprintf("%s (%s) against %s (%s)", l.new[i].name, cli.Count(int64(len(l.new[i].runs)), "run"),
			l.base.name, cli.Count(int64(len(l.base.runs)), "run"))),
			report.Notice{Tone: toneOfChange(c.Verdict), Title: c.Verdict.String(), Text: verdictText(c)}, changeGrid(c), report.Paragraph("Metrics with * decide."))
		if len(c.Warnings) > 0 {
			warnings := make(report.List, len(c.Warnings))
			for i, w := range c.Warnings {
				warnings[i] = "warning: " + w
			}
			p.Parts = append(p.Parts, warnings)
		}
	}
	return p
}

// verdictText says what the deciding metrics come to.
func verdictText(c *load.Comparison) string {
	var list []string
	for _, ch := range c.Changes {
		if ch.Decides {
			list = append(list, fmt.Sprintf("%s %s (%s)", ch.Metric, ch.Verdict, changeWords(&ch)))
		}
	}
	return strings.Join(list, "; ") + "."
}

// changeWords is a change with its interval: "+10.2 % [+8.1..+12.5]".
func changeWords(c *load.Change) string {
	if c.Method == "none" {
		return "not measured"
	}
	unit, n := " %", func(v float64) string {
		if math.IsInf(v, 0) || v > 100 {
			return map[bool]string{true: "+∞", false: "−∞"}[v > 0]
		}
		return strings.Replace(fmt.Sprintf("%+.1f", 100*v), "-", "−", 1)
	}
	if c.Method == "shares" {
		unit, n = " percentage points", func(v float64) string { return strings.Replace(fmt.Sprintf("%+.2f", 100*v), "-", "−", 1) }
	}
	return n(c.Change.Value) + unit + " [" + n(c.Change.Low) + ".." + n(c.Change.High) + "]"
}

func changeGrid(c *load.Comparison) *report.Grid {
	return &report.Grid{
		Columns: []report.Column{{Name: "Metric"}, {Name: "Base"}, {Name: "New"}, {Name: "Change", Fit: report.Wrap}, {Name: "p"}, {Name: "By"}, {Name: "Verdict"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, ch := range c.Changes {
				p := report.Cell{}
				if !math.IsNaN(ch.P) && ch.Method != "none" {
					p = report.Float(ch.P, 4)
					if ch.P < 0.0001 {
						p = report.Number("<0.0001", fmt.Sprint(ch.P))
					}
				}
				name := ch.Metric
				if ch.Decides {
					name += " *"
				}
				base, new := inUnit(ch.Base, ch.Kind), inUnit(ch.New, ch.Kind)
				if !yield([]report.Cell{report.String(name), report.Number(base, fmt.Sprint(ch.Base)), report.Number(new, fmt.Sprint(ch.New)), report.String(changeWords(&ch)), p,
					report.String(ch.Method), report.String(ch.Verdict.String()).As(toneOfChange(ch.Verdict))}) {
					return
				}
			}
		},
	}
}

// grid has a row a change, for programs.
func (l *comparisonList) grid() *report.Grid {
	return grid([]string{"base", "new", "metric", "decides", "method", "base_value", "new_value", "change", "low", "high", "p", "confidence", "verdict"}, func(yield func([]report.Cell) bool) {
		for i, c := range l.comparisons {
			for _, ch := range c.Changes {
				if !yield([]report.Cell{report.String(l.base.name), report.String(l.new[i].name), report.String(ch.Metric), report.String(fmt.Sprint(ch.Decides)), report.String(ch.Method),
					report.Float(ch.Base, 6), report.Float(ch.New, 6), report.Float(ch.Change.Value, 6), report.Float(ch.Change.Low, 6), report.Float(ch.Change.High, 6),
					report.Float(ch.P, 6), report.Float(ch.Confidence, 4), report.String(ch.Verdict.String())}) {
					return
				}
			}
		}
	})
}

// suites is a suite a comparison with a case a deciding metric.
func (l *comparisonList) suites() (suites []report.Suite) {
	for i, c := range l.comparisons {
		s := report.Suite{Name: "flowload compare " + l.new[i].name}
		for _, ch := range c.Changes {
			if !ch.Decides {
				continue
			}
			one := report.Case{Name: ch.Metric, Class: l.base.name, Output: c.Warnings}
			switch problem := (&report.Problem{Type: ch.Verdict.String(), Message: changeWords(&ch)}); {
			case ch.Verdict == stat.Worse && c.Verdict == stat.Worse:
				one.Failure = problem
			case ch.Verdict == stat.Undecided || ch.Verdict == stat.Worse:
				one.Error = problem
			}
			s.Cases = append(s.Cases, one)
		}
		if c.Verdict == stat.Undecided && !slices.ContainsFunc(s.Cases, func(c report.Case) bool { return c.Error != nil }) {
			s.Cases = append(s.Cases, report.Case{Name: "measurement", Class: l.base.name, Error: &report.Problem{Type: "untrusted", Message: strings.Join(c.Warnings, "; ")}})
		}
		suites = append(suites, s)
	}
	return suites
}
