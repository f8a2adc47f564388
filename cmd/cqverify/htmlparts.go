package main

import (
	"fmt"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// htmlFindings is how many findings of a kind a page for browsers lists.
const htmlFindings = 500

// htmlParts describe one log for browsers. prefix tells the rows of its tables from
// those of other logs on the page.
func (v *verdict) htmlParts(prefix string, heading func(string) report.Part) []report.Part {
	v.replay = v.replay.sorted()
	parts := append([]report.Part{v.notice()}, v.replayNotice()...)
	parts = append(parts, v.commandNotice()...)
	parts = append(parts, v.fields()[1:])
	parts = append(parts, warningList(v.Warnings)...)
	var p *picture
	if v.drawing != nil {
		p = newPicture(v.drawing.line, v.Sealed)
		parts = append(parts, heading("Course of the log"), v.chart(p, prefix))
	}
	if len(v.Findings) > 0 && v.Verdict != string(seal.Foreign) {
		g := v.grid(htmlFindings)
		g.Anchor = prefix + "f"
		parts = append(parts, heading("What differs from what was sealed"), g)
		if more := len(v.Findings) - htmlFindings; more > 0 {
			parts = append(parts, report.Paragraph(fmt.Sprintf("and %s; --json lists them all", cli.Count(int64(more), "more finding"))))
		}
		parts = append(parts, report.Paragraph(v.footnote()))
	}
	if v.replay != nil {
		parts = append(parts, heading("Replays and anomalies on the link"))
		parts = append(parts, v.replay.findingParts(prefix)...)
	}
	parts = append(parts, v.htmlCommands(prefix, heading)...)
	if p != nil {
		parts = append(parts, v.drawing.parts(p, heading, v.Warnings)...)
	}
	return parts
}

// notice is the verdict in words.
func (v *verdict) notice() report.Part {
	text := sentenceCase(v.Reason)
	if total := v.total(); total != "" {
		text += " " + sentenceCase(total)
	}
	if m := meaning[seal.Outcome(v.Verdict)]; m != "" {
		text += " " + m
	}
	if v.Verdict == string(seal.Valid) && v.Signer != nil {
		text += fmt.Sprintf(" Not a byte of it has changed since %s sealed it.", v.signerName())
	}
	return report.Notice{Tone: v.tone(), Title: strings.ToUpper(v.Verdict), Text: text}
}

// replayNotice says what the seal does not: that the link was attacked when the log was
// recorded, or may have been. There is none where nothing says so.
func (v *verdict) replayNotice() []report.Part {
	if v.replay == nil {
		return nil
	}
	switch {
	case v.replay.Summary.High > 0:
		return []report.Part{report.Notice{Tone: report.Bad, Title: "Apart from the seal: " + v.replay.verdict() + " on the link",
			Text: "Some of it is hard to explain without an attack or an edited log; see the replays and anomalies below."}}
	case v.replay.Summary.Medium > 0:
		return []report.Part{report.Notice{Tone: report.Odd, Title: "Apart from the seal: " + v.replay.verdict() + " on the link",
			Text: "Some of it is an attack, or an unusual but honest set-up; see the replays and anomalies below."}}
	}
	return nil
}

// sentenceCase makes a sentence of a phrase.
func sentenceCase(s string) string {
	if s == "" {
		return ""
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// chart draws what the verdict is about over the course of the log.
func (v *verdict) chart(p *picture, prefix string) report.Part {
	lanes, words := v.lanes(p, prefix)
	lanes = append(lanes, v.replay.lanes(p, prefix)...)
	lanes = append(lanes, v.Commands.lanes(p, prefix, "cmd ")...)
	lanes = append(lanes, gapLane(p)...)
	return &report.Chart{
		Name:    "From the first record to the last",
		Summary: words + " A pointer that rests on a mark says what it is; marks lead to their row below. Dashed boxes stand for long pauses.",
		Axis:    p.axis(),
		Lanes:   lanes,
	}
}
