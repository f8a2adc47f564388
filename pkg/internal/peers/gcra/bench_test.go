package gcra

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cqkit/pkg/gcra"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"golang.org/x/time/rate"
)

// Every peer decides by a clock that it reads itself; for ours and for the bounds the benchmark reads
// one. Limits are such that nearly all decisions allow, which is the dearer answer.
const (
	perSecond = 1_000_000_000
	burst     = 1000

	keyedPerSecond = 1_000_000
	manyKeys       = 1_000_000
)

var (
	start = time.Now()
	sink  atomic.Uint64
)

func now() time.Duration { return time.Since(start) }

// decider decides for a key. A benchmark of one limit passes one key.
type decider func(key string) (remaining uint64)

func run(b *testing.B, decide decider, next func(g uint64) func() string) {
	b.Helper()
	var goroutines atomic.Uint64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		key := next(goroutines.Add(1))
		var sum uint64
		for pb.Next() {
			sum += decide(key())
		}
		sink.Add(sum)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func throttledLimiter(perSecond, keys int) decider {
	store := must(memstore.NewCtx(keys))
	l := must(throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{MaxRate: throttled.PerSec(perSecond), MaxBurst: burst - 1}))
	return func(key string) uint64 {
		_, r, err := l.RateLimitCtx(context.Background(), key, 1)
		if err != nil {
			return 0 // it gives up when many share a key
		}
		return uint64(r.Remaining)
	}
}

func sethvargoLimiter(perSecond uint64) (decider, limiter.Store) {
	store := must(memorystore.New(&memorystore.Config{Tokens: perSecond, Interval: time.Second, InitialAlloc: 1 << 16}))
	return func(key string) uint64 {
		_, remaining, _, _, _ := store.Take(context.Background(), key)
		return remaining
	}, store
}

func BenchmarkSingle(b *testing.B) {
	one := func(uint64) func() string { return func() string { return "key" } }
	b.Run("bound", func(b *testing.B) { // a clock and a lone compare-and-swap
		var tat atomic.Uint64
		run(b, func(string) uint64 {
			for {
				at := uint64(now())
				old := tat.Load()
				if tat.CompareAndSwap(old, max(old, at)+1) {
					return old
				}
			}
		}, one)
	})
	b.Run("cqkit", func(b *testing.B) {
		l := must(gcra.New(gcra.Rate{Cells: perSecond, Per: time.Second}, burst))
		run(b, func(string) uint64 {
			d := l.Take(now(), 1)
			return d.Remaining + uint64(d.ResetAfter) + uint64(d.RetryAfter)
		}, one)
	})
	b.Run("xrate", func(b *testing.B) {
		l := rate.NewLimiter(perSecond, burst)
		run(b, func(string) uint64 {
			if l.Allow() {
				return 1
			}
			return 0
		}, one)
	})
	b.Run("throttled", func(b *testing.B) { run(b, throttledLimiter(perSecond, 1000), one) })
	b.Run("sethvargo", func(b *testing.B) {
		d, store := sethvargoLimiter(perSecond)
		defer store.Close(b.Context())
		run(b, d, one)
	})
	b.Run("failsafe", func(b *testing.B) {
		l := ratelimiter.NewBursty[any](perSecond, time.Second)
		run(b, func(string) uint64 {
			if l.TryAcquirePermit() {
				return 1
			}
			return 0
		}, one)
	})
}

var zipf = sync.OnceValues(func() (keys []string, order []uint32) {
	keys = make([]string, manyKeys)
	for i := range keys {
		keys[i] = "client-" + strconv.Itoa(i)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(rng, 1.1, 1, manyKeys-1)
	order = make([]uint32, 1<<21)
	shuffled := rng.Perm(manyKeys)
	for i := range order {
		order[i] = uint32(shuffled[z.Uint64()])
	}
	return keys, order
})

func zipfKeys(g uint64) func() string {
	keys, order := zipf()
	i := int(g*0x9e3779b97f4a7c15) & (len(order) - 1)
	return func() string {
		i = (i + 1) & (len(order) - 1)
		return keys[order[i]]
	}
}

// keyedLimiters are the peers that have a limit for each key, filled with all keys.
func keyedLimiters(b *testing.B, next func(uint64) func() string, fill bool, keys int) {
	warm := func(d decider) decider {
		if fill {
			all, _ := zipf()
			for _, k := range all {
				d(k)
			}
		}
		return d
	}
	b.Run("cqkit", func(b *testing.B) {
		k := must(gcra.NewKeyed[string](gcra.KeyedConfig{Limit: gcra.Limit{Rate: gcra.Rate{Cells: keyedPerSecond, Per: time.Second}, Burst: burst}, MaxKeys: keys}))
		run(b, warm(func(key string) uint64 {
			d := k.Take(key, now(), 1)
			return d.Remaining + uint64(d.ResetAfter) + uint64(d.RetryAfter)
		}), next)
	})
	b.Run("throttled", func(b *testing.B) { run(b, warm(throttledLimiter(keyedPerSecond, keys)), next) })
	b.Run("sethvargo", func(b *testing.B) {
		d, store := sethvargoLimiter(keyedPerSecond)
		defer store.Close(b.Context())
		run(b, warm(d), next)
	})
	b.Run("xrate", func(b *testing.B) { // a map of limiters behind a lock, as it is commonly used
		var mu sync.Mutex
		limiters := map[string]*rate.Limiter{}
		run(b, warm(func(key string) uint64 {
			mu.Lock()
			l := limiters[key]
			if l == nil {
				l = rate.NewLimiter(keyedPerSecond, burst)
				limiters[key] = l
			}
			mu.Unlock()
			if l.Allow() {
				return 1
			}
			return 0
		}), next)
	})
}

func BenchmarkZipf(b *testing.B) {
	zipf()                              // made once, outside of what is measured
	b.Run("bound", func(b *testing.B) { // the key, its hash and a clock
		seed := maphash.MakeSeed()
		run(b, func(key string) uint64 { return maphash.String(seed, key) + uint64(now()) }, zipfKeys)
	})
	keyedLimiters(b, zipfKeys, true, manyKeys)
}

// BenchmarkFlood has a new key for every decision.
func BenchmarkFlood(b *testing.B) {
	keyedLimiters(b, countingKeys, false, 100_000)
}

// countingKeys returns keys that differ from each other and from those of any other g.
func countingKeys(g uint64) func() string {
	var buf [24]byte
	i := g << 40
	return func() string {
		i++
		return string(strconv.AppendUint(buf[:0], i, 10))
	}
}
