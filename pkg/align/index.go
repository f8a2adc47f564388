package align

import (
	"cmp"
	"math/bits"
	"slices"
)

// An index finds all positions of a value in a sequence. It is a list of
// positions sorted by bucket, value and position, and the end of each bucket
// in it: 4 bytes a position and at most 4 bytes a bucket, of which there are
// no more than positions. Values that an attacker has steered into one bucket
// cost a binary search, not a scan.
type index struct {
	seq   []uint64
	order []uint32
	ends  []uint32
	shift uint
}

// spread turns the values' differences into differences of the top bits, so that
// small numbers fall into different buckets too.
const spread = 0x9E3779B97F4A7C15

// newIndex indexes seq at n positions, at those that positions yields, in
// ascending order, whenever it is called.
func newIndex(seq []uint64, n int, positions func(yield func(uint32))) *index {
	width := max(bits.Len(uint(n))-1, 1)
	x := &index{
		seq:   seq,
		order: make([]uint32, n),
		ends:  make([]uint32, 1<<width),
		shift: uint(64 - width),
	}
	positions(func(i uint32) { x.ends[x.bucket(seq[i])]++ })
	sum := uint32(0)
	for b, count := range x.ends {
		x.ends[b] = sum // the start, for now
		sum += count
	}
	positions(func(i uint32) {
		b := x.bucket(seq[i])
		x.order[x.ends[b]] = i
		x.ends[b]++
	})
	start := uint32(0)
	for _, end := range x.ends {
		x.sortBucket(x.order[start:end])
		start = end
	}
	return x
}

func (x *index) bucket(v uint64) uint64 { return v * spread >> x.shift }

// sortBucket sorts positions, which are ascending, by value, keeping equal
// values in ascending order.
func (x *index) sortBucket(b []uint32) {
	byValue := func(p, q uint32) int {
		if v, w := x.seq[p], x.seq[q]; v != w {
			return cmp.Compare(v, w)
		}
		return cmp.Compare(p, q)
	}
	if len(b) > 1 && !slices.IsSortedFunc(b, byValue) {
		slices.SortFunc(b, byValue)
	}
}

// lookup returns the indexed positions of v in ascending order. The caller
// must not change them.
func (x *index) lookup(v uint64) []uint32 {
	b := x.bucket(v)
	lo, hi := uint32(0), x.ends[b]
	if b > 0 {
		lo = x.ends[b-1]
	}
	positions := x.order[lo:hi]
	if len(positions) == 0 {
		return nil
	}
	if len(positions) == 1 {
		if x.seq[positions[0]] != v {
			return nil
		}
		return positions
	}
	first, _ := slices.BinarySearchFunc(positions, v, func(p uint32, v uint64) int { return cmp.Compare(x.seq[p], v) })
	positions = positions[first:]
	if len(positions) == 0 || x.seq[positions[0]] != v {
		return nil
	}
	if x.seq[positions[len(positions)-1]] == v {
		return positions
	}
	n, _ := slices.BinarySearchFunc(positions, v, func(p uint32, v uint64) int {
		if x.seq[p] == v {
			return -1
		}
		return 1
	})
	return positions[:n]
}

// indexOf indexes the places in sealed of the values in wanted.
func indexOf(sealed, wanted []uint64) *index {
	all := func(yield func(uint32)) {
		for i := range sealed {
			yield(uint32(i))
		}
	}
	if len(wanted) > len(sealed)/8 {
		return newIndex(sealed, len(sealed), all)
	}
	// Few values are wanted, of many: leave out what is none of them, going by
	// a filter of about 16 bits a value.
	width := bits.Len(uint(len(wanted))) + 4
	filter := make([]uint64, max(1<<width/64, 1))
	slot := func(v uint64) (word, bit uint64) {
		h := v * spread >> (64 - width)
		return h / 64, 1 << (h % 64)
	}
	for _, v := range wanted {
		word, bit := slot(v)
		filter[word] |= bit
	}
	some := func(yield func(uint32)) {
		for i, v := range sealed {
			if word, bit := slot(v); filter[word]&bit != 0 {
				yield(uint32(i))
			}
		}
	}
	n := 0
	some(func(uint32) { n++ })
	return newIndex(sealed, n, some)
}
