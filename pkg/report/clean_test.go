package report

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "flight 7.tlog", "flight 7.tlog"},
		{"backslash", `C:\logs`, `C:\logs`},
		{"letters", "Größe 飛行 полёт ✓ 🚁", "Größe 飛行 полёт ✓ 🚁"},
		{"line break", "a\nb\r\nc\td", `a\nb\r\nc\td`},
		{"nul and delete", "a\x00b\x7f", `a\x00b\x7f`},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"title", "\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		{"link", "\x1b]8;;http://x\x1b\\y", `\x1b]8;;http://x\x1b\y`},
		{"bell, backspace", "\a\b", `\x07\x08`},
		{"C1 as UTF-8", "\u009b31m\u0085", `\u009b31m\u0085`},
		{"C1 as a byte", "\x9b31m", `\x9b31m`},
		{"bidi", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
			`\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c`},
		{"invisible", "a\u200bb\u200c\u200d\u2060\ufeff\u00ad\u180e", `a\u200bb\u200c\u200d\u2060\ufeff\u00ad\u180e`},
		{"blank letters", "\u115f\u1160\u3164\uffa0\u2800\u034f\ufffc", `\u115f\u1160\u3164\uffa0\u2800\u034f\ufffc`},
		{"variation selectors", "a\ufe0f\U000e0100", `a\ufe0f\U000e0100`},
		{"separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"spaces", "a\u00a0b\u2003c\u3000d", `a\u00a0b\u2003c\u3000d`},
		{"tags", "\U000e0041", `\U000e0041`},
		{"private, unassigned", "\ue000\U000f0000\u0378", `\ue000\U000f0000\u0378`},
		{"not UTF-8", "a\xff\xc3(\xe2\x82", `a\xff\xc3(\xe2\x82`},
		{"surrogate as UTF-8", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"replacement character", "\ufffd", "\ufffd"},
		{"accents", "e\u0301 a\u0308\u0304", "e\u0301 a\u0308\u0304"},
		{"mark at the start", "\u0301a", `\u0301a`},
		{"mark after a space", "a \u0301", `a \u0301`},
		{"stack of marks", "a\u0301\u0301\u0301\u0301\u0301", "a\u0301\u0301\u0301" + `\u0301\u0301`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// checkClean states what Clean promises of every text.
func checkClean(t *testing.T, in string) {
	t.Helper()
	out := Clean(in)
	if !utf8.ValidString(out) {
		t.Fatalf("Clean(%q) = %q is not UTF-8", in, out)
	}
	for _, r := range out {
		if !strconv.IsPrint(r) || strings.ContainsRune("\u202e\u200b\u2066\ufe0f", r) {
			t.Fatalf("Clean(%q) = %q contains %U", in, out, r)
		}
	}
	if again := Clean(out); again != out {
		t.Fatalf("Clean(%q) = %q, cleaned again %q", in, out, again)
	}
	if len(out) > 10*len(in) {
		t.Fatalf("Clean(%q) grew to %d bytes", in, len(out))
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkClean)
}

// hostile are texts as they could stand in a STATUSTEXT, a file name or a
// signer's name to reach what shows them.
var hostile = []string{
	"\x1b[2J\x1b[H\x1b]0;x\x07", "\u202egolt.thgilf", "a|b\n|c|", "</testcase><failure>", "]]>", "`code`",
	"[x](javascript:alert(1))", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1",
	"\xff\xfe", "\ufffe\uffff", "\x00", "&amp;", "---", "# head", "* x", "1. x", "\u2028", "a\r\nb", "e\u0301\u0301\u0301\u0301\u0301",
}
