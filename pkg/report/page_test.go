package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "renew golden files")

// golden compares got with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v, got\n%s\nwant\n%s", name, err, got, want)
	}
}

// verdict is a page such as a program prints, with a hostile name on it.
func verdict() *Page {
	return &Page{Title: "flight|7\x1b[2J.tlog", Parts: []Part{
		Fields{
			{"verdict", String("altered").As(Bad)},
			{"records", Int(35916)},
			{"signer", String("pilot-7 <b>\u202eeman").As(Odd)},
			{"nothing", Cell{}},
		},
		Heading("Findings"),
		&Grid{
			Columns: []Column{{Name: "kind"}, {Name: "record"}, {Name: "log", Fit: Shorten}, {Name: "what", Fit: Wrap}},
			Rows: RowsOf(
				[]Cell{String("changed").As(Bad), Int(12001), String("a/rather/long/path/to/flight-2026-11-21T02-10-00Z.tlog"),
					String("COMMAND_LONG of 1/1 differs from what was sealed in 2 bytes").As(Odd)},
				[]Cell{String("dropped"), Uint(uint64(40)), String("b.tlog")},
				[]Cell{String("doubled"), Int(-1234567), String("飛行記録/飛行記録飛行記録飛行記録飛行記録飛行記録飛行記録.tlog"), String("")},
			),
		},
		&Grid{Columns: []Column{{Name: "none"}}, Empty: "No warnings."},
		Paragraph("The signature says who vouches for these bytes as of the signing, not that they were true when they were captured."),
		List{"first", "second, which is long enough that it does not fit into one line of eighty columns"},
	}}
}

func TestText(t *testing.T) {
	for name, style := range map[string]Style{"page.txt": {}, "page-color.txt": {Color: true}, "page-100.txt": {Width: 100}, "page-40.txt": {Width: 40}} {
		var b bytes.Buffer
		if err := verdict().WriteText(&b, style); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if w := width(line); w > style.width() && !style.Color {
				t.Errorf("%s: %d columns: %q", name, w, line)
			}
			if strings.HasSuffix(line, " ") {
				t.Errorf("%s: space at the end of %q", name, line)
			}
		}
	}
}

func TestPageInMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := verdict().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "page.md", b.String())
}

func TestColorIsTheOnlyEscape(t *testing.T) {
	var plain, color bytes.Buffer
	if err := errors.Join(verdict().WriteText(&plain, Style{}), verdict().WriteText(&color, Style{Color: true})); err != nil {
		t.Fatal(err)
	}
	stripped := color.String()
	for _, code := range []string{"0", "1", "32", "33", "1;31"} {
		stripped = strings.ReplaceAll(stripped, "\x1b["+code+"m", "")
	}
	if stripped != plain.String() {
		t.Errorf("without its colours:\n%s\nwithout colours from the start:\n%s", stripped, &plain)
	}
}

func TestEmptyPages(t *testing.T) {
	for name, page := range map[string]*Page{"nothing": {}, "empty grid": {Parts: []Part{&Grid{Columns: []Column{{Name: "x"}}}}}} {
		var b bytes.Buffer
		if err := errors.Join(page.WriteText(&b, Style{}), page.WriteMarkdown(&b)); err != nil || b.Len() != 0 {
			t.Errorf("%s: %q, %v", name, &b, err)
		}
	}
}

