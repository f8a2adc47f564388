package keccak

import (
	"encoding/binary"
	"sync"

	"github.com/cloudflare/circl/simd/keccakf1600"

	"cqkit/pkg/internal/avx"
)

// wide tells whether four permutations at once are faster than crypto/sha3.
var wide = keccakf1600.IsEnabledX4()

// lanes is four Keccak states that are permuted together.
type lanes struct {
	x4 keccakf1600.StateX4
	// a is the states, interleaved: word j of lane i is a[4*j+i]. It points into x4,
	// so a lanes must not be copied.
	a    []uint64
	four [4][]byte // the messages, each in its lane
	// digests is what came of a hash: word j of lane i is digests[4*j+i].
	digests [4 * Size / 8]uint64
}

// pool holds lanes between calls. They hold what came of keys and messages, as the
// caller's own memory does.
var pool = sync.Pool{New: func() any {
	l := new(lanes)
	l.a = l.x4.Initialize(false)
	return l
}}

// withLanes calls f with the lanes of this call.
func withLanes(f func(l *lanes)) {
	l := pool.Get().(*lanes)
	avx.Enter()
	defer func() {
		avx.Leave()
		pool.Put(l)
	}()
	f(l)
}

// state is what four lanes hold: the same state four times, interleaved, so that it
// is copied with wide stores. Permute loads a word of all lanes at once, and waits
// where it was just written lane by lane.
type state [100]uint64

// start puts s into the lanes.
func (l *lanes) start(s *state) { copy(l.a, s[:]) }

// absorb adds a whole block to lane i.
func (l *lanes) absorb(i int, block *[BlockSize]byte) {
	a := (*[4 * words]uint64)(l.a)
	for j := range words {
		a[4*j+i] ^= binary.LittleEndian.Uint64(block[8*j:])
	}
}

// absorbLast adds what is left of a message, less than a block, and the padding of
// SHA-3 (FIPS 202, Section 6.1: the bits 01, then 10*1) to lane i.
func (l *lanes) absorbLast(i int, rest []byte) {
	a := (*[4 * words]uint64)(l.a)
	for len(rest) >= 8 {
		a[i] ^= binary.LittleEndian.Uint64(rest)
		rest, i = rest[8:], i+4
	}
	w := uint64(0x06) << (8 * len(rest))
	for j, b := range rest {
		w |= uint64(b) << (8 * j)
	}
	a[i] ^= w
	a[4*(words-1)+i%4] ^= 1 << 63
}

// absorbDigests adds the digests, as the whole and last block of a message, to the lanes.
func (l *lanes) absorbDigests() {
	for j, w := range l.digests {
		l.a[j] ^= w
	}
	for i := range 4 {
		l.a[len(l.digests)+i] ^= 0x06
		l.a[4*(words-1)+i] ^= 1 << 63
	}
}

// digest copies the digest of lane i to sum.
func (l *lanes) digest(i int, sum *[Size]byte) {
	for j := range Size / 8 {
		binary.LittleEndian.PutUint64(sum[8*j:], l.digests[4*j+i])
	}
}

// hash computes the digests of the four messages from the state the lanes are in.
// They may have different lengths: a lane that is done is read at once, and what the
// later permutations make of it does not matter.
func (l *lanes) hash() {
	rest := l.four
	var done [4]bool
	for left := 4; left > 0; {
		var ends [4]bool
		for i, m := range rest {
			if done[i] {
				continue
			}
			if len(m) >= BlockSize {
				l.absorb(i, (*[BlockSize]byte)(m))
				rest[i] = m[BlockSize:]
				continue
			}
			l.absorbLast(i, m)
			ends[i] = true
		}
		l.x4.Permute()
		for i, end := range ends {
			if end {
				for j := i; j < len(l.digests); j += 4 {
					l.digests[j] = l.a[j]
				}
				done[i] = true
				left--
			}
		}
	}
}
