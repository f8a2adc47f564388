//go:build linux

package gcra

import (
	"flag"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"cqkit/pkg/gcra"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"golang.org/x/time/rate"
)

var ratioRounds = flag.Int("ratios", 0, "rounds in which TestRatios measures limiters in turn; 0 leaves it out")

// A contender is measured beside others.
type contender struct {
	name    string
	decide  decider
	sleeps  bool      // its goroutines wait for each other without using a processor
	figures []float64 // ns a decision in each round, 0 if it was disturbed
}

// TestRatios measures all limits in turn, in rounds so short that other work on the machine mostly falls between
// them. A round of a limit counts only if each goroutine had a processor to itself for at least 95 % of the time, by the
// clock of its thread, and they were at it together for at least 80 %. Of a limit whose goroutines sleep that cannot be told:
// its round counts if those right before and after it do. A pair is a round that counts for ours and for another.
func TestRatios(t *testing.T) {
	if *ratioRounds == 0 {
		t.Skip("takes minutes: -ratios 1000")
	}
	one := func(uint64) func() string { return func() string { return "key" } }
	t.Run("single", func(t *testing.T) { measure(t, singleContenders(), one, 300*time.Microsecond) })
	zipf()
	t.Run("zipf", func(t *testing.T) { measure(t, zipfContenders(t), zipfKeys, time.Millisecond) })
	t.Run("flood", func(t *testing.T) { measure(t, floodContenders(t), newKeys(), time.Millisecond) })
}

func measure(t *testing.T, all []*contender, next func(uint64) func() string, length time.Duration) {
	for goroutines := 1; goroutines <= min(2, runtime.NumCPU()); goroutines++ {
		counts := make([]int, len(all))
		for i, c := range all {
			c.figures = nil
			least := time.Hour
			for range 20 {
				took, _ := c.round(goroutines, 2000, next)
				least = min(least, took)
			}
			counts[i] = max(100, int(2000*length/least))
		}
		for range *ratioRounds {
			quiet := make([]bool, len(all))
			for i, c := range all {
				var took time.Duration
				took, quiet[i] = c.round(goroutines, counts[i], next)
				c.figures = append(c.figures, float64(took.Nanoseconds())/float64(counts[i]*goroutines))
			}
			for i, c := range all {
				if c.sleeps && goroutines > 1 {
					quiet[i] = quiet[i-1] && quiet[i+1]
				}
				if !quiet[i] {
					c.figures[len(c.figures)-1] = 0
				}
			}
		}
		var table strings.Builder
		for _, c := range all {
			var own, pairs []float64
			for i, x := range c.figures {
				if x > 0 {
					own = append(own, x)
					if ours := all[0].figures[i]; ours > 0 {
						pairs = append(pairs, x/ours)
					}
				}
			}
			if len(pairs) == 0 {
				fmt.Fprintf(&table, "\n  %-10s no quiet rounds", c.name)
				continue
			}
			fmt.Fprintf(&table, "\n  %-10s least %6.1f  median %6.1f ns in %3d   to ours: median %5.2f of %3d pairs", c.name,
				slices.Min(own), median(own), len(own), median(pairs), len(pairs))
		}
		t.Logf("%d goroutines, %d rounds:%s", goroutines, *ratioRounds, table.String())
	}
}

// round lets goroutines decide n times each, and returns how long that took and whether each had a processor to
// itself and all were at it together.
func (c *contender) round(goroutines, n int, next func(uint64) func() string) (time.Duration, bool) {
	var done sync.WaitGroup
	var here atomic.Int64
	begin, end := make([]time.Duration, goroutines), make([]time.Duration, goroutines)
	had := make([]float64, goroutines)
	for g := range goroutines {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			key := next(uint64(g) + 1)
			var sum uint64
			here.Add(1)
			for here.Load() < int64(goroutines) {
			}
			start := now()
			before := threadTime()
			for range n {
				sum += c.decide(key())
			}
			used := threadTime() - before
			begin[g], end[g] = start, now()
			had[g] = float64(used) / float64(end[g]-start)
			sink.Add(sum)
		})
	}
	done.Wait()
	took := slices.Max(end) - slices.Min(begin)
	together := slices.Min(end) - slices.Max(begin)
	return took, slices.Min(had) > 0.95 && float64(together) > 0.8*float64(took)
}

// threadTime is how long the thread has run.
func threadTime() time.Duration {
	const clockThreadCPUTime = 3
	var ts syscall.Timespec
	if _, _, err := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&ts)), 0); err != 0 {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

func singleContenders() []*contender {
	l := must(gcra.New(gcra.Rate{Cells: perSecond, Per: time.Second}, burst))
	x := rate.NewLimiter(perSecond, burst)
	f := ratelimiter.NewBursty[any](perSecond, time.Second)
	seth, _ := sethvargoLimiter(perSecond)
	var tat atomic.Uint64
	return []*contender{
		{name: "cqkit", decide: func(string) uint64 {
			d := l.Take(now(), 1)
			return d.Remaining + uint64(d.ResetAfter) + uint64(d.RetryAfter)
		}},
		{name: "bound", decide: func(string) uint64 {
			for {
				at := uint64(now())
				old := tat.Load()
				if tat.CompareAndSwap(old, max(old, at)+1) {
					return old
				}
			}
		}},
		{name: "xrate", decide: func(string) uint64 { return yes(x.Allow()) }},
		{name: "throttled", sleeps: true, decide: throttledLimiter(perSecond, 1000)},
		{name: "sethvargo", decide: seth},
		{name: "failsafe", decide: func(string) uint64 { return yes(f.TryAcquirePermit()) }},
	}
}

func yes(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func keyedContender(keys int) *contender {
	k := must(gcra.NewKeyed[string](gcra.KeyedConfig{Limit: gcra.Limit{Rate: gcra.Rate{Cells: keyedPerSecond, Per: time.Second}, Burst: burst}, MaxKeys: keys}))
	return &contender{name: "cqkit", decide: func(key string) uint64 {
		d := k.Take(key, now(), 1)
		return d.Remaining + uint64(d.ResetAfter) + uint64(d.RetryAfter)
	}}
}

func zipfContenders(t *testing.T) []*contender {
	seth, store := sethvargoLimiter(keyedPerSecond)
	t.Cleanup(func() { store.Close(t.Context()) })
	seed := maphash.MakeSeed()
	all := []*contender{
		keyedContender(manyKeys),
		{name: "bound", decide: func(key string) uint64 { return maphash.String(seed, key) + uint64(now()) }},
		{name: "throttled", sleeps: true, decide: throttledLimiter(keyedPerSecond, manyKeys)},
		{name: "sethvargo", decide: seth},
	}
	keys, _ := zipf()
	for _, c := range all {
		for _, k := range keys {
			c.decide(k)
		}
	}
	return all
}

func floodContenders(t *testing.T) []*contender {
	seth, store := sethvargoLimiter(keyedPerSecond)
	t.Cleanup(func() { store.Close(t.Context()) })
	return []*contender{keyedContender(100_000), {name: "throttled", sleeps: true, decide: throttledLimiter(keyedPerSecond, 100_000)}, {name: "sethvargo", decide: seth}}
}

// newKeys has no key twice, in no round.
func newKeys() func(g uint64) func() string {
	var rounds atomic.Uint64
	return func(uint64) func() string { return countingKeys(rounds.Add(1)) }
}
