package pqkem

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/internal/avx"
)

var algorithmsUnderTest = []Algorithm{MLKEM1024, X25519MLKEM1024}

// testKey is the key of the seed fill, fill, fill, …
func testKey(tb testing.TB, alg Algorithm, fill byte) *PrivateKey {
	tb.Helper()
	k, err := NewPrivateKey(alg, bytes.Repeat([]byte{fill}, alg.SeedSize()))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestRoundTrip(t *testing.T) {
	for _, alg := range algorithmsUnderTest {
		t.Run(alg.String(), func(t *testing.T) {
			k, err := Generate(alg)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ParsePublicKey(alg, k.Public().Bytes())
			if err != nil {
				t.Fatal(err)
			}
			secret, ct, err := p.Encapsulate()
			if err != nil {
				t.Fatal(err)
			}
			if len(secret) != alg.SecretSize() || len(ct) != alg.CiphertextSize() {
				t.Fatalf("secret of %d bytes, ciphertext of %d", len(secret), len(ct))
			}
			got, err := k.Decapsulate(ct)
			if err != nil || !bytes.Equal(got, secret) {
				t.Errorf("another secret (%v)", err)
			}
			again, err := NewPrivateKey(alg, k.Seed())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := again.Decapsulate(ct); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("the seed gives another key (%v)", err)
			}
			// A changed ciphertext is no error and not the secret.
			ct[len(ct)-1] ^= 1
			if got, err = k.Decapsulate(ct); err != nil || bytes.Equal(got, secret) {
				t.Errorf("changed ciphertext: %v, same secret: %v", err, bytes.Equal(got, secret))
			}
			for _, n := range []int{0, 1, len(ct) - 1} {
				if _, err := k.Decapsulate(ct[:n]); err == nil {
					t.Errorf("ciphertext of %d bytes accepted", n)
				}
			}
			if _, err := k.Decapsulate(append(ct, 0)); err == nil {
				t.Error("long ciphertext accepted")
			}
		})
	}
}

func TestLengths(t *testing.T) {
	for _, alg := range []Algorithm{0, MLKEM1024, X25519MLKEM1024, 3, 255} {
		for _, n := range []int{-1, 1} {
			if _, err := NewPrivateKey(alg, make([]byte, max(0, alg.SeedSize()+n))); err == nil {
				t.Errorf("%v: seed off by %d accepted", alg, n)
			}
			if _, err := ParsePublicKey(alg, make([]byte, max(0, alg.PublicKeySize()+n))); err == nil {
				t.Errorf("%v: public key off by %d accepted", alg, n)
			}
		}
		if !alg.Valid() {
			if _, err := Generate(alg); err == nil {
				t.Errorf("%v accepted", alg)
			}
		}
	}
	raw := testKey(t, MLKEM1024, 1).Public().Bytes()
	raw[0], raw[1] = 0xff, raw[1]|0x0f // first coefficient 4095
	if _, err := ParsePublicKey(MLKEM1024, raw); err == nil {
		t.Error("coefficient 4095 accepted")
	}
}

func TestLowOrder(t *testing.T) {
	raw := testKey(t, X25519MLKEM1024, 1).Public().Bytes()
	clear(raw[:X25519Size])
	p, err := ParsePublicKey(X25519MLKEM1024, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Encapsulate(); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v, want %v", err, ErrRefused)
	}
}

// TestSecondImplementation exchanges secrets with the standard library's
// ML-KEM, in both directions.
func TestSecondImplementation(t *testing.T) {
	for i := range 20 {
		ours := testKey(t, MLKEM1024, byte(i))
		theirs, err := mlkem.NewDecapsulationKey1024(ours.Seed())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(theirs.EncapsulationKey().Bytes(), ours.Public().Bytes()) {
			t.Fatal("another public key")
		}
		secret, ct, err := ours.Public().Encapsulate()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := theirs.Decapsulate(ct); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("theirs opens ours differently (%v)", err)
		}
		secret, ct = theirs.EncapsulationKey().Encapsulate()
		if got, err := ours.Decapsulate(ct); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("ours opens theirs differently (%v)", err)
		}
		ct[7] ^= 4 // implicit rejection gives the same wrong secret
		a, _ := ours.Decapsulate(ct)
		b, _ := theirs.Decapsulate(ct)
		if !bytes.Equal(a, b) || bytes.Equal(a, secret) {
			t.Error("implicit rejection differs")
		}
	}
}