func TestUnevenRows(t *testing.T) {
	g := &Grid{Columns: []Column{{Name: "a"}, {Name: "b"}}, Rows: RowsOf(
		[]Cell{}, []Cell{String("1")}, []Cell{String("1"), String("2"), String("3")})}
	var b bytes.Buffer
	page := Page{Parts: []Part{g}}
	if err := errors.Join(page.WriteText(&b, Style{}), page.WriteMarkdown(&b), g.WriteCSV(&b)); err != nil {
		t.Fatal(err)
	}
	want := "a  b\n────\n\n1\n1  2\n" + "| a | b |\n|---|---|\n|  |  |\n| 1 |  |\n| 1 | 2 |\n" + "a,b\n,\n1,\n1,2\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

type brokenWriter struct{ room int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestFailedWritesAreReported(t *testing.T) {
	rows := make([][]Cell, 2000)
	for i := range rows {
		rows[i] = []Cell{Int(i), String(strings.Repeat("x", 20))}
	}
	g := &Grid{Columns: []Column{{Name: "n"}, {Name: "x", Fit: Wrap}}, Rows: RowsOf(rows...)}
	page := &Page{Title: "t", Parts: []Part{g, Paragraph(strings.Repeat("word ", 2000)), List{strings.Repeat("word ", 2000)}, Fields{{"n", String(strings.Repeat("x", 9000))}}}}
	for room := 0; room < 60000; room += 3001 {
		for name, write := range map[string]func() error{
			"text":     func() error { return page.WriteText(&brokenWriter{room}, Style{}) },
			"markdown": func() error { return page.WriteMarkdown(&brokenWriter{room}) },
			"csv":      func() error { return g.WriteCSV(&brokenWriter{min(room, 40000)}) },
			"json":     func() error { return WriteJSON(&brokenWriter{room}, strings.Repeat("x", 70000)) },
			"junit":    func() error { return WriteJUnit(&brokenWriter{room}, Suite{Name: strings.Repeat("x", 70000)}) },
		} {
			if err := write(); err == nil || err.Error() != "disk full" {
				t.Errorf("%s with room for %d bytes: %v", name, room, err)
			}
		}
	}
}

func TestCells(t *testing.T) {
	tests := []struct {
		name         string
		cell         Cell
		shown, plain string
		number       bool
	}{
		{"zero", Cell{}, "", "", false},
		{"text", String("a\tb"), `a\tb`, `a\tb`, false},
		{"small", Int(999), "999", "999", true},
		{"thousand", Int(1000), "1,000", "1000", true},
		{"negative", Int(-123456), "-123,456", "-123456", true},
		{"least", Int(int64(math.MinInt64)), "-9,223,372,036,854,775,808", "-9223372036854775808", true},
		{"most", Uint(uint64(math.MaxUint64)), "18,446,744,073,709,551,615", "18446744073709551615", true},
		{"float", Float(12345.678, 1), "12,345.7", "12345.678", true},
		{"tiny", Float(1e-9, 2), "0.00", "1e-09", true},
		{"not a number", Float(math.NaN(), 2), "NaN", "", true},
		{"infinite", Float(math.Inf(-1), 2), "-Inf", "", true},
		{"own form", Number("3.2 s", "3200000"), "3.2 s", "3200000", true},
		{"own form, no number", Number("=1", "=1+1"), "=1", "=1+1", false},
		{"own form, hexadecimal", Number("0x10", "0x10"), "0x10", "0x10", false},
	}
	for _, tt := range tests {
		if c := tt.cell; c.shown != tt.shown || c.plain != tt.plain || c.number != tt.number {
			t.Errorf("%s: %+v, want %q, %q, %v", tt.name, c, tt.shown, tt.plain, tt.number)
		}
	}
}

func TestWrapAndShorten(t *testing.T) {
	for _, tt := range []struct {
		in    string
		most  int
		lines string
		short string
	}{
		{"", 10, "", ""},
		{"0123456789", 10, "0123456789", "0123456789"},
		{"0123456789a", 10, "0123456789|a", "0123…6789a"},
		{"aaa bbb ccc ddd", 10, "aaa bbb|ccc ddd", "aaa …c ddd"},
		{"aaa bbb cc ddd", 10, "aaa bbb cc|ddd", "aaa …c ddd"},
		{"  leading and trailing  ", 10, "  leading|and|trailing", "  le…ing  "},
		{"飛行記録飛行記録", 10, "飛行記録飛|行記録", "飛行…記録"},
		{"e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", 8, "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301|e\u0301", "e\u0301e\u0301e\u0301…e\u0301e\u0301e\u0301e\u0301"},
	} {
		if got := strings.Join(wrap(tt.in, tt.most), "|"); got != tt.lines {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.most, got, tt.lines)
		}
		if got := shorten(tt.in, tt.most); got != tt.short || width(got) > tt.most {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.in, tt.most, got, tt.short)
		}
	}
}

func FuzzText(f *testing.F) {
	for i, s := range hostile {
		f.Add(s, i*7)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		style := Style{Width: 20 + max(0, most%100)}
		page := &Page{Title: s, Parts: []Part{
			Paragraph(s), List{s}, Fields{{"name", String(s)}},
			&Grid{Columns: []Column{{"a", Wrap}, {"b", Shorten}}, Rows: RowsOf([]Cell{String(s), String(s)}, []Cell{String("x"), String("y")})},
		}}
		var b bytes.Buffer
		if err := page.WriteText(&b, style); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b.Bytes()) {
			t.Fatalf("not UTF-8: %q", &b)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			if Clean(line) != line {
				t.Fatalf("unclean line %q", line)
			}
			if w := width(line); w > style.width() {
				t.Fatalf("%d columns of %d: %q", w, style.width(), line)
			}
		}
	})
}

func ExamplePage() {
	page := &Page{
		Title: "flight.tlog",
		Parts: []Part{
			Fields{{"verdict", String("altered")}, {"records", Int(35916)}},
			&Grid{
				Columns: []Column{{Name: "kind"}, {Name: "records"}},
				Rows:    RowsOf([]Cell{String("dropped"), Int(1200)}, []Cell{String("moved"), Int(3)}),
			},
		},
	}
	if err := page.WriteText(os.Stdout, Style{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// flight.tlog
	//
	// verdict  altered
	// records  35,916
	//
	// kind     records
	// ────────────────
	// dropped    1,200
	// moved          3
}
