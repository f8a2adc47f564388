package store

import (
	"regexp"
	"strings"
	"testing"
)

// What all servers take for a name, NATS (a bucket's key) being the strictest.
var goodName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func FuzzKeyName(f *testing.F) {
	seeds := []string{"", "a", "10.0.0.1", "2001:db8::/64", "..", ".a", "a.", "a..b", "*", ">", "a b", "a\r\nDEL x", "h", "\x00", "ä", strings.Repeat("a", 64), strings.Repeat("a", 65),
		strings.Repeat("a.", 32), strings.Repeat("x", 1<<16), "hLPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"}
	for i, s := range seeds {
		f.Add(s, seeds[(i+1)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		na, nb := keyName(a), keyName(b)
		if len(na) > 1+maxPlain || !goodName.MatchString(na) {
			t.Errorf("%q becomes %q", a, na)
		}
		if (na == nb) != (a == b) || (entryKey(a) == entryKey(b)) != (a == b) {
			t.Errorf("%q and %q become %q and %q, %q and %q", a, b, na, nb, entryKey(a), entryKey(b))
		}
		if len(entryKey(a)) > 4*maxPlain {
			t.Errorf("%q is remembered as %q", a, entryKey(a))
		}
		if named, ok := strings.CutPrefix(na, "k"); ok && named != a {
			t.Errorf("%q becomes %q", a, na)
		}
	})
}
