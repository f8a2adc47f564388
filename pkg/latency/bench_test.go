package latency

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// durations are lognormal around 5 ms, as answers of a server are.
func durations() []time.Duration {
	r := rand.New(rand.NewPCG(1, 1))
	list := make([]time.Duration, 1<<12)
	for i := range list {
		list[i] = time.Duration(5e6 * math.Exp(0.5*r.NormFloat64()))
	}
	return list
}

func BenchmarkRecord(b *testing.B) {
	list := durations()
	h := new(Histogram)
	for i := 0; b.Loop(); i++ {
		h.Record(list[i&(1<<12-1)])
	}
}

// BenchmarkBound is the loop without a histogram: what of the figures is not its own.
func BenchmarkBound(b *testing.B) {
	list := durations()
	var sum time.Duration
	for i := 0; b.Loop(); i++ {
		sum += list[i&(1<<12-1)]
	}
	if sum == 0 {
		b.Fatal("nothing summed")
	}
}

func BenchmarkHdrHistogram(b *testing.B) {
	list := durations()
	h := hdrhistogram.New(1, int64(time.Hour), 2)
	for i := 0; b.Loop(); i++ {
		if err := h.RecordValue(int64(list[i&(1<<12-1)])); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStriped(b *testing.B) {
	list := durations()
	s := NewStriped(8)
	var writers atomic.Int64
	b.RunParallel(func(p *testing.PB) {
		w := int(writers.Add(1))
		for i := 0; p.Next(); i++ {
			s.Record(w, list[i&(1<<12-1)])
		}
	})
}

func BenchmarkQuantile(b *testing.B) {
	h := new(Histogram)
	for _, d := range durations() {
		h.Record(d)
	}
	for b.Loop() {
		h.Quantile(0.99)
	}
}
