package report

import (
	"bufio"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Page is a report for people: a title, which may be empty, and parts in order.
type Page struct {
	Title string
	Parts []Part
}

// Part is a [Heading], a [Subheading], a [Paragraph], a [Notice], [Fields], a [List], a [*Grid] or a
// [*Chart].
type Part interface {
	text(w io.Writer, style Style) error
	markdown(w io.Writer) error
	html(w io.Writer) error
}

// Heading is a title within the page.
type Heading string

// Subheading is a title below a Heading.
type Subheading string

// Paragraph is text, wrapped to the width of the page.
type Paragraph string

// List is a list of texts, each with a bullet.
type List []string

// Fields are names with values, one a line.
type Fields []Field

// Field is a name, which the program gives, and its value.
type Field struct {
	Name  string
	Value Cell
}

// Grid is a table. A Grid without rows prints Empty as a paragraph, if it is set,
// and nothing otherwise.
type Grid struct {
	Columns []Column
	// Rows gives the rows, each with a cell for each column; missing cells are
	// empty, and a row's slice is not kept. It is called more than once and must
	// give the same rows each time. See [RowsOf].
	Rows  iter.Seq[[]Cell]
	Empty string
	// Anchor, if set, begins the name of each row, to which a [Stretch] can lead: "f"
	// names the rows f0, f1 and so on. It is one the program gives, once a page.
	Anchor string
}

// Column is a column of a Grid.
type Column struct {
	// Name is its heading, and its name in CSV.
	Name string
	// Fit says what happens to a value that is too wide for a page of text.
	Fit Fit
}

// Fit says what happens to a value that is too wide for its column.
type Fit uint8

// The ways to fit a value.
const (
	Keep    Fit = iota // show it in full; for numbers and short words
	Wrap               // go on in the next line, at spaces where there are some
	Shorten            // leave out the middle, with "…" in its place; for file names
)

// RowsOf returns rows held in memory as a Grid takes them.
func RowsOf(rows ...[]Cell) iter.Seq[[]Cell] { return slices.Values(rows) }

// WriteText prints the page for a terminal or a text file, within style.Width
// columns as far as its parts allow.
func (p *Page) WriteText(w io.Writer, style Style) error {
	b := bufio.NewWriter(w)
	if p.Title != "" {
		if err := Heading(p.Title).text(b, style); err != nil {
			return err
		}
	}
	for i, part := range p.Parts {
		if i > 0 || p.Title != "" {
			b.WriteByte('\n')
		}
		if err := part.text(b, style); err != nil {
			return err
		}
	}
	return b.Flush()
}

func (h Heading) text(w io.Writer, style Style) error {
	for _, line := range wrap(Clean(string(h)), style.width()) {
		if style.Color {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (h Subheading) text(w io.Writer, style Style) error { return Heading(h).text(w, style) }

func (p Paragraph) text(w io.Writer, style Style) error {
	return hang(w, "", wrap(Clean(string(p)), style.width()))
}

func (l List) text(w io.Writer, style Style) error {
	for _, item := range l {
		if err := hang(w, "- ", wrap(Clean(item), style.width()-2)); err != nil {
			return err
		}
	}
	return nil
}

func (f Fields) text(w io.Writer, style Style) error {
	widest := 0
	for _, field := range f {
		widest = max(widest, width(Clean(field.Name)))
	}
	for _, field := range f {
		name := Clean(field.Name)
		lines := wrap(field.Value.shown, style.width()-widest-2)
		if style.Color {
			for i := range lines {
				lines[i] = field.Value.tone.colored(lines[i])
			}
		}
		if err := hang(w, name+strings.Repeat(" ", widest-width(name)+2), lines); err != nil {
			return err
		}
	}
	return nil
}

// hang prints lines behind a lead, the second and later ones indented as far.
func hang(w io.Writer, lead string, lines []string) error {
	for i, line := range lines {
		if i == 1 {
			lead = strings.Repeat(" ", width(lead))
		}
		if _, err := io.WriteString(w, strings.TrimRight(lead+line, " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// width is the number of columns a cleaned text takes.
func width(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return twwidth.WidthNoCache(s)
		}
	}
	return len(s)
}

// wrap breaks a cleaned text into lines of at most most columns, at spaces where
// it can. There is at least one line.
func wrap(s string, most int) []string {
	most = max(most, 8)
	var lines []string
	for width(s) > most {
		cut := prefix(s, most)
		if cut == len(s) {
			break
		}
		next := cut
		if i := strings.LastIndexByte(s[:cut+1], ' '); i > 0 && strings.TrimSpace(s[:i]) != "" {
			cut, next = i, i+1
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = strings.TrimLeft(s[next:], " ")
	}
	return append(lines, strings.TrimRight(s, " "))
}

// prefix returns how many bytes of s, which is wider, fit into most columns; at
// least one character.
func prefix(s string, most int) int {
	taken := 0
	for i, r := range s {
		w := width(string(r))
		if taken+w > most && i > 0 {
			return i
		}
		taken += w
	}
	return len(s)
}

// shorten leaves out the middle of a cleaned text so that most columns suffice.
func shorten(s string, most int) string {
	if width(s) <= most {
		return s
	}
	if most < 3 {
		return s[:prefix(s, most)]
	}
	room := most - width("…")
	head := prefix(s, room/2)
	tail := len(s)
	for left := room - width(s[:head]); tail > head; {
		_, size := utf8.DecodeLastRuneInString(s[head:tail])
		if left -= width(s[tail-size : tail]); left < 0 {
			break
		}
		tail -= size
	}
	for tail < len(s) { // a mark would sit on the "…"
		r, size := utf8.DecodeRuneInString(s[tail:])
		if !unicode.Is(unicode.M, r) {
			break
		}
		tail += size
	}
	return s[:head] + "…" + s[tail:]
}
