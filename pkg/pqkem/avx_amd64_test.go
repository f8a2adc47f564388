package pqkem

import (
	"runtime"
	"testing"
)

const upperHalves = 1 << 2 // of XINUSE

// TestVectorStateIsClean asks the processor, after each call, whether the upper
// halves of the vector registers are in use; see package pqsig.
func TestVectorStateIsClean(t *testing.T) {
	if !hasAVX {
		t.Skip("this processor has no AVX")
	}
	if _, ok := xinuse(); !ok {
		t.Skip("this processor does not tell which registers are in use")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, call := range afterEach(t) {
		for range 10 {
			vzeroupper()
			call()
			if state, _ := xinuse(); state&upperHalves != 0 {
				t.Errorf("%s leaves the upper halves dirty", name)
				break
			}
		}
	}
}
