package gcra

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// A hint tells without the lock where a shard's slots are. It may be out of date, and half of it
// may be: it only says what to prefetch.
type hint struct {
	base atomic.Uintptr
	size atomic.Uint64
}

func (h *hint) set(slots []slot) {
	h.base.Store(uintptr(unsafe.Pointer(unsafe.SliceData(slots))))
	h.size.Store(uint64(len(slots)))
}

// prefetch asks for the cache lines of the shard's lock and of the key's slot. Both may have to come
// from another processor. Without this, the one of the slot would be asked for only when the lock is there, and first for
// reading.
func (h *hint) prefetch(s *shard, key uint64, shift uint) {
	home, _ := bits.Mul64(key<<shift, h.size.Load())
	prefetch(uintptr(unsafe.Pointer(&s.mu)), h.base.Load()+uintptr(home)*uintptr(slotBytes))
}
