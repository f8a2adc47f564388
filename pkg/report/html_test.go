package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// samplePage has every kind of part, with s wherever a text can be.
func samplePage(s string) *Page {
	x := []float64{0, 0.25, 0.5, 0.75, 1}
	axis := Axis{
		Ticks:  []Tick{{0, "03:04", s}, {0.5, s, ""}, {1, "03:09", ""}},
		Breaks: []Stretch{{From: 0.3, To: 0.32, Label: s}},
	}
	return &Page{Title: s, Parts: []Part{
		Notice{Tone: Bad, Title: s, Text: s},
		Heading(s), Subheading(s), Paragraph(s), List{s, "x"},
		Fields{{s, String(s)}, {"", String(s).As(Good)}},
		&Grid{Columns: []Column{{Name: s, Fit: Wrap}, {Name: "n"}, {Name: "spark"}}, Anchor: "f",
			Rows: RowsOf([]Cell{String(s).As(Bad), Int(1234), Spark([]float64{1, 2, math.NaN(), 3})}, []Cell{String(s)})},
		&Chart{Name: s, Summary: s, Axis: axis, Lanes: []Lane{
			{Name: s, Stretches: []Stretch{{From: 0, To: 1, Fill: Sound, Label: s}, {From: 0.5, To: 0.5, Fill: Wrong, Label: s, Link: "f0"}}},
			{Name: "hatched", Stretches: []Stretch{{From: -3, To: 7, Fill: Hatched}}},
		}},
		&Chart{Name: s, Axis: axis, Plot: &Plot{Kind: Stacked, Unit: s, X: x, Series: []Series{{Name: s, Y: []float64{1, 2, 3, 2, 1}}, {Name: "other", Y: []float64{5, 5, math.NaN(), 5, 5}}}}},
		&Chart{Name: s, Axis: axis, Plot: &Plot{Kind: Lines, Unit: "m", X: x, Series: []Series{
			{Name: s, Y: []float64{1, math.NaN(), 3, 2, math.Inf(1)}, Low: []float64{0, math.NaN(), 2, 1, 0}, High: []float64{2, math.NaN(), 4, 3, 9}}}}},
		&Chart{Name: s, Axis: axis, Plot: &Plot{Kind: Bars, Unit: "lost", X: x, Series: []Series{{Name: "", Y: []float64{0, 7, 0, 0, 1}}}}},
	}}
}

func htmlOf(t testing.TB, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostileHTML are texts that want to be more than text on a page.
var hostileHTML = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `' onload='alert(1)`, `" onmouseover="alert(1)" x="`,
	`</title><script>`, `</style><script>`, `</svg><img src=x onerror=alert(1)>`, `<!--`, `-->`, `]]>`, `&lt;script&gt;`, `&#60;b&#62;`,
	"<b\x00>", "<\u2028b>", "\u202e<b>", `javascript:alert(1)`, "\xff<b>", `<base href=//x>`, `<meta http-equiv=refresh content=0>`,
	"`x`", `url(//x)`, `{{.}}`, `<a href="#f1">`,
}

var tags = regexp.MustCompile(`<[^>]*>`)

// shapeOf is a page without its texts: its tags, without the values of attributes.
func shapeOf(page string) []string {
	value := regexp.MustCompile(`="[^"]*"`)
	var shape []string
	for _, tag := range tags.FindAllString(page, -1) {
		shape = append(shape, value.ReplaceAllString(tag, "="))
	}
	return shape
}

func TestHTMLKeepsItsShape(t *testing.T) {
	want := shapeOf(htmlOf(t, samplePage("x")))
	for _, s := range slices.Concat(hostile, hostileHTML) {
		if s == "" {
			continue // names nothing, so that other things are left out
		}
		checkShape(t, s, want)
	}
}

func checkShape(t *testing.T, s string, want []string) {
	t.Helper()
	page := htmlOf(t, samplePage(s))
	got := shapeOf(page)
	// The label of a tick is left out where it would not fit.
	drop := func(tag string) bool { return strings.HasPrefix(tag, "<text") || tag == "</text>" }
	if got, want := slices.DeleteFunc(slices.Clone(got), drop), slices.DeleteFunc(slices.Clone(want), drop); !slices.Equal(got, want) {
		t.Errorf("%q changes the page's elements:\n%q\nnot\n%q", s, got, want)
	}
	if !utf8.ValidString(page) {
		t.Errorf("%q: not UTF-8", s)
	}
	for line := range strings.Lines(page) {
		if line = strings.TrimSuffix(line, "\n"); Clean(line) != line {
			t.Errorf("%q: unclean line %q", s, line)
		}
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range slices.Concat(hostile, hostileHTML) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Clean(s) != "" {
			checkShape(t, s, shapeOf(htmlOf(t, samplePage("x"))))
		}
	})
}

