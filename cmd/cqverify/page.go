package main

import (
	"fmt"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// shownFindings is how many findings a page for people lists; JSON and CSV have all.
const shownFindings = 100

// page is what a person reads: a log in full, several as a table first.
func page(verdicts []*verdict, single bool) *report.Page {
	if single {
		p := &report.Page{Title: title(verdicts[0].Log) + ": " + strings.ToUpper(verdicts[0].Verdict)}
		p.Parts = verdicts[0].parts()
		return p
	}
	p := &report.Page{Parts: []report.Part{&report.Grid{
		Columns: []report.Column{{Name: "Verdict"}, {Name: "Log", Fit: report.Shorten}, {Name: "Records"},
			{Name: "Findings"}, {Name: "Signer", Fit: report.Shorten}, {Name: "Signed (UTC)"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, v := range verdicts {
				if !yield(v.row()) {
					return
				}
			}
		},
		Empty: "no log was judged",
	}}}
	for _, v := range verdicts {
		switch {
		case v.err != nil:
			p.Parts = append(p.Parts, report.Heading(title(v.Log)+": ERROR"), failed(v.err))
		case v.Verdict != string(seal.Valid) || len(v.Warnings) > 0 || v.Replay != nil || v.Commands != nil:
			p.Parts = append(p.Parts, report.Heading(title(v.Log)+": "+strings.ToUpper(v.Verdict)))
			p.Parts = append(p.Parts, v.parts()...)
		}
	}
	return p
}

// failed is the part of a page about something that could not be read.
func failed(err error) report.Part {
	return report.Fields{{Name: "error", Value: report.String(err.Error()).As(report.Bad)}}
}

// title is how a page calls a log or a proof.
func title(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

func (v *verdict) tone() report.Tone {
	switch v.Verdict {
	case string(seal.Valid):
		return report.Good
	case string(seal.Open):
		return report.Odd
	}
	return report.Bad
}

func (v *verdict) row() []report.Cell {
	if v.err != nil {
		return []report.Cell{report.String("error").As(report.Bad), report.String(v.Log)}
	}
	row := []report.Cell{report.String(v.Verdict).As(v.tone()), report.String(v.Log), report.Uint(v.Records), report.Int(len(v.Findings))}
	if v.Signer != nil {
		row = append(row, report.String(v.signerName()), report.String(strings.Replace(v.SignedAt[:min(len(v.SignedAt), len("2006-01-02T15:04"))], "T", " ", 1)))
	}
	return row
}

func (v *verdict) signerName() string {
	if v.Signer.Claimed {
		return "claims " + v.Signer.Name
	}
	return v.Signer.Name
}

// meaning says what a verdict comes down to, for whoever has not read the manual.
var meaning = map[seal.Outcome]string{
	seal.Open: "What is covered is genuine, but nobody can tell where the log ended: whoever has log and seal " +
		"can cut both short. Only a seal with a final note shows that a log is complete.",
	seal.Superseded: "This may be an earlier state of the log, put in place of a later one.",
	seal.Unsigned:   "Without a seal nothing can be said about whether this log was changed.",
	seal.Untrusted:  "Whoever made the seal, it was none of those whose keys were given: what it says counts for nothing here.",
	seal.Malformed:  "The seal cannot be relied on, whatever the log: ask for it again where it comes from.",
}

// parts describe one log.
func (v *verdict) parts() []report.Part {
	parts := []report.Part{v.fields()}
	text := meaning[seal.Outcome(v.Verdict)]
	if v.Trust != nil && v.Trust.Refused != "" {
		text = v.Trust.meaning()
	}
	if text != "" {
		parts = append(parts, report.Paragraph(text))
	}
	if len(v.Findings) > 0 && v.Verdict != string(seal.Foreign) {
		parts = append(parts, v.grid(shownFindings))
		if more := len(v.Findings) - shownFindings; more > 0 {
			parts = append(parts, report.Paragraph(fmt.Sprintf("and %s; --json lists them all", cli.Count(int64(more), "more finding"))))
		}
		parts = append(parts, report.Paragraph(v.footnote()))
	}
	if len(v.Warnings) > 0 {
		warnings := make(report.List, len(v.Warnings))
		for i, w := range v.Warnings {
			warnings[i] = "warning: " + w
		}
		parts = append(parts, warnings)
	}
	if v.Replay != nil {
		parts = append(parts, report.Heading("Apart from the seal: "+v.replay.verdict()+" on the link"))
		parts = append(parts, v.replay.parts()[1:]...) // the log was described above
	}
	parts = append(parts, v.commandParts()...)
	return parts
}

func (v *verdict) fields() report.Fields {
	fields := report.Fields{{Name: "verdict", Value: report.String(v.Verdict + ": " + v.Reason).As(v.tone())}}
	add := func(name, value string) {
		fields = append(fields, report.Field{Name: name, Value: report.String(value)})
	}
	if total := v.total(); total != "" {
		add("found", total)
	}
	if v.Signer != nil {
		fields = append(fields, v.Signer.fields(v.Verdict, v.SignedAt)...)
	}
	if v.Trust != nil {
		fields = append(fields, v.Trust.fields()...)
	}
	if v.Embedded != nil {
		add("seal", v.Embedded.String())
	}
	add("log", amount(v.Records, v.Gaps, v.Bytes))
	if p := period(v.FirstUS, v.LastUS); p != "" {
		add("flight", p)
	}
	if s := v.Sealed; s != nil && v.Verdict != string(seal.Valid) {
		add("sealed", amount(s.Records, s.Gaps, s.Bytes))
		if p := period(s.FirstUS, s.LastUS); p != "" && p != period(v.FirstUS, v.LastUS) {
			add("", p)
		}
		if v.Verdict == string(seal.Open) && v.Bytes > v.CoveredBytes {
			add("not covered", amount(v.Records-s.Records, v.Gaps-s.Gaps, v.Bytes-v.CoveredBytes))
		}
	}
	return fields
}

// fields are the lines about the signer. Of a seal that does not count, all is only
// what it claims.
func (s *signer) fields(verdict, signedAt string) report.Fields {
	const claimed = ", as the seal claims"
	name, clock := ", as you labelled the key", ", by the signer's own clock"
	if s.Claimed {
		name = claimed
	}
	if verdict == string(seal.Untrusted) || verdict == string(seal.Malformed) {
		clock = claimed
	}
	return report.Fields{
		{Name: "signer", Value: report.String(s.Name + name)},
		{Name: "key", Value: report.String(s.Key)},
		{Name: "signed", Value: report.String(utc(signedAt) + clock)},
	}
}

// utc makes a time of JSON one for people.
func utc(t string) string { return strings.NewReplacer("T", " ", "Z", " UTC").Replace(t) }

func amount(records, gaps uint64, bytes int64) string {
	s := cli.Count(int64(records), "record")
	if gaps > 0 {
		s += ", " + cli.Count(int64(gaps), "gap")
	}
	return s + ", " + cli.Count(bytes, "byte")
}

// grid is the table of a log's findings, up to so many.
func (v *verdict) grid(most int) *report.Grid {
	days := v.severalDays()
	return &report.Grid{
		Columns: []report.Column{{Name: "Finding"}, {Name: "Records"}, {Name: "Time"}, {Name: "What happened", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for i := range v.Findings[:min(len(v.Findings), most)] {
				f := &v.Findings[i]
				at := ""
				if f.TimeUS != nil {
					at = clock(*f.TimeUS, days)
				}
				if !yield([]report.Cell{report.String(f.Kind).As(report.Bad), report.String(f.where()), report.String(at), report.String(f.sentence(v))}) {
					return
				}
			}
		},
	}
}
