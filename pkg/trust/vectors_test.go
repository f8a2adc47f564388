package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/pkg/pqsig"
)

var update = flag.Bool("update", false, "make the files of testdata/trust again")

// vectorSeed derives a test key. Everyone has it: never use it for anything else.
func vectorSeed(name string, size int) (seed []byte) {
	for i := 0; len(seed) < size; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "cqkit test key, never use it: trust %s %d", name, i))
		seed = append(seed, sum[:]...)
	}
	return seed[:size]
}

func vectorKey(t testing.TB, alg pqsig.Algorithm, name string) *pqsig.PrivateKey {
	t.Helper()
	k, err := pqsig.NewPrivateKey(alg, vectorSeed(name, alg.SeedSize()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// realVerify is what programs hand to this package.
func realVerify(der []byte, context string, msg, sig []byte) error {
	key, err := rootKey(der)
	if err != nil {
		return err
	}
	p, err := pqsig.ParsePublicKey(pqsig.SLHDSASHA2256s, key)
	if err != nil {
		return err
	}
	return p.Verify(msg, context, sig)
}

// makeVectors makes all files of testdata/trust but those of the timestamps, which are
// OpenSSL's.
func makeVectors(t *testing.T) map[string][]byte {
	t.Helper()
	root := vectorKey(t, pqsig.SLHDSASHA2256s, "root")
	pilot, second := vectorKey(t, pqsig.MLDSA87, "pilot").Public(), vectorKey(t, pqsig.MLDSA87, "second").Public()
	l := NewList(root.Public().Fingerprint())
	files := map[string][]byte{}
	sign := func(name string) {
		if err := l.Sign("fleet-root", root.Public().SPKI(), root.SignDeterministic); err != nil {
			t.Fatal(err)
		}
		files[name] = l.Bytes()
	}
	step := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	step(l.Revoke(at("2026-11-21T02:10:00Z"), Revocation{Fingerprint: second.Fingerprint(), From: at("2026-11-18T00:00:00Z"), Reason: Compromised, Text: "laptop stolen at the field"}))
	sign("fleet-1.revoked")
	step(l.Renew(at("2026-12-21T02:10:00Z")))
	step(l.Revoke(at("2027-01-05T09:00:00Z"), Revocation{Fingerprint: second.Fingerprint(), Reason: Lost}))
	sign("fleet.revoked")
	w, _ := testWitness(t, "witness.example/w1")
	w.Label = "our witness"
	files["small.trust"] = (&File{Keys: []*Key{{Fingerprint: pilot.Fingerprint(), DER: pilot.SPKI()}}}).Append(nil)
	files["empty.trust"] = new(File).Append(nil)
	files["fleet.trust"] = (&File{
		Root: &Root{Fingerprint: root.Public().Fingerprint(), Label: "fleet root", DER: root.Public().SPKI(), Revoked: l},
		Keys: []*Key{
			{Fingerprint: pilot.Fingerprint(), Label: "pilot-7 Ωmega", DER: pilot.SPKI(), Since: at("2026-01-01T00:00:00Z"), Until: at("2026-12-31T23:59:59Z")},
			{Fingerprint: second.Fingerprint(), DER: second.SPKI()},
		},
		Witnesses: []*Witness{w}, Authorities: []*Authority{authority(t, "ca.pem"), authority(t, "tsa.pem")},
	}).Append(nil)
	return files
}

func TestVectors(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "trust")
	if *update {
		for name, data := range makeVectors(t) {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	} else if !testing.Short() {
		for name, data := range makeVectors(t) {
			if !bytes.Equal(vector(t, name), data) {
				t.Errorf("%s is not what it is made to be", name)
			}
		}
	}
	for _, name := range []string{"small.trust", "empty.trust", "fleet.trust"} {
		data := vector(t, name)
		f, err := ParseFile(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(f.Append(nil), data) {
			t.Errorf("%s: written another way than it was read", name)
		}
		r := new(Registry)
		if err := r.AddFile(f, realVerify); err != nil || len(r.Keys()) != len(f.Keys) {
			t.Errorf("%s: %d keys, %v", name, len(r.Keys()), err)
		}
		for _, k := range f.Keys {
			if v, revoked := r.Revoked(k.Fingerprint); revoked && !v.From.IsZero() {
				t.Errorf("%s: the step that goes back furthest is not the one that counts: %v", name, v)
			}
		}
	}
	short, err := ParseList(vector(t, "fleet-1.revoked"))
	if err != nil {
		t.Fatal(err)
	}
	long, err := ParseList(vector(t, "fleet.revoked"))
	if err != nil || !long.Extends(short) || len(long.Steps) != 3 || !bytes.Equal(long.Bytes(), vector(t, "fleet.revoked")) {
		t.Fatal("the lists are not one the beginning of the other", err)
	}
}

// fault is a file that must be refused, made of a good one by one replacement.
type fault struct{ name, from, old, new, want string }

var faults = []fault{
	{"version.trust", "small.trust", "trust/v1", "trust/v2", "line 1: a trust file of a version"},
	{"no-empty-line.trust", "small.trust", "v1\n\n", "v1\n", "line 2: want an empty line"},
	{"two-empty-lines.trust", "small.trust", "v1\n\n", "v1\n\n\n", "line 3: want a root, key"},
	{"unknown-entry.trust", "small.trust", "key SHA", "kye SHA", "line 3: want a root, key"},
	{"other-fingerprint.trust", "small.trust", "key SHA256:", "key SHA256:A", "is not a fingerprint"},
	{"other-key.trust", "small.trust", "MIIK", "MIIL", "line 4: the block below has the fingerprint"},
	{"crlf.trust", "small.trust", "v1\n", "v1\r\n", "line 1: control character"},
	{"empty-label.trust", "small.trust", "\n-----BEGIN", "\nlabel \n-----BEGIN", "line 4: label: text is empty"},
	{"label-space.trust", "small.trust", "\n-----BEGIN", "\nlabel x \n-----BEGIN", "line 4: label: text begins or ends"},
	{"label-invisible.trust", "small.trust", "\n-----BEGIN", "\nlabel a\u202eb\n-----BEGIN", "does not print (U+202E)"},
	{"label-twice.trust", "small.trust", "\n-----BEGIN", "\nlabel x\nlabel x\n-----BEGIN", "line 5: want a PUBLIC KEY block"},
	{"until-since.trust", "small.trust", "\n-----BEGIN", "\nuntil 2026-01-01T00:00:00Z\nsince 2026-01-01T00:00:00Z\n-----BEGIN", "line 5: want a PUBLIC KEY block"},
	{"since-after-until.trust", "small.trust", "\n-----BEGIN", "\nsince 2026-01-02T00:00:00Z\nuntil 2026-01-01T00:00:00Z\n-----BEGIN", "line 5: since is after until"},
	{"impossible-date.trust", "small.trust", "\n-----BEGIN", "\nsince 2026-02-30T00:00:00Z\n-----BEGIN", "line 4: since is not like"},
	{"fraction.trust", "small.trust", "\n-----BEGIN", "\nsince 2026-02-03T00:00:00.0Z\n-----BEGIN", "line 4: since is not like"},
	{"header-in-block.trust", "small.trust", "-----BEGIN PUBLIC KEY-----\n", "-----BEGIN PUBLIC KEY-----\nA: b\n\n", "not in its one spelling"},
	{"no-end.trust", "small.trust", "-----END PUBLIC KEY-----\n", "", "the PUBLIC KEY block has no end"},
	{"no-last-line-feed.trust", "small.trust", "-----END PUBLIC KEY-----\n", "-----END PUBLIC KEY-----", "the PUBLIC KEY block has no end"},
	{"step-number.revoked", "fleet-1.revoked", "\n1 2026", "\n2 2026", "line 3: want step 1"},
	{"reason.revoked", "fleet-1.revoked", " compromised ", " Compromised ", "line 3: \"Compromised\" is no reason"},
	{"no-steps.revoked", "fleet-1.revoked", "", "", "line 2: a list without steps"},
	{"no-signature.revoked", "fleet-1.revoked", "\n— ", "\n- ", "line 5: want a signature line"},
	{"version.revoked", "fleet-1.revoked", "revocations/v1", "revocations/v9", "line 1: a revocation list of a version"},
	{"edited.revoked", "fleet-1.revoked", "2026-11-18T00", "2026-11-19T00", "the signature of the revocation list does not hold"},
	{"other-name.revoked", "fleet-1.revoked", "— fleet-root", "— fleet-rood", "the signature of the revocation list does not hold"},
}

func (f fault) make(t *testing.T) []byte {
	good := vector(t, f.from)
	if f.name == "no-steps.revoked" {
		lines := bytes.SplitAfter(good, []byte("\n"))
		return bytes.Join(append(lines[:2:2], lines[3:]...), nil)
	}
	if !bytes.Contains(good, []byte(f.old)) {
		t.Fatalf("%s: %q is not in %s", f.name, f.old, f.from)
	}
	return bytes.Replace(good, []byte(f.old), []byte(f.new), 1)
}

func TestBadVectors(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "trust", "bad")
	named := map[string]bool{}
	for _, f := range faults {
		named[f.name] = true
		path := filepath.Join(dir, f.name)
		if *update {
			if err := os.WriteFile(path, f.make(t), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, f.make(t)) {
			t.Errorf("%s is not what it is made to be", f.name)
		}
		if strings.HasSuffix(f.name, ".trust") {
			_, err = ParseFile(data)
		} else {
			var l *List
			if l, err = ParseList(data); err == nil {
				err = l.Verify(vectorKey(t, pqsig.SLHDSASHA2256s, "root").Public().SPKI(), realVerify)
			}
		}
		if err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%s: got %v, want %q", f.name, err, f.want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !named[e.Name()] {
			t.Errorf("nothing says why %s is bad", e.Name())
		}
	}
}

// TestMangledList: of a list with a real signature every changed byte and every
// truncation is refused.
func TestMangledList(t *testing.T) {
	good := vector(t, "fleet-1.revoked")
	root := vectorKey(t, pqsig.SLHDSASHA2256s, "root").Public().SPKI()
	try := func(data []byte) error {
		l, err := ParseList(data)
		if err != nil {
			return err
		}
		return l.Verify(root, realVerify)
	}
	if err := try(good); err != nil {
		t.Fatal(err)
	}
	text := bytes.Index(good, []byte("\n— ")) + 1
	step := 509 // a signature costs a millisecond to check, or several
	if testing.Short() {
		step = 4001
	}
	for i := 0; i < len(good); i++ {
		if i > text+40 && i < len(good)-40 && i%step != 0 {
			continue
		}
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if try(bad) == nil {
			t.Errorf("byte %d changed", i)
		}
		if try(good[:i]) == nil {
			t.Errorf("cut to %d bytes", i)
		}
	}
	if try(append(bytes.Clone(good), '\n')) == nil {
		t.Error("a line feed behind it")
	}
	// Signed under another context, as a seal of an SLH-DSA key would be.
	var parse *ParseError
	if _, err := ParseList(good[1:]); !errors.As(err, &parse) || parse.Line != 1 {
		t.Errorf("where: %v", err)
	}
}

// TestMangledFile: every changed byte of a trust file is refused or makes another file
// in its one spelling.
func TestMangledFile(t *testing.T) {
	w, _ := testWitness(t, "w")
	w.Label = "a witness"
	k := keyOf("k") // short: what is in a block is not looked into
	k.Label, k.Since, k.Until = "Ωmega", at("2026-01-01T00:00:00Z"), at("2026-12-31T23:59:59Z")
	root := fakeRoot(1)
	good := (&File{
		Root: &Root{Fingerprint: Fingerprint(root), DER: root}, Keys: []*Key{k, keyOf("l")}, Witnesses: []*Witness{w},
		Authorities: []*Authority{authority(t, "ca.pem")},
	}).Append(nil)
	if f, err := ParseFile(good); err != nil || !bytes.Equal(f.Append(nil), good) {
		t.Fatal(err)
	}
	for i := range good {
		if f, err := ParseFile(good[:i]); err == nil && !bytes.Equal(f.Append(nil), good[:i]) {
			t.Fatalf("cut to %d bytes", i)
		}
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= bit
			if f, err := ParseFile(bad); err == nil && !bytes.Equal(f.Append(nil), bad) {
				t.Fatalf("byte %d: read as something that is written another way", i)
			}
		}
	}
}

func FuzzParseFile(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("..", "..", "testdata", "trust", "*", "*.trust"))
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range append(seeds, filepath.Join("..", "..", "testdata", "trust", "fleet.trust"), filepath.Join("..", "..", "testdata", "trust", "small.trust")) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := ParseFile(data); err == nil && !bytes.Equal(file.Append(nil), data) {
			t.Errorf("read as something that is written another way")
		}
	})
}

