package latency

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestStriped lets writers and takers run against each other: what the takes hold together
// is what was recorded, and each take is consistent in itself.
func TestStriped(t *testing.T) {
	const writers, each = 6, 20000
	s := NewStriped(4) // fewer than writers: some share
	var want [writers]Histogram
	var writing, taking sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 5))
			for range each {
				d := spread(r)
				if r.IntN(10) == 0 {
					s.RecordAtLeast(w, d)
					want[w].RecordAtLeast(d)
				} else {
					s.Record(w, d)
					want[w].Record(d)
				}
			}
		})
	}
	var got [2]Histogram
	for i := range got {
		taking.Go(func() {
			for {
				var h, again Histogram
				s.Take(&h)
				if err := again.UnmarshalBinary(encoded(&h)); err != nil { // checks min, max and sum against the counts
					t.Errorf("a take is torn: %v", err)
					return
				}
				got[i].Add(&h)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	taking.Wait()
	var all, taken Histogram
	for i := range want {
		all.Add(&want[i])
	}
	s.Take(&taken)
	for i := range got {
		taken.Add(&got[i])
	}
	if !slices.Equal(encoded(&all), encoded(&taken)) {
		t.Errorf("taken %d of %d records, mean %v, want %v", taken.Count(), all.Count(), taken.Mean(), all.Mean())
	}
}

func TestStripedSingle(t *testing.T) {
	s := NewStriped(0)
	s.Record(-3, 10)
	s.Record(1<<30, 20)
	var h Histogram
	s.Take(&h)
	s.Take(&h)
	if h.Count() != 2 || h.Min() != 10 || h.Max() != 20 || h.Mean() != 15 {
		t.Errorf("count %d, min %d, max %d, mean %d", h.Count(), h.Min(), h.Max(), h.Mean())
	}
}
