package pqsig

import (
	"runtime"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

const upperHalves = 1 << 2 // of XINUSE

// TestVectorStateIsClean asks the processor, after each call, whether the upper
// halves of the vector registers are in use. It finds the AVX trap where no
// benchmark can: AMD processors hash as fast with dirty registers.
func TestVectorStateIsClean(t *testing.T) {
	if !hasAVX {
		t.Skip("this processor has no AVX")
	}
	if _, ok := xinuse(); !ok {
		t.Skip("this processor does not tell which registers are in use")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dirtied := func(call func()) bool {
		vzeroupper()
		call()
		state, _ := xinuse()
		return state&upperHalves != 0
	}
	for _, c := range afterEach(t) {
		for range 10 {
			if dirtied(c.call) {
				t.Errorf("%s leaves the upper halves dirty", c.name)
				break
			}
		}
	}
	// Does the test see anything at all?
	k := testKey(t, MLDSA87, 1)
	sig := make([]byte, MLDSA87SignatureSize)
	if !dirtied(func() { mldsa87.SignTo(k.secret().mldsa, nil, nil, false, sig) }) {
		t.Log("the library alone leaves them clean too: the bracket may have become unnecessary")
	}
}
