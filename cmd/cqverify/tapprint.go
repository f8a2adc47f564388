package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// printTaps prints the verdicts, of which some are nil if the run was interrupted.
func printTaps(cmd *cobra.Command, o *tapOptions, several bool, all []*tapVerdict) error {
	var verdicts []*tapVerdict
	for _, v := range all {
		if v != nil {
			verdicts = append(verdicts, v)
		}
	}
	if !several && (len(verdicts) == 0 || verdicts[0].err != nil) {
		return nil // the message has said it all
	}
	return o.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch o.reports.Format {
		case report.JSON:
			if !several {
				return report.WriteJSON(w, verdicts[0])
			}
			return report.WriteJSON(w, tapsJSON(verdicts))
		case report.HTML:
			return tapPage(verdicts, several).WriteHTML(w)
		case report.CSV:
			return tapGrid(verdicts).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, tapSuite(verdicts, o.allowOpen))
		case report.Markdown:
			return tapPage(verdicts, several).WriteMarkdown(w)
		}
		return tapPage(verdicts, several).WriteText(w, style)
	})
}

// tapsJSON is the documented object of several logs.
func tapsJSON(verdicts []*tapVerdict) any {
	list := make([]any, len(verdicts))
	sum := map[string]int{"logs": len(verdicts), "errors": 0}
	for _, o := range []string{tapValid, tapOpen, tapAltered, tapUnsigned, string(wire.AnchorsUntrusted), string(wire.AnchorsMalformed)} {
		sum[o] = 0
	}
	for i, v := range verdicts {
		list[i] = v
		if v.err != nil {
			list[i] = failure{Log: v.Log, Error: v.err.Error()}
			sum["errors"]++
			continue
		}
		sum[v.Verdict]++
	}
	return map[string]any{"logs": list, "summary": sum}
}

// name is what was judged.
func (v *tapVerdict) name() string {
	if v.Log == "" {
		return v.Tags
	}
	return v.Log
}

