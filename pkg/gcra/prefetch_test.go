package gcra

import (
	"math"
	"testing"
	"unsafe"
)

// Wherever a stale hint points to, prefetching does not fault.
func TestPrefetchAnything(t *testing.T) {
	for _, a := range []uintptr{0, 1, 4095, 1 << 20, math.MaxUint >> 17, math.MaxUint >> 1, math.MaxUint} {
		prefetch(a, ^a)
	}
}

// What every decision needs of a shard is in one cache line where pointers have 64 bits.
func TestShardIsWholeLines(t *testing.T) {
	if size := unsafe.Sizeof(shard{}); unsafe.Sizeof(uintptr(0)) == 8 && (size%64 != 0 || unsafe.Offsetof(shard{}.denied) != 64) {
		t.Errorf("a shard has %d bytes, its second line begins at %d", size, unsafe.Offsetof(shard{}.denied))
	}
}
