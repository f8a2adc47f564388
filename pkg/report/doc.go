// Package report turns values into pages: text with tables and HTML for people,
// Markdown for pull requests, CSV, JSON and JUnit for programs.
//
// A [Page] is a title and parts in order: a [Heading], a [Paragraph], a [Notice], a
// list of [Fields], a [Grid] of rows and columns or a [Chart]. Page.WriteText,
// Page.WriteMarkdown and Page.WriteHTML print all of it, charts in HTML only;
// Grid.WriteCSV prints one grid. WriteJSON prints the documented
// object of a command, whatever the page looks like, and WriteJUnit a suite of
// cases for those who read test results.
//
// Every text that reaches a page goes through [Clean] and then through the escaping
// of its format, because most of it comes from strangers: file names, signers'
// names, console text inside a log. What a page shows is therefore one line a value
// and printable; only JSON keeps each value exactly. Numbers keep their digits in CSV
// and get separators elsewhere.
//
// Grids are printed row by row, so a report of a million rows takes the memory of
// one; their rows are read twice for text, once to measure and once to print.
//
// The package judges nothing and opens nothing.
package report

// Format is one of the forms a report can be given.
type Format string

// The formats of the commands' --format option. A command names those it has.
const (
	Table    Format = "table"
	Markdown Format = "markdown"
	CSV      Format = "csv"
	JSON     Format = "json"
	JUnit    Format = "junit"
	HTML     Format = "html"
)

// Style is how text may look on what it is written to. The zero Style is 80
// columns without colour, as in a file.
type Style struct {
	// Width is how many columns a page may take; 0 means 80.
	Width int
	// Color allows escape sequences for colours.
	Color bool
}

func (s Style) width() int {
	if s.Width <= 0 {
		return 80
	}
	return s.Width
}
