package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/trust"
)

// signing is when the test logs are sealed, by their signer's claim.
var signing = time.Unix(1_763_690_000, 0)

// verifier is somebody who trusts the test key, through a trust file.
type verifier struct {
	*trust.Registry
	file *trust.File
	root []byte
}

func newVerifier(t testing.TB, since, until time.Time) *verifier {
	t.Helper()
	_, key := testKey(t, 1)
	spki := append([]byte("\x30\x50\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x18\x03\x41\x00"), make([]byte, 64)...)
	v := &verifier{new(trust.Registry), &trust.File{
		Root: &trust.Root{Fingerprint: trust.Fingerprint(spki), DER: spki},
		Keys: []*trust.Key{{Fingerprint: key.Fingerprint, DER: key.Public.SPKI(), Since: since, Until: until}},
	}, spki}
	v.add(t)
	return v
}

// add takes the file in again. Lists are not signed here: package trust tests that.
func (v *verifier) add(t testing.TB) {
	t.Helper()
	if err := v.AddFile(v.file, func([]byte, string, []byte, []byte) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// revoke revokes the test key from a time on.
func (v *verifier) revoke(t testing.TB, from time.Time) {
	t.Helper()
	l := trust.NewList(v.file.Root.Fingerprint)
	if err := l.Revoke(signing.AddDate(1, 0, 0), trust.Revocation{Fingerprint: v.file.Keys[0].Fingerprint, From: from, Reason: trust.Compromised}); err != nil {
		t.Fatal(err)
	}
	if err := l.Sign("root", v.root, func([]byte, string) ([]byte, error) { return make([]byte, 29792), nil }); err != nil {
		t.Fatal(err)
	}
	v.file.Root.Revoked = l
	v.add(t)
}

// witness names a witness, and returns what it cosigns a note with.
func (v *verifier) witness(t testing.TB, name string, named bool) func(text []byte, at time.Time) trust.Attestation {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	w, err := trust.NewWitness(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if named {
		v.file.Witnesses = append(v.file.Witnesses, w)
		v.add(t)
	}
	return func(text []byte, at time.Time) trust.Attestation {
		c, err := w.Cosign(text, at, key)
		if err != nil {
			t.Fatal(err)
		}
		return trust.Attestation{Cosignature: c}
	}
}

func (v *verifier) judge(t testing.TB, s sealed, seal []byte) *Verdict {
	t.Helper()
	q := s.request(t, s.log)
	q.Seal, q.Keys[0].Trust = seal, v.Registry
	return judge(t, q)
}

func notes(t testing.TB, seal []byte) []*Note {
	t.Helper()
	p, err := Parse(seal)
	if err != nil {
		t.Fatal(err)
	}
	return p.Notes
}

func attach(t testing.TB, seal []byte, attestations ...trust.Attestation) []byte {
	t.Helper()
	data, err := Attach(seal, attestations...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRevokedKey(t *testing.T) {
	revoked := signing.AddDate(0, 1, 0)
	v := newVerifier(t, time.Time{}, time.Time{})
	cosign, stranger := v.witness(t, "w1", true), v.witness(t, "w2", false)
	one := sealLog(t, smallLog(t), nil)
	many := sealLog(t, smallLog(t), func(o *Options) { o.EveryRecords = 3 })
	text := func(s sealed, i int) []byte {
		n := notes(t, s.seal)
		return n[(i+len(n))%len(n)].Text()
	}
	other := sealLog(t, smallLog(t), nil) // of the same log, with another id
	before, after := revoked.Add(-time.Second), revoked

	if got := v.judge(t, one, attach(t, one.seal, cosign(text(one, 0), before))); got.Outcome != Valid || got.Proof == nil || got.Revoked != nil || len(got.Warnings) > 0 {
		t.Errorf("not revoked: %v, %+v", got.Outcome, got.Standing)
	}
	v.revoke(t, revoked)
	for _, c := range []struct {
		name    string
		log     sealed
		seal    []byte
		want    Outcome
		warning string
	}{
		{"nothing attested", one, one.seal, Untrusted, ""},
		{"before", one, attach(t, one.seal, cosign(text(one, 0), before)), Valid, "it was there before"},
		{"at the same second", one, attach(t, one.seal, cosign(text(one, 0), after)), Untrusted, ""},
		{"after and before", one, attach(t, one.seal, cosign(text(one, 0), after), cosign(text(one, 0), before)), Valid, "it was there before"},
		{"by a stranger", one, attach(t, one.seal, stranger(text(one, 0), before)), Untrusted, "by none of those given as witnesses"},
		{"of another seal", one, attach(t, one.seal, cosign(text(other, 0), before)), Untrusted, "does not hold"},
		{"several notes, the last one", many, attach(t, many.seal, cosign(text(many, -1), before)), Valid, "it was there before"},
		// Whoever has the key can go on from a note that was attested.
		{"several notes, the first one", many, attach(t, many.seal, cosign(text(many, 0), before)), Untrusted, "does not hold"},
		{"several notes, all but the last", many, attach(t, many.seal, cosign(text(many, -2), before)), Untrusted, "does not hold"},
	} {
		got := v.judge(t, c.log, c.seal)
		if got.Outcome != c.want || !strings.Contains(strings.Join(got.Warnings, "\n"), c.warning) || got.Revoked == nil {
			t.Errorf("%s: %v, %q, want %v", c.name, got.Outcome, got.Warnings, c.want)
		}
		if (got.Refusal != nil) != (c.want == Untrusted) || got.Key == nil {
			t.Errorf("%s: refusal %v, key %v", c.name, got.Refusal, got.Key)
		}
	}

	// An attestation says nothing about a log that was changed.
	changed := bytes.Clone(one.log)
	changed[len(changed)-1] ^= 1
	q := one.request(t, changed)
	q.Seal, q.Keys[0].Trust = attach(t, one.seal, cosign(text(one, 0), before)), v.Registry
	if got := judge(t, q); got.Outcome != Altered {
		t.Errorf("changed log: %v", got.Outcome)
	}

}

func TestWindow(t *testing.T) {
	one := sealLog(t, smallLog(t), nil)
	now := signing
	growing := sealLog(t, smallLog(t), func(o *Options) {
		o.EveryRecords = 3
		o.Clock = func() time.Time { now = now.Add(time.Hour); return now }
	})
	for _, c := range []struct {
		name         string
		log          sealed
		since, until time.Duration // from the signing on
		why          trust.Why
	}{
		{"inside", one, -time.Hour, time.Hour, ""},
		{"at both ends", one, 0, 0, ""},
		{"too early", one, time.Second, time.Hour, trust.TooEarly},
		{"too late", one, -time.Hour, -time.Second, trust.TooLate},
		{"all notes inside", growing, 0, 1000 * time.Hour, ""},
		{"a note too late", growing, 0, 90 * time.Minute, trust.TooLate},
		{"a note too early", growing, 90 * time.Minute, 1000 * time.Hour, trust.TooEarly},
	} {
		got := newVerifier(t, signing.Add(c.since), signing.Add(c.until)).judge(t, c.log, c.log.seal)
		switch {
		case c.why == "" && (got.Outcome != Valid || got.Refusal != nil):
			t.Errorf("%s: %v: %s", c.name, got.Outcome, got.Reason)
		case c.why != "" && (got.Outcome != Untrusted || got.Refusal == nil || got.Refusal.Why != c.why):
			t.Errorf("%s: %v, %+v", c.name, got.Outcome, got.Refusal)
		}
	}
}

// TestMangledAttestations: an attestation that was touched helps no revoked key, and
// harms no other.
func TestMangledAttestations(t *testing.T) {
	for _, log := range [][]byte{smallLog(t), nil} { // with and without tiles
		s := sealLog(t, log, nil)
		v := newVerifier(t, time.Time{}, time.Time{})
		cosign := v.witness(t, "w1", true)
		good := attach(t, s.seal, cosign(notes(t, s.seal)[0].Text(), signing.Add(time.Hour)))
		revoking := newVerifier(t, time.Time{}, time.Time{})
		revoking.witness(t, "w1", true)
		revoking.revoke(t, signing.Add(2*time.Hour))
		if got := revoking.judge(t, s, good); got.Outcome != Valid {
			t.Fatal(got.Reason)
		}
		try := func(what string, i int, seal []byte) {
			if got := revoking.judge(t, s, seal); got.Outcome != Untrusted && got.Outcome != Malformed {
				t.Fatalf("%s %d: %v by a revoked key", what, i, got.Outcome)
			}
			// Without tiles nothing tells a damaged first line from something joined on.
			if got := v.judge(t, s, seal); got.Outcome != Valid && !(log == nil && got.Outcome == Malformed) {
				t.Fatalf("%s %d: %v: %s", what, i, got.Outcome, got.Reason)
			}
		}
		for i := len(s.seal); i < len(good); i += scaleDown(1) {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			try("byte", i, bad)
			try("cut to", i, good[:i])
		}
		// A second seal behind an attestation is no helper.
		if got := v.judge(t, s, append(bytes.Clone(good), s.seal...)); got.Outcome != Malformed {
			t.Errorf("joined: %v", got.Outcome)
		}
	}
}

func TestAttach(t *testing.T) {
	s := sealLog(t, smallLog(t), func(o *Options) { o.EveryRecords = 3 })
	cosign := newVerifier(t, time.Time{}, time.Time{}).witness(t, "w", false)
	text := s.seal[:bytes.Index(s.seal, []byte("\n\n"))+1]
	a, b := cosign(text, signing), trust.Attestation{Timestamp: []byte{0x30, 1, 2}}
	both := attach(t, s.seal, a, b, a)
	if again := attach(t, both, b, a); !bytes.Equal(both, again) {
		t.Error("attached twice")
	}
	p, err := Parse(both)
	if err != nil || len(p.Attestations) != 2 || !p.Attestations[0].Equal(a) || !p.Attestations[1].Equal(b) || p.Tiles == nil {
		t.Fatalf("%+v, %v", p, err)
	}
	many := both
	for i := 2; i < MaxAttestations; i++ {
		many = attach(t, many, cosign(text, signing.Add(time.Duration(i)*time.Second)))
	}
	if _, err := Attach(many, cosign(text, signing.Add(-time.Hour))); err == nil {
		t.Error("more attestations than a seal may have")
	}
	for name, bad := range map[string][]byte{
		"no seal":        []byte("x"),
		"torn":           s.seal[:bytes.LastIndex(s.seal, []byte("— "))],
		"damaged tiles":  s.seal[:len(s.seal)-3],
		"damaged before": both[:len(both)-3],
	} {
		if _, err := Attach(bad, a); err == nil {
			t.Errorf("%s: attached", name)
		}
	}
	if _, err := Attach(s.seal, trust.Attestation{}); err == nil {
		t.Error("attached nothing")
	}
}

func TestCheckNotes(t *testing.T) {
	s := sealLog(t, smallLog(t), func(o *Options) { o.EveryRecords = 3 })
	_, key := testKey(t, 1)
	_, wrong := testKey(t, 2)
	all := notes(t, s.seal)
	own := func(string) (*Key, error) { return &key, nil }
	if n, err := CheckNotes(s.seal, own); err != nil || n.Digest() != all[len(all)-1].Digest() {
		t.Errorf("%v", err)
	}
	refused := errors.New("refused")
	if _, err := CheckNotes(s.seal, func(string) (*Key, error) { return nil, refused }); err != refused {
		t.Errorf("lookup: %v", err)
	}
	if _, err := CheckNotes(s.seal, func(string) (*Key, error) { return &wrong, nil }); err == nil {
		t.Error("another key")
	}
	wrong.Fingerprint = key.Fingerprint
	if _, err := CheckNotes(s.seal, func(string) (*Key, error) { return &wrong, nil }); err == nil {
		t.Error("another key of the same name")
	}
	if _, err := CheckNotes(s.seal[:len(s.seal)/2], own); err == nil {
		t.Error("torn")
	}
}
