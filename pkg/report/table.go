package report

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// library returns what is set up once for all tables: a table of tablewriter, whose
// logger formats nothing, unlike the one a renderer begins with, which only throws away
// what it has formatted; and no memory of the widths of texts, which costs more than
// measuring a text anew and would have all cores wait for each other.
var library = sync.OnceValue(func() *tablewriter.Table {
	twwidth.SetCacheCapacity(0)
	return tablewriter.NewTable(io.Discard)
})

// typesetter prints the lines of a table in columns of known widths, without borders,
// with a line under the headings, and changes no text. It is not safe for concurrent
// use; several typesetters are.
//
// It hands one line after the other to tablewriter's renderer. What tablewriter's Table
// does with a row before that, measuring and wrapping it, is done already, and doing it
// again takes longer than all the rest.
type typesetter struct {
	columns []Column
	shape   shape
	style   Style

	renderer *renderer.Blueprint
	line     tw.Formatting
	cells    [][]string // the lines of each cell of a row
	text     []byte     // what was printed
}

func newTypesetter(columns []Column, s shape, style Style) *typesetter {
	widths := tw.NewMapper[int, int]()
	current := make(map[int]tw.CellContext, len(columns))
	for i, n := range s.widths {
		gap := strings.Repeat(" ", between)
		if i == len(s.widths)-1 {
			gap = ""
		}
		cell := tw.CellContext{Align: tw.AlignLeft, Width: n + len(gap)}
		if s.right[i] {
			cell.Align = tw.AlignRight
		}
		// What is to the left is filled up with spaces anyhow, at less cost; told of the
		// gap, the renderer ends colours before and after it.
		if s.right[i] || style.Color {
			cell.Padding.Right = gap
		}
		current[i] = cell
		widths.Set(i, cell.Width) // tablewriter counts the padding
	}
	t := &typesetter{
		columns: columns, shape: s, style: style,
		renderer: renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off},
			},
			Streaming: true,
		}),
		line:  tw.Formatting{Row: tw.RowContext{Widths: widths, Current: current}, NormalizedWidths: widths},
		cells: make([][]string, len(columns)),
	}
	t.renderer.Logger(library().Logger())
	t.renderer.Start(t) // only keeps t
	return t
}

// Write takes a line from the renderer, without the spaces at its end.
func (t *typesetter) Write(line []byte) (int, error) {
	text := bytes.TrimRight(bytes.TrimSuffix(line, []byte("\n")), " ")
	t.text = append(append(t.text, text...), '\n')
	return len(line), nil
}

// heading prints the names of the columns and the line under them.
func (t *typesetter) heading() {
	for i, c := range t.columns {
		t.cells[i] = wrap(Clean(c.Name), t.shape.widths[i])
	}
	t.line.Row.Position, t.line.Level = tw.Header, tw.LevelHeader
	t.lines()
	t.renderer.Line(t.line)
}

// row prints a row.
func (t *typesetter) row(row []Cell) {
	for i := range t.cells {
		t.cells[i] = t.cells[i][:0]
		if i < len(row) {
			t.cells[i] = row[i].fitted(t.cells[i], t.columns[i].Fit, t.shape.widths[i], t.style)
		}
	}
	t.line.Row.Position, t.line.Level = tw.Row, tw.LevelBody
	t.lines()
}

// lines prints t.cells, as many lines as the longest of them has.
func (t *typesetter) lines() {
	n := 1
	for _, lines := range t.cells {
		n = max(n, len(lines))
	}
	for at := range n {
		for i, lines := range t.cells {
			cell := t.line.Row.Current[i]
			cell.Data = ""
			if at < len(lines) {
				cell.Data = lines[at]
			}
			t.line.Row.Current[i] = cell
		}
		t.line.IsSubRow = at > 0
		t.renderer.Row(nil, t.line) // what Header does, too; the cells are in t.line
	}
}

// fitted appends the lines of a cell in a column of a known width to lines.
func (c Cell) fitted(lines []string, fit Fit, most int, style Style) []string {
	switch fit {
	case Wrap:
		lines = append(lines, wrap(c.shown, most)...)
	case Shorten:
		lines = append(lines, shorten(c.shown, most))
	default:
		lines = append(lines, c.shown)
	}
	if style.Color {
		for i := range lines {
			lines[i] = c.tone.colored(lines[i])
		}
	}
	return lines
}
