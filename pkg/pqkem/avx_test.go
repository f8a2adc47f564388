package pqkem

import (
	"testing"

	"cqkit/pkg/internal/avx"
)

// TestVectorStateIsClean asks the processor, after each call, whether the upper
// halves of the vector registers are in use; see package avx.
func TestVectorStateIsClean(t *testing.T) {
	for name, call := range afterEach(t) {
		for range 10 {
			dirty, ok := avx.Dirty(call)
			if !ok {
				t.Skip("this processor does not tell which registers are in use")
			}
			if dirty {
				t.Errorf("%s leaves the upper halves dirty", name)
				break
			}
		}
	}
}
