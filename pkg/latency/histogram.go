package latency

import (
	"math"
	"math/bits"
	"time"
)

// A Histogram counts durations in buckets at most 1/128 as wide as their values. The
// zero Histogram is empty and ready for use. It is about 58 kB: pass pointers. It is not safe
// for concurrent use.
type Histogram struct {
	counts  [numBuckets]uint64
	atLeast *[numBuckets]uint64 // nil until needed

	full   uint64 // records in counts
	least  uint64 // records in atLeast
	sumHi  uint64 // of all, in ns
	sumLo  uint64
	notMin uint64 // ^min of full records, so that zero means none
	max    uint64 // of all
}

// Record adds d. Negative durations count as 0.
func (h *Histogram) Record(d time.Duration) {
	v := nonNegative(d)
	h.counts[bucketOf(v)]++
	h.full++
	var carry uint64
	h.sumLo, carry = bits.Add64(h.sumLo, v, 0)
	h.sumHi += carry
	h.notMin = max(h.notMin, ^v)
	h.max = max(h.max, v)
}

// RecordN adds d n times.
func (h *Histogram) RecordN(d time.Duration, n uint64) {
	if n == 0 {
		return
	}
	v := nonNegative(d)
	h.counts[bucketOf(v)] += n
	h.full += n
	h.addSum(bits.Mul64(v, n))
	h.notMin = max(h.notMin, ^v)
	h.max = max(h.max, v)
}

// RecordAtLeast adds a duration of which is known only that it is w or longer: a
// request that was given up, or not sent at all.
func (h *Histogram) RecordAtLeast(w time.Duration) {
	v := nonNegative(w)
	h.leastCounts()[bucketOf(v)]++
	h.least++
	h.addSum(0, v)
	h.max = max(h.max, v)
}

func (h *Histogram) leastCounts() *[numBuckets]uint64 {
	if h.atLeast == nil {
		h.atLeast = new([numBuckets]uint64)
	}
	return h.atLeast
}

func (h *Histogram) addSum(hi, lo uint64) {
	var carry uint64
	h.sumLo, carry = bits.Add64(h.sumLo, lo, 0)
	h.sumHi += hi + carry
}

// Add adds all records of o, exactly. o may not be h.
func (h *Histogram) Add(o *Histogram) {
	if o.full > 0 {
		for i, n := range &o.counts {
			h.counts[i] += n
		}
	}
	if o.least > 0 {
		counts := h.leastCounts()
		for i, n := range o.atLeast {
			counts[i] += n
		}
	}
	h.full += o.full
	h.least += o.least
	h.addSum(o.sumHi, o.sumLo)
	h.notMin = max(h.notMin, o.notMin)
	h.max = max(h.max, o.max)
}

// Reset empties h.
func (h *Histogram) Reset() {
	least := h.atLeast
	if least != nil && h.least > 0 {
		clear(least[:])
	}
	*h = Histogram{atLeast: least}
}

// Count returns the number of records of both kinds.
func (h *Histogram) Count() uint64 { return h.full + h.least }

// AtLeast returns the number of records of which only a lower bound is known.
func (h *Histogram) AtLeast() uint64 { return h.least }

// Min returns the least duration recorded in full, exactly; 0 if there is none.
func (h *Histogram) Min() time.Duration {
	if h.full == 0 {
		return 0
	}
	return time.Duration(^h.notMin)
}

// Max returns the greatest duration or lower bound recorded, exactly; 0 if there is none.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Mean returns the mean, with records that are at least w as w; 0 if there is none.
// It is rounded down to a nanosecond.
func (h *Histogram) Mean() time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	mean, _ := bits.Div64(h.sumHi, h.sumLo, n)
	return time.Duration(mean)
}

// Sum returns the sum of all records in seconds, with records that are at least w as w.
func (h *Histogram) Sum() float64 {
	return (math.Ldexp(float64(h.sumHi), 64) + float64(h.sumLo)) / 1e9
}
