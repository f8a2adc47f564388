package pqsig

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"filippo.io/mldsa"
)

// testKey is the key of the seed fill, fill, fill, …
func testKey(tb testing.TB, alg Algorithm, fill byte) *PrivateKey {
	tb.Helper()
	k, err := NewPrivateKey(alg, bytes.Repeat([]byte{fill}, alg.SeedSize()))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestSignVerify(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA87, SLHDSASHA2256s} {
		t.Run(alg.String(), func(t *testing.T) {
			if alg == SLHDSASHA2256s && testing.Short() {
				t.Skip("SLH-DSA signs for seconds; left out by -short")
			}
			k, err := Generate(alg)
			if err != nil {
				t.Fatal(err)
			}
			msg := []byte("flight 12")
			sig, err := k.Sign(msg, "cqkit/test")
			if err != nil {
				t.Fatal(err)
			}
			if len(sig) != alg.SignatureSize() {
				t.Fatalf("signature of %d bytes, want %d", len(sig), alg.SignatureSize())
			}
			p, err := ParsePublicKey(alg, k.Public().Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Verify(msg, "cqkit/test", sig); err != nil {
				t.Error(err)
			}
			for name, err := range map[string]error{
				"other message": p.Verify([]byte("flight 13"), "cqkit/test", sig),
				"other context": p.Verify(msg, "cqkit/tesu", sig),
				"no context":    p.Verify(msg, "", sig),
				"long context":  p.Verify(msg, strings.Repeat("c", 256), sig),
				"other key":     testKey(t, alg, 9).Public().Verify(msg, "cqkit/test", sig),
				"empty":         p.Verify(msg, "cqkit/test", nil),
				"longer":        p.Verify(msg, "cqkit/test", append(bytes.Clone(sig), 0)),
				"shorter":       p.Verify(msg, "cqkit/test", sig[:len(sig)-1]),
			} {
				if !errors.Is(err, ErrBadSignature) {
					t.Errorf("%s: %v, want %v", name, err, ErrBadSignature)
				}
			}
		})
	}
}

func TestHedged(t *testing.T) {
	k := testKey(t, MLDSA87, 1)
	a, _ := k.Sign([]byte("m"), "c")
	b, _ := k.Sign([]byte("m"), "c")
	if bytes.Equal(a, b) {
		t.Error("two hedged signatures are the same")
	}
	a, _ = k.SignDeterministic([]byte("m"), "c")
	b, _ = k.SignDeterministic([]byte("m"), "c")
	if !bytes.Equal(a, b) {
		t.Error("two deterministic signatures differ")
	}
}

// TestContextIsCovered moves bytes between context and message: the boundary
// is part of what is signed.
func TestContextIsCovered(t *testing.T) {
	k := testKey(t, MLDSA87, 1)
	sig, err := k.Sign([]byte("bc"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Public().Verify([]byte("c"), "ab", sig); !errors.Is(err, ErrBadSignature) {
		t.Errorf("got %v", err)
	}
	long := strings.Repeat("c", MaxContextSize)
	if sig, err = k.Sign(nil, long); err != nil {
		t.Fatal(err)
	}
	if err := k.Public().Verify(nil, long, sig); err != nil {
		t.Error(err)
	}
	if _, err := k.Sign(nil, long+"c"); !errors.Is(err, ErrContextTooLong) {
		t.Errorf("got %v, want %v", err, ErrContextTooLong)
	}
}

// TestMangledSignature changes a bit in every byte of a signature and cuts it at
// every length.
func TestMangledSignature(t *testing.T) {
	k := testKey(t, MLDSA87, 1)
	msg := []byte("message")
	sig, err := k.Sign(msg, "")
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 16
	}
	for i := 0; i < len(sig); i += step {
		bad := bytes.Clone(sig)
		bad[i] ^= 1 << (i % 8)
		if err := k.Public().Verify(msg, "", bad); !errors.Is(err, ErrBadSignature) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if err := k.Public().Verify(msg, "", sig[:i]); !errors.Is(err, ErrBadSignature) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

func TestLengths(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA87, SLHDSASHA2256s} {
		for _, n := range []int{0, 1, alg.SeedSize() - 1, alg.SeedSize() + 1, alg.ExpandedSize() - 1, alg.ExpandedSize() + 1} {
			if _, err := NewPrivateKey(alg, make([]byte, n)); err == nil {
				t.Errorf("%v: seed of %d bytes accepted", alg, n)
			}
		}
		for _, n := range []int{0, alg.PublicKeySize() - 1, alg.PublicKeySize() + 1} {
			if _, err := ParsePublicKey(alg, make([]byte, n)); err == nil {
				t.Errorf("%v: public key of %d bytes accepted", alg, n)
			}
		}
	}
	if _, err := NewPrivateKey(MLDSA87, make([]byte, MLDSA87ExpandedSize)); err == nil {
		t.Error("expanded ML-DSA key accepted")
	}
	for _, alg := range []Algorithm{0, 3, 255} {
		if _, err := NewPrivateKey(alg, nil); err == nil {
			t.Errorf("%v accepted", alg)
		}
		if _, err := ParsePublicKey(alg, nil); err == nil {
			t.Errorf("%v accepted", alg)
		}
		if _, err := Generate(alg); err == nil {
			t.Errorf("%v accepted", alg)
		}
	}
}

func TestSLHRootIsChecked(t *testing.T) {
	k := testKey(t, SLHDSASHA2256s, 1)
	full := k.Expanded()
	again, err := NewPrivateKey(SLHDSASHA2256s, full)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Public().Equal(k.Public()) {
		t.Error("another public key")
	}
	full[127] ^= 1
	if _, err := NewPrivateKey(SLHDSASHA2256s, full); err == nil {
		t.Error("a root that does not belong to the seeds was accepted")
	}
}

// TestNothingSecretPrinted prints a key every way the standard library knows.
func TestNothingSecretPrinted(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA87, SLHDSASHA2256s} {
		seed := bytes.Repeat([]byte{0xA7}, alg.SeedSize())
		if alg == SLHDSASHA2256s {
			copy(seed[64:], make([]byte, 32)) // PK.seed is public
		}
		k, err := NewPrivateKey(alg, seed)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", k)
			fmt.Fprintf(&out, verb+"\n", *k)
			fmt.Fprintf(&out, verb+"\n", struct{ K *PrivateKey }{k})
			fmt.Fprintf(&out, verb+"\n", struct{ k PrivateKey }{*k})
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", k)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", k)
		if b, err := json.Marshal(k); err == nil {
			t.Errorf("JSON of a private key: %s", b)
		}
		printed := strings.ToLower(out.String())
		for _, secret := range []string{hex.EncodeToString(k.Seed()[:4]), "167 167", "a7 a7", "\xa7\xa7"} {
			if strings.Contains(printed, secret) {
				t.Errorf("%v: printed %q in\n%s", alg, secret, printed)
			}
		}
		if !strings.Contains(printed, strings.ToLower(alg.String())+" private key") {
			t.Errorf("printed %s", printed)
		}
	}
}

func TestWipe(t *testing.T) {
	k := testKey(t, MLDSA87, 1)
	seed, p := k.secret().seed, k.Public()
	sig, err := k.Sign(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	k.Wipe()
	if !bytes.Equal(seed, make([]byte, len(seed))) {
		t.Error("the seed is still there")
	}
	if _, err := k.Sign(nil, ""); err == nil {
		t.Error("a wiped key signed")
	}
	if err := p.Verify(nil, "", sig); err != nil {
		t.Errorf("the public half no longer verifies: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	k := testKey(t, MLDSA87, 1)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				msg := fmt.Append(nil, i, j)
				sig, err := k.Sign(msg, "c")
				if err != nil {
					t.Error(err)
				}
				if err := k.Public().Verify(msg, "c", sig); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestSecondImplementation signs here and verifies with filippo.io/mldsa, and
// the reverse.
func TestSecondImplementation(t *testing.T) {
	for i := range 20 {
		ours := testKey(t, MLDSA87, byte(i))
		theirs, err := mldsa.NewPrivateKey(mldsa.MLDSA87(), ours.Seed())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours.Public().Bytes(), theirs.PublicKey().Bytes()) {
			t.Fatal("another public key")
		}
		msg, context := bytes.Repeat([]byte{byte(i)}, i*37), strings.Repeat("c", i*13)
		opts := &mldsa.Options{Context: context}
		sig, err := ours.Sign(msg, context)
		if err != nil {
			t.Fatal(err)
		}
		if err := mldsa.Verify(theirs.PublicKey(), msg, sig, opts); err != nil {
			t.Errorf("ours refused by theirs: %v", err)
		}
		if sig, err = theirs.Sign(nil, msg, opts); err != nil {
			t.Fatal(err)
		}
		if err := ours.Public().Verify(msg, context, sig); err != nil {
			t.Errorf("theirs refused by ours: %v", err)
		}
		a, err := theirs.SignDeterministic(msg, opts)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ours.SignDeterministic(msg, context)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("deterministic signatures differ (%v)", err)
		}
	}
}
