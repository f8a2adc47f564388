package pqsig

import (
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"cqkit/pkg/internal/avx"
)

// TestVectorStateIsClean asks the processor, after each call, whether the upper
// halves of the vector registers are in use. It finds the AVX trap where no
// benchmark can; see package avx.
func TestVectorStateIsClean(t *testing.T) {
	for _, c := range afterEach(t) {
		for range 10 {
			dirty, ok := avx.Dirty(c.call)
			if !ok {
				t.Skip("this processor does not tell which registers are in use")
			}
			if dirty {
				t.Errorf("%s leaves the upper halves dirty", c.name)
				break
			}
		}
	}
	// Does the test see anything at all?
	k := testKey(t, MLDSA87, 1)
	sig := make([]byte, MLDSA87SignatureSize)
	if dirty, ok := avx.Dirty(func() { mldsa87.SignTo(k.secret().mldsa, nil, nil, false, sig) }); ok && !dirty {
		t.Log("the library alone leaves them clean too: the bracket may have become unnecessary")
	}
}
