package cqkit_test

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Documents show what to type and what comes back, in fenced code blocks:
//
//	$ cqverify info flight.tlog
//	flight.tlog
//	...
//	records  35,916
//
// A line that begins with "$ " is a command for sh; one that ends in a backslash
// goes on in the next. The lines after it, up to the next command or the end of the
// block, are what it prints, either on standard output or as a terminal shows it,
// standard error included; if there are none, what it prints is not compared. In a
// document, $CQKIT is the folder of the module. In help texts, commands are indented by
// four spaces and an empty line ends what they print as well; a command indented
// further needs a person at the terminal and is left alone.
//
// In the output, "..." alone on a line stands for any number of lines, and within a
// line for any characters. After the line <!-- values vary --> before a block, hex,
// base64 and times in it stand for any others of their kind.
//
// A command must exit with 0, or with N if it ends in "# exit code N".

// example is one command in a document.
type example struct {
	line    int // in the document
	command string
	want    []string // nil: not compared
	code    int
	vary    bool
}

// block is a fenced code block with commands in it.
type block struct {
	heading  string // the nearest one above it, without its marks
	examples []example
}

var exitNote = regexp.MustCompile(`#\s*exit code ([0-9]+)\s*$`)

// parseExamples finds the blocks of a Markdown document that have commands.
func parseExamples(doc string) []block {
	var (
		blocks          []block
		heading, before string
		fence, indent   string
		current         block
		vary            bool
		more            bool // the command goes on in the next line
		open            bool // what follows may be what the command printed
	)
	for i, line := range strings.Split(doc, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if fence == "" {
			if marks := strings.TrimLeft(line, "`"); len(line)-len(marks) >= 3 {
				fence = line[:len(line)-len(marks)]
				vary = before == "<!-- values vary -->"
				current, indent, more, open = block{heading: heading}, "", false, false
			}
			if title := strings.TrimLeft(line, "#"); len(title) < len(line) && strings.HasPrefix(title, " ") {
				heading = strings.TrimSpace(title)
			}
			if strings.TrimSpace(line) != "" {
				before = strings.TrimSpace(line)
			}
			continue
		}
		if strings.HasPrefix(line, fence) && strings.Trim(line, "`") == "" {
			if len(current.examples) > 0 {
				blocks = append(blocks, current)
			}
			fence, before = "", ""
			continue
		}
		last := len(current.examples) - 1
		if more {
			e := &current.examples[last]
			e.command, more = continued(e.command + "\n" + line)
			continue
		}
		found := false
		for _, prefix := range []string{"", "    "} {
			if command, ok := strings.CutPrefix(line, prefix+"$ "); ok {
				e := example{line: i + 1, vary: vary}
				e.command, more = continued(command)
				current.examples = append(current.examples, e)
				indent, found, open = prefix, true, true
			}
		}
		if found || last < 0 || !open {
			continue
		}
		out, ok := strings.CutPrefix(line, indent)
		if open = ok; open {
			current.examples[last].want = append(current.examples[last].want, out)
		}
	}
	for _, b := range blocks {
		for i := range b.examples {
			e := &b.examples[i]
			if m := exitNote.FindStringSubmatch(e.command); m != nil {
				e.code, _ = strconv.Atoi(m[1])
			}
			for len(e.want) > 0 && strings.TrimSpace(e.want[len(e.want)-1]) == "" {
				e.want = e.want[:len(e.want)-1]
			}
		}
	}
	return blocks
}

