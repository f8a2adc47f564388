package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMarkdownEscaping(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "flight 7.tlog", "flight 7.tlog"},
		{"table", "a|b", `a\|b`},
		{"backslash before a bar", `a\|b`, `a\\\|b`},
		{"line break", "a\n| b |", `a\\n\| b \|`},
		{"code", "`x`", "\\`x\\`"},
		{"emphasis", "*a* _b_ ~c~", `\*a\* \_b\_ \~c\~`},
		{"link", "[x](javascript:alert(1))", `\[x\](javascript:alert(1))`},
		{"image", "![x](y)", `\!\[x\](y)`},
		{"html", "<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"},
		{"entity", "&lt;", "&amp;lt;"},
		{"autolink", "<https://x>", "&lt;https&#58;//x&gt;"},
		{"bare links", "http://x www.x.org WWW.x a@b.c", "http&#58;//x www&#46;x.org WWW&#46;x a&#64;b.c"},
		{"mention, issue", "@owner #1", `&#64;owner \#1`},
		{"heading", "# x", `\# x`},
		{"underlined heading", "===", `\===`},
		{"rule", "---", `\---`},
		{"bullets", "- x", `\- x`},
		{"more bullets", "+ x", `\+ x`},
		{"numbers", "1. x", `1\. x`},
		{"numbers with brackets", "12) x", `12\) x`},
		{"number, not a list", "12 m.", "12 m."},
		{"formula", "$x$", `\$x\$`},
		{"indented", "    code", "code"},
		{"hard break", "a  ", "a"},
		{"escape sequence", "\x1b[31m", `\\x1b\[31m`},
	}
	for _, tt := range tests {
		if got := escapeMarkdown(tt.in); got != tt.want {
			t.Errorf("%s: %q became %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

var (
	escaped = regexp.MustCompile("\\\\[\\\\`*_\\[\\]|~!#$\"'{}^.)+=-]|&(amp|lt|gt|#64|#58|#46);")
	active  = regexp.MustCompile("[\\\\`*_\\[\\]|~!#<>&@]|://|(?i:www)\\.|^ |^[-+=]|^[0-9]+[.)]| $")
)

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := escapeMarkdown(s)
		// What stands for an escape is harmless; nothing else may mean anything.
		rest := escaped.ReplaceAllString(out, "x")
		if found := active.FindString(rest); found != "" {
			t.Fatalf("%q became %q, in which %q is markup", s, out, found)
		}
		if strings.Contains(out, "\n") || Clean(out) != out {
			t.Fatalf("%q became %q, which is unclean", s, out)
		}
	})
}

func TestCSV(t *testing.T) {
	g := &Grid{Columns: []Column{{Name: "text"}, {Name: "n"}}, Rows: RowsOf(
		[]Cell{String("=cmd|' /C calc'!A0"), Int(-1)},
		[]Cell{String("+1"), Float(-0.5, 1)},
		[]Cell{String("-1"), Uint(uint(12001))},
		[]Cell{String("@SUM(A1)"), Number("x", "=2")},
		[]Cell{String("\t=1"), Number("3 s", "3")},
		[]Cell{String(" =1"), {}},
		[]Cell{String(`"=1"`), {}},
		[]Cell{String("＝1"), {}},
		[]Cell{String("a,b\n\"c\""), {}},
		[]Cell{String("x=1"), {}},
		[]Cell{String("  "), {}},
	)}
	var b bytes.Buffer
	if err := g.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "text,n\n'=cmd|' /C calc'!A0,-1\n'+1,-0.5\n'-1,12001\n'@SUM(A1),'=2\n'\\t=1,3\n' =1,\n\"'\"\"=1\"\"\",\n'＝1,\n\"a,b\\n\"\"c\"\"\",\nx=1,\n\"  \",\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	if records, err := csv.NewReader(&b).ReadAll(); err != nil || len(records) != 12 {
		t.Errorf("read back: %d records, %v", len(records), err)
	}
	b.Reset()
	if err := (&Grid{Columns: []Column{{Name: "a"}}}).WriteCSV(&b); err != nil || b.String() != "a\n" {
		t.Errorf("no rows: %q, %v", &b, err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g := &Grid{Columns: []Column{{Name: s}}, Rows: RowsOf([]Cell{String(s)})}
		var b bytes.Buffer
		if err := g.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		for _, record := range must(csv.NewReader(&b).ReadAll()) {
			if len(record) != 1 || strings.IndexAny(record[0], "=+-@\t\r\n|%") == 0 || Clean(record[0]) != record[0] {
				t.Fatalf("%q became %q", s, record)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestJSON(t *testing.T) {
	in := map[string]string{"text": "<b>&\x1b[31m\x7f\u009b\u202e\u2028\u200b飛\U0001f681\U000e0041\n"}
	var b bytes.Buffer
	if err := WriteJSON(&b, in); err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"text\": \"<b>&\\u001b[31m\\u007f\\u009b\\u202e\\u2028\\u200b飛\U0001f681\\udb40\\udc41\\n\"\n}\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["text"] != in["text"] {
		t.Errorf("read back %q, %v; want %q", back["text"], err, in["text"])
	}
	if err := WriteJSON(io.Discard, func() {}); err == nil {
		t.Error("a function was encoded")
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		var b bytes.Buffer
		if err := WriteJSON(&b, []string{s}); err != nil {
			t.Fatal(err)
		}
		if strings.Count(b.String(), "\n") != 3 {
			t.Fatalf("%q became %q", s, &b)
		}
		for _, r := range b.String() {
			if r != '\n' && !printable(r) {
				t.Fatalf("%q became %q with %U in it", s, &b, r)
			}
		}
		var back []string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back[0] != s {
			t.Fatalf("%q came back as %q, %v", s, back, err)
		}
	})
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	err := WriteJUnit(&b, Suite{Name: "cqverify", Cases: []Case{
		{Name: "a.tlog", Class: "verdict", Time: 1500 * time.Millisecond, Output: []string{"35,916 records", "pilot-7"}},
		{Name: "b</testcase>\x00\ufffe.tlog", Class: "verdict", Failure: &Problem{Type: "altered", Message: "2 findings", Lines: []string{"]]>", "record 7 <changed>\x1b"}}},
		{Name: "c.tlog", Class: "verdict", Error: &Problem{Message: "no such file"}},
		{Name: "d.tlog", Class: "verdict", Skipped: "interrupted"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", b.String())
	checkXML(t, b.String())
}

// checkXML reads a document to its end.
func checkXML(t *testing.T, doc string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(doc))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
	}
}

func FuzzJUnit(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := &Problem{Type: s, Message: s, Lines: []string{s, s}}
		suite := Suite{Name: s, Cases: []Case{{Name: s, Class: s, Failure: p}, {Error: p}, {Skipped: s}, {Output: []string{s}}}}
		var b bytes.Buffer
		if err := WriteJUnit(&b, suite); err != nil {
			t.Fatal(err)
		}
		checkXML(t, b.String())
		var doc junitSuites
		if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if got := doc.Suites[0].Cases; len(got) != 4 || got[0].Name != Clean(s) || got[0].Failure.Text != Clean(s)+"\n"+Clean(s) {
			t.Fatalf("%q came back as %+v", s, got)
		}
		for line := range strings.Lines(b.String()) {
			if line = strings.TrimSuffix(line, "\n"); Clean(line) != line {
				t.Fatalf("unclean line %q", line)
			}
		}
	})
}
