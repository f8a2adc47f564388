package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
)

func printReplays(cmd *cobra.Command, o *replayOptions, several bool, all []*replayLog) error {
	var logs []*replayLog
	for _, l := range all {
		if l != nil {
			logs = append(logs, l)
		}
	}
	if !several && (len(logs) == 0 || logs[0].err != nil) {
		return nil // the message has said it all
	}
	if err := o.page.write(cmd, func() *report.Page { return replayHTML(logs, several) }); err != nil {
		return err
	}
	return o.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch o.reports.Format {
		case report.HTML:
			return replayHTML(logs, several).WriteHTML(w)
		case report.JSON:
			return report.WriteJSON(w, replayJSON(logs))
		case report.CSV:
			return replayGrid(logs).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, replaySuite(logs, o))
		case report.Markdown:
			return replayPage(logs, several).WriteMarkdown(w)
		}
		return replayPage(logs, several).WriteText(w, style)
	})
}

// replayJSON is the documented object.
func replayJSON(logs []*replayLog) any {
	doc := struct {
		Logs     []any           `json:"logs"`
		Findings []replayFinding `json:"findings"`
		Summary  replaySummary   `json:"summary"`
	}{Logs: []any{}, Findings: []replayFinding{}}
	for _, l := range logs {
		if l.err != nil {
			doc.Logs = append(doc.Logs, failure{Log: l.Log, Error: l.err.Error()})
			continue
		}
		doc.Logs = append(doc.Logs, l)
		doc.Findings = append(doc.Findings, l.findings...)
		doc.Summary.High += l.Summary.High
		doc.Summary.Medium += l.Summary.Medium
		doc.Summary.Low += l.Summary.Low
	}
	return doc
}

// verdict says in words what the findings come to.
func (l *replayLog) verdict() string {
	var parts []string
	for _, p := range []struct {
		n    int
		name string
	}{{l.Summary.High, "high"}, {l.Summary.Medium, "medium"}, {l.Summary.Low, "low"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", cli.Thousands(int64(p.n)), p.name))
		}
	}
	if parts == nil {
		return "no finding"
	}
	if len(parts) == 1 && l.Summary.High+l.Summary.Medium+l.Summary.Low == 1 {
		return parts[0] + " finding"
	}
	return strings.Join(parts, ", ") + " findings"
}

