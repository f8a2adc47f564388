package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// standIn takes the place of spaces in what is given to tablewriter's own table, which
// makes one of several.
const standIn = "~"

// oneByOne prints a grid with tablewriter's own table, row by row.
func oneByOne(w io.Writer, g *Grid, style Style) error {
	s := g.measure()
	if !s.fit(g.Columns, style.width()) {
		return g.records(w, style)
	}
	out := &failing{w: w}
	table := newTable(writerFunc(func(p []byte) (int, error) {
		return out.Write(bytes.ReplaceAll(p, []byte(standIn), []byte(" ")))
	}), s)
	if err := table.Start(); err != nil {
		return err
	}
	text := func(lines []string) string { return strings.ReplaceAll(strings.Join(lines, "\n"), " ", standIn) }
	names := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		names[i] = text(wrap(Clean(c.Name), s.widths[i]))
	}
	table.Header(names)
	for row := range g.Rows {
		texts := make([]string, len(g.Columns))
		for i, cell := range row[:min(len(row), len(texts))] {
			texts[i] = text(cell.fitted(nil, g.Columns[i].Fit, s.widths[i], style))
		}
		if err := table.Append(texts); err != nil {
			return err
		}
	}
	return errors.Join(table.Close(), out.err)
}

// newTable configures tablewriter's own table that prints row by row in columns of known widths,
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

// anyGrid is a grid of n rows with hostile texts, wide characters, long lines, numbers
// and missing cells. Its rows reuse one slice, as they may.
func anyGrid(r *rand.Rand, n int) *Grid {
	columns := make([]Column, 1+r.IntN(6))
	for i := range columns {
		columns[i] = Column{Name: hostile[r.IntN(len(hostile))], Fit: Fit(r.IntN(3))}
	}
	numbers := r.IntN(len(columns) + 1) // this column has nothing else
	seeds := [2]uint64{r.Uint64(), r.Uint64()}
	return &Grid{Columns: columns, Rows: func(yield func([]Cell) bool) {
		r := rand.New(rand.NewPCG(seeds[0], seeds[1])) // the same rows each time
		row := make([]Cell, len(columns)+1)
		for range n {
			for i := range row {
				row[i] = anyCell(r, i == numbers)
			}
			if !yield(row[:r.IntN(len(row)+1)]) {
				return
			}
		}
	}}
}

func anyCell(r *rand.Rand, number bool) Cell {
	if number {
		return Int(r.IntN(1_000_000) - 1000).As(Tone(r.IntN(4)))
	}
	var text strings.Builder
	for range r.IntN(4) {
		switch r.IntN(3) {
		case 0:
			text.WriteString(hostile[r.IntN(len(hostile))])
		case 1:
			text.WriteString(strings.Repeat(" ", r.IntN(3)))
		default:
			text.WriteString(strings.Repeat([]string{"x", "word ", "飛", "e\u0301"}[r.IntN(4)], r.IntN(9)))
		}
	}
	return String(text.String()).As(Tone(r.IntN(4)))
}

func TestTableIsThatOfTablewriter(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	r := rand.New(rand.NewPCG(1, 2))
	for i, n := range []int{1, 2, blockRows - 1, blockRows, blockRows + 1, 3 * blockRows, 4 * blockRows, 1000, 5000} {
		for _, style := range []Style{{}, {Width: 120}, {Color: true, Width: 100}, {Width: 61}} {
			runtime.GOMAXPROCS(1 + (i+style.Width)%4)
			g := anyGrid(r, n)
			var got, want bytes.Buffer
			if err := errors.Join(g.text(&got, style), oneByOne(&want, g, style)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%d rows, %+v, %+v: %s", n, style, g.Columns, difference(got.String(), want.String()))
			}
		}
	}
}

func TestSpacesOfATableStay(t *testing.T) {
	g := &Grid{Columns: []Column{{Name: "log"}, {Name: "what", Fit: Wrap}}, Rows: RowsOf([]Cell{String(" a  b.tlog"), String("c   d")})}
	var b bytes.Buffer
	if err := g.text(&b, Style{}); err != nil || b.String() != "log         what\n─────────────────\n a  b.tlog  c   d\n" {
		t.Errorf("%v, got\n%s", err, &b)
	}
}

// difference shows the first line in which two texts differ.
func difference(got, want string) string {
	gots, wants := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gots), len(wants)) {
		if gots[i] != wants[i] {
			return fmt.Sprintf("line %d is\n%q, tablewriter has\n%q", i+1, gots[i], wants[i])
		}
	}
	return fmt.Sprintf("%d lines, tablewriter has %d", len(gots), len(wants))
}

// TestTableHoldsFewRows checks that printing does not run ahead of what it writes to.
func TestTableHoldsFewRows(t *testing.T) {
	taken, written, most := 0, 0, 0
	g := &Grid{Columns: []Column{{Name: "n"}}}
	g.Rows = func(yield func([]Cell) bool) {
		for taken = range 100_000 {
			most = max(most, taken-written)
			if !yield([]Cell{Int(taken % 10)}) {
				return
			}
		}
	}
	s := g.measure()
	most = 0
	err := g.table(writerFunc(func(p []byte) (int, error) {
		written += bytes.Count(p, []byte("\n"))
		return len(p), nil
	}), s, Style{})
	if bound := (runtime.GOMAXPROCS(0) + 2) * blockRows; err != nil || most > bound {
		t.Errorf("%v; up to %d rows were held, want at most %d", err, most, bound)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// BenchmarkText prints a table such as a folder of logs makes, beside tablewriter's own
// table, turn by turn.
func BenchmarkText(b *testing.B) {
	var rows [][]Cell
	for i := range 1000 {
		rows = append(rows, []Cell{String("valid").As(Good), String(fmt.Sprintf("flights/%04d.tlog", i)), Int(7000 + i), Int(0),
			String("pilot-7"), String("2026-11-21 02:10")})
	}
	g := &Grid{Columns: []Column{{Name: "Verdict"}, {Name: "Log", Fit: Shorten}, {Name: "Records"}, {Name: "Findings"},
		{Name: "Signer", Fit: Shorten}, {Name: "Signed (UTC)"}}, Rows: RowsOf(rows...)}
	for name, print := range map[string]func(w io.Writer, style Style) error{
		"report":      g.text,
		"tablewriter": func(w io.Writer, style Style) error { return oneByOne(w, g, style) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := print(io.Discard, Style{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
