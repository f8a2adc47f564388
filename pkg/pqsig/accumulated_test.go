package pqsig

import (
	"crypto/sha3"
	"encoding/hex"
	"testing"
)

// TestAccumulated is C2SP CCTV's accumulated ML-DSA test: keys and signatures
// for 100 seeds drawn from SHAKE128 of nothing, folded into one SHAKE128.
func TestAccumulated(t *testing.T) {
	const want = "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b"
	in, out := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	for range 100 {
		seed := make([]byte, MLDSA87SeedSize)
		in.Read(seed)
		k, err := NewPrivateKey(MLDSA87, seed)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(k.Public().Bytes())
		sig, err := k.SignDeterministic(nil, "")
		if err != nil {
			t.Fatal(err)
		}
		out.Write(sig)
		if err := k.Public().Verify(nil, "", sig); err != nil {
			t.Fatal(err)
		}
	}
	sum := make([]byte, 32)
	out.Read(sum)
	if got := hex.EncodeToString(sum); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