func replayPage(logs []*replayLog, several bool) *report.Page {
	if !several {
		return &report.Page{Title: title(logs[0].Log) + ": " + logs[0].verdict(), Parts: logs[0].parts()}
	}
	p := &report.Page{Parts: []report.Part{&report.Grid{
		Columns: []report.Column{{Name: "Log", Fit: report.Shorten}, {Name: "Records"}, {Name: "High"}, {Name: "Medium"}, {Name: "Low"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, l := range logs {
				row := []report.Cell{report.String(title(l.Log)), report.String("error").As(report.Bad)}
				if l.err == nil {
					row = []report.Cell{report.String(title(l.Log)), report.Int(l.Records), report.Int(l.Summary.High).As(tone(l.Summary.High, report.Bad)),
						report.Int(l.Summary.Medium).As(tone(l.Summary.Medium, report.Odd)), report.Int(l.Summary.Low)}
				}
				if !yield(row) {
					return
				}
			}
		},
		Empty: "no log was read",
	}}}
	for _, l := range logs {
		if l.err == nil && len(l.findings)+len(l.Warnings) > 0 {
			p.Parts = append(p.Parts, report.Heading(title(l.Log)+": "+l.verdict()))
			p.Parts = append(p.Parts, l.parts()...)
		}
	}
	return p
}

func tone(n int, t report.Tone) report.Tone {
	if n == 0 {
		return report.Plain
	}
	return t
}

// parts describe one log.
func (l *replayLog) parts() []report.Part {
	var fields report.Fields
	add := func(name, value string) {
		fields = append(fields, report.Field{Name: name, Value: report.String(value)})
	}
	add("log", cli.Count(l.Records, "record")+", "+cli.Count(l.Bytes, "byte"))
	if p := period(l.FirstUS, l.LastUS); p != "" {
		add("flight", p)
	}
	if l.Signed > 0 {
		signed := cli.Count(l.Signed, "frame")
		switch {
		case l.WrongKey:
			signed += "; the key fits none of them"
		case l.Verified != nil:
			signed += fmt.Sprintf("; the key fits %s of them", cli.Thousands(*l.Verified))
		default:
			signed += "; not checked without --mavlink-key"
		}
		add("signed", signed)
	}
	parts := []report.Part{fields}
	if len(l.Warnings) > 0 {
		warnings := make(report.List, len(l.Warnings))
		for i, w := range l.Warnings {
			warnings[i] = "warning: " + w
		}
		parts = append(parts, warnings)
	}
	if len(l.findings) == 0 {
		return parts
	}
	parts = append(parts, l.grid())
	if more := int64(len(l.findings)-shownFindings) + l.Dropped; more > 0 {
		parts = append(parts, report.Paragraph(fmt.Sprintf("and %s; --json lists up to 10,000 of each kind", cli.Count(more, "more finding"))))
	}
	return append(parts, report.Paragraph("Records count from 0. Times are UTC, of the first record."))
}

func (l *replayLog) grid() *report.Grid {
	days := l.FirstUS != nil && time.UnixMicro(*l.FirstUS).UTC().Format(time.DateOnly) != time.UnixMicro(*l.LastUS).UTC().Format(time.DateOnly)
	return &report.Grid{
		Columns: []report.Column{{Name: "Severity"}, {Name: "Finding"}, {Name: "Records"}, {Name: "Time"}, {Name: "Source"}, {Name: "What was found", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for i := range l.findings[:min(len(l.findings), shownFindings)] {
				f := &l.findings[i]
				at := ""
				if f.TimeUS != nil {
					at = clock(*f.TimeUS, days)
				}
				severity := report.String(f.Severity)
				switch f.Severity {
				case "high":
					severity = severity.As(report.Bad)
				case "medium":
					severity = severity.As(report.Odd)
				}
				if !yield([]report.Cell{severity, report.String(f.Kind), report.String(f.where()), report.String(at), report.String(f.source()), report.String(f.sentence(l))}) {
					return
				}
			}
		},
	}
}

// where names the records of a finding.
func (f *replayFinding) where() string {
	if f.LastIndex > f.Index {
		return fmt.Sprintf("%d-%d", f.Index, f.LastIndex)
	}
	return fmt.Sprint(f.Index)
}

func (f *replayFinding) source() string {
	if f.System == nil {
		return ""
	}
	return fmt.Sprintf("%d/%d", *f.System, *f.Component)
}

// sentence says what was found, of which message, and what it repeats.
func (f *replayFinding) sentence(l *replayLog) string {
	s := f.Detail
	if f.Message != "" {
		s = f.Message + ": " + s
	}
	if o := f.Original; o != nil {
		verb := "; the original is record "
		if f.Kind == "clock" {
			verb = "; before that stands record "
		}
		s += verb + fmt.Sprint(o.Index)
		if o.Log != l.Log {
			s += " of " + title(o.Log)
		}
	}
	return s
}

// replayGrid has a row a finding, for programs.
func replayGrid(logs []*replayLog) *report.Grid {
	names := []string{"log", "kind", "severity", "index", "last_index", "count", "offset", "time_us", "message", "system", "component",
		"original_log", "original_index", "original_offset", "original_time_us", "detail"}
	g := &report.Grid{Columns: make([]report.Column, len(names))}
	for i, name := range names {
		g.Columns[i].Name = name
	}
	g.Rows = func(yield func([]report.Cell) bool) {
		for _, l := range logs {
			if l.err != nil {
				continue
			}
			for i := range l.findings {
				if !yield(l.findings[i].cells()) {
					return
				}
			}
		}
	}
	return g
}

func (f *replayFinding) cells() []report.Cell {
	cells := []report.Cell{report.String(f.Log), report.String(f.Kind), report.String(f.Severity), report.Int(f.Index), report.Int(f.LastIndex),
		report.Int(f.Count), report.Int(f.Offset), optional(f.TimeUS), report.String(f.Message), {}, {}, {}, {}, {}, {}, report.String(f.Detail)}
	if f.System != nil {
		cells[9], cells[10] = report.Uint(*f.System), report.Uint(*f.Component)
	}
	if o := f.Original; o != nil {
		cells[11], cells[12], cells[13], cells[14] = report.String(o.Log), report.Int(o.Index), report.Int(o.Offset), optional(o.TimeUS)
	}
	return cells
}

// replaySuite is a case a log, which fails as the exit code does.
func replaySuite(logs []*replayLog, o *replayOptions) report.Suite {
	s := report.Suite{Name: "cqverify replay"}
	for _, l := range logs {
		c := report.Case{Name: l.Log, Class: "replay", Output: l.Warnings}
		if l.err != nil {
			c.Error = &report.Problem{Type: "error", Message: l.err.Error()}
			s.Cases = append(s.Cases, c)
			continue
		}
		lines := make([]string, 0, min(len(l.findings), shownFindings))
		for i := range l.findings[:min(len(l.findings), shownFindings)] {
			f := &l.findings[i]
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s record %s %s", f.Severity, f.Kind, f.where(), f.source()))+": "+f.sentence(l))
		}
		if o.least > 0 && l.worst >= o.least {
			c.Failure = &report.Problem{Type: l.worst.String(), Message: l.verdict(), Lines: lines}
		} else {
			c.Output = append(c.Output, lines...)
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}
