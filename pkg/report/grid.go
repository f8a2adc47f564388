package report

import "io"

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
	return g.table(w, s, style)
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
