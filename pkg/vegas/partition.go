package vegas

import "fmt"

// A partition has own(L) permits of a limit L for itself and shares the rest. With
// n_i in flight, it gets one more if n_i < own_i, or if the others leave something of
// what is for all: Σ max(0, n_j − own_j) < L − Σ own_j.
type partition struct {
	share    float64
	inFlight int
}

func newPartitions(shares []float64) ([]partition, error) {
	if len(shares) == 0 {
		return nil, nil
	}
	if len(shares) > MaxPartitions {
		return nil, fmt.Errorf("%d partitions: at most %d", len(shares), MaxPartitions)
	}
	parts := make([]partition, len(shares))
	sum := 0.0
	for i, s := range shares {
		if !(s >= 0 && s <= 1) {
			return nil, fmt.Errorf("share %v of partition %d: must be from 0 to 1", s, i)
		}
		sum += s
		parts[i].share = s
	}
	if sum > 1+1e-9 {
		return nil, fmt.Errorf("shares of the partitions add up to %v: must be at most 1", sum)
	}
	return parts, nil
}

// own is computed with a little added, so that 0.7 of 10 is 7 whatever its binary
// fraction. The sum over all partitions still is at most L: it is an integer below
// L + 1.
func (p *partition) own(limit int) int { return int(p.share*float64(limit) + 1e-6) }

// admits tells whether partition i may have one more at the given limit. The caller
// holds qmu.
func (g *Gate) admits(i, limit int) bool {
	if g.parts == nil || g.parts[i].inFlight < g.parts[i].own(limit) {
		return true
	}
	shared := limit
	for j := range g.parts {
		own := g.parts[j].own(limit)
		shared -= own + max(0, g.parts[j].inFlight-own)
	}
	return shared > 0
}

// partOf returns the index of c's partition. Classes outside are in the nearest.
func (g *Gate) partOf(c Class) int {
	if g.parts == nil {
		return 0
	}
	return min(max(0, c.Partition), len(g.parts)-1)
}

func (g *Gate) passPart(c Class) (int32, bool) {
	i := g.partOf(c)
	g.qmu.Lock()
	defer g.qmu.Unlock()
	return int32(i), !g.queue.waits(i) && g.take(i, 0)
}

// take takes a permit for partition i and takes waiting, 0 or 1, from the waiters. The
// caller holds qmu.
func (g *Gate) take(i int, waiting uint64) bool {
	for {
		s := g.state.Load()
		if inFlight(s) >= limitOf(s) || !g.admits(i, limitOf(s)) {
			return false
		}
		if g.state.CompareAndSwap(s, s+1-waiting*oneWaiter) {
			if g.parts != nil {
				g.parts[i].inFlight++
			}
			g.began(inFlight(s) + 1)
			return true
		}
	}
}

func (g *Gate) releasePart(i int32) {
	g.qmu.Lock()
	defer g.qmu.Unlock()
	if g.parts[i].inFlight == 0 {
		panic("vegas: permit released twice")
	}
	g.parts[i].inFlight--
	g.state.Add(^uint64(0))
	g.pump()
}
