package figures

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/bench"
	"cqkit/pkg/gcra"
	"cqkit/pkg/nonce"
	"cqkit/pkg/vegas"
)

// Limits are the figures of limits for each number of goroutines, which are at least 1. With more than one the name ends in
// the number: gcra/one/2.
func Limits(goroutines []int) (s Set) {
	tables := []*table{{name: "1k", keys: 1000}, {name: "1M", keys: 1_000_000}, {name: "1M-zipf", keys: 1_000_000, zipf: true}}
	for _, g := range goroutines {
		suffix := ""
		if g > 1 {
			suffix = fmt.Sprintf("/%d", g)
		}
		add := func(name, bound string, setup func() error, work func(n int)) {
			f := Figure{Contender: bench.Contender{Name: name + suffix, Setup: setup, Func: spread(g, work), Passes: g}}
			if bound != "" {
				f.Bound = bound + suffix
			}
			s.add(f)
		}
		addBounds(add)
		addStates(add)
		if g == 1 { // a signer's numbers come in order, or are refused, which is cheaper
			addAccept(add)
		}
		for _, t := range tables {
			add("gcra/"+t.name, "bound/decision", t.fill, t.work)
		}
	}
	s.named("limits")
	t := tables[1]
	s.Sizes = append(s.Sizes, Size{Name: "gcra/" + t.name + "/memory", Per: "key", Count: t.memory})
	return s
}

// Scaled are the figures of [Limits] that do the same from any number of goroutines.
var Scaled = []string{"gcra/one", "gcra/1k", "gcra/1M", "gcra/1M-zipf", "vegas/gate", "nonce/draw", "bound/decision"}

// FluxLimiter is how many times as many decisions flux-limiter publishes that it takes from so many threads, by their number.
var FluxLimiter = map[int]float64{1: 1.0, 2: 1.9, 4: 3.7, 8: 7.0, 16: 12.5}

// spread returns a function that does n operations on g goroutines.
func spread(g int, work func(n int)) func(int) {
	if g == 1 {
		return work
	}
	return func(n int) {
		var wg sync.WaitGroup
		for range g {
			wg.Go(func() { work(n / g) })
		}
		wg.Wait()
	}
}

// addBounds adds the least that limits could cost: the clock, and one word that all update.
func addBounds(add func(name, bound string, setup func() error, work func(n int))) {
	start := time.Now()
	var word atomic.Uint64
	add("bound/decision", "", nil, func(n int) {
		for range n {
			now := uint64(time.Since(start))
			for {
				if old := word.Load(); word.CompareAndSwap(old, max(old+1, now)) {
					break
				}
			}
		}
	})
	var atWork atomic.Int64
	add("bound/gate", "", nil, func(n int) {
		var last time.Duration
		for range n {
			last = time.Since(start)
			atWork.Add(1)
			last = time.Since(start) - last
			atWork.Add(-1)
		}
		runtime.KeepAlive(last)
	})
	var count atomic.Uint64
	add("bound/update", "", nil, func(n int) {
		for range n {
			count.Add(1)
		}
	})
}

// freely is a limit that lets through whatever one machine can ask: a refusal would be cheaper.
func freely() gcra.Limit { return gcra.Limit{Rate: must(gcra.PerSecond(1e9)), Burst: 1 << 20} }

// addStates adds what has one state for all.
func addStates(add func(name, bound string, setup func() error, work func(n int))) {
	start := time.Now()
	one := must(gcra.New(freely().Rate, freely().Burst))
	add("gcra/one", "bound/decision", nil, func(n int) {
		for range n {
			one.Take(time.Since(start), 1)
		}
	})
	gate := must(vegas.NewGate(vegas.Fixed(4096), vegas.GateConfig{}))
	add("vegas/gate", "bound/gate", nil, func(n int) {
		for range n {
			if p, ok := gate.Try(gate.Now(), vegas.Class{}); ok {
				p.Release(gate.Now(), vegas.Success)
			}
		}
	})
	var source nonce.Source
	add("nonce/draw", "bound/decision", nil, func(n int) {
		began := start.UnixNano()
		for range n {
			must(source.Next(began + int64(time.Since(start))))
		}
	})
}

// addAccept adds the trackers of a receiver: of statements, which must rise, and of packets, which may come late.
func addAccept(add func(name, bound string, setup func() error, work func(n int))) {
	var tracker nonce.Tracker
	var last uint64
	add("nonce/accept", "bound/update", nil, func(n int) {
		for range n {
			last++
			tracker.Accept(last)
		}
	})
	var window nonce.Window
	var late uint64
	add("nonce/window", "bound/update", nil, func(n int) {
		for range n {
			late++
			window.Accept(late ^ 1) // every second one comes late
		}
	})
}

// A table is a limit with many keys, in the order in which they come.
type table struct {
	name  string
	keys  int
	zipf  bool
	limit *gcra.Keyed[uint64]
	order []uint32
	start time.Time
	next  atomic.Uint64 // in order
}

// drawn is how many keys are drawn before they come again.
const drawn = 1 << 20

// fill makes the table, with all keys in it.
func (t *table) fill() error {
	if t.limit != nil {
		return nil
	}
	t.order = orderOf(t.keys, t.zipf)
	limit, err := t.with(2 * t.keys)
	t.limit = limit
	return err
}

// ZipfOrder returns the order in which the keys of gcra/1M-zipf come, below a million, for others to take the same.
func ZipfOrder() []uint32 { return orderOf(1_000_000, true) }

func orderOf(keys int, zipf bool) []uint32 {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 1, uint64(keys-1))
	order := make([]uint32, drawn)
	for i := range order {
		order[i] = r.Uint32N(uint32(keys))
		if zipf {
			order[i] = uint32(z.Uint64())
		}
	}
	return order
}

// with returns a limit for so many keys, with all of the table's in it.
func (t *table) with(most int) (*gcra.Keyed[uint64], error) {
	// Keys that have not used anything for long are as good as new, and forgotten: each has used its last
	// quarter of an hour, and can go on for years.
	limit, err := gcra.NewKeyed[uint64](gcra.KeyedConfig{Limit: gcra.Limit{Rate: gcra.Every(time.Second), Burst: 1 << 28}, MaxKeys: most})
	if err != nil {
		return nil, err
	}
	t.start = time.Now()
	for k := range uint64(t.keys) {
		if !limit.Take(k, time.Since(t.start), 1000).Allowed {
			return nil, errors.New("a new key is refused")
		}
	}
	return limit, nil
}

// memory returns the bytes a key of a limit for as many keys as there are.
func (t *table) memory() (float64, error) {
	heap()
	before := heap() // the first collection leaves what lies in pools
	limit, err := t.with(t.keys)
	bytes := heap() - before
	runtime.KeepAlive(limit)
	return bytes / float64(t.keys), err
}

// heap is what is alive on it, in bytes.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// work goes on in the order where the last batch ended, or few of the keys would ever come.
func (t *table) work(n int) {
	at := t.next.Add(uint64(n))
	for range n {
		t.limit.Take(uint64(t.order[at%drawn]), time.Since(t.start), 1)
		at++
	}
}
