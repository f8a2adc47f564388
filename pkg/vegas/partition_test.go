package vegas

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestPartitions(t *testing.T) {
	g := newGate(t, 10, GateConfig{Partitions: []float64{0.5, 0.2}})
	take := func(part, want int) (ps []Permit) {
		t.Helper()
		for {
			p, ok := g.Try(0, Class{Partition: part})
			if !ok {
				break
			}
			ps = append(ps, p)
		}
		if len(ps) != want {
			t.Fatalf("partition %d got %d, want %d", part, len(ps), want)
		}
		return ps
	}
	b := take(1, 5) // its own 2 and the 3 for all
	a := take(0, 5) // its own
	for _, p := range a {
		p.Release(0, Ignore)
	}
	for _, p := range b {
		p.Release(0, Ignore)
	}
	take(0, 8)
	take(1, 2)
	take(7, 0) // counts as the last
}

// Who gets a permit is what the page's formula says, at whatever limit.
func TestPartitionsModel(t *testing.T) {
	shares := []float64{0.29, 0.1, 0, 0.6} // 0.29 of 100 is 29, in binary a little less
	g := newGate(t, 10, GateConfig{Partitions: shares})
	r := rand.New(rand.NewPCG(3, 4))
	held := make([][]Permit, len(shares))
	limit := 10
	for step := range 100_000 {
		i := r.IntN(len(shares))
		switch r.IntN(20) {
		case 0:
			limit = 1 + r.IntN(100)
			g.Resize(limit)
		case 1, 2, 3, 4, 5, 6, 7, 8:
			if n := len(held[i]); n > 0 {
				held[i][n-1].Release(0, Ignore)
				held[i] = held[i][:n-1]
			}
		default:
			own := func(j int) int { return int(math.Round(shares[j]*1000)) * limit / 1000 }
			used, owned, beyond := 0, 0, 0
			for j := range held {
				used += len(held[j])
				owned += own(j)
				beyond += max(0, len(held[j])-own(j))
			}
			want := used < limit && (len(held[i]) < own(i) || beyond < limit-owned)
			p, ok := g.Try(0, Class{Partition: i})
			if ok != want {
				t.Fatalf("step %d, limit %d: partition %d got one: %v, want %v", step, limit, i, ok, want)
			}
			if ok {
				held[i] = append(held[i], p)
			}
		}
	}
}

// A waiter of a partition with permits of its own passes a queue that stands for
// another partition.
func TestPartitionPassesQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, 2, GateConfig{Queue: 1, Patience: time.Hour, Partitions: []float64{0.5, 0.5}})
		p, _ := g.Try(0, Class{})
		go func() {
			q, err := g.Acquire(t.Context(), Class{})
			if err != nil {
				t.Error(err)
			}
			q.Release(g.Now(), Ignore)
		}()
		synctest.Wait()
		q, err := g.Acquire(t.Context(), Class{Partition: 1})
		if err != nil {
			t.Fatal(err)
		}
		q.Release(g.Now(), Ignore)
		p.Release(g.Now(), Ignore)
		synctest.Wait()
		if s := g.Stats(); s.InFlight != 0 || s.Waiting != 0 {
			t.Fatalf("%+v", s)
		}
	})
}
