package report

import (
	"bufio"
	"io"
	"strings"
)

// WriteMarkdown prints the page as GitHub Flavored Markdown. No text on it can
// become markup, a link, a mention or HTML.
func (p *Page) WriteMarkdown(w io.Writer) error {
	b := bufio.NewWriter(w)
	if p.Title != "" {
		b.WriteString("## " + escapeMarkdown(p.Title) + "\n")
	}
	for i, part := range p.Parts {
		if i > 0 || p.Title != "" {
			b.WriteByte('\n')
		}
		if err := part.markdown(b); err != nil {
			return err
		}
	}
	return b.Flush()
}

func (h Heading) markdown(w io.Writer) error {
	_, err := io.WriteString(w, "### "+escapeMarkdown(string(h))+"\n")
	return err
}

func (h Subheading) markdown(w io.Writer) error {
	_, err := io.WriteString(w, "#### "+escapeMarkdown(string(h))+"\n")
	return err
}

func (p Paragraph) markdown(w io.Writer) error {
	_, err := io.WriteString(w, escapeMarkdown(string(p))+"\n")
	return err
}

func (l List) markdown(w io.Writer) error {
	for _, item := range l {
		if _, err := io.WriteString(w, "- "+escapeMarkdown(item)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (f Fields) markdown(w io.Writer) error {
	if _, err := io.WriteString(w, "| | |\n|---|---|\n"); err != nil {
		return err
	}
	for _, field := range f {
		if _, err := io.WriteString(w, "| "+escapeMarkdown(field.Name)+" | "+escapeMarkdown(field.Value.shown)+" |\n"); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grid) markdown(w io.Writer) error {
	s := g.measure()
	if s.rows == 0 {
		if g.Empty == "" {
			return nil
		}
		return Paragraph(g.Empty).markdown(w)
	}
	var head, rule strings.Builder
	for i, c := range g.Columns {
		head.WriteString("| " + escapeMarkdown(c.Name) + " ")
		if s.right[i] {
			rule.WriteString("|---:")
		} else {
			rule.WriteString("|---")
		}
	}
	if _, err := io.WriteString(w, head.String()+"|\n"+rule.String()+"|\n"); err != nil {
		return err
	}
	var line strings.Builder
	for row := range g.Rows {
		line.Reset()
		for i := range g.Columns {
			line.WriteString("| ")
			if i < len(row) {
				line.WriteString(escapeMarkdown(row[i].shown))
			}
			line.WriteString(" ")
		}
		line.WriteString("|\n")
		if _, err := io.WriteString(w, line.String()); err != nil {
			return err
		}
	}
	return nil
}

// escapeMarkdown cleans s and takes the meaning from every character that has one
// for GitHub Flavored Markdown, at the start of a line, inside it or in a table.
func escapeMarkdown(s string) string {
	s = strings.Trim(Clean(s), " ") // spaces around could be an indented block or a hard break
	var b strings.Builder
	b.Grow(len(s) + 8)
	start := true // only digits before: "1." and "1)" begin a list, as do - and +
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '@': // addresses and mentions become links, and a backslash does not stop them
			b.WriteString("&#64;")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '!', '#', '$', '"', '\'', '{', '}', '^':
			b.WriteByte('\\')
			b.WriteByte(c)
		case ':': // as in https://
			if strings.HasPrefix(s[i:], "://") {
				b.WriteString("&#58;")
			} else {
				b.WriteByte(c)
			}
		case '.': // as in www.
			if i >= 3 && strings.EqualFold(s[i-3:i], "www") {
				b.WriteString("&#46;")
				break
			}
			fallthrough
		case ')', '-', '+', '=':
			if start {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
		if c < '0' || c > '9' {
			start = false
		}
	}
	return b.String()
}
