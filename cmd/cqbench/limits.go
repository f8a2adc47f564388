package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/gcra"
	"cqkit/pkg/nonce"
	"cqkit/pkg/vegas"
)

// limitFigures are the figures of limits, for each number of goroutines.
func limitFigures(o *options) ([]figure, error) {
	cpu := o.cpu
	if len(cpu) == 0 {
		for n := 1; n <= runtime.GOMAXPROCS(0); n *= 2 {
			cpu = append(cpu, n)
		}
	}
	slices.Sort(cpu)
	cpu = slices.Compact(cpu)
	if cpu[0] < 1 || cpu[len(cpu)-1] > 1024 {
		return nil, cli.Usagef("--cpu takes numbers from 1 to 1024")
	}
	o.addInputs(fmt.Sprintf("goroutines %v", cpu))
	var list []figure
	tables := []*table{{name: "1k", keys: 1000}, {name: "1M", keys: 1_000_000}, {name: "1M-zipf", keys: 1_000_000, zipf: true}}
	for _, g := range cpu {
		suffix := ""
		if g > 1 {
			suffix = fmt.Sprintf("/%d", g)
		}
		add := func(name, bound string, setup func() error, work func(n int)) {
			f := figure{Contender: bench.Contender{Name: name + suffix, Setup: setup, Func: spread(g, work), Passes: g}}
			if bound != "" {
				f.bound = bound + suffix
			}
			list = append(list, f)
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
	return list, nil
}

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

// addAccept adds the tracker of a receiver.
func addAccept(add func(name, bound string, setup func() error, work func(n int))) {
	var tracker nonce.Tracker
	var last uint64
	add("nonce/accept", "bound/update", nil, func(n int) {
		for range n {
			last++
			tracker.Accept(last)
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
	limit, err := gcra.NewKeyed[uint64](gcra.KeyedConfig{Limit: freely(), MaxKeys: 2 * t.keys})
	if err != nil {
		return err
	}
	t.start = time.Now()
	for k := range uint64(t.keys) {
		limit.Take(k, time.Since(t.start), 1)
	}
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.1, 1, uint64(t.keys-1))
	for range drawn {
		key := r.Uint32N(uint32(t.keys))
		if t.zipf {
			key = uint32(zipf.Uint64())
		}
		t.order = append(t.order, key)
	}
	t.limit = limit
	return nil
}

// work goes on in the order where the last batch ended, or few of the keys would ever come.
func (t *table) work(n int) {
	at := t.next.Add(uint64(n))
	for range n {
		t.limit.Take(uint64(t.order[at%drawn]), time.Since(t.start), 1)
		at++
	}
}
