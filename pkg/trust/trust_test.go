package trust

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A stand-in for SLH-DSA, fast enough to try thousands of lists: the signature is the
// digest of what is signed, repeated. What a real root signs is in vectors_test.go.
func fakeSignature(der []byte, context string, msg []byte) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%x|%s|%s", der, context, msg))
	return bytes.Repeat(sum[:], rootSignatureSize/len(sum))
}

func fakeVerify(der []byte, context string, msg, sig []byte) error {
	if !bytes.Equal(sig, fakeSignature(der, context, msg)) {
		return errors.New("bad signature")
	}
	return nil
}

func fakeSign(der []byte) Sign {
	return func(msg []byte, context string) ([]byte, error) { return fakeSignature(der, context, msg), nil }
}

func fakeRoot(b byte) []byte {
	return append([]byte(rootSPKI), bytes.Repeat([]byte{b}, rootKeySize)...)
}

func at(s string) time.Time {
	t, ok := parseTime(s)
	if !ok {
		panic(s)
	}
	return t
}

func keyOf(s string) *Key { return &Key{Fingerprint: Fingerprint([]byte(s)), DER: []byte(s)} }

// signed returns a list with the given steps: "FP FROM" or "renew".
func signed(t *testing.T, root []byte, steps ...string) *List {
	t.Helper()
	l := NewList(Fingerprint(root))
	for i, s := range steps {
		issued := at("2026-06-01T00:00:00Z").Add(time.Duration(i) * time.Hour)
		var err error
		if name, from, ok := strings.Cut(s, " "); ok {
			v := Revocation{Fingerprint: keyOf(name).Fingerprint, Reason: Compromised}
			if from != "-" {
				v.From = at(from)
			}
			err = l.Revoke(issued, v)
		} else {
			err = l.Renew(issued)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sign("root", root, fakeSign(root)); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDecisions is the table of docs/trust-format.md, "What a revocation means".
func TestDecisions(t *testing.T) {
	root := fakeRoot(1)
	windowed := keyOf("windowed")
	windowed.Since, windowed.Until = at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z")
	r := new(Registry)
	if err := r.AddFile(&File{
		Root: &Root{Fingerprint: Fingerprint(root), DER: root,
			Revoked: signed(t, root, "stolen 2026-05-01T00:00:00Z", "never -", "stolen 2026-04-01T00:00:00Z", "stolen 2026-05-05T00:00:00Z", "windowed 2026-02-20T00:00:00Z")},
		Keys: []*Key{windowed, keyOf("good"), keyOf("stolen"), keyOf("never")},
	}, fakeVerify); err != nil {
		t.Fatal(err)
	}
	proof := func(s string) *Proof { return &Proof{at(s), "somebody"} }
	for _, c := range []struct {
		name, key, at string
		proof         *Proof
		live, signed  Why
	}{
		{"unknown", "other", "2026-02-02T00:00:00Z", nil, Unknown, Unknown},
		{"unknown, with a proof", "other", "2026-02-02T00:00:00Z", proof("2026-02-02T00:00:00Z"), Unknown, Unknown},
		{"good", "good", "2026-02-02T00:00:00Z", nil, "", ""},
		{"before the window", "windowed", "2026-01-31T23:59:59Z", proof("2026-02-01T00:00:00Z"), TooEarly, TooEarly},
		{"the window's first second", "windowed", "2026-02-01T00:00:00Z", proof("2026-02-01T00:00:00Z"), "", ""},
		{"after the window, and revoked", "windowed", "2026-03-01T00:00:01Z", proof("2026-02-19T00:00:00Z"), Revoked, TooLate},
		{"revoked from the beginning", "never", "2020-01-01T00:00:00Z", proof("2020-01-01T00:00:00Z"), Revoked, Revoked},
		{"before the revocation, as claimed", "stolen", "2026-03-31T00:00:00Z", nil, "", Revoked},
		{"before the revocation, as proved", "stolen", "2026-03-31T00:00:00Z", proof("2026-03-31T23:59:59Z"), "", ""},
		{"at the revocation", "stolen", "2026-04-01T00:00:00Z", proof("2026-04-01T00:00:00Z"), Revoked, Revoked},
		{"a later step does not give back", "stolen", "2026-04-15T00:00:00Z", proof("2026-04-15T00:00:00Z"), Revoked, Revoked},
	} {
		fingerprint := keyOf(c.key).Fingerprint
		check := func(what string, want Why, k *Key, err error) {
			var refusal *Refusal
			got := Why("")
			if errors.As(err, &refusal) {
				got = refusal.Why
			}
			if got != want || (err == nil) != (want == "") {
				t.Errorf("%s: %s: got %v, want %q", c.name, what, err, want)
			}
			if err == nil && k.Fingerprint != fingerprint {
				t.Errorf("%s: %s: another key", c.name, what)
			}
		}
		k, err := r.Live(fingerprint, at(c.at))
		check("live", c.live, k, err)
		k, err = r.Signed(fingerprint, at(c.at), c.proof)
		check("signed", c.signed, k, err)
	}
}

// TestSeveralRoots: of what several roots say the earliest counts, in whatever order.
func TestSeveralRoots(t *testing.T) {
	a, b := fakeRoot(1), fakeRoot(2)
	files := []*File{
		{Root: &Root{Fingerprint: Fingerprint(a), DER: a, Revoked: signed(t, a, "k 2026-05-01T00:00:00Z", "k 2026-03-01T00:00:00Z")}},
		{Root: &Root{Fingerprint: Fingerprint(b), DER: b, Revoked: signed(t, b, "k 2026-04-01T00:00:00Z", "l -")}, Keys: []*Key{keyOf("k"), keyOf("l")}},
	}
	for _, order := range [][]int{{0, 1}, {1, 0}, {0, 1, 0, 1}} {
		r := new(Registry)
		for _, i := range order {
			if err := r.AddFile(files[i], fakeVerify); err != nil {
				t.Fatal(err)
			}
		}
		if v, ok := r.Revoked(keyOf("k").Fingerprint); !ok || !v.From.Equal(at("2026-03-01T00:00:00Z")) {
			t.Errorf("%v: %v", order, v)
		}
		if v, ok := r.Revoked(keyOf("l").Fingerprint); !ok || !v.From.IsZero() || len(r.Roots()) != 2 {
			t.Errorf("%v: %v", order, v)
		}
		if _, ok := r.Revoked(keyOf("m").Fingerprint); ok {
			t.Errorf("%v: revoked by nobody", order)
		}
	}
}

func TestKeyGivenTwice(t *testing.T) {
	a, b := keyOf("k"), keyOf("k")
	a.Since, a.Until, a.Label = at("2026-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z"), "first"
	b.Since, b.Label = at("2026-02-01T00:00:00Z"), "second"
	for _, order := range [][]*Key{{a, b, keyOf("k")}, {keyOf("k"), a, b}, {a, keyOf("k"), b}} {
		r := new(Registry)
		for _, k := range order {
			r.AddKey(k)
		}
		if got := r.Keys(); len(got) != 1 || !got[0].Since.Equal(b.Since) || !got[0].Until.Equal(a.Until) || got[0].Label != "first" {
			t.Errorf("%+v", got[0])
		}
	}
	if a.Label != "first" || !a.Since.Equal(at("2026-01-01T00:00:00Z")) {
		t.Error("the caller's key was changed")
	}
}

// TestListsOnlyGrow: of lists of one root the longest counts whatever the order they
// come in, a fork is refused, and so is a list that nobody named, or signed.
func TestListsOnlyGrow(t *testing.T) {
	root := fakeRoot(1)
	short := signed(t, root, "a 2026-05-01T00:00:00Z")
	long := signed(t, root, "a 2026-05-01T00:00:00Z", "renew", "b -")
	fork := signed(t, root, "b -", "a 2026-05-01T00:00:00Z", "renew", "renew")
	for _, c := range []struct {
		name  string
		lists []*List
		steps int
		err   error
	}{
		{"growing", []*List{short, long}, 3, nil},
		{"an old one comes later", []*List{long, short, long}, 3, nil},
		{"fork", []*List{long, fork}, 3, ErrFork},
		{"fork of an older one", []*List{fork, short}, 4, ErrFork},
	} {
		r := new(Registry)
		if err := r.AddFile(&File{Root: &Root{Fingerprint: Fingerprint(root), DER: root}}, fakeVerify); err != nil {
			t.Fatal(err)
		}
		var err error
		for _, l := range c.lists {
			if err = r.AddList(l, fakeVerify); err != nil {
				break
			}
		}
		if n := len(r.Roots()[0].Revoked.Steps); err != c.err || n != c.steps {
			t.Errorf("%s: %d steps, %v; want %d, %v", c.name, n, err, c.steps, c.err)
		}
	}
	if !long.Extends(short) || short.Extends(long) || fork.Extends(short) || long.Digest(1) != short.Digest(1) || fork.Digest(1) == short.Digest(1) {
		t.Error("Extends or Digest")
	}

	r := new(Registry)
	if err := r.AddList(short, fakeVerify); err == nil || errors.Is(err, ErrBadSignature) {
		t.Errorf("a list of a root that nobody named: %v", err)
	}
	other := fakeRoot(2)
	if err := short.Verify(other, fakeVerify); err != ErrBadSignature {
		t.Errorf("another root: %v", err)
	}
	renamed := signed(t, root, "a 2026-05-01T00:00:00Z")
	renamed.Name = "other"
	if err := renamed.Verify(root, fakeVerify); err != ErrBadSignature {
		t.Errorf("the name does not fit the key hash: %v", err)
	}
	if err := short.Sign("root", other, fakeSign(other)); err == nil {
		t.Error("signed by another root")
	}
	grown := signed(t, root, "renew")
	if err := grown.Renew(at("2026-07-01T00:00:00Z")); err != nil || grown.Bytes() != nil || grown.Verify(root, fakeVerify) == nil {
		t.Error("a list that grew is still signed")
	}
}

func TestSteps(t *testing.T) {
	fp := keyOf("k").Fingerprint
	now := at("2026-06-01T00:00:00Z")
	for name, step := range map[string]func(l *List) error{
		"earlier than the step above": func(l *List) error { return l.Renew(now.Add(-time.Second)) },
		"half a second":               func(l *List) error { return l.Renew(now.Add(time.Second / 2)) },
		"year 10000":                  func(l *List) error { return l.Renew(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"no fingerprint":              func(l *List) error { return l.Revoke(now, Revocation{Reason: Lost}) },
		"no reason":                   func(l *List) error { return l.Revoke(now, Revocation{Fingerprint: fp}) },
		"text with a line feed":       func(l *List) error { return l.Revoke(now, Revocation{Fingerprint: fp, Reason: Lost, Text: "a\nb"}) },
		"before 1970": func(l *List) error {
			return l.Revoke(now, Revocation{Fingerprint: fp, Reason: Lost, From: time.Unix(-1, 0)})
		},
		"itself": func(l *List) error { return l.Revoke(now, Revocation{Fingerprint: l.Root, Reason: Lost}) },
	} {
		l := NewList(Fingerprint(fakeRoot(1)))
		if err := l.Renew(now); err != nil {
			t.Fatal(err)
		}
		if err := step(l); err == nil || len(l.Steps) != 1 {
			t.Errorf("%s: %v, %d steps", name, err, len(l.Steps))
		}
	}
}
