package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may stand on one character. Written
// languages need up to three; more only serve to smear over the lines around.
const maxMarks = 3

// Clean returns s with everything escaped that a terminal, a page or a reader
// could take for something else than text: control characters and the escape
// sequences they begin, C1 controls, line and paragraph separators, bidirectional
// overrides, zero-width and other invisible characters, spaces other than the
// plain one, private and unassigned code points, stacks of combining marks and
// bytes that are not UTF-8. What is escaped stays visible, in the notation of Go:
// \n, \t, \r, \x1b for single bytes, \u202e and \U000e0041 for the rest. So the
// result is one line of printable UTF-8.
//
// A backslash stays as it is, so that file names of Windows can be read; text can
// therefore pretend to contain an escaped character, which harms no one. Clean of
// a cleaned text changes nothing.
func Clean(s string) string {
	i := 0
	for i < len(s) && s[i] >= ' ' && s[i] <= '~' {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:i])
	marks := maxMarks // a mark at the start or after a space has nothing to sit on
	if i > 0 && s[i-1] != ' ' {
		marks = 0
	}
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			escapeByte(&b, s[i])
			marks = maxMarks
		case !printable(r):
			escapeRune(&b, r)
			marks = maxMarks
		case unicode.Is(unicode.M, r):
			if marks >= maxMarks {
				escapeRune(&b, r)
			} else {
				b.WriteRune(r)
				marks++
			}
		default:
			b.WriteRune(r)
			marks = 0
			if r == ' ' {
				marks = maxMarks
			}
		}
		i += size
	}
	return b.String()
}

// printable is narrower than strconv.IsPrint, which counts as letters and marks
// what fonts draw as nothing: fillers, variation selectors, the blank of Braille.
func printable(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= ' ' && r <= '~'
	case !strconv.IsPrint(r),
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector),
		r == 0x2800, r == 0xfffc, r == 0x17b4, r == 0x17b5:
		return false
	}
	return true
}

const hexDigits = "0123456789abcdef"

func escapeByte(b *strings.Builder, c byte) {
	b.WriteString(`\x`)
	b.WriteByte(hexDigits[c>>4])
	b.WriteByte(hexDigits[c&15])
}

func escapeRune(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < utf8.RuneSelf:
		escapeByte(b, byte(r))
	case r < 0x10000:
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(hexDigits[r>>shift&15])
		}
	default:
		b.WriteString(`\U`)
		for shift := 28; shift >= 0; shift -= 4 {
			b.WriteByte(hexDigits[r>>shift&15])
		}
	}
}
