package align

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// benchElements is the number of records of a 205 MB log.
const benchElements = 5_500_000

// The bound is reading both sequences once: 88 MB.
func BenchmarkAlign(b *testing.B) {
	b.Run("bound=compare", func(b *testing.B) {
		s := unique(benchElements)
		p := slices.Clone(s)
		b.SetBytes(16 * benchElements)
		for b.Loop() {
			if !slices.Equal(s, p) {
				b.Fatal("unequal")
			}
		}
	})
	inputs := extremes(benchElements)
	edited := func(count, longest int, s []uint64) func() (sealed, presented []uint64) {
		return func() ([]uint64, []uint64) {
			e := &editor{rng: rand.New(rand.NewPCG(3, 4)), sealed: s, fresh: 1 << 40}
			p, _ := e.edits(count, longest)
			return e.sealed, p
		}
	}
	inputs["edits=1000/distinct"] = edited(1000, 1000, unique(benchElements))
	inputs["edits=1000/ten-fold"] = edited(1000, 1000, repeated(benchElements, 10))
	inputs["edits=10000/distinct"] = edited(10000, 200, unique(benchElements))
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		b.Run(name, func(b *testing.B) {
			s, p := inputs[name]()
			b.SetBytes(int64(8 * (len(s) + len(p))))
			b.ReportAllocs()
			runtime.GC()
			var res Result
			for b.Loop() {
				res = Align(s, p, Options{})
			}
			b.ReportMetric(float64(res.Findings()), "findings")
			b.ReportMetric(float64(peak(func() { Align(s, p, Options{}) }))/1e6, "peak-MB")
		})
	}
}

// peak returns by how much f raised the heap at most, sampled.
func peak(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, uint64(0)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
				time.Sleep(time.Millisecond)
			}
		}
	})
	f()
	close(stop)
	wg.Wait()
	return most - min(before, most)
}