func FuzzParseList(f *testing.F) {
	for _, name := range []string{"fleet.revoked", "fleet-1.revoked", "bad/reason.revoked"} {
		f.Add(vector(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseList(data)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Bytes(), data) {
			t.Errorf("read as something that is written another way")
		}
		for i := range l.Steps {
			l.Digest(i)
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	note := vector(f, "note")
	by := []*Authority{authority(f, "ca.pem"), authority(f, "tsa.pem")}
	for _, name := range []string{"rsa.tst", "ecdsa.tst", "nocert.tst", "rsa.tsr"} {
		f.Add(vector(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		token, err := TimestampToken(data)
		if err != nil {
			return
		}
		Imprinted(token, note)
		if at, _, err := stamp(token, note, by); err == nil && at.Year() != 2026 {
			t.Errorf("counts from %v", at)
		}
	})
}

func FuzzParseWitness(f *testing.F) {
	w, key := testWitness(f, "w")
	c, err := w.Cosign([]byte("x\n"), at("2026-01-01T00:00:00Z"), key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(w.String())
	f.Add(c.String())
	f.Add("— w " + base64.StdEncoding.EncodeToString(make([]byte, cosignatureSize)))
	f.Fuzz(func(t *testing.T, s string) {
		if w, err := ParseWitness(s); err == nil && w.String() != s {
			t.Errorf("%q is written %q", s, w)
		}
		if c, err := ParseCosignature(s); err == nil && c.String() != s {
			t.Errorf("%q is written %q", s, c)
		}
	})
}
