package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// A use is cells that were admitted by a call between two instants of one clock.
type use struct {
	start, end time.Duration
	cells      uint64
}

// A bound is what a limit promises: cells + (d + slack)/interval in any interval d.
type bound struct {
	cells    float64
	slack    time.Duration
	interval time.Duration // T
}

func (b bound) over(d time.Duration) float64 {
	return b.cells + float64(d+b.slack)/float64(b.interval)
}

// violation returns an interval in which more was admitted than a bound allows. A call counts for an interval
// if all of it lies inside, so its decision does, too.
func violation(uses []use, b bound) error {
	byEnd := slices.Clone(uses)
	slices.SortFunc(byEnd, func(x, y use) int { return int(x.end - y.end) })
	starts := map[time.Duration]bool{}
	for _, u := range uses {
		starts[u.start] = true
	}
	for from := range starts {
		var sum uint64
		for _, u := range byEnd {
			if u.start < from {
				continue
			}
			if sum += u.cells; float64(sum) > b.over(u.end-from)+1e-6 {
				return fmt.Errorf("%d cells in %v from %v on, where %.1f are promised", sum, u.end-from, from, b.over(u.end-from))
			}
		}
	}
	return nil
}

func TestViolationIsFound(t *testing.T) {
	b := bound{cells: 2, interval: time.Second}
	fine := []use{{0, 1, 1}, {0, 2, 1}, {time.Second, time.Second + 1, 1}}
	if err := violation(fine, b); err != nil {
		t.Error(err)
	}
	if violation(append(fine, use{time.Second, time.Second + 2, 1}), b) == nil {
		t.Error("4 cells in 1 s are taken for 2 and 1 a second")
	}
}

// hammer lets some goroutines of each store take cells of a key for a time and returns what was admitted.
func hammer(t testing.TB, stores []*Store, goroutines int, key string, most uint64, length time.Duration) []use {
	t.Helper()
	var mu sync.Mutex
	var uses []use
	var all sync.WaitGroup
	begin := time.Now()
	for i, s := range stores {
		for g := range goroutines {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), uint64(g)))
				var own []use
				for time.Since(begin) < length {
					n := 1 + random.Uint64N(most)
					start := time.Since(begin)
					d, err := s.Take(context.Background(), key, n)
					if err == nil && d.Allowed {
						own = append(own, use{start, time.Since(begin), n})
					} else {
						time.Sleep(min(d.RetryAfter/2+50*time.Microsecond, 5*time.Millisecond))
					}
				}
				mu.Lock()
				defer mu.Unlock()
				uses = append(uses, own...)
			})
		}
	}
	all.Wait()
	return uses
}

// uncertainty returns ε of a store, 0 where the server decides by its own clock.
func uncertainty(s *Store) time.Duration {
	n, ok := s.server.(*natsServer)
	if !ok {
		return 0
	}
	_, width, _ := n.clock.estimate()
	return width
}

func total(uses []use) (n uint64) {
	for _, u := range uses {
		n += u.cells
	}
	return n
}

// clockSlack is what the tests' clock and a server's may differ by over a test: the server's are read in µs.
const clockSlack = 100 * time.Microsecond

// TestPromise takes from several instances at once and checks every interval.
func TestPromise(t *testing.T) {
	limit := gcra.Limit{Rate: gcra.Rate{Cells: 1000, Per: time.Second}, Burst: 60}
	const instances, leaseFor, reportEvery = 3, 200 * time.Millisecond, 50 * time.Millisecond
	length := 600 * time.Millisecond
	if testing.Short() {
		length /= 2
	}
	t.Parallel()
	everywhere(t, func(t *testing.T, b backend) {
		for _, mode := range []Mode{Strict, Leased, BestEffort} {
			t.Run(mode.String(), func(t *testing.T) {
				var stores []*Store
				o := Options{Limit: limit, Mode: mode, Name: freshName(), MaxLease: 8, LeaseFor: leaseFor, ReportEvery: reportEvery, Timeout: 5 * time.Second}
				for range instances {
					stores = append(stores, open(t, b.url(), o))
				}
				uses := hammer(t, stores, 3, "shared", 3, length)
				promise := bound{cells: float64(limit.Burst), slack: clockSlack, interval: time.Millisecond}
				for _, s := range stores {
					promise.slack = max(promise.slack, clockSlack+uncertainty(s))
				}
				strictly := promise
				switch mode {
				case Leased:
					promise.cells += min(instances*8, float64(leaseFor)/float64(promise.interval))
				case BestEffort:
					var longest time.Duration
					for _, s := range stores {
						_ = s.Close(t.Context()) // the last reports are in it
						longest = max(longest, s.Stats().LongestReport)
					}
					promise.cells += (instances - 1) * strictly.over(longest+2*reportEvery)
				}
				if err := violation(uses, promise); err != nil {
					t.Error(err)
				}
				if n := total(uses); n < limit.Burst {
					t.Errorf("only %d cells were admitted, less than the burst", n)
				}
				t.Logf("%d calls admitted %d cells; strictly: %v", len(uses), total(uses), violation(uses, strictly))
				for _, s := range stores {
					if stats := s.Stats(); stats.Failures > 0 || stats.Errors > 0 {
						t.Errorf("%+v", stats)
					}
				}
			})
		}
	})
}

// TestPromiseAlone has one instance, which in best-effort mode has nothing to be late about.
func TestPromiseAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		limit := gcra.Limit{Rate: gcra.Rate{Cells: 2000, Per: time.Second}, Burst: 200}
		network, url := newProxy(t, b.url())
		network.toServer.Store(int64(20 * time.Millisecond)) // there is always something pending while a report is under way
		s := open(t, url, Options{Limit: limit, Mode: BestEffort, Name: freshName(), ReportEvery: 40 * time.Millisecond, Timeout: 10 * time.Second})
		uses := hammer(t, []*Store{s}, 8, "k", 2, 500*time.Millisecond)
		if err := violation(uses, bound{cells: 200, slack: clockSlack + uncertainty(s), interval: 500 * time.Microsecond}); err != nil {
			t.Error(err)
		}
	})
}

// TestFirstTake lets instances begin with the same new key at once: one of them gets the burst.
func TestFirstTake(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		limit := gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 30}
		o := Options{Limit: limit, Name: freshName(), Timeout: 10 * time.Second}
		stores := []*Store{open(t, b.url(), o), open(t, b.url(), o), open(t, b.url(), o)}
		for i := range 30 {
			var all sync.WaitGroup
			var got atomic.Uint64
			ready := make(chan struct{})
			for g := range 6 {
				all.Go(func() {
					<-ready
					d, err := stores[g%3].Take(t.Context(), fmt.Sprint("new", i), limit.Burst)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						got.Add(1)
					}
				})
			}
			close(ready)
			all.Wait()
			if n := got.Load(); n != 1 {
				t.Fatalf("%d bursts of a new key", n)
			}
		}
	})
}
