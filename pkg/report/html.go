package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
)

// Notice is what a page comes to, in a word or two and a text: in HTML a box in the
// colour of its tone, elsewhere a line.
type Notice struct {
	Tone  Tone
	Title string
	Text  string
}

// WriteHTML prints the page as one HTML file that needs nothing else: no script, no
// font and no picture, and a Content-Security-Policy that forbids browsers to load
// any or to run what might have slipped in. It follows the reader's choice of light
// or dark, and prints in light.
func (p *Page) WriteHTML(w io.Writer) error {
	b := bufio.NewWriter(w)
	hash := sha256.Sum256([]byte(style))
	title := p.Title
	if title == "" {
		title = "report"
	}
	fmt.Fprintf(b, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<style>%s</style>
</head>
<body>
%s<main>
`, base64.StdEncoding.EncodeToString(hash[:]), escapeHTML(title), style, patterns)
	if p.Title != "" {
		b.WriteString("<h1>" + escapeHTML(p.Title) + "</h1>\n")
	}
	for _, part := range p.Parts {
		if err := part.html(b); err != nil {
			return err
		}
	}
	b.WriteString("</main>\n</body>\n</html>\n")
	return b.Flush()
}

// escapeHTML cleans s and escapes it for text and for attributes in double quotes, the
// only places where texts go.
func escapeHTML(s string) string { return template.HTMLEscapeString(Clean(s)) }

func (t Tone) class() string {
	switch t {
	case Good:
		return "good"
	case Bad:
		return "bad"
	case Odd:
		return "odd"
	}
	return "plain"
}

func (n Notice) line() string {
	if n.Text == "" {
		return n.Title
	}
	return n.Title + ": " + n.Text
}

func (n Notice) text(w io.Writer, style Style) error {
	lines := wrap(Clean(n.line()), style.width())
	if style.Color {
		for i := range lines {
			lines[i] = n.Tone.colored(lines[i])
		}
	}
	return hang(w, "", lines)
}

func (n Notice) markdown(w io.Writer) error {
	text := "**" + escapeMarkdown(n.Title) + "**"
	if n.Text != "" {
		text += ": " + escapeMarkdown(n.Text)
	}
	_, err := io.WriteString(w, text+"\n")
	return err
}

func (n Notice) html(w io.Writer) error {
	sign := map[Tone]string{Good: "✓", Bad: "✕", Odd: "!"}[n.Tone]
	if sign != "" {
		sign = `<span class="sign" aria-hidden="true">` + sign + `</span>`
	}
	_, err := fmt.Fprintf(w, "<section class=\"notice %s\">%s<div><p class=\"word\">%s</p>\n<p>%s</p></div></section>\n",
		n.Tone.class(), sign, escapeHTML(n.Title), escapeHTML(n.Text))
	return err
}

func (h Heading) html(w io.Writer) error {
	_, err := io.WriteString(w, "<h2>"+escapeHTML(string(h))+"</h2>\n")
	return err
}

func (h Subheading) html(w io.Writer) error {
	_, err := io.WriteString(w, "<h3>"+escapeHTML(string(h))+"</h3>\n")
	return err
}

func (p Paragraph) html(w io.Writer) error {
	_, err := io.WriteString(w, "<p>"+escapeHTML(string(p))+"</p>\n")
	return err
}

func (l List) html(w io.Writer) error {
	if len(l) == 0 {
		return nil
	}
	if _, err := io.WriteString(w, "<ul>\n"); err != nil {
		return err
	}
	for _, item := range l {
		if _, err := io.WriteString(w, "<li>"+escapeHTML(item)+"</li>\n"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "</ul>\n")
	return err
}

func (f Fields) html(w io.Writer) error {
	if len(f) == 0 {
		return nil
	}
	if _, err := io.WriteString(w, "<dl>\n"); err != nil {
		return err
	}
	for i, field := range f {
		if field.Name != "" || i == 0 { // a nameless value belongs to the name before
			if _, err := io.WriteString(w, "<dt>"+escapeHTML(field.Name)+"</dt>\n"); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, "<dd"+field.Value.attributes("")+">"+field.Value.inner()+"</dd>\n"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "</dl>\n")
	return err
}

// inner is the cell's content in HTML.
func (c Cell) inner() string {
	if len(c.spark) > 0 {
		return sparkline(c.spark)
	}
	return template.HTMLEscapeString(c.shown)
}

// attributes are those of the element the cell is in, with more classes.
func (c Cell) attributes(classes string) string {
	if c.tone != Plain {
		classes += " " + c.tone.class()
	}
	if classes == "" {
		return ""
	}
	if classes[0] == ' ' {
		classes = classes[1:]
	}
	return ` class="` + classes + `"`
}

func (g *Grid) html(w io.Writer) error {
	s := g.measure()
	if s.rows == 0 {
		if g.Empty == "" {
			return nil
		}
		return Paragraph(g.Empty).html(w)
	}
	out := &printer{w: w}
	out.print("<div class=\"table\"><table>\n<thead><tr>")
	classes := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		switch {
		case s.right[i]:
			classes[i] = "number"
		case c.Fit != Keep:
			classes[i] = "long"
		}
		class := ""
		if classes[i] != "" {
			class = ` class="` + classes[i] + `"`
		}
		out.print(`<th scope="col"` + class + ">" + escapeHTML(c.Name) + "</th>")
	}
	out.print("</tr></thead>\n<tbody>\n")
	n := 0
	for row := range g.Rows {
		if g.Anchor != "" {
			out.print(`<tr id="` + escapeHTML(g.Anchor) + strconv.Itoa(n) + `">`)
		} else {
			out.print("<tr>")
		}
		for i := range g.Columns {
			var c Cell
			if i < len(row) {
				c = row[i]
			}
			out.print("<td" + c.attributes(classes[i]) + ">" + c.inner() + "</td>")
		}
		out.print("</tr>\n")
		if n++; out.err != nil {
			return out.err
		}
	}
	out.print("</tbody>\n</table></div>\n")
	return out.err
}

// printer remembers the first error of a writer.
type printer struct {
	w   io.Writer
	err error
}

func (f *printer) print(s string) {
	if f.err == nil {
		_, f.err = io.WriteString(f.w, s)
	}
}
