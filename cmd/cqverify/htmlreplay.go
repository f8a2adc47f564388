package main

import (
	"fmt"
	"slices"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
)

// sorted returns the log with the worst findings first.
func (l *replayLog) sorted() *replayLog {
	if l == nil {
		return nil
	}
	sorted := *l
	sorted.findings = slices.Clone(l.findings)
	rank := func(f replayFinding) int { return slices.Index([]string{"high", "medium", "low"}, f.Severity) }
	slices.SortStableFunc(sorted.findings, func(a, b replayFinding) int { return rank(a) - rank(b) })
	return &sorted
}

// htmlParts describe what was found in one log without a seal.
func (l *replayLog) htmlParts(prefix string, heading func(string) report.Part) []report.Part {
	l = l.sorted()
	tone, words := report.Good, "Nothing was found that speaks of replays or forgeries. What cannot be seen is in docs/replay.md."
	switch {
	case l.Summary.High > 0:
		tone, words = report.Bad, "Some of it is hard to explain without an attack or an edited log."
	case l.Summary.Medium > 0:
		tone, words = report.Odd, "Some of it is an attack, or an unusual but honest set-up: somebody should look."
	case l.Summary.Low > 0:
		words = "None of it is the sign of an attack."
	}
	parts := []report.Part{report.Notice{Tone: tone, Title: strings.ToUpper(l.verdict()[:1]) + l.verdict()[1:], Text: words}}
	parts = append(parts, l.parts()[0])
	said := slices.Clone(l.Warnings)
	if l.drawing != nil {
		for _, w := range l.drawing.info.Warnings {
			if !slices.Contains(said, w) {
				said = append(said, w)
			}
		}
	}
	parts = append(parts, warningList(said)...)
	var p *picture
	if l.drawing != nil {
		p = newPicture(l.drawing.line, nil)
		lanes := []report.Lane{{Name: "log", Stretches: []report.Stretch{{From: p.begin(), To: p.end(), Label: "not compared with a seal"}}}}
		lanes = append(lanes, l.lanes(p, prefix)...)
		lanes = append(lanes, gapLane(p)...)
		parts = append(parts, heading("Course of the log"), &report.Chart{
			Name: "From the first record to the last", Axis: p.axis(), Lanes: lanes,
			Summary: "Findings, a row a kind: red for severity high, orange for medium, grey for low. Dashed boxes stand for long pauses.",
		})
	}
	parts = append(parts, heading("Findings"))
	parts = append(parts, l.findingParts(prefix)...)
	if p != nil {
		parts = append(parts, l.drawing.parts(p, heading, said)...)
	}
	return parts
}

// findingParts list the findings of a sorted log, with an anchor a row.
func (l *replayLog) findingParts(prefix string) []report.Part {
	if len(l.findings) == 0 {
		return []report.Part{report.Paragraph("Nothing was found. What cannot be seen is in docs/replay.md.")}
	}
	parts := []report.Part{l.htmlGrid(prefix)}
	if more := int64(max(0, len(l.findings)-htmlFindings)) + l.Dropped; more > 0 {
		parts = append(parts, report.Paragraph(fmt.Sprintf("and %s; cqverify replay --json lists up to 10,000 of each kind", cli.Count(more, "more finding"))))
	}
	return append(parts, report.Paragraph("High: hard to explain without an attack or an edited log. Medium: an attack, or an unusual but "+
		"honest set-up. Low: worth knowing, no sign of an attack. Times are those of the first record."))
}

func (l *replayLog) htmlGrid(prefix string) *report.Grid {
	v := verdict{FirstUS: l.FirstUS, LastUS: l.LastUS}
	days := v.severalDays()
	tones := map[string]report.Tone{"high": report.Bad, "medium": report.Odd}
	return &report.Grid{
		Anchor: prefix + "r",
		Columns: []report.Column{{Name: "Severity"}, {Name: "Finding"}, {Name: "Records"}, {Name: "Time"}, {Name: "From"},
			{Name: "What was found", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for i := range l.findings[:min(len(l.findings), htmlFindings)] {
				f := &l.findings[i]
				at := ""
				if f.TimeUS != nil {
					at = clock(*f.TimeUS, days)
				}
				if !yield([]report.Cell{report.String(f.Severity).As(tones[f.Severity]), report.String(strings.ReplaceAll(f.Kind, "_", " ")),
					report.String(f.span()), report.String(at), report.String(f.source()), report.String(f.sentence(l))}) {
					return
				}
			}
		},
	}
}

// span is the records of a finding, for browsers.
func (f *replayFinding) span() string { return span(f.Index, uint64(max(1, f.LastIndex-f.Index+1))) }
