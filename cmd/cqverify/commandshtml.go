package main

import (
	"fmt"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// commandsHTML is the page for browsers of the commands in logs.
func commandsHTML(logs []*commandsLog, several bool) *report.Page {
	if !several {
		l := logs[0]
		return &report.Page{Title: title(l.Log), Parts: append(l.htmlParts("", subject), closing)}
	}
	p := commandsPage(logs, true)
	p.Title, p.Parts = fmt.Sprintf("Commands in %s", cli.Count(int64(len(logs)), "log")), p.Parts[:1]
	for i, l := range logs {
		if l.err == nil && (l.drawing != nil || len(l.Commands)+len(l.Warnings) > 0) {
			p.Parts = append(p.Parts, report.Heading(title(l.Log)))
			p.Parts = append(p.Parts, l.htmlParts(fmt.Sprintf("log%d-", i), subsubject)...)
		}
	}
	p.Parts = append(p.Parts, closing)
	return p
}

// notice says what the commands come to.
func (l *commandsLog) notice() report.Notice {
	n := report.Notice{Tone: report.Good, Title: l.verdict(), Text: "Every command is signed by a key that counts, and in its place."}
	switch {
	case l.rejected(false):
		n.Tone, n.Text = report.Bad, "Commands were changed, forged, taken away or sent again."
	case l.Summary[string(wire.Authentic)] == 0:
		n.Tone, n.Text = report.Odd, "No command is signed: nobody can say who gave them."
	case l.rejected(true):
		n.Tone, n.Text = report.Odd, "Nothing speaks of a forgery, but not every command is signed in full: nobody can say who gave the others."
	}
	n.Title = strings.ToUpper(n.Title[:1]) + n.Title[1:]
	return n
}

// htmlParts describe the commands of one log for browsers.
func (l *commandsLog) htmlParts(prefix string, heading func(string) report.Part) []report.Part {
	parts := []report.Part{l.notice(), l.parts()[0]}
	parts = append(parts, warningList(l.Warnings)...)
	var p *picture
	if l.drawing != nil {
		p = newPicture(l.drawing.line, nil)
		lanes := append(l.lanes(p, prefix, ""), gapLane(p)...)
		if len(lanes) > 0 {
			parts = append(parts, heading("Course of the log"), &report.Chart{
				Name: "Commands from the first record to the last", Axis: p.axis(), Lanes: lanes,
				Summary: "Commands, a row a verdict. Dashed boxes stand for long pauses.",
			})
		}
	}
	parts = append(parts, heading("Commands"))
	parts = append(parts, l.table(htmlFindings, prefix+"c")...)
	if p != nil {
		parts = append(parts, l.drawing.parts(p, heading, l.Warnings)...)
	}
	return parts
}

// lanes draw the commands, a lane a verdict, the worst first. Their names begin with
// what.
func (l *commandsLog) lanes(p *picture, prefix, what string) []report.Lane {
	if l == nil {
		return nil
	}
	rows := map[*command]int{}
	for i, c := range l.shown(htmlFindings) {
		rows[c] = i
	}
	fills := map[report.Tone]report.Fill{report.Good: report.Sound, report.Odd: report.Doubtful, report.Bad: report.Wrong}
	byVerdict := map[string][]report.Stretch{}
	for i := range l.Commands {
		c := &l.Commands[i]
		at := p.x(p.line.AtRecord(uint64(max(0, c.Index))))
		s := report.Stretch{From: at, To: at, Label: fmt.Sprintf("record %d: %s", c.Index, c.sentence(true))}
		if row, ok := rows[c]; ok {
			s.Link = fmt.Sprintf("%sc%d", prefix, row)
		}
		byVerdict[c.Verdict] = append(byVerdict[c.Verdict], s)
	}
	var lanes []report.Lane
	for _, v := range byWorst {
		if found := byVerdict[string(v)]; found != nil {
			lanes = append(lanes, report.Lane{Name: what + string(v), Stretches: merge(found, fills[verdictTone(string(v))])})
		}
	}
	return lanes
}
