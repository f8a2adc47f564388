package gcra

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// BenchmarkMemory fills limits for a number of keys and reports the heap that they take, a key, and how long a full
// collection takes with them, on one processor and on all, beside one of an empty heap: microseconds and the ratio. Each is
// the median of rounds, with and without the keys in turn, of the least of 30 collections.
func BenchmarkMemory(b *testing.B) {
	kinds := map[string]func(keys int) decider{
		"cqkit": func(keys int) decider {
			k := must(gcra.NewKeyed[string](gcra.KeyedConfig{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: burst}, MaxKeys: keys}))
			return func(key string) uint64 { return k.Take(key, 0, 1).Remaining }
		},
		"throttled": func(keys int) decider { return throttledLimiter(keyedPerSecond, keys) },
		"sethvargo": func(int) decider { d, _ := sethvargoLimiter(keyedPerSecond); return d },
	}
	for _, keys := range []int{1_000_000, 10_000_000} {
		for _, name := range []string{"cqkit", "throttled", "sethvargo"} {
			rounds := 15
			if keys > 1_000_000 {
				rounds = 3
			}
			if name != "cqkit" {
				if rounds = 1; keys > 1_000_000 {
					continue // a gigabyte and more
				}
			}
			b.Run(fmt.Sprintf("%s/keys=%d", name, keys), func(b *testing.B) {
				for b.Loop() {
					var perKey float64
					var empty, full [2][]float64
					for range rounds {
						measureCollections(&empty)
						before := heap()
						decide := kinds[name](keys)
						for i := range keys {
							decide("client-" + strconv.Itoa(i))
						}
						measureCollections(&full)
						perKey = (heap() - before) / float64(keys)
						sink.Add(decide("client-0"))
					}
					b.ReportMetric(perKey, "B/key")
					for i, procs := range []string{"1p", "all"} {
						b.ReportMetric(median(empty[i]), "µs-empty-"+procs)
						b.ReportMetric(median(full[i]), "µs-"+procs)
						b.ReportMetric(median(full[i])/median(empty[i]), "ratio-"+procs)
					}
				}
			})
		}
	}
}

// measureCollections appends how long a full collection takes, the least of some, on one processor and on all.
func measureCollections(to *[2][]float64) {
	runtime.GC()
	all := runtime.GOMAXPROCS(1)
	to[0] = append(to[0], collect())
	runtime.GOMAXPROCS(all)
	to[1] = append(to[1], collect())
}

func collect() float64 {
	runtime.GC()
	least := time.Hour
	for range 30 {
		start := time.Now()
		runtime.GC()
		least = min(least, time.Since(start))
	}
	return float64(least.Nanoseconds()) / 1e3
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

func heap() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
