package report

import (
	"encoding/csv"
	"io"
	"strings"
)

// WriteCSV prints the grid as comma-separated values (RFC 4180, with "\n" at the
// end of lines) under a line of column names. Numbers are plain digits. A text that
// a spreadsheet would take for a formula gets an apostrophe in front, which
// spreadsheets do not show and other readers can strip.
func (g *Grid) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	line := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		line[i] = unformula(Clean(c.Name))
	}
	if err := out.Write(line); err != nil {
		return err
	}
	if g.Rows != nil {
		for row := range g.Rows {
			clear(line)
			for i, cell := range row[:min(len(row), len(line))] {
				line[i] = cell.plain
				if !cell.number {
					line[i] = unformula(cell.plain)
				}
			}
			if err := out.Write(line); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// unformula takes from a cleaned text what makes a spreadsheet compute it: one of
// = + - @, their full-width forms, or | and % of older programs, in front or
// behind spaces and quotes.
func unformula(s string) string {
	r := strings.TrimLeft(s, " '\"")
	if r == "" {
		return s
	}
	for _, bad := range []string{"=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠", `\t`, `\r`, `\n`} {
		if strings.HasPrefix(r, bad) {
			return "'" + s
		}
	}
	return s
}
