package nonce

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// windowModel is the definition: what was accepted, and the highest of it.
type windowModel struct {
	accepted map[uint64]bool
	highest  uint64
	floor    uint64
}

func (m *windowModel) accept(n uint64) bool {
	if n == 0 || n <= m.floor || m.accepted[n] || m.highest >= WindowSize && n <= m.highest-WindowSize {
		return false
	}
	m.accepted[n] = true
	m.highest = max(m.highest, n)
	return true
}

// TestWindowIsItsModel offers numbers near the highest, at the edges of the window and
// of words, far ahead and far behind.
func TestWindowIsItsModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	starts := []uint64{0, 1, 63, 64, 1023, 1024, 1 << 32, math.MaxUint64 - 5000, math.MaxUint64 - 1100, math.MaxUint64 - 1}
	for _, start := range starts {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			var w Window
			m := windowModel{accepted: map[uint64]bool{}}
			offer := func(n uint64) {
				fresh := w.Fresh(n)
				got, want := w.Accept(n), m.accept(n)
				if got != want || fresh != want {
					t.Fatalf("highest %d: Accept(%d) = %v, Fresh %v, want %v", m.highest, n, got, fresh, want)
				}
				if w.Highest() != m.highest {
					t.Fatalf("Highest() = %d, want %d", w.Highest(), m.highest)
				}
			}
			offer(start)
			for range 20_000 {
				h := m.highest
				var n uint64
				switch rng.IntN(16) {
				case 0:
					n = h - WindowSize + uint64(rng.IntN(3)) - 1
				case 1:
					n = h + uint64(rng.IntN(70))
				case 2:
					n = h + 64*uint64(rng.IntN(20)) - 1
				case 3:
					n = rng.Uint64()
					if rng.IntN(2000) != 0 { // else the window moves far, for good
						n %= max(h, 1)
					}
				case 4:
					if rng.IntN(100) == 0 {
						m.floor = max(m.floor, h-uint64(rng.IntN(2000)))
						if h < 2000 {
							m.floor = 0
						}
						w.Raise(m.floor)
					}
					n = m.floor + uint64(rng.IntN(2))
				default:
					n = h - uint64(rng.IntN(WindowSize+10)) + 5
				}
				offer(n)
			}
		})
	}
}

// TestWindowReorderedLosesNothing sends each number some places late or early, twice:
// all are accepted, once.
func TestWindowReorderedLosesNothing(t *testing.T) {
	const count, late = 20_000, WindowSize / 2
	rng := rand.New(rand.NewPCG(3, 4))
	order := make([]uint64, count)
	for i := range order {
		order[i] = uint64(i + 1)
	}
	for i := 0; i < count; i += late {
		part := order[i:min(i+late, count)]
		rng.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
	}
	var w Window
	for _, n := range order {
		if !w.Accept(n) {
			t.Fatalf("%d was lost", n)
		}
		if w.Accept(n) {
			t.Fatalf("%d was accepted again", n)
		}
	}
}

// TestWindowRace lets several goroutines offer the same numbers, each in an order of its
// own. They keep within the window of each other, so every number must be accepted, by
// exactly one.
func TestWindowRace(t *testing.T) {
	const workers, rounds, perRound = 4, 60, WindowSize / 2
	var w Window
	won := make([]atomic.Int32, rounds*perRound+1)
	turn := make([]sync.WaitGroup, rounds)
	for i := range turn {
		turn[i].Add(workers)
	}
	var all sync.WaitGroup
	for id := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(5, uint64(id)))
			for r := range rounds {
				for _, i := range rng.Perm(perRound) {
					n := r*perRound + i + 1
					if w.Accept(uint64(n)) {
						won[n].Add(1)
					}
				}
				turn[r].Done()
				turn[r].Wait()
			}
		})
	}
	all.Wait()
	for n := 1; n < len(won); n++ {
		if got := won[n].Load(); got != 1 {
			t.Fatalf("%d was accepted %d times", n, got)
		}
	}
}

// TestWindowFreeRace has no turns: some are overtaken by the window, none comes twice.
func TestWindowFreeRace(t *testing.T) {
	const numbers = 100_000
	var w Window
	won := make([]atomic.Int32, numbers+1)
	var all sync.WaitGroup
	for id := range 4 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(6, uint64(id)))
			for i := range numbers / 4 {
				n := min(i*4+1+rng.IntN(3*WindowSize), numbers)
				if w.Accept(uint64(n)) && won[n].Add(1) > 1 {
					t.Errorf("%d was accepted twice", n)
				}
			}
		})
	}
	all.Wait()
}

// The bound of a decision is taking and leaving a lock.
func BenchmarkWindow(b *testing.B) {
	var mu sync.Mutex
	var n uint64
	b.Run("bound=lock", func(b *testing.B) {
		for b.Loop() {
			mu.Lock()
			n++
			mu.Unlock()
		}
	})
	b.Run("accept", func(b *testing.B) {
		var w Window
		n := uint64(0)
		for b.Loop() {
			n++
			w.Accept(n)
		}
	})
	b.Run("accept-reordered", func(b *testing.B) {
		var w Window
		n := uint64(0)
		for b.Loop() {
			w.Accept(n ^ 0xff)
			n++
		}
	})
	b.Run("refuse", func(b *testing.B) {
		var w Window
		w.Accept(1)
		for b.Loop() {
			w.Accept(1)
		}
	})
	b.Run("bound=lock-parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	})
	b.Run("accept-parallel", func(b *testing.B) {
		var w Window
		var next atomic.Uint64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				w.Accept(next.Add(1))
			}
		})
	})
}
