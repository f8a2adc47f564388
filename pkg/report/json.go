package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON prints v as one JSON value, indented by two spaces and ended by a line
// break. Values are exactly those of v: what [Clean] would escape is written as
// \u escapes, which every reader turns back, so the output is as harmless on a
// terminal as the other formats. Bytes that are not UTF-8 have no form in JSON and
// become U+FFFD; clean such texts first where the bytes matter.
func WriteJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // the output is no HTML, and "<" is easier to read
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding JSON: %w", err)
	}
	_, err := w.Write(escapeJSON(buf.Bytes()))
	return err
}

// escapeJSON escapes what is not printable in encoded JSON. That occurs only
// inside strings, and encoding/json has already escaped what is below a space.
func escapeJSON(p []byte) []byte {
	clean := true
	for _, c := range p {
		if c >= utf8.RuneSelf || c == 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return p
	}
	out := make([]byte, 0, len(p)+len(p)/8)
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		switch {
		case r == '\n' || printable(r):
			out = append(out, p[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		p = p[size:]
	}
	return out
}
