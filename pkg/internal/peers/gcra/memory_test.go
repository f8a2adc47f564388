package gcra

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// BenchmarkMemory fills limits for a number of keys and reports the heap that they take, a key, and
// how long a full collection takes with them and without, in microseconds.
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
			if name != "cqkit" && keys > 1_000_000 {
				continue // a gigabyte and more
			}
			b.Run(fmt.Sprintf("%s/keys=%d", name, keys), func(b *testing.B) {
				for b.Loop() {
					empty := collect()
					before := heap()
					decide := kinds[name](keys)
					for i := range keys {
						decide("client-" + strconv.Itoa(i))
					}
					full := collect()
					b.ReportMetric((heap()-before)/float64(keys), "B/key")
					b.ReportMetric(float64(full.Nanoseconds())/1e3, "gc-µs")
					b.ReportMetric(float64(empty.Nanoseconds())/1e3, "empty-gc-µs")
					sink.Add(decide("client-0"))
				}
			})
		}
	}
}

// collect returns how long a full collection takes, the least of some.
func collect() time.Duration {
	runtime.GC()
	least := time.Hour
	for range 200 {
		start := time.Now()
		runtime.GC()
		least = min(least, time.Since(start))
	}
	return least
}

func heap() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