func TestHTMLNeedsNothing(t *testing.T) {
	page := htmlOf(t, samplePage("x"))
	for _, not := range []string{"<script", "<link", "<img", "<iframe", "<object", "<embed", "<form", "<base", "@import", "@font-face", " style=", "http://", "https://", " on", "//"} {
		in := page
		if not == " on" {
			in = strings.Join(tags.FindAllString(page, -1), "")
		}
		if i := strings.Index(in, not); i >= 0 {
			t.Errorf("%q is on the page: %q", not, in[max(0, i-40):min(len(in), i+40)])
		}
	}
	for _, m := range regexp.MustCompile(`(?:href="|url\()([^")]*)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page refers to %q", m[1])
		}
	}
	policy := regexp.MustCompile(`Content-Security-Policy" content="default-src 'none'; style-src 'sha256-([^']*)'; base-uri 'none'; form-action 'none'"`).FindStringSubmatch(page)
	sheet := page[strings.Index(page, "<style>")+len("<style>") : strings.Index(page, "</style>")]
	hash := sha256.Sum256([]byte(sheet))
	if policy == nil || policy[1] != base64.StdEncoding.EncodeToString(hash[:]) {
		t.Errorf("policy %q does not allow the style sheet, whose hash is %x", policy, hash)
	}
	if strings.Index(page, "Content-Security-Policy") > strings.Index(page, "<style>") {
		t.Error("the policy comes after what it is for")
	}
}

func TestHTMLClassesAreStyled(t *testing.T) {
	page := htmlOf(t, samplePage("x"))
	for _, m := range regexp.MustCompile(` class="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		for _, class := range strings.Fields(m[1]) {
			if !strings.Contains(style, "."+class) {
				t.Errorf("class %q has no style", class)
			}
		}
	}
	// Every colour has a value in light and in dark.
	for _, m := range regexp.MustCompile(`var\((--[a-z0-9-]+)\)`).FindAllStringSubmatch(style, -1) {
		if n := strings.Count(style, m[1]+":"); n != 2 {
			t.Errorf("%s has %d values", m[1], n)
		}
	}
}

func TestHTMLNumbers(t *testing.T) {
	page := htmlOf(t, samplePage("x"))
	for _, bad := range []string{"NaN", "Inf", "e+", "e-0"} {
		body := page[strings.Index(page, "</style>"):]
		if i := strings.Index(body, bad); i >= 0 {
			t.Errorf("%q in %q", bad, body[max(0, i-60):i+10])
		}
	}
	for _, p := range []*Plot{{}, {Kind: Bars}, {Kind: Stacked}, {Kind: Lines, X: []float64{0.5}, Series: []Series{{Y: []float64{math.NaN()}}}},
		{Kind: Stacked, X: []float64{0}, Series: []Series{{Y: []float64{1e300}}}}, {Kind: Lines, X: []float64{0, 1}, Series: []Series{{Y: []float64{-1e300, 1e-300}}}},
		{Kind: Bars, X: []float64{math.NaN(), 1}, Series: []Series{{}, {}}}} {
		page := htmlOf(t, &Page{Parts: []Part{&Chart{Plot: p}}})
		body := page[strings.Index(page, "<main>"):]
		if strings.Contains(body, "NaN") || strings.Contains(body, "Inf") {
			t.Errorf("%+v: %s", p, body)
		}
	}
}

func TestScale(t *testing.T) {
	for _, tt := range []struct{ low, high, wantLow, wantHigh, step float64 }{
		{0, 0, 0, 1, 0.2},
		{0, 1, 0, 1, 0.2},
		{0, 7, 0, 8, 2},
		{0, 95, 0, 100, 20},
		{0, 600, 0, 600, 200},
		{-13, 120, -20, 120, 20},
		{583, 585, 583, 585, 0.5},
		{0, 0.03, 0, 0.03, 0.01},
	} {
		s := newScale(tt.low, tt.high)
		for _, c := range []struct{ got, want float64 }{{s.low, tt.wantLow}, {s.high, tt.wantHigh}, {s.step, tt.step}} {
			if math.Abs(c.got-c.want) > 1e-9 {
				t.Errorf("%g to %g: %+v, want %g to %g by %g", tt.low, tt.high, s, tt.wantLow, tt.wantHigh, tt.step)
				break
			}
		}
		if n := (s.high - s.low) / s.step; n < 2.9 || n > 8.1 {
			t.Errorf("%g to %g: %g steps", tt.low, tt.high, n)
		}
	}
}

func TestHTMLTellsOfFailedWrites(t *testing.T) {
	p := samplePage("x")
	whole := len(htmlOf(t, p))
	for _, n := range []int{0, 1, 4_000, 6_000, whole / 2, whole - 1} {
		if err := p.WriteHTML(&limited{left: n}); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// limited is a writer that takes so many bytes.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		n := l.left
		l.left = 0
		return n, iotest.ErrTimeout
	}
	l.left -= len(p)
	return len(p), nil
}

func TestChartElsewhere(t *testing.T) {
	p := &Page{Parts: []Part{
		&Chart{Name: "Course", Summary: "3 of 10 minutes are missing"}, &Chart{Name: "no words"},
		Notice{Tone: Bad, Title: "altered", Text: "*3* records changed"},
		&Grid{Columns: []Column{{Name: "a"}}, Rows: RowsOf([]Cell{Spark([]float64{1})})},
	}}
	var text, markdown bytes.Buffer
	if err := p.WriteText(&text, Style{}); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 of 10 minutes are missing\n", "altered: *3* records changed\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	for _, want := range []string{"3 of 10 minutes are missing\n", `**altered**: \*3\* records changed`} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("no %q in\n%s", want, &markdown)
		}
	}
}
