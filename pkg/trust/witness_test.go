package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func testWitness(t testing.TB, name string) (*Witness, ed25519.PrivateKey) {
	t.Helper()
	seed := sha256.Sum256([]byte("cqkit test witness " + name))
	key := ed25519.NewKeyFromSeed(seed[:])
	w, err := NewWitness(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return w, key
}

// TestCosignature writes the line by the words of C2SP tlog-cosignature and compares.
func TestCosignature(t *testing.T) {
	w, key := testWitness(t, "witness.example/w1")
	public := key.Public().(ed25519.PublicKey)
	text := []byte("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")
	id := sha256.Sum256(append([]byte("witness.example/w1\n\x04"), public...))
	raw := binary.BigEndian.AppendUint64(bytes.Clone(id[:4]), 1679315147)
	raw = append(raw, ed25519.Sign(key, []byte("cosignature/v1\ntime 1679315147\n"+string(text)))...)
	want := "— witness.example/w1 " + base64.StdEncoding.EncodeToString(raw)

	c, err := w.Cosign(text, time.Unix(1679315147, 999), key)
	if err != nil || c.String() != want {
		t.Fatalf("got %v, %v, want %s", c, err, want)
	}
	parsed, err := ParseCosignature(want)
	if err != nil || w.Verify(text, parsed) != nil || !parsed.Time.Equal(time.Unix(1679315147, 0)) {
		t.Fatalf("%+v, %v", parsed, err)
	}
	vkey := fmt.Sprintf("witness.example/w1+%x+%s", id[:4], base64.StdEncoding.EncodeToString(append([]byte{4}, public...)))
	if again, err := ParseWitness(vkey); err != nil || again.String() != vkey || again.Verify(text, parsed) != nil {
		t.Errorf("%v, %v", again, err)
	}
	other, _ := testWitness(t, "witness.example/w2")
	if w.Verify(text[:len(text)-1], parsed) == nil || other.Verify(text, parsed) == nil {
		t.Error("counts for another text, or another witness")
	}
	// Every changed byte of the line.
	for i := range want {
		bad := []byte(want)
		bad[i] ^= 1
		if c, err := ParseCosignature(string(bad)); err == nil && w.Verify(text, c) == nil {
			t.Errorf("byte %d changed: %q", i, bad)
		}
		if c, err := ParseCosignature(want[:i]); err == nil && w.Verify(text, c) == nil {
			t.Errorf("cut to %d bytes", i)
		}
	}
}

func TestBadWitnesses(t *testing.T) {
	w, _ := testWitness(t, "w")
	good := w.String()
	name, rest, _ := strings.Cut(good, "+")
	hash, key, _ := strings.Cut(rest, "+")
	raw, _ := base64.StdEncoding.DecodeString(key)
	with := func(b byte) string { return base64.StdEncoding.EncodeToString(append([]byte{b}, raw[1:]...)) }
	for _, c := range []struct{ vkey, fault string }{
		{"", "name"},
		{"w", "8 hex digits"},
		{name + "+" + strings.ToUpper(hash) + "+" + key, "8 hex digits"},
		{name + "+00000000+" + key, "does not fit"},
		{"other+" + hash + "+" + key, "does not fit"},
		{"two words+" + hash + "+" + key, "white space"},
		{name + "+" + hash + "+" + with(1), "a log's verifier key"},
		{name + "+" + hash + "+" + with(6), "ML-DSA-44"},
		{name + "+" + hash + "+" + with(9), "no Ed25519"},
		{name + "+" + hash + "+" + key[:20], "no Ed25519"},
		{name + "+" + hash + "+" + key + " ", "not base64"},
	} {
		if _, err := ParseWitness(c.vkey); err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: got %v, want %q", c.vkey, err, c.fault)
		}
	}
}

// TestDate: the earliest good attestation counts, strangers and forgers do not.
func TestDate(t *testing.T) {
	w, key := testWitness(t, "w1")
	stranger, strangersKey := testWitness(t, "w2")
	text, note := []byte("text\n"), []byte("text\n\n— s x\n")
	at := func(w *Witness, key ed25519.PrivateKey, text []byte, seconds int64) Attestation {
		c, err := w.Cosign(text, time.Unix(seconds, 0), key)
		if err != nil {
			t.Fatal(err)
		}
		return Attestation{Cosignature: c}
	}
	r := Registry{witnesses: []*Witness{w}}
	p, problems := r.Date(text, note, []Attestation{
		at(w, key, text, 3000), at(stranger, strangersKey, text, 1000), at(w, key, text, 2000), at(w, key, []byte("other\n"), 500),
		{Timestamp: []byte{0x30, 0}},
	})
	if p == nil || p.Time.Unix() != 2000 || p.By != `the witness "w1"` {
		t.Errorf("got %+v", p)
	}
	if len(problems) != 3 || !errors.Is(problems[0], ErrStranger) || errors.Is(problems[1], ErrStranger) {
		t.Errorf("problems: %v", problems)
	}
	if p, problems := r.Date(text, note, nil); p != nil || problems != nil {
		t.Errorf("nothing attested: %v, %v", p, problems)
	}
	// A key ID is 4 bytes: two witnesses may share it and the name, and one of them holds.
	if !at(w, key, text, 1).Equal(at(w, key, text, 1)) || at(w, key, text, 1).Equal(at(w, key, text, 2)) ||
		at(w, key, text, 1).Equal(Attestation{Timestamp: []byte{1}}) || !(Attestation{Timestamp: []byte{1}}).Equal(Attestation{Timestamp: []byte{1}}) {
		t.Error("Equal")
	}
}
