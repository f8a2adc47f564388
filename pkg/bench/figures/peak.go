package figures

import (
	"runtime/metrics"
	"slices"
	"time"
)

// peak returns how much the heap grows while f runs, at its most, in bytes: the median of some runs. What is no longer
// used and not yet collected counts, as it does for a process; what is there and gone between two looks does not.
func peak(f func()) float64 {
	var peaks []float64
	for begun := time.Now(); len(peaks) < 5 && time.Since(begun) < 2*time.Second || len(peaks) == 0; {
		heap()
		heap() // the first collection leaves what lies in pools
		before := heapNow()
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		most := before
		for over := false; !over; {
			select {
			case <-done:
				over = true
			case <-time.After(50 * time.Microsecond):
			}
			most = max(most, heapNow())
		}
		peaks = append(peaks, most-before)
	}
	slices.Sort(peaks)
	return peaks[len(peaks)/2]
}

// heapNow is what lies on the heap, without collecting first and without stopping anything.
func heapNow() float64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64())
}
