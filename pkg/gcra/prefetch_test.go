package gcra

import (
	"math"
	"testing"
)

// Wherever a stale hint points to, prefetching does not fault.
func TestPrefetchAnything(t *testing.T) {
	for _, a := range []uintptr{0, 1, 4095, 1 << 20, math.MaxUint >> 17, math.MaxUint >> 1, math.MaxUint} {
		prefetch(a, ^a)
	}
}
