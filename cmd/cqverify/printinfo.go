package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
)

func printInfos(cmd *cobra.Command, html *pageFlag, several bool, all []*info) error {
	var infos []*info
	for _, n := range all {
		if n != nil {
			infos = append(infos, n)
		}
	}
	if !several && (len(infos) == 0 || infos[0].err != nil) {
		return nil
	}
	if err := html.write(cmd, func() *report.Page { return infoHTML(infos) }); err != nil {
		return err
	}
	return html.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch html.reports.Format {
		case report.HTML:
			return infoHTML(infos).WriteHTML(w)
		case report.JSON:
			if !several {
				return report.WriteJSON(w, infos[0])
			}
			return report.WriteJSON(w, map[string]any{"logs": infoEntries(infos)})
		case report.CSV:
			return infoGrid(infos).WriteCSV(w)
		case report.Markdown:
			return infoPage(infos).WriteMarkdown(w)
		}
		return infoPage(infos).WriteText(w, style)
	})
}

func infoEntries(infos []*info) []any {
	list := make([]any, len(infos))
	for i, n := range infos {
		list[i] = n
		if n.err != nil {
			list[i] = failure{Log: n.Log, Error: n.err.Error()}
		}
	}
	return list
}

func infoPage(infos []*info) *report.Page {
	p := new(report.Page)
	for _, n := range infos {
		if p.Title == "" {
			p.Title = title(n.Log)
		} else {
			p.Parts = append(p.Parts, report.Heading(title(n.Log)))
		}
		if n.err != nil {
			p.Parts = append(p.Parts, failed(n.err))
		} else {
			p.Parts = append(p.Parts, n.parts()...)
		}
	}
	return p
}

func (n *info) parts() []report.Part {
	var fields report.Fields
	add := func(name, format string, args ...any) {
		fields = append(fields, report.Field{Name: name, Value: report.String(fmt.Sprintf(format, args...))})
	}
	num := func(v uint64) string { return cli.Thousands(int64(v)) }
	add("size", "%s", cli.Count(n.Bytes, "byte"))
	add("records", "%s: %s MAVLink 1, %s MAVLink 2, %s signed", num(n.Records), num(n.V1), num(n.V2), num(n.Signed))
	add("checksums", "%s ok, %s bad, %s of unknown messages", num(n.CRCOK), num(n.CRCBad), num(n.UnknownID))
	add("gaps", "%s, %s", num(n.Gaps), cli.Count(n.GapBytes, "byte"))
	if n.FirstUS != nil {
		add("time", "%s (%s)", period(n.FirstUS, n.LastUS), duration(*n.LastUS-*n.FirstUS))
		add("", "runs backward at %s", cli.Count(int64(n.TimeBackward), "record"))
	}
	add("lost on the link", "%s in %s of the sequence", cli.Count(int64(n.SequenceLost), "frame"), cli.Count(int64(n.SequenceGaps), "gap"))
	parts := []report.Part{fields}
	if len(n.Warnings) > 0 {
		warnings := make(report.List, len(n.Warnings))
		for i, w := range n.Warnings {
			warnings[i] = "warning: " + w
		}
		parts = append(parts, warnings)
	}
	if len(n.Sources) > 0 {
		parts = append(parts, counts("System/component", n.Sources), counts("Message", n.Messages))
	}
	return parts
}

// counts is a table of names with how often they occur, the most frequent first.
func counts(name string, of map[string]uint64) *report.Grid {
	names := make([]string, 0, len(of))
	for k := range of {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
	})
	return &report.Grid{
		Columns: []report.Column{{Name: name}, {Name: "Records"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, k := range names {
				if !yield([]report.Cell{report.String(k), report.Uint(of[k])}) {
					return
				}
			}
		},
	}
}

// infoCells is how many cells a log has in CSV, besides its error.
const infoCells = 18

// infoGrid has a row a log, for programs.
func infoGrid(infos []*info) *report.Grid {
	g := &report.Grid{Rows: func(yield func([]report.Cell) bool) {
		for _, n := range infos {
			if n.err != nil {
				row := make([]report.Cell, infoCells)
				row[0] = report.String(n.Log)
				if !yield(append(row, report.String(n.err.Error()))) {
					return
				}
				continue
			}
			if !yield([]report.Cell{report.String(n.Log), report.String(n.Format), report.Int(n.Bytes), report.Uint(n.Records),
				report.Uint(n.V1), report.Uint(n.V2), report.Uint(n.Signed), report.Uint(n.CRCOK), report.Uint(n.CRCBad),
				report.Uint(n.UnknownID), report.Uint(n.Gaps), report.Int(n.GapBytes), report.Uint(n.TimeBackward),
				optional(n.FirstUS), optional(n.LastUS), report.Uint(n.SequenceGaps), report.Uint(n.SequenceLost), report.Int(len(n.Warnings)), {}}) {
				return
			}
		}
	}}
	for _, name := range []string{"log", "format", "bytes", "records", "v1", "v2", "signed", "crc_ok", "crc_bad", "unknown_id",
		"gaps", "gap_bytes", "time_backward", "first_us", "last_us", "sequence_gaps", "sequence_lost", "warnings", "error"} {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	return g
}
