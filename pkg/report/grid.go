package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	between    = 2  // columns of space between two columns
	leastWidth = 10 // to which a column that may be fitted is narrowed at most
)

// shape is what one pass over a grid's rows finds out.
type shape struct {
	widths []int
	right  []bool // nothing but numbers: aligned to the right
	rows   int
}

func (g *Grid) measure() shape {
	s := shape{widths: make([]int, len(g.Columns)), right: make([]bool, len(g.Columns))}
	for i, c := range g.Columns {
		s.widths[i] = width(Clean(c.Name))
		s.right[i] = true
	}
	if g.Rows == nil {
		return s
	}
	for row := range g.Rows {
		s.rows++
		for i, cell := range row[:min(len(row), len(g.Columns))] {
			s.widths[i] = max(s.widths[i], width(cell.shown))
			if !cell.number && cell.shown != "" || len(cell.spark) > 0 {
				s.right[i] = false
			}
		}
	}
	return s
}

// fit narrows columns until the grid takes at most most, the widest that may be
// fitted first. It reports whether that worked.
func (s *shape) fit(columns []Column, most int) bool {
	total := between * (len(columns) - 1)
	for _, w := range s.widths {
		total += w
	}
	for total > most {
		widest := -1
		for i, c := range columns {
			if c.Fit != Keep && s.widths[i] > leastWidth && (widest < 0 || s.widths[i] > s.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		s.widths[widest]--
		total--
	}
	return true
}

// text prints the grid as a table, or as a list of records one below the other if
// even its narrowest form is wider than the page.
func (g *Grid) text(w io.Writer, style Style) error {
	s := g.measure()
	if s.rows == 0 {
		if g.Empty == "" {
			return nil
		}
		return Paragraph(g.Empty).text(w, style)
	}
	if !s.fit(g.Columns, style.width()) {
		return g.records(w, style)
	}
	out := &failing{w: w}
	table := newTable(out, s)
	if err := table.Start(); err != nil {
		return fmt.Errorf("printing a table: %w", err)
	}
	names := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		names[i] = strings.Join(wrap(Clean(c.Name), s.widths[i]), "\n")
	}
	table.Header(names)
	for row := range g.Rows {
		texts := make([]string, len(g.Columns))
		for i, cell := range row[:min(len(row), len(texts))] {
			texts[i] = cell.fitted(g.Columns[i].Fit, s.widths[i], style)
		}
		if err := table.Append(texts); err != nil {
			return fmt.Errorf("printing a table: %w", err)
		}
		if out.err != nil {
			return out.err
		}
	}
	if err := table.Close(); err != nil {
		return fmt.Errorf("printing a table: %w", err)
	}
	return out.err
}

func (c Cell) fitted(fit Fit, most int, style Style) string {
	lines := []string{c.shown}
	switch fit {
	case Wrap:
		lines = wrap(c.shown, most)
	case Shorten:
		lines[0] = shorten(c.shown, most)
	}
	if style.Color {
		for i := range lines {
			lines[i] = c.tone.colored(lines[i])
		}
	}
	return strings.Join(lines, "\n")
}

// records prints each row as a list of fields.
func (g *Grid) records(w io.Writer, style Style) error {
	first := true
	for row := range g.Rows {
		fields := make(Fields, 0, len(row))
		for i, cell := range row[:min(len(row), len(g.Columns))] {
			if cell.shown != "" {
				fields = append(fields, Field{g.Columns[i].Name, cell})
			}
		}
		if !first {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		first = false
		if err := fields.text(w, style); err != nil {
			return err
		}
	}
	return nil
}

// newTable configures a table that prints row by row in columns of known widths,
// without borders, with a line under the headings, and that changes no text.
func newTable(w io.Writer, s shape) *tablewriter.Table {
	widths := tw.NewMapper[int, int]()
	aligns := make([]tw.Align, len(s.widths))
	pads := make([]tw.Padding, len(s.widths))
	for i, n := range s.widths {
		pads[i] = tw.Padding{Right: strings.Repeat(" ", between), Overwrite: true}
		if i == len(s.widths)-1 {
			pads[i].Right = ""
		}
		widths.Set(i, n+len(pads[i].Right)) // tablewriter counts the padding
		aligns[i] = tw.AlignLeft
		if s.right[i] {
			aligns[i] = tw.AlignRight
		}
	}
	section := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Alignment:  tw.CellAlignment{PerColumn: aligns},
		Padding:    tw.CellPadding{PerColumn: pads},
	}
	return tablewriter.NewTable(w,
		tablewriter.WithConfig(tablewriter.Config{
			Header: section, Row: section,
			Behavior: tw.Behavior{TrimSpace: tw.Off, TrimTab: tw.Off, TrimLine: tw.Off},
		}),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithStreaming(tw.StreamConfig{Enable: true}),
		tablewriter.WithColumnWidths(widths),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off},
			},
			Streaming: true,
		})),
	)
}

// failing remembers the first error of a writer, since tablewriter does not look.
// It also takes the spaces off the ends of lines.
type failing struct {
	w    io.Writer
	line []byte
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	for _, c := range p {
		if c != '\n' {
			f.line = append(f.line, c)
			continue
		}
		end := len(f.line)
		for end > 0 && f.line[end-1] == ' ' {
			end--
		}
		f.line = append(f.line[:end], '\n')
		if f.err == nil {
			_, f.err = f.w.Write(f.line)
		}
		f.line = f.line[:0]
	}
	return len(p), nil
}
