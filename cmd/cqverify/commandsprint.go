package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

func printCommands(cmd *cobra.Command, o *commandsOptions, several bool, all []*commandsLog) error {
	var logs []*commandsLog
	for _, l := range all {
		if l != nil {
			logs = append(logs, l)
		}
	}
	if !several && (len(logs) == 0 || logs[0].err != nil) {
		return nil // the message has said it all
	}
	if err := o.page.write(cmd, func() *report.Page { return commandsHTML(logs, several) }); err != nil {
		return err
	}
	return o.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch o.reports.Format {
		case report.HTML:
			return commandsHTML(logs, several).WriteHTML(w)
		case report.JSON:
			if !several {
				return report.WriteJSON(w, logs[0])
			}
			return report.WriteJSON(w, commandsJSON(logs))
		case report.CSV:
			return commandsGrid(logs).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, commandsSuite(logs, o.requireSigned))
		case report.Markdown:
			return commandsPage(logs, several).WriteMarkdown(w)
		}
		return commandsPage(logs, several).WriteText(w, style)
	})
}

// commandsJSON is the documented object of several logs.
func commandsJSON(logs []*commandsLog) any {
	list := make([]any, len(logs))
	sum := map[string]int64{}
	for _, v := range wire.Verdicts() {
		sum[string(v)] = 0
	}
	for i, l := range logs {
		list[i] = l
		if l.err != nil {
			list[i] = failure{Log: l.Log, Error: l.err.Error()}
		}
		for v, n := range l.Summary {
			sum[v] += n
		}
	}
	return map[string]any{"logs": list, "summary": sum}
}

// verdict says in words what the commands come to.
func (l *commandsLog) verdict() string {
	var parts []string
	for _, v := range byWorst {
		if n := l.Summary[string(v)]; n > 0 {
			parts = append(parts, cli.Thousands(n)+" "+string(v))
		}
	}
	if parts == nil {
		return "no command"
	}
	return strings.Join(parts, ", ")
}

// tone is how the worst of the commands is meant.
func (l *commandsLog) tone() report.Tone {
	if len(l.Commands) == 0 {
		return report.Plain
	}
	return verdictTone(l.worst())
}

// byWorst are the verdicts, the worst first.
var byWorst = []wire.Verdict{wire.Forged, wire.Altered, wire.Replayed, wire.Orphaned, wire.Incomplete, wire.Unsigned, wire.Authentic}

func verdictTone(v string) report.Tone {
	switch wire.Verdict(v) {
	case wire.Authentic:
		return report.Good
	case wire.Unsigned, wire.Incomplete:
		return report.Odd
	}
	return report.Bad
}

func commandsPage(logs []*commandsLog, several bool) *report.Page {
	if !several {
		return &report.Page{Title: title(logs[0].Log) + ": " + logs[0].verdict(), Parts: logs[0].parts()}
	}
	columns := []report.Column{{Name: "Log", Fit: report.Shorten}, {Name: "Commands", Fit: report.Wrap}}
	p := &report.Page{Parts: []report.Part{&report.Grid{Columns: columns, Rows: func(yield func([]report.Cell) bool) {
		for _, l := range logs {
			row := []report.Cell{report.String(title(l.Log)), report.String("error").As(report.Bad)}
			if l.err == nil {
				row[1] = report.String(l.verdict()).As(l.tone())
			}
			if !yield(row) {
				return
			}
		}
	}, Empty: "no log was judged"}}}
	for _, l := range logs {
		if l.err == nil && len(l.Commands)+len(l.Warnings) > 0 {
			p.Parts = append(p.Parts, report.Heading(title(l.Log)+": "+l.verdict()))
			p.Parts = append(p.Parts, l.parts()...)
		}
	}
	return p
}

// parts describe one log.
func (l *commandsLog) parts() []report.Part {
	fields := report.Fields{{Name: "log", Value: report.String(cli.Count(l.Records, "record") + ", " + cli.Count(l.Bytes, "byte"))}}
	if p := period(l.FirstUS, l.LastUS); p != "" {
		fields = append(fields, report.Field{Name: "flight", Value: report.String(p)})
	}
	fields = append(fields, l.signers()...)
	parts := append([]report.Part{fields}, warningList(l.Warnings)...)
	return append(parts, l.table(shownFindings, "")...)
}

