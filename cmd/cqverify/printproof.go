package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

func printProofs(cmd *cobra.Command, reports *cli.Reports, several bool, proofs []*proof) error {
	if !several && (len(proofs) == 0 || proofs[0].err != nil) {
		return nil
	}
	return reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch reports.Format {
		case report.JSON:
			if !several {
				return report.WriteJSON(w, proofs[0])
			}
			return report.WriteJSON(w, map[string]any{"proofs": proofEntries(proofs)})
		case report.CSV:
			return proofGrid(proofs).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, proofSuite(proofs))
		case report.Markdown:
			return proofPage(proofs).WriteMarkdown(w)
		}
		return proofPage(proofs).WriteText(w, style)
	})
}

func proofEntries(proofs []*proof) []any {
	list := make([]any, len(proofs))
	for i, q := range proofs {
		list[i] = q
		if q.err != nil {
			list[i] = failure{Proof: q.Proof, Error: q.err.Error()}
		}
	}
	return list
}

func proofPage(proofs []*proof) *report.Page {
	p := new(report.Page)
	for _, q := range proofs {
		word, parts := "ERROR", []report.Part(nil)
		if q.err == nil {
			word, parts = strings.ToUpper(q.Verdict), q.parts()
		} else {
			parts = append(parts, failed(q.err))
		}
		if p.Title == "" {
			p.Title = title(q.Proof) + ": " + word
		} else {
			p.Parts = append(p.Parts, report.Heading(title(q.Proof)+": "+word))
		}
		p.Parts = append(p.Parts, parts...)
	}
	return p
}

func (q *proof) parts() []report.Part {
	tone := report.Bad
	if q.Verdict == string(seal.Valid) {
		tone = report.Good
	}
	fields := report.Fields{{Name: "verdict", Value: report.String(q.Verdict + ": " + q.Reason).As(tone)}}
	add := func(name, format string, args ...any) {
		fields = append(fields, report.Field{Name: name, Value: report.String(fmt.Sprintf(format, args...))})
	}
	if q.Signer != nil {
		fields = append(fields, q.Signer.fields(q.Verdict, q.SignedAt)...)
		add("log", "%q, as it was called when it was sealed", q.Log)
	}
	if q.Earlier != nil {
		add("earlier", "%s, %s bytes, signed %s", cli.Count(int64(q.Earlier.Leaves), "segment"), cli.Thousands(q.Earlier.Bytes), utc(q.Earlier.SignedAt))
		add("later", "%s, %s bytes, signed %s", cli.Count(int64(q.Later.Leaves), "segment"), cli.Thousands(q.Later.Bytes), utc(q.Later.SignedAt))
	}
	if q.Leaf == nil {
		return []report.Part{fields}
	}
	if q.Index != nil {
		add("record", "%s", cli.Thousands(*q.Index))
	} else {
		add("segment", "%s", cli.Thousands(int64(*q.Leaf)))
	}
	add("time", "%s, by the recorder's clock", time.UnixMicro(*q.TimeUS).UTC().Format("2006-01-02 15:04:05.000000 UTC"))
	add("message", "%s from system %d, component %d, checksum %s", q.Message, *q.System, *q.Component, q.Checksum)
	parts := []report.Part{fields}
	if len(q.Fields) > 0 {
		parts = append(parts, &report.Grid{
			Columns: []report.Column{{Name: "Field"}, {Name: "Value", Fit: report.Wrap}},
			Rows: func(yield func([]report.Cell) bool) {
				for _, f := range q.Fields {
					if !yield([]report.Cell{report.String(f.Name), report.String(f.Value)}) {
						return
					}
				}
			},
		})
	}
	return append(parts, report.Paragraph("The proof also carries hashes of the records beside this one: "+
		"whoever holds it can confirm a guess of what those are."))
}

func proofGrid(proofs []*proof) *report.Grid {
	g := &report.Grid{Rows: func(yield func([]report.Cell) bool) {
		for _, q := range proofs {
			row := []report.Cell{report.String(q.Proof), report.String(q.Verdict), {}, {}, report.String(q.SignedAt), report.String(q.Log),
				optional(q.Index), optional(q.TimeUS), report.String(q.Message), {}, {}, report.String(q.Record), report.String(q.Reason)}
			if q.err != nil {
				row[1], row[12] = report.String("error"), report.String(q.err.Error())
			}
			if q.Signer != nil {
				row[2], row[3] = report.String(q.Signer.Name), report.String(q.Signer.Key)
			}
			if q.System != nil {
				row[9], row[10] = report.Uint(*q.System), report.Uint(*q.Component)
			}
			if !yield(row) {
				return
			}
		}
	}}
	for _, name := range []string{"proof", "verdict", "signer", "key", "signed_at", "log", "index", "time_us", "message", "system", "component", "record", "reason"} {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	return g
}

func proofSuite(proofs []*proof) report.Suite {
	s := report.Suite{Name: "cqverify proof"}
	for _, q := range proofs {
		c := report.Case{Name: q.Proof, Class: "proof"}
		switch {
		case q.err != nil:
			c.Error = &report.Problem{Type: "error", Message: q.err.Error()}
		case q.Verdict != string(seal.Valid):
			c.Failure = &report.Problem{Type: q.Verdict, Message: q.Reason}
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}
