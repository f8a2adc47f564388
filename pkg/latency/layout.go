package latency

import (
	"math"
	"math/bits"
	"time"
)

const (
	subBits    = 7 // log2 of the buckets per power of two
	maxShift   = 55
	numBuckets = (maxShift + 2) << subBits // up to 2^63-1
)

// Unbounded is the upper bound of a quantile of which only the lower bound is known.
const Unbounded = time.Duration(math.MaxInt64)

// bucketOf returns the bucket of v, at most 2^63-1.
func bucketOf(v uint64) int {
	s := bits.Len64(v >> (subBits + 1))
	return s<<subBits + int(v>>s)
}

// lowest returns the least value in bucket i.
func lowest(i int) uint64 {
	s := shift(i)
	return uint64(i-s<<subBits) << s
}

// highest returns the greatest value in bucket i.
func highest(i int) uint64 { return lowest(i) + 1<<shift(i) - 1 }

// middle returns the mid-point of bucket i, rounded down.
func middle(i int) uint64 { return lowest(i) + (1<<shift(i)-1)/2 }

// shift returns log2 of the width of bucket i.
func shift(i int) int { return max(0, i>>subBits-1) }

func nonNegative(d time.Duration) uint64 { return uint64(max(d, 0)) }
