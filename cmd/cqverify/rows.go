package main

import (
	"fmt"
	"iter"

	"cqkit/pkg/report"
)

// findingsGrid has a row a finding, or one for a log without any.
func findingsGrid(verdicts []*verdict) *report.Grid {
	names := []string{"log", "seal", "verdict", "signer", "key", "signed_at", "kind", "segment", "sealed_index", "index",
		"count", "count_now", "offset", "bytes", "time_us", "until_us", "message", "system", "component", "from_log", "from_index", "reason"}
	columns := make([]report.Column, len(names))
	for i, n := range names {
		columns[i].Name = n
	}
	return &report.Grid{Columns: columns, Rows: csvRows(verdicts)}
}

func csvRows(verdicts []*verdict) iter.Seq[[]report.Cell] {
	return func(yield func([]report.Cell) bool) {
		for _, v := range verdicts {
			outcome, reason := v.Verdict, v.Reason
			if v.err != nil {
				outcome, reason = "error", v.err.Error()
			}
			row := []report.Cell{report.String(v.Log), report.String(v.Seal), report.String(outcome), {}, {}, {}}
			if v.Signer != nil {
				row[3], row[4], row[5] = report.String(v.Signer.Name), report.String(v.Signer.Key), report.String(v.SignedAt)
			}
			if len(v.Findings) == 0 && !yield(append(append(row, make([]report.Cell, findingCells)...), report.String(reason))) {
				return
			}
			for i := range v.Findings {
				if !yield(append(append(row[:6:6], v.Findings[i].cells()...), report.String(reason))) {
					return
				}
			}
		}
	}
}

// findingCells is how many cells a finding has.
const findingCells = 15

func (f *finding) cells() []report.Cell {
	cells := []report.Cell{report.String(f.Kind), report.String(f.Segment), optional(f.SealedIndex), optional(f.Index),
		report.Uint(f.Count), report.Uint(f.CountNow), optional(f.Offset), report.Int(f.Bytes), optional(f.TimeUS), optional(f.UntilUS),
		report.String(f.Message), {}, {}, {}, {}}
	if f.System != nil {
		cells[11], cells[12] = report.Uint(*f.System), report.Uint(*f.Component)
	}
	if f.From != nil {
		cells[13], cells[14] = report.String(f.From.Log), report.Int(f.From.Index)
	}
	return cells
}

func optional(n *int64) report.Cell {
	if n == nil {
		return report.Cell{}
	}
	return report.Int(*n)
}

// suite is a case a log.
func suite(verdicts []*verdict, allowOpen bool) report.Suite {
	s := report.Suite{Name: "cqverify"}
	for _, v := range verdicts {
		c := report.Case{Name: v.Log, Class: "seal", Output: v.Warnings}
		if v.Replay != nil {
			for i := range v.replay.findings[:min(len(v.replay.findings), shownFindings)] {
				f := &v.replay.findings[i]
				c.Output = append(c.Output, fmt.Sprintf("replay: %s %s %s: %s", f.Severity, f.Kind, f.where(), f.sentence(v.replay)))
			}
		}
		if v.Commands != nil {
			c.Output = append(c.Output, "commands: "+v.Commands.verdict())
		}
		switch {
		case v.err != nil:
			c.Error = &report.Problem{Type: "error", Message: v.err.Error()}
		case !v.accepted(allowOpen):
			c.Failure = &report.Problem{Type: v.Verdict, Message: v.Reason}
			for i := range v.Findings[:min(len(v.Findings), shownFindings)] {
				f := &v.Findings[i]
				c.Failure.Lines = append(c.Failure.Lines, fmt.Sprintf("%s %s: %s", f.Kind, f.where(), f.sentence(v)))
			}
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}
