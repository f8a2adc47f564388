package align

import "math/bits"

// A bitset marks positions.
type bitset []uint64

func (b bitset) get(i uint32) bool { return b[i/64]>>(i%64)&1 != 0 }

func (b bitset) set(i, n uint32) {
	b.words(i, n, func(w *uint64, mask uint64) { *w |= mask })
}

func (b bitset) clear(i, n uint32) {
	b.words(i, n, func(w *uint64, mask uint64) { *w &^= mask })
}

// words calls f for each word of the n bits from i on with the bits meant.
func (b bitset) words(i, n uint32, f func(w *uint64, mask uint64)) {
	for n > 0 {
		k := min(n, 64-i%64)
		f(&b[i/64], ^uint64(0)>>(64-k)<<(i%64))
		i, n = i+k, n-k
	}
}

// same returns how many of the n bits from i on, n > 0, equal the first.
func (b bitset) same(i, n uint32) uint32 {
	flip := uint64(0) // so that bits equal to the first are 0
	if b.get(i) {
		flip = ^uint64(0)
	}
	for k := uint32(0); k < n; {
		at := (i + k) % 64
		if z := uint32(bits.TrailingZeros64((b[(i+k)/64] ^ flip) >> at)); z < 64-at {
			return min(k+z, n)
		}
		k += 64 - at
	}
	return n
}

// gaps calls f for each longest run of clear bits from i up to end.
func (b bitset) gaps(i, end uint32, f func(i, n uint32)) {
	for i < end {
		n := b.same(i, end-i)
		if !b.get(i) {
			f(i, n)
		}
		i += n
	}
}

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}