// TestHybridLayout takes the hybrid apart: X25519 in front, ML-KEM behind.
func TestHybridLayout(t *testing.T) {
	k := testKey(t, X25519MLKEM1024, 5)
	x, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	want := append(x.PublicKey().Bytes(), testKey(t, MLKEM1024, 5).Public().Bytes()...)
	if !bytes.Equal(k.Public().Bytes(), want) {
		t.Error("public key is not X25519 ‖ ML-KEM-1024")
	}
}

func TestNothingSecretPrinted(t *testing.T) {
	for _, alg := range algorithmsUnderTest {
		k := testKey(t, alg, 0xA7)
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", k)
			fmt.Fprintf(&out, verb+"\n", *k)
			fmt.Fprintf(&out, verb+"\n", struct{ K *PrivateKey }{k})
			fmt.Fprintf(&out, verb+"\n", struct{ k PrivateKey }{*k})
		}
		if b, err := json.Marshal(k); err == nil {
			t.Errorf("JSON of a private key: %s", b)
		}
		printed := strings.ToLower(out.String())
		for _, secret := range []string{hex.EncodeToString(k.Seed()[:4]), "167 167", "a7 a7", "\xa7\xa7"} {
			if strings.Contains(printed, secret) {
				t.Errorf("%v: printed %q in\n%s", alg, secret, printed)
			}
		}
	}
}

func TestWipe(t *testing.T) {
	k := testKey(t, X25519MLKEM1024, 1)
	seed := k.secret().seed
	_, ct, err := k.Public().Encapsulate()
	if err != nil {
		t.Fatal(err)
	}
	k.Wipe()
	if !bytes.Equal(seed, make([]byte, len(seed))) {
		t.Error("the seed is still there")
	}
	if _, err := k.Decapsulate(ct); err == nil {
		t.Error("a wiped key still opens")
	}
	if k.ExpandedMLKEM() != nil {
		t.Error("a wiped key still has an expanded form")
	}
}

// afterEach are the calls after which SHA-256 must run at full speed.
func afterEach(tb testing.TB) map[string]func() {
	k := testKey(tb, MLKEM1024, 1)
	raw, seed := k.Public().Bytes(), k.Seed()
	_, ct, err := k.Public().Encapsulate()
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]func(){
		"NewPrivateKey":  func() { NewPrivateKey(MLKEM1024, seed) },
		"ParsePublicKey": func() { ParsePublicKey(MLKEM1024, raw) },
		"ExpandedMLKEM":  func() { k.ExpandedMLKEM() },
		"Encapsulate":    func() { k.Public().Encapsulate() },
		"Decapsulate":    func() { k.Decapsulate(ct) },
	}
}

// BenchmarkSHA256After is the benchmark of the same name in package pqsig.
func BenchmarkSHA256After(b *testing.B) {
	buf := make([]byte, 64<<10)
	hash := func() time.Duration {
		start := time.Now()
		sha256.Sum256(buf)
		return time.Since(start)
	}
	avx.Enter()
	avx.Leave()
	for name, call := range afterEach(b) {
		b.Run(name, func(b *testing.B) {
			alone, after := time.Hour, time.Hour
			for b.Loop() {
				alone = min(alone, hash())
				call()
				after = min(after, hash())
				avx.Enter()
				avx.Leave()
			}
			b.ReportMetric(float64(after)/float64(alone), "after/alone")
		})
	}
}