// continued reports whether a command goes on in the next line.
func continued(command string) (string, bool) { return command, strings.HasSuffix(command, `\`) }

// kinds are the values that vary, each with what stands for it.
var kinds = []*regexp.Regexp{
	regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?`),
	regexp.MustCompile(`\b[0-9a-f]{16,}\b`),
	regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`),
}

// pattern makes a regular expression of a line of expected output.
func pattern(line string, vary bool) string {
	if vary {
		for _, kind := range kinds {
			if at := kind.FindStringIndex(line); at != nil {
				return pattern(line[:at[0]], vary) + kind.String() + pattern(line[at[1]:], vary)
			}
		}
	}
	parts := strings.Split(line, "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return strings.Join(parts, ".*")
}

// matches compares what a command printed with what the document says.
func matches(want, got []string, vary bool) bool {
	// reach[j]: the lines of want so far can stand for the first j of got.
	reach := make([]bool, len(got)+1)
	reach[0] = true
	for _, w := range want {
		next := make([]bool, len(got)+1)
		if strings.TrimSpace(w) == "..." {
			for j, any := 0, false; j <= len(got); j++ {
				any = any || reach[j]
				next[j] = any
			}
		} else {
			line := regexp.MustCompile("^" + pattern(strings.TrimRight(w, " "), vary) + "$")
			for j := range got {
				next[j+1] = reach[j] && line.MatchString(strings.TrimRight(got[j], " "))
			}
		}
		reach = next
	}
	return reach[len(got)]
}

// lines splits output into lines, without empty ones at the end.
func lines(s string) []string {
	s = strings.TrimRight(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func TestParseExamples(t *testing.T) {
	const doc = "# Title\n" +
		"text\n" +
		"$ not in a block\n" +
		"```sh\n" +
		"no command\n" +
		"```\n" +
		"## Part one\n" +
		"<!-- values vary -->\n" +
		"\n" +
		"```console\n" +
		"# a comment is no heading\n" +
		"$ one\n" +
		"out\n" +
		"\n" +
		"more\n" +
		"\n" +
		"$ two \\\n" +
		"  and on\n" +
		"$ three  # exit code 3\n" +
		"```\n" +
		"## Part two\n" +
		"````text\n" +
		"Usage:\n" +
		"    four [x]\n" +
		"\n" +
		"Examples:\n" +
		"    $ four x\n" +
		"    $ four y\n" +
		"    ```\n" +
		"\n" +
		"    by hand:\n" +
		"        $ four z\n" +
		"````\n"
	got := parseExamples(doc)
	want := []block{
		{"Part one", []example{
			{12, "one", []string{"out", "", "more"}, 0, true},
			{17, "two \\\n  and on", nil, 0, true},
			{19, "three  # exit code 3", nil, 3, true},
		}},
		{"Part two", []example{
			{27, "four x", nil, 0, false},
			{28, "four y", []string{"```"}, 0, false},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		name      string
		want, got string
		vary, ok  bool
	}{
		{"equal", "a\nb", "a\nb\n", false, true},
		{"nothing", "", "", false, true},
		{"something for nothing", "", "a", false, false},
		{"missing line", "a\nb", "a", false, false},
		{"one more line", "a", "a\nb", false, false},
		{"not a pattern", "a.c", "abc", false, false},
		{"spaces at the end", "a", "a  ", false, true},
		{"any lines", "a\n...\nz", "a\nb\nc\nz", false, true},
		{"no lines", "a\n...\nz", "a\nz", false, true},
		{"any lines at the end", "a\n...", "a", false, true},
		{"any lines, then not", "a\n...\ny", "a\nb\nz", false, false},
		{"several", "...\nb\n...\nb", "b\nb\nb", false, true},
		{"within a line", "took ... s", "took 0.3 s", false, true},
		{"within a line only", "took ... s", "took 0.3\n s", false, false},
		{"hex", "id 0123456789abcdef", "id fedcba98765432100123", true, true},
		{"hex, exactly", "id 0123456789abcdef", "id fedcba9876543210", false, false},
		{"too short to vary", "id 0123", "id 0124", true, false},
		{"fingerprint", "SHA256:" + strings.Repeat("aZ", 21), "SHA256:" + strings.Repeat("Z", 43), true, true},
		{"time", "at 2026-11-21T02:10:00Z.", "at 2027-01-01T00:00:59Z.", true, true},
		{"time for a word", "at 2026-11-21T02:10:00Z", "at noon", true, false},
	}
	for _, tt := range tests {
		if got := matches(lines(tt.want), lines(tt.got), tt.vary); got != tt.ok {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.ok)
		}
	}
	if !slices.Equal(lines("a\n\nb\n\n"), []string{"a", "", "b"}) {
		t.Error("lines")
	}
}
