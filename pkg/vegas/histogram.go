package vegas

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram counts durations in buckets whose width is at most 1/128 of their
// value, so that a mid-point is off by 0.4 % at most. Durations above 274 s count as
// 274 s. It is safe for concurrent use.
type histogram struct {
	count [histogramBuckets]atomic.Uint32
}

const (
	histogramBits    = 7 // log2 of the buckets per power of two
	histogramMaxLen  = 38
	histogramBuckets = (histogramMaxLen - histogramBits + 1) << histogramBits
)

func bucketOf(d time.Duration) int {
	v := min(uint64(max(d, 0)), 1<<histogramMaxLen-1)
	if v < 1<<(histogramBits+1) {
		return int(v)
	}
	e := bits.Len64(v) - (histogramBits + 1)
	return e<<histogramBits + int(v>>e)
}

// middle returns the mid-point of bucket i in nanoseconds.
func middle(i int) float64 {
	if i < 1<<(histogramBits+1) {
		return float64(i)
	}
	e := i>>histogramBits - 1
	low := (i - e<<histogramBits) << e
	return float64(low) + float64(int(1)<<e-1)/2
}

func (h *histogram) add(d time.Duration) { h.count[bucketOf(d)].Add(1) }

func (h *histogram) clear() {
	for i := range h.count {
		if h.count[i].Load() != 0 {
			h.count[i].Store(0)
		}
	}
}

// total counts the samples.
func (h *histogram) total() int {
	n := 0
	for i := range h.count {
		n += int(h.count[i].Load())
	}
	return n
}

// trimmedMean returns how many samples there are, the mean of those between the 10 %
// and 90 % quantiles, and its standard error. A sample that straddles a quantile counts
// in part.
func (h *histogram) trimmedMean() (n int, mean, stdErr time.Duration) {
	n = h.total()
	if n == 0 {
		return 0, 0, 0
	}
	low, high := 0.1*float64(n), 0.9*float64(n)
	var seen, sum, squares, least, most float64
	for i := range h.count {
		c := float64(h.count[i].Load())
		if c == 0 {
			continue
		}
		if in := min(seen+c, high) - max(seen, low); in > 0 {
			most = middle(i)
			if sum == 0 {
				least = most
			}
			sum += in * most
			squares += in * most * most
		}
		if seen += c; seen >= high {
			break
		}
	}
	// The winsorised variance, where the trimmed samples count as the quantiles.
	wm := (sum + low*(least+most)) / float64(n)
	variance := (squares+low*(least*least+most*most))/float64(n) - wm*wm
	stdErr = time.Duration(math.Sqrt(max(0, variance)/float64(n)) / 0.8)
	return n, time.Duration(sum / (high - low)), stdErr
}
