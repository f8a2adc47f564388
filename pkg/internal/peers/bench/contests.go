package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/sha3"
	"fmt"
	"hash"
	"io"
	"strconv"
	"sync"
	"time"

	"filippo.io/mldsa"
	gomavlog "github.com/bluenviron/gomavlib/v3/pkg/tlog"
	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/platinummonkey/go-concurrency-limits/core"
	platinum "github.com/platinummonkey/go-concurrency-limits/limiter"
	"github.com/platinummonkey/go-concurrency-limits/strategy"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"cqkit/pkg/bench"
	"cqkit/pkg/bench/figures"
)

const logRecords = 1000 // fewer than cqbench has: reading them takes less than a turn of the scheduler

// contests are what is compared.
func contests() []contest {
	set := figures.Keys(figures.CCTV())
	set.Add(figures.Limits([]int{1}))
	set.Add(must(figures.Seal(figures.GeneratedLog(logRecords), []int{1})))
	ours := map[string]bench.Contender{}
	for _, f := range set.Figures {
		ours[f.Name] = f.Contender
	}
	var list []contest
	add := func(group, name string, peers ...bench.Contender) {
		c := contest{group: group, ours: ours[name]}
		for _, p := range peers {
			p.Name = name + "--" + p.Name
			p.Items, p.Bytes, p.Cycle = c.ours.Items, c.ours.Bytes, c.ours.Cycle
			c.peers = append(c.peers, p)
		}
		list = append(list, c)
	}
	signatures(add)
	encapsulation(add)
	for _, size := range []int{20, 50, 100, 280} {
		naive, reused := macs(size)
		add("hmac", fmt.Sprintf("hmac/%d", size), naive, reused)
		naive, reused = macs(size)
		add("hmac", fmt.Sprintf("hmac4/%d", size), naive, reused)
	}
	rates(add)
	gates(add)
	add("log", "seal/cut", gomavlib())
	return list
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func times(f func()) func(int) {
	return func(n int) {
		for range n {
			f()
		}
	}
}

type adder func(group, name string, peers ...bench.Contender)

// signatures are filippo.io/mldsa's, which is Go's own ML-DSA before it is in Go.
func signatures(add adder) {
	key := must(mldsa.NewPrivateKey(mldsa.MLDSA87(), make([]byte, mldsa.PrivateKeySize)))
	public := key.PublicKey()
	raw := public.Bytes()
	messages := figures.CCTV()
	signature := must(key.SignDeterministic(messages[0], &mldsa.Options{}))
	next := 0
	verify := func(k *mldsa.PublicKey) {
		if err := mldsa.Verify(k, messages[0], signature, nil); err != nil {
			panic(err)
		}
	}
	peer := func(f func()) bench.Contender { return bench.Contender{Name: "filippo.io-mldsa", Func: times(f)} }
	add("mldsa", "mldsa87/make", peer(func() { must(mldsa.GenerateKey(mldsa.MLDSA87())) }))
	add("mldsa", "mldsa87/parse", peer(func() { must(mldsa.NewPublicKey(mldsa.MLDSA87(), raw)) }))
	add("mldsa", "mldsa87/sign", peer(func() {
		must(key.SignDeterministic(messages[next], &mldsa.Options{}))
		next = (next + 1) % len(messages)
	}))
	add("mldsa", "mldsa87/verify", peer(func() { verify(public) }))
	add("mldsa", "mldsa87/parse-verify", peer(func() { verify(must(mldsa.NewPublicKey(mldsa.MLDSA87(), raw))) }))
}

func encapsulation(add adder) {
	key := must(mlkem.GenerateKey1024())
	public := key.EncapsulationKey()
	raw := public.Bytes()
	_, ciphertext := public.Encapsulate()
	peer := func(f func()) bench.Contender { return bench.Contender{Name: "crypto-mlkem", Func: times(f)} }
	add("mlkem", "mlkem1024/make", peer(func() { must(mlkem.GenerateKey1024()) }))
	add("mlkem", "mlkem1024/parse", peer(func() { must(mlkem.NewEncapsulationKey1024(raw)) }))
	add("mlkem", "mlkem1024/encapsulate", peer(func() { public.Encapsulate() }))
	add("mlkem", "mlkem1024/decapsulate", peer(func() { must(key.Decapsulate(ciphertext)) }))
	add("mlkem", "mlkem1024/session", peer(func() {
		k := must(mlkem.GenerateKey1024())
		_, c := k.EncapsulationKey().Encapsulate()
		must(k.Decapsulate(c))
	}))
}

// macs are crypto/hmac made anew for each message, and reset.
func macs(size int) (naive, reused bench.Contender) {
	key, message := make([]byte, 32), make([]byte, size)
	newHash := func() hash.Hash { return sha3.New256() }
	m := hmac.New(newHash, key)
	var tag [32]byte
	return bench.Contender{Name: "crypto-hmac-naive", Func: times(func() {
			m := hmac.New(newHash, key)
			m.Write(message)
			m.Sum(nil)
		})}, bench.Contender{Name: "crypto-hmac-reused", Func: times(func() {
			m.Reset()
			m.Write(message)
			m.Sum(tag[:0])
		})}
}

// Limits by which nearly all decisions allow, which is the dearer answer.
const (
	perSecond = 1_000_000_000
	burst     = 1000
)

func rates(add adder) {
	x := rate.NewLimiter(perSecond, burst)
	f := ratelimiter.NewBursty[any](perSecond, time.Second)
	add("gcra", "gcra/one",
		bench.Contender{Name: "x-time-rate", Func: times(func() { x.Allow() })},
		bench.Contender{Name: "throttled", Func: oneKey(throttledLimiter(perSecond, 1000))},
		bench.Contender{Name: "sethvargo", Func: oneKey(sethvargoLimiter(perSecond))},
		bench.Contender{Name: "failsafe-go", Func: times(func() { f.TryAcquirePermit() })})
	add("gcra", "gcra/1M-zipf", manyKeys("throttled", func() func(string) { return throttledLimiter(1_000_000, 1_000_000) }),
		manyKeys("sethvargo", func() func(string) { return sethvargoLimiter(1_000_000) }),
		manyKeys("x-time-rate-map", mapOfLimiters))
}

func oneKey(take func(string)) func(int) { return times(func() { take("key") }) }

func throttledLimiter(perSecond, keys int) func(string) {
	l := must(throttled.NewGCRARateLimiterCtx(must(memstore.NewCtx(keys)), throttled.RateQuota{MaxRate: throttled.PerSec(perSecond), MaxBurst: burst - 1}))
	return func(key string) { _, _, _ = l.RateLimitCtx(context.Background(), key, 1) }
}

func sethvargoLimiter(perSecond uint64) func(string) {
	store := must(memorystore.New(&memorystore.Config{Tokens: perSecond, Interval: time.Second, InitialAlloc: 1 << 16}))
	return func(key string) { _, _, _, _, _ = store.Take(context.Background(), key) }
}

// mapOfLimiters is a map behind a lock, as x/time/rate is commonly used for many keys.
func mapOfLimiters() func(string) {
	var mu sync.Mutex
	limiters := map[string]*rate.Limiter{}
	return func(key string) {
		mu.Lock()
		l := limiters[key]
		if l == nil {
			l = rate.NewLimiter(1_000_000, burst)
			limiters[key] = l
		}
		mu.Unlock()
		l.Allow()
	}
}

// manyKeys takes from a million keys, in the order in which ours takes them; these take only texts.
func manyKeys(name string, make_ func() func(string)) bench.Contender {
	var take func(string)
	var keys []string
	var order []uint32
	next := 0
	return bench.Contender{Name: name,
		Setup: func() error {
			take, order = make_(), figures.ZipfOrder()
			for i := range 1_000_000 {
				keys = append(keys, "client-"+strconv.Itoa(i))
				take(keys[i])
			}
			return nil
		},
		Func: func(n int) {
			for range n {
				take(keys[order[next%len(order)]])
				next++
			}
		}}
}

func gates(add adder) {
	ctx := context.Background()
	s := semaphore.NewWeighted(1000)
	f := adaptivelimiter.NewWithDefaults[any]()
	l := must(platinum.NewDefaultLimiterWithDefaults("", strategy.NewSimpleStrategy(100), nil, core.EmptyMetricRegistryInstance))
	add("vegas", "vegas/gate",
		bench.Contender{Name: "x-sync-semaphore", Func: times(func() {
			if s.TryAcquire(1) {
				s.Release(1)
			}
		})},
		bench.Contender{Name: "failsafe-go", Func: times(func() {
			if p, ok := f.TryAcquirePermit(); ok {
				p.Record()
			}
		})},
		bench.Contender{Name: "go-concurrency-limits", Func: times(func() {
			if p, ok := l.Acquire(ctx); ok {
				p.OnSuccess()
			}
		})})
}

// gomavlib reads the log without a dialect, and so checks no checksum; ours does.
func gomavlib() bench.Contender {
	data := figures.GeneratedLog(logRecords)
	return bench.Contender{Name: "gomavlib", Func: times(func() {
		r := &gomavlog.Reader{ByteReader: bytes.NewReader(data)}
		if err := r.Initialize(); err != nil {
			panic(err)
		}
		n := 0
		for {
			if _, err := r.Read(); err != nil {
				if err != io.EOF || n != logRecords {
					panic(fmt.Sprint(n, " records, ", err))
				}
				return
			}
			n++
		}
	})}
}
