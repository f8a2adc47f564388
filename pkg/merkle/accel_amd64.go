//go:build !purego

package merkle

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// hasSHA tells whether the assembly runs here. It uses the SHA extensions, SSSE3
// (PSHUFB, PALIGNR), SSE4.1 (PBLENDW), and of AVX only VZEROUPPER.
var hasSHA = cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && cpu.X86.HasAVX && cpuidSHA()

// cpuidSHA reports CPUID leaf 7, EBX bit 29, which x/sys/cpu does not.
func cpuidSHA() bool

// leaves4 hashes groups times four segments, those of consecutive jobs, which are
// sorted, the longest first. groups is at least 1.
//
//go:noescape
func leaves4(dst *Hash, data *byte, jobs *job, groups int)

// nodes4 writes the nodes over groups times eight consecutive hashes to dst, which
// may be src. groups is at least 1.
//
//go:noescape
func nodes4(dst, src *Hash, groups int, second *[256][64]uint32)

// roundConstants returns the constants K of FIPS 180-4, Section 4.2.2. They are the
// assembly's, which needs them aligned to 16 bytes.
func roundConstants() *[64]uint32

// A job is one segment to be hashed. The assembly knows its layout.
type job struct {
	start int64  // offset of the segment in data
	size  uint32 // bytes to be hashed: the segment and its prefix
	index uint32 // of the result in dst
}

const (
	batch     = 256 // segments sorted at a time
	maxBlocks = 8   // in a job; longer segments are hashed one by one
)

// lanes is the scratch space of the four-lane code.
type lanes struct {
	jobs   [batch + 1]job // one for what is no job
	blocks [batch]uint8   // by segment; 0 if it is no job
}

func (h *Hasher) leaves(dst []Hash, data []byte, ends []int) {
	if !hasSHA {
		h.leavesPortable(dst, data, ends)
		return
	}
	for first := 0; first < len(ends); first += batch {
		last := min(first+batch, len(ends))
		start := 0
		if first > 0 {
			start = ends[first-1]
		}
		h.leavesBatch(dst[first:last], data, start, ends[first:last])
	}
}

// leavesBatch hashes at most batch segments of data, of which the first begins at
// start, four at a time. So that four that run side by side end at the same time,
// it sorts them by their number of blocks.
func (h *Hasher) leavesBatch(dst []Hash, data []byte, start int, ends []int) {
	// The assembly loads whole blocks and masks what is not of the segment. The
	// prefix, which is not in data, shifts everything by one: of a segment that ends
	// before those beside it, it may load the byte in front. The segment at the very
	// beginning, which has none, is hashed by itself.
	readable := cap(data) + 1
	var count [maxBlocks + 1]int
	blocks := h.blocks[:len(ends)]
	for i, begin := 0, start; i < len(blocks); i++ {
		n := (ends[i] - begin + 1 + 9 + 63) / 64
		if begin == 0 || n > maxBlocks || begin+64*n > readable {
			n = 0
			dst[i] = h.leaf(data[begin:ends[i]])
		}
		blocks[i] = uint8(n)
		count[n]++
		begin = ends[i]
	}
	jobs := len(ends) - count[0]
	if jobs == 0 {
		return
	}
	var place [maxBlocks + 1]int // of the next job with so many blocks
	for n := maxBlocks; n > 1; n-- {
		place[n-1] = place[n] + count[n]
	}
	place[0] = batch
	for i, begin := 0, start; i < len(blocks); i++ {
		n := blocks[i]
		at := place[n]
		h.jobs[at] = job{int64(begin), uint32(ends[i] - begin + 1), uint32(i)}
		if n > 0 {
			place[n] = at + 1
		}
		begin = ends[i]
	}
	// The last group is filled up with its last job, which comes to the same result.
	whole := (jobs + 3) &^ 3
	for i := jobs; i < whole; i++ {
		h.jobs[i] = h.jobs[jobs-1]
	}
	leaves4(&dst[0], unsafe.SliceData(data), &h.jobs[0], whole/4)
}

func (h *Hasher) nodes(dst, src []Hash) {
	if !hasSHA {
		h.nodesPortable(dst, src)
		return
	}
	groups := len(dst) / 4
	if groups > 0 {
		nodes4(&dst[0], &src[0], groups, secondBlock())
	}
	dst, src = dst[groups*4:], src[groups*8:]
	if len(dst) > 1 { // one group takes as long as two single nodes
		var pairs [8]Hash
		copy(pairs[:], src)
		nodes4(&pairs[0], &pairs[0], 1, secondBlock())
		copy(dst, pairs[:])
	} else {
		h.nodesPortable(dst, src)
	}
}

// secondBlock returns W+K for the second SHA-256 block of a node. That block is the
// last byte of the right hash, padding and the length, so there are only 256 of them,
// and 64 KiB save computing one a node. They
// come from the second-level cache early enough not to be waited for.
var secondBlock = sync.OnceValue(func() *[256][64]uint32 {
	var block [64]byte
	block[1] = 0x80
	binary.BigEndian.PutUint64(block[56:], 8*(1+2*Size))
	k := roundConstants()
	table := new([256][64]uint32)
	for b := range table {
		block[0] = byte(b)
		row := &table[b]
		for t := range 16 {
			row[t] = binary.BigEndian.Uint32(block[4*t:])
		}
		// FIPS 180-4, Section 6.2.2, step 1.
		for t := 16; t < 64; t++ {
			w15, w2 := row[t-15], row[t-2]
			s0 := bits.RotateLeft32(w15, -7) ^ bits.RotateLeft32(w15, -18) ^ w15>>3
			s1 := bits.RotateLeft32(w2, -17) ^ bits.RotateLeft32(w2, -19) ^ w2>>10
			row[t] = s1 + row[t-7] + s0 + row[t-16]
		}
		for t := range row {
			row[t] += k[t]
		}
	}
	return table
})