func tapPage(verdicts []*tapVerdict, several bool) *report.Page {
	if !several {
		v := verdicts[0]
		return &report.Page{Title: title(v.name()) + ": " + strings.ToUpper(v.Verdict), Parts: v.parts()}
	}
	p := &report.Page{Parts: []report.Part{&report.Grid{
		Columns: []report.Column{{Name: "Log", Fit: report.Shorten}, {Name: "Verdict"}, {Name: "Records"}, {Name: "Covered"}, {Name: "Windows"}, {Name: "Findings"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, v := range verdicts {
				row := []report.Cell{report.String(title(v.name())), report.String("error").As(report.Bad)}
				if v.err == nil {
					row = []report.Cell{row[0], report.String(v.Verdict).As(v.tone()), report.Int(v.Records), report.Uint(v.Covered),
						report.Int(len(v.Windows)), report.Int(len(v.Findings)).As(tone(len(v.Findings), report.Bad))}
				}
				if !yield(row) {
					return
				}
			}
		},
		Empty: "no log was judged",
	}}}
	for _, v := range verdicts {
		if v.err == nil && (v.Verdict != tapValid || len(v.Warnings) > 0) {
			p.Parts = append(p.Parts, report.Heading(title(v.name())+": "+strings.ToUpper(v.Verdict)))
			p.Parts = append(p.Parts, v.parts()...)
		}
	}
	return p
}

func (v *tapVerdict) tone() report.Tone {
	switch v.Verdict {
	case tapValid:
		return report.Good
	case tapOpen:
		return report.Odd
	}
	return report.Bad
}

// sentence says the verdict in words.
func (v *tapVerdict) sentence() string {
	what := "the records are those that were anchored"
	if v.Log == "" {
		what = "the tag archive is the one that was anchored"
	}
	switch {
	case v.Verdict != tapValid:
		return v.Reason
	case v.Wire == "v1":
		return what + ", as far as version 1 can say"
	}
	return what + ", to the end"
}

// parts describe one verdict.
func (v *tapVerdict) parts() []report.Part {
	fields := report.Fields{{Name: "verdict", Value: report.String(v.Verdict + ": " + v.sentence()).As(v.tone())}}
	if s := v.Signer; s != nil {
		name := s.Key
		if s.Name != "" {
			name = s.Name + ", as you labelled the key, " + s.Key
		}
		if v.Verdict == string(wire.AnchorsUntrusted) || v.Verdict == string(wire.AnchorsMalformed) {
			name = "claims to be " + name
		}
		fields = append(fields, report.Field{Name: "signer", Value: report.String(name)})
	}
	if len(v.Windows) > 0 {
		intact := 0
		for _, w := range v.Windows {
			if w.Intact {
				intact++
			}
		}
		text := fmt.Sprintf("%s, %s intact; %s", cli.Count(int64(len(v.Windows)), "window"), cli.Thousands(int64(intact)), cli.Count(int64(v.Anchored), "record"))
		switch {
		case v.Carried != nil:
			text += fmt.Sprintf(" sent by %d/%d, in the log itself", v.Carried.System, v.Carried.Component)
		case v.Frames:
			text += ", frames without times"
		}
		fields = append(fields, report.Field{Name: "anchors", Value: report.String(text)})
	}
	text := fmt.Sprintf("%s, %s covered", cli.Count(v.Records, "record"), cli.Thousands(int64(v.Covered)))
	if v.Log == "" {
		fields = append(fields, report.Field{Name: "archive", Value: report.String(strings.ReplaceAll(text, "record", "tag"))})
	} else {
		fields = append(fields, report.Field{Name: "log", Value: report.String(text + ", " + cli.Count(v.Bytes, "byte"))})
	}
	if p := period(v.FirstUS, v.LastUS); p != "" {
		fields = append(fields, report.Field{Name: "flight", Value: report.String(p)})
	}
	parts := append([]report.Part{fields}, warningList(v.Warnings)...)
	if len(v.Findings) > 0 {
		parts = append(parts, v.table())
		if more := len(v.Findings) - shownFindings; more > 0 {
			parts = append(parts, report.Paragraph(fmt.Sprintf("and %s; --json lists them", cli.Count(int64(more), "more finding"))))
		}
		parts = append(parts, report.Paragraph(`Records count from 0 and are those that were anchored or, with "now", those of the log as it is. Times are UTC, by the recorder's clock.`))
	}
	if len(v.Unprotected) > 0 {
		parts = append(parts, report.Paragraph("What anchors of version 1 do not protect: "+strings.Join(v.Unprotected, "; ")+"."))
	}
	return parts
}

func (v *tapVerdict) table() *report.Grid {
	days := v.FirstUS != nil && time.UnixMicro(*v.FirstUS).UTC().Format(time.DateOnly) != time.UnixMicro(*v.LastUS).UTC().Format(time.DateOnly)
	return &report.Grid{
		Columns: []report.Column{{Name: "Finding"}, {Name: "Records"}, {Name: "Time"}, {Name: "What", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for i := range v.Findings[:min(len(v.Findings), shownFindings)] {
				f := &v.Findings[i]
				at := ""
				if f.TimeUS != nil {
					at = clock(*f.TimeUS, days)
				}
				if !yield([]report.Cell{report.String(f.Kind).As(report.Bad), report.String(f.where()), report.String(at), report.String(f.sentence())}) {
					return
				}
			}
		},
	}
}

// where is a finding's column of record numbers.
func (f *tapFinding) where() string {
	if f.Sealed == nil || f.Kind == wire.DifferenceDoubled {
		return "now " + span(*f.Index, f.CountNow)
	}
	return span(*f.Sealed, f.Count)
}

// sentence says what happened to a run, for a person.
func (f *tapFinding) sentence() string {
	anchored, now := cli.Count(int64(f.Count), "record"), cli.Count(int64(f.CountNow), "record")
	text := ""
	switch f.Kind {
	case wire.DifferenceChanged:
		text = anchored + " changed"
		if f.Within {
			text = "changed somewhere in these " + anchored
		}
		if f.Count != f.CountNow {
			text += ", now " + now
		}
	case wire.DifferenceDropped:
		text = anchored + " missing"
	case wire.DifferenceTruncated:
		text = "the end is missing: " + anchored
		if *f.Sealed == 0 {
			text = "the beginning is missing: " + anchored
		}
	case wire.DifferenceInserted:
		text = now + " never anchored"
	case wire.DifferenceAppended:
		text = "goes on for " + now
	case wire.DifferenceMoved:
		text = now + " moved, now at " + span(*f.Index, f.CountNow)
	case wire.DifferenceDoubled:
		text = "copy of " + plural("record", f.Count) + " " + span(*f.Sealed, f.Count)
	}
	if f.Message != "" && !f.Within {
		text += fmt.Sprintf("; %s from %d/%d", f.Message, *f.System, *f.Component)
		if f.CountNow > 1 {
			text += " first"
		}
	}
	if f.Offset != nil {
		text += ", at byte " + cli.Thousands(*f.Offset)
	}
	return text
}

// tapGrid has a row a finding, or one for a log without any.
func tapGrid(verdicts []*tapVerdict) *report.Grid {
	names := []string{"log", "anchors", "tags", "wire", "verdict", "key", "records", "anchored_records", "covered_records",
		"kind", "anchored_index", "index", "count", "count_now", "within", "offset", "time_us", "message", "system", "component", "reason"}
	g := &report.Grid{Columns: make([]report.Column, len(names))}
	for i, n := range names {
		g.Columns[i].Name = n
	}
	g.Rows = func(yield func([]report.Cell) bool) {
		for _, v := range verdicts {
			outcome, reason, key := v.Verdict, v.Reason, ""
			if v.err != nil {
				outcome, reason = "error", v.err.Error()
			}
			if v.Signer != nil {
				key = v.Signer.Key
			}
			row := []report.Cell{report.String(v.Log), report.String(v.Anchors), report.String(v.Tags), report.String(v.Wire), report.String(outcome),
				report.String(key), report.Int(v.Records), report.Uint(v.Anchored), report.Uint(v.Covered)}
			none := make([]report.Cell, len(names)-len(row)-1)
			if len(v.Findings) == 0 && !yield(append(append(row, none...), report.String(reason))) {
				return
			}
			for i := range v.Findings {
				if !yield(append(append(row[:len(row):len(row)], v.Findings[i].cells()...), report.String(reason))) {
					return
				}
			}
		}
	}
	return g
}

func (f *tapFinding) cells() []report.Cell {
	cells := []report.Cell{report.String(f.Kind), optional(f.Sealed), optional(f.Index), report.Uint(f.Count), report.Uint(f.CountNow),
		report.String(fmt.Sprint(f.Within)), optional(f.Offset), optional(f.TimeUS), report.String(f.Message), {}, {}}
	if f.System != nil {
		cells[9], cells[10] = report.Uint(*f.System), report.Uint(*f.Component)
	}
	return cells
}

// tapSuite is a case a log.
func tapSuite(verdicts []*tapVerdict, allowOpen bool) report.Suite {
	s := report.Suite{Name: "cqverify tap"}
	for _, v := range verdicts {
		c := report.Case{Name: v.name(), Class: "anchors", Output: append(v.Warnings, v.Unprotected...)}
		switch {
		case v.err != nil:
			c.Error = &report.Problem{Type: "error", Message: v.err.Error()}
		case !v.accepted(allowOpen):
			c.Failure = &report.Problem{Type: v.Verdict, Message: v.Reason}
			for i := range v.Findings[:min(len(v.Findings), shownFindings)] {
				f := &v.Findings[i]
				c.Failure.Lines = append(c.Failure.Lines, fmt.Sprintf("%s %s: %s", f.Kind, f.where(), f.sentence()))
			}
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}
