// Package report turns values into pages: tables and paragraphs for people, CSV,
// JSON and JUnit for programs.
package report

// Format is one of the forms a report can be given.
type Format string

// The formats of the commands' --format option. A command names those it has.
const (
	Table    Format = "table"
	Markdown Format = "markdown"
	CSV      Format = "csv"
	JSON     Format = "json"
	HTML     Format = "html"
	JUnit    Format = "junit"
)

// Style is how text may look on what it is written to. The zero Style is 80
// columns without colour, as in a file.
type Style struct {
	// Width is how many columns a page may take; 0 means 80.
	Width int
	// Color allows escape sequences for colours.
	Color bool
}
