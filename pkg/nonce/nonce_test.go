package nonce

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// drawAll draws perWorker numbers in each of workers goroutines and checks
// that each of them sees its own rise.
func drawAll(t *testing.T, s *Source, workers, perWorker int, now func() int64) []uint64 {
	t.Helper()
	out := make([][]uint64, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range perWorker {
				n, err := s.Next(now())
				if err != nil {
					t.Errorf("Next: %v", err)
					return
				}
				if k := len(out[w]); k > 0 && n <= out[w][k-1] {
					t.Errorf("%d drawn after %d", n, out[w][k-1])
				}
				out[w] = append(out[w], n)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(out...)
	slices.Sort(all)
	return all
}

func TestSourceDistinctUnderConcurrency(t *testing.T) {
	var clock atomic.Int64
	clocks := map[string]func() int64{
		"counting":               func() int64 { return 0 },
		"standing":               func() int64 { return 1_763_690_000_000_000_000 },
		"running":                func() int64 { return clock.Add(3) },
		"jumping back and forth": func() int64 { return rand.Int64N(1 << 40) },
	}
	for name, now := range clocks {
		t.Run(name, func(t *testing.T) {
			var s Source
			all := drawAll(t, &s, 8, 1000, now)
			if got := len(slices.Compact(all)); got != 8000 {
				t.Errorf("%d distinct numbers, want 8000", got)
			}
			if all[0] == 0 {
				t.Error("0 was drawn")
			}
			if last := s.Last(); last != all[len(all)-1] {
				t.Errorf("Last() = %d, greatest drawn %d", last, all[len(all)-1])
			}
		})
	}
}

func TestSourceFollowsTheClock(t *testing.T) {
	var s Source
	for i, step := range []struct {
		now  int64
		want uint64
	}{
		{0, 1},
		{-5, 2},
		{math.MinInt64, 3},
		{100, 100},
		{100, 101},
		{50, 102}, // the clock stepped back
		{103, 103},
		{1000, 1000},
		{math.MaxInt64, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64 + 1}, // past the clock's range it counts on
		{0, math.MaxInt64 + 2},
	} {
		got, err := s.Next(step.now)
		if err != nil || got != step.want {
			t.Errorf("step %d: Next(%d) = %d, %v, want %d", i, step.now, got, err, step.want)
		}
	}
}

// A history in which no more numbers are drawn than nanoseconds pass is
// continued above everything by a new source at a later time.
func TestSourceRestartGoesOnAbove(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	now, greatest := int64(1_700_000_000_000_000_000), uint64(0)
	for restart := range 200 {
		now++ // the restart takes at least a nanosecond
		var s Source
		for draw := range 1 + rng.IntN(50) {
			n, err := s.Next(now)
			if err != nil {
				t.Fatal(err)
			}
			if n <= greatest {
				t.Fatalf("restart %d draw %d: %d is not above %d", restart, draw, n, greatest)
			}
			greatest = n
			now += 1 + rng.Int64N(3)
		}
	}
}

func TestSourceRestartWithFloorAfterClockReset(t *testing.T) {
	var before Source
	n, err := before.Next(1_763_690_000_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	var after Source
	after.Raise(before.Last())
	after.Raise(5) // lower: no effect
	if got, err := after.Next(0); err != nil || got != n+1 {
		t.Errorf("Next after Raise(%d) = %d, %v", n, got, err)
	}
}

func TestSourceExhaustion(t *testing.T) {
	var s Source
	s.Raise(math.MaxUint64 - 500)
	var got [4][]uint64
	var failed atomic.Int64
	var wg sync.WaitGroup
	for w := range got {
		wg.Go(func() {
			for range 250 {
				n, err := s.Next(1)
				if errors.Is(err, ErrExhausted) {
					failed.Add(1)
					if n != 0 {
						t.Errorf("%d came with an error", n)
					}
					continue
				}
				got[w] = append(got[w], n)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(got[:]...)
	slices.Sort(all)
	if len(slices.Compact(all)) != 500 || failed.Load() != 500 {
		t.Errorf("%d distinct numbers and %d errors, want 500 and 500", len(slices.Compact(all)), failed.Load())
	}
	if last := all[len(all)-1]; last != math.MaxUint64 {
		t.Errorf("last number %d, want 2^64-1", last)
	}
	for range 3 {
		if n, err := s.Next(math.MaxInt64); !errors.Is(err, ErrExhausted) || n != 0 {
			t.Errorf("Next after exhaustion = %d, %v", n, err)
		}
	}
}

func TestTrackerRaceHasOneWinner(t *testing.T) {
	var tr Tracker
	var wins [501]atomic.Int32
	var accepted atomic.Int64
	start := make(chan struct{})
	var round sync.WaitGroup
	// All four offer n before any offers n+1, so that every number is contested
	// and none is skipped over.
	turn := make([]sync.WaitGroup, 501)
	for n := range turn {
		turn[n].Add(4)
	}
	for range 4 {
		round.Go(func() {
			<-start
			for n := uint64(1); n <= 500; n++ {
				if tr.Accept(n) {
					wins[n].Add(1)
					accepted.Add(1)
				}
				turn[n].Done()
				turn[n].Wait()
			}
		})
	}
	close(start)
	round.Wait()
	if accepted.Load() != 500 {
		t.Errorf("%d accepted, want 500", accepted.Load())
	}
	for n := 1; n <= 500; n++ {
		if w := wins[n].Load(); w != 1 {
			t.Errorf("%d was accepted %d times", n, w)
		}
	}
}

// Without lockstep a number may be overtaken and then nobody may have it; one
// that was accepted was accepted once, and in rising order.
func TestTrackerFreeRace(t *testing.T) {
	var tr Tracker
	var wins [501]atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := uint64(1); n <= 500; n++ {
				if tr.Accept(n) {
					wins[n].Add(1)
				}
				if last := tr.Last(); last < n {
					t.Errorf("Last() = %d after Accept(%d)", last, n)
				}
			}
		})
	}
	wg.Wait()
	for n := range wins {
		if w := wins[n].Load(); w > 1 {
			t.Errorf("%d was accepted %d times", n, w)
		}
	}
	if wins[500].Load() != 1 || tr.Last() != 500 {
		t.Errorf("500 accepted %d times, last %d", wins[500].Load(), tr.Last())
	}
}

// The race detector would report the plain variable if Accept did not
// synchronize the winner with those it made lose.
func TestTrackerSynchronizes(t *testing.T) {
	for range 200 {
		var tr Tracker
		var plain int
		var wg sync.WaitGroup
		wg.Go(func() {
			plain = 7
			tr.Accept(1)
		})
		wg.Go(func() {
			if tr.Last() == 1 && !tr.Accept(1) && plain != 7 {
				t.Error("the winner's writes are not visible")
			}
		})
		wg.Wait()
	}
}

func TestTrackerReplayAndRegression(t *testing.T) {
	var tr Tracker
	for i, step := range []struct {
		n    uint64
		want bool
	}{
		{0, false}, {5, true}, {5, false}, {4, false}, {0, false}, {6, true}, {1000, true}, {7, false},
		{math.MaxUint64, true}, {math.MaxUint64, false}, {0, false},
	} {
		if got := tr.Accept(step.n); got != step.want {
			t.Errorf("step %d: Accept(%d) = %v", i, step.n, got)
		}
	}
	var raised Tracker
	raised.Raise(10)
	raised.Raise(3)
	if raised.Accept(10) || !raised.Accept(11) || raised.Last() != 11 {
		t.Error("Raise(10) does not refuse 10 or does not accept 11")
	}
}

// The bound of a draw and of an accepted number is one atomic read-modify-write.

func BenchmarkSource(b *testing.B) {
	var word atomic.Uint64
	b.Run("bound=atomic-add", func(b *testing.B) {
		for b.Loop() {
			word.Add(1)
		}
	})
	b.Run("next", func(b *testing.B) {
		var s Source
		for b.Loop() {
			if _, err := s.Next(1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bound=atomic-add-parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				word.Add(1)
			}
		})
	})
	b.Run("next-parallel", func(b *testing.B) {
		var s Source
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				s.Next(1)
			}
		})
	})
}

func BenchmarkTracker(b *testing.B) {
	b.Run("bound=compare-and-swap", func(b *testing.B) {
		var word atomic.Uint64
		var n uint64
		for b.Loop() {
			word.CompareAndSwap(n, n+1)
			n++
		}
	})
	b.Run("accept", func(b *testing.B) {
		var tr Tracker
		var n uint64
		for b.Loop() {
			n++
			tr.Accept(n)
		}
	})
	b.Run("refuse", func(b *testing.B) {
		var tr Tracker
		tr.Raise(1)
		for b.Loop() {
			tr.Accept(1)
		}
	})
}