// signers has a line for each key that signed something authentic, and for each that
// was not given but is said to have signed something.
func (l *commandsLog) signers() (fields report.Fields) {
	type count struct{ live, logged int64 }
	counts, missing := map[string]*count{}, map[string]int64{}
	var keys, absent []string
	for i := range l.Commands {
		c := &l.Commands[i]
		if c.Verdict != string(wire.Authentic) {
			if c.Reason == wire.ErrUnknownSigner.Error() {
				if missing[c.Signer]++; missing[c.Signer] == 1 {
					absent = append(absent, c.Signer)
				}
			}
			continue
		}
		n := counts[c.Signer]
		if n == nil {
			n = new(count)
			counts[c.Signer], keys = n, append(keys, c.Signer)
		}
		if c.Made == "live" {
			n.live++
		} else {
			n.logged++
		}
	}
	for _, k := range keys {
		var made []string
		if n := counts[k].live; n > 0 {
			made = append(made, cli.Count(n, "command")+" sent")
		}
		if n := counts[k].logged; n > 0 {
			made = append(made, cli.Count(n, "command")+" vouched for after capture")
		}
		name := k
		if label := l.labels[k]; label != "" {
			name = label + ", " + k
		}
		fields = append(fields, report.Field{Name: "signer", Value: report.String(name)}, report.Field{Value: report.String(strings.Join(made, ", "))})
	}
	const shownKeys = 5
	for i, k := range absent {
		if i == shownKeys {
			fields = append(fields, report.Field{Value: report.String("and " + cli.Count(int64(len(absent)-shownKeys), "more key"))})
			break
		}
		fields = append(fields, report.Field{Name: "not given", Value: report.String(k)},
			report.Field{Value: report.String(cli.Count(missing[k], "statement") + " in its name")})
	}
	return fields
}

// shown returns up to most commands, in the order of the log; if there are more, those
// with the worst verdicts.
func (l *commandsLog) shown(most int) []*command {
	list := make([]*command, len(l.Commands))
	for i := range l.Commands {
		list[i] = &l.Commands[i]
	}
	if len(list) <= most {
		return list
	}
	rank := func(c *command) int { return slices.Index(byWorst, wire.Verdict(c.Verdict)) }
	slices.SortStableFunc(list, func(a, b *command) int { return rank(a) - rank(b) })
	list = list[:most]
	slices.SortStableFunc(list, func(a, b *command) int { return int(a.Index - b.Index) })
	return list
}

// table lists commands, up to so many.
func (l *commandsLog) table(most int, anchor string) []report.Part {
	if len(l.Commands) == 0 {
		return []report.Part{report.Paragraph("There is no frame that changes the state of a vehicle, and no statement about one.")}
	}
	shown := l.shown(most)
	days := l.FirstUS != nil && time.UnixMicro(*l.FirstUS).UTC().Format(time.DateOnly) != time.UnixMicro(*l.LastUS).UTC().Format(time.DateOnly)
	g := &report.Grid{
		Anchor:  anchor,
		Columns: []report.Column{{Name: "Verdict"}, {Name: "Record"}, {Name: "Time"}, {Name: "From"}, {Name: "Command", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, c := range shown {
				at, from := "", ""
				if c.TimeUS != nil {
					at = clock(*c.TimeUS, days)
				}
				if c.System != nil {
					from = fmt.Sprintf("%d/%d", *c.System, *c.Component)
				}
				if !yield([]report.Cell{report.String(c.Verdict).As(verdictTone(c.Verdict)), report.String(fmt.Sprint(c.Index)),
					report.String(at), report.String(from), report.String(c.sentence(days))}) {
					return
				}
			}
		},
	}
	parts := []report.Part{g}
	if more := int64(len(l.Commands)-len(shown)) + l.Dropped; more > 0 {
		parts = append(parts, report.Paragraph(fmt.Sprintf("and %s, of which none has a worse verdict; --json lists them", cli.Count(more, "more command"))))
	}
	return append(parts, report.Paragraph("Records count from 0. Times are UTC, by the recorder's clock."))
}

// sentence says which command it is, and why it has its verdict.
func (c *command) sentence(days bool) string {
	s := c.Message
	if s == "" {
		s = "unknown"
	}
	if c.Command > 0 {
		s += fmt.Sprintf(" %d", c.Command)
	}
	switch wire.Verdict(c.Verdict) {
	case wire.Authentic:
		if c.SignedTimeUS != nil && (c.TimeUS == nil || *c.TimeUS != *c.SignedTimeUS) {
			s += ", signed as of " + clock(*c.SignedTimeUS, true)
		}
	case wire.Unsigned:
	case wire.Incomplete:
		s += fmt.Sprintf(": %d of %d chunks", *c.ChunksSeen, *c.Chunks)
		if *c.ChunksSeen == *c.Chunks {
			s += "; " + c.Reason
		}
	default:
		s += ": " + c.Reason
	}
	if c.StatementIndex != nil && !c.HasFrame && c.Verdict != string(wire.Orphaned) {
		s += "; no frame is beside it"
	}
	if c.Copies > 0 {
		s += fmt.Sprintf("; heard %s", cli.Count(int64(c.Copies+1), "time"))
	}
	return s
}
