package latency

import (
	"iter"
	"math"
	"time"
)

// rank returns k = max(1, ⌈q·n⌉), at most n.
func rank(q float64, n uint64) uint64 {
	x := q * float64(n)
	if whole := math.Round(x); math.Abs(x-whole) <= 1e-12*x {
		x = whole
	}
	switch x = math.Ceil(x); {
	case !(x >= 1): // also NaN
		return 1
	case x >= float64(n):
		return n
	}
	return uint64(x)
}

// Quantile returns the q-quantile, 0 ≤ q ≤ 1: the k-th smallest record, k = max(1, ⌈q·n⌉), to
// within 1/256 of its value. Records that are at least w count as w, so that with such
// records it is a lower bound; see [Histogram.QuantileBounds]. Without records it is 0.
func (h *Histogram) Quantile(q float64) time.Duration { return h.Rank(rank(q, h.Count())) }

// QuantileBounds returns the bounds of the q-quantile that the records of which only a lower
// bound is known leave open: all of them as short, and all of them as long, as can
// be. They are equal if those records do not matter. high is [Unbounded] if the quantile is
// among them.
func (h *Histogram) QuantileBounds(q float64) (low, high time.Duration) {
	return h.RankBounds(rank(q, h.Count()))
}

// Rank returns the k-th smallest record as [Histogram.Quantile] does, k from 1 to Count; smaller
// and greater k count as those.
func (h *Histogram) Rank(k uint64) time.Duration {
	low, _ := h.RankBounds(k)
	return low
}

// RankBounds is [Histogram.QuantileBounds] for the k-th smallest record.
func (h *Histogram) RankBounds(k uint64) (low, high time.Duration) {
	n := h.Count()
	if n == 0 {
		return 0, 0
	}
	k = min(max(k, 1), n)
	if h.least == 0 {
		d := h.value(search(&h.counts, nil, k), k == 1, k == n)
		return d, d
	}
	i := search(&h.counts, h.atLeast, k)
	low = h.value(i, k == 1 && h.atLeast[i] == 0, k == n)
	if k > h.full {
		return low, Unbounded
	}
	high = h.value(search(&h.counts, nil, k), k == 1, false)
	return min(low, high), high // within one bucket, one may be exact and the other not
}

// search returns the bucket that holds the k-th smallest record.
func search(counts, more *[numBuckets]uint64, k uint64) int {
	var seen uint64
	for i, n := range counts {
		seen += n
		if more != nil {
			seen += more[i]
		}
		if seen >= k {
			return i
		}
	}
	return numBuckets - 1
}

// value returns the mid-point of bucket i, or the exact minimum or maximum, and never
// anything beyond them.
func (h *Histogram) value(i int, first, last bool) time.Duration {
	switch {
	case last:
		return time.Duration(h.max)
	case first:
		return h.Min()
	}
	v := min(middle(i), h.max)
	if low := ^h.notMin; h.full > 0 && bucketOf(low) == i {
		v = max(v, low)
	}
	return time.Duration(v)
}

// CountAtMost returns how many records of both kinds are in buckets up to that of d: those
// that are d or less, give or take 0.8 % of d.
func (h *Histogram) CountAtMost(d time.Duration) uint64 {
	var n uint64
	last := bucketOf(nonNegative(d))
	for _, c := range h.counts[:last+1] {
		n += c
	}
	if h.least > 0 {
		for _, c := range h.atLeast[:last+1] {
			n += c
		}
	}
	return n
}

// A Bucket is a range of durations and how many records are in it.
type Bucket struct {
	Low, High time.Duration // both included
	Count     uint64        // recorded in full
	AtLeast   uint64        // recorded as at least this
}

// Buckets yields the buckets that are not empty, in ascending order.
func (h *Histogram) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for i, n := range &h.counts {
			var least uint64
			if h.least > 0 {
				least = h.atLeast[i]
			}
			if n+least == 0 {
				continue
			}
			if !yield(Bucket{time.Duration(lowest(i)), time.Duration(highest(i)), n, least}) {
				return
			}
		}
	}
}
