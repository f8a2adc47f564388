package main

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// shownFindings is how many findings a page for people lists; JSON and CSV have all.
const shownFindings = 100

// printVerdicts prints the verdicts, of which some are nil if the run was interrupted.
func printVerdicts(cmd *cobra.Command, o *options, all []*verdict) error {
	var verdicts []*verdict
	for _, v := range all {
		if v != nil {
			verdicts = append(verdicts, v)
		}
	}
	single := len(all) == 1 && !o.folder
	if single && (len(verdicts) == 0 || verdicts[0].err != nil) {
		return nil // the message has said it all
	}
	return o.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch o.reports.Format {
		case report.JSON:
			if single {
				return report.WriteJSON(w, verdicts[0])
			}
			return report.WriteJSON(w, map[string]any{"logs": entries(verdicts), "summary": summarize(verdicts)})
		case report.CSV:
			return findingsGrid(verdicts).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, suite(verdicts))
		case report.Markdown:
			return page(verdicts, single).WriteMarkdown(w)
		}
		return page(verdicts, single).WriteText(w, style)
	})
}

// failure is the entry of something that could not be judged or read.
type failure struct {
	Log   string `json:"log,omitempty"`
	Proof string `json:"proof,omitempty"`
	Error string `json:"error"`
}

// entries are the verdicts as JSON has them.
func entries(verdicts []*verdict) []any {
	list := make([]any, len(verdicts))
	for i, v := range verdicts {
		list[i] = v
		if v.err != nil {
			list[i] = failure{Log: v.Log, Error: v.err.Error()}
		}
	}
	return list
}

// summarize counts the verdicts by their outcome.
func summarize(verdicts []*verdict) map[string]int {
	sum := map[string]int{"logs": len(verdicts), "errors": 0}
	for _, o := range []seal.Outcome{seal.Valid, seal.Open, seal.Altered, seal.Foreign, seal.Superseded,
		seal.Unsigned, seal.Untrusted, seal.Malformed} {
		sum[string(o)] = 0
	}
	for _, v := range verdicts {
		if v.err != nil {
			sum["errors"]++
		} else {
			sum[v.Verdict]++
		}
	}
	return sum
}

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
		if v.err == nil && (v.Verdict != string(seal.Valid) || len(v.Warnings) > 0) {
			p.Parts = append(p.Parts, report.Heading(title(v.Log)+": "+strings.ToUpper(v.Verdict)))
			p.Parts = append(p.Parts, v.parts()...)
		}
	}
	return p
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
	if text := meaning[seal.Outcome(v.Verdict)]; text != "" {
		parts = append(parts, report.Paragraph(text))
	}
	if len(v.Findings) > 0 && v.Verdict != string(seal.Foreign) {
		parts = append(parts, v.grid())
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
		name, clock := ", as you labelled the key", ", by the signer's own clock"
		if v.Signer.Claimed {
			name = ", as the seal claims"
		}
		if v.Verdict == string(seal.Untrusted) || v.Verdict == string(seal.Malformed) {
			clock = ", as the seal claims"
		}
		add("signer", v.Signer.Name+name)
		add("key", v.Signer.Key)
		add("signed", strings.NewReplacer("T", " ", "Z", " UTC").Replace(v.SignedAt)+clock)
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

func amount(records, gaps uint64, bytes int64) string {
	s := cli.Count(int64(records), "record")
	if gaps > 0 {
		s += ", " + cli.Count(int64(gaps), "gap")
	}
	return s + ", " + cli.Count(bytes, "byte")
}

// grid is the table of a log's findings.
func (v *verdict) grid() *report.Grid {
	days := v.severalDays()
	return &report.Grid{
		Columns: []report.Column{{Name: "Finding"}, {Name: "Records"}, {Name: "Time"}, {Name: "What happened", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for i := range v.Findings[:min(len(v.Findings), shownFindings)] {
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

// findingsGrid has a row a finding, or one for a log without any.
func findingsGrid(verdicts []*verdict) *report.Grid {
	names := []string{"log", "seal", "verdict", "signer", "key", "signed_at", "kind", "segment", "sealed_index", "index",
		"count", "count_now", "offset", "bytes", "time_us", "until_us", "message", "system", "component", "from_log", "from_index"}
	columns := make([]report.Column, len(names))
	for i, n := range names {
		columns[i].Name = n
	}
	return &report.Grid{Columns: columns, Rows: csvRows(verdicts)}
}

func csvRows(verdicts []*verdict) iter.Seq[[]report.Cell] {
	return func(yield func([]report.Cell) bool) {
		for _, v := range verdicts {
			outcome := v.Verdict
			if v.err != nil {
				outcome = "error"
			}
			row := []report.Cell{report.String(v.Log), report.String(v.Seal), report.String(outcome), {}, {}, {}}
			if v.Signer != nil {
				row[3], row[4], row[5] = report.String(v.Signer.Name), report.String(v.Signer.Key), report.String(v.SignedAt)
			}
			if len(v.Findings) == 0 && !yield(row) {
				return
			}
			for i := range v.Findings {
				if !yield(append(row[:6:6], v.Findings[i].cells()...)) {
					return
				}
			}
		}
	}
}

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
func suite(verdicts []*verdict) report.Suite {
	s := report.Suite{Name: "cqverify"}
	for _, v := range verdicts {
		c := report.Case{Name: v.Log, Class: "seal", Output: v.Warnings}
		switch {
		case v.err != nil:
			c.Error = &report.Problem{Type: "error", Message: v.err.Error()}
		case v.Verdict != string(seal.Valid):
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
