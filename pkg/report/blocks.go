package report

import (
	"io"
	"runtime"
)

// blockRows is how many rows are printed in one go: so many that handing them over
// takes no time beside it, and so few that a table of some hundred keeps all cores busy.
const blockRows = 64

// block is a few rows of a grid on their way to text. The zero block is idle and empty.
type block struct {
	setter  *typesetter
	cells   []Cell
	ends    []int         // of the rows, in cells
	printed chan struct{} // closed when all rows are; nil while the block is idle
}

// add adds a row, of which it keeps a copy.
func (b *block) add(row []Cell) {
	b.cells = append(b.cells, row...)
	b.ends = append(b.ends, len(b.cells))
}

// begin begins to print the rows.
func (b *block) begin(newTypesetter func() *typesetter) {
	if b.setter == nil {
		b.setter = newTypesetter()
	}
	b.printed = make(chan struct{})
	go func() {
		defer close(b.printed)
		start := 0
		for _, end := range b.ends {
			b.setter.row(b.cells[start:end])
			start = end
		}
	}()
}

// finish waits until the rows are printed, writes them to w unless an earlier write
// failed, and leaves the block idle and empty. It returns the first error.
func (b *block) finish(w io.Writer, err error) error {
	if b.printed == nil {
		return err
	}
	<-b.printed
	if err == nil {
		_, err = w.Write(b.setter.text)
	}
	b.cells, b.ends, b.setter.text, b.printed = b.cells[:0], b.ends[:0], b.setter.text[:0], nil
	return err
}

// table prints the grid in columns of the widths in s. The rows are taken one after the
// other and printed on all cores, a few blocks of them at a time however many there are.
func (g *Grid) table(w io.Writer, s shape, style Style) error {
	newTypesetter := func() *typesetter { return newTypesetter(g.Columns, s, style) }
	heading := newTypesetter()
	heading.heading()
	_, err := w.Write(heading.text)
	ring := make([]block, runtime.GOMAXPROCS(0)+1) // one is filled while the others print
	at := 0
	next := func() { // the block after the one that begins is the oldest
		if len(ring[at].ends) > 0 {
			ring[at].begin(newTypesetter)
		}
		at = (at + 1) % len(ring)
		err = ring[at].finish(w, err)
	}
	for row := range g.Rows {
		if err != nil {
			break
		}
		ring[at].add(row[:min(len(row), len(g.Columns))])
		if len(ring[at].ends) == blockRows {
			next()
		}
	}
	for range ring { // also the one that is not full
		next()
	}
	return err
}
