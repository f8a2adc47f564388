package pqsig

import (
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
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

// benchmarkMessages are CCTV's 114 messages whose signing takes, together, the
// average number of attempts.
func benchmarkMessages(tb testing.TB) []string {
	path := filepath.Join("..", "..", "..", "shared", "data", "vectors", "cctv", "ML-DSA-87-benchmark.json")
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		tb.Skipf("the shared vectors are not beside this checkout: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	var messages []string
	if err := json.Unmarshal(b, &messages); err != nil {
		tb.Fatal(err)
	}
	if len(messages) == 0 {
		tb.Fatal("no messages")
	}
	return messages
}
