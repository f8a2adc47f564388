package latency

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Striped takes records from many goroutines at once, without locks. Make one with [NewStriped].
type Striped struct {
	stripes []stripe
	reader  sync.Mutex // one Take at a time
}

// A stripe has two arrays. Writers use the one that the sign of start names; Take
// switches it and waits until as many have finished as had started.
type stripe struct {
	start atomic.Int64    // writers begun; negative: on sides[1]
	done  [2]atomic.Int64 // writers finished on each side
	sides [2]side
	_     [64]byte // keeps the next stripe's start out of this one's last cache line
}

type side struct {
	counts  [numBuckets]atomic.Uint64
	atLeast atomic.Pointer[[numBuckets]atomic.Uint64]
	sumHi   atomic.Uint64
	sumLo   atomic.Uint64
	notMin  atomic.Uint64
	max     atomic.Uint64
}

// NewStriped returns a Striped with n stripes, at least 1; each is about 117 kB. As many as writers
// that run at the same time is best, as a rule runtime.GOMAXPROCS.
func NewStriped(n int) *Striped {
	return &Striped{stripes: make([]stripe, max(n, 1))}
}

// Record adds d on behalf of writer, any number that tells writers apart. Writers that share a
// number modulo the number of stripes slow each other down, no more. It is safe for
// concurrent use.
func (s *Striped) Record(writer int, d time.Duration) {
	st := &s.stripes[uint(writer)%uint(len(s.stripes))]
	n := st.enter()
	b, v := &st.sides[n], nonNegative(d)
	b.counts[bucketOf(v)].Add(1)
	b.sum(v)
	raise(&b.notMin, ^v)
	raise(&b.max, v)
	st.done[n].Add(1)
}

// RecordAtLeast is to Record what [Histogram.RecordAtLeast] is to [Histogram.Record].
func (s *Striped) RecordAtLeast(writer int, w time.Duration) {
	st := &s.stripes[uint(writer)%uint(len(s.stripes))]
	n := st.enter()
	b, v := &st.sides[n], nonNegative(w)
	counts := b.atLeast.Load()
	if counts == nil {
		b.atLeast.CompareAndSwap(nil, new([numBuckets]atomic.Uint64))
		counts = b.atLeast.Load()
	}
	counts[bucketOf(v)].Add(1)
	b.sum(v)
	raise(&b.max, v)
	st.done[n].Add(1)
}

// enter returns the side to write to.
func (st *stripe) enter() int {
	if st.start.Add(1) <= 0 { // before the addition it was negative
		return 1
	}
	return 0
}

func (b *side) sum(v uint64) {
	if b.sumLo.Add(v) < v {
		b.sumHi.Add(1)
	}
}

func raise(a *atomic.Uint64, v uint64) {
	for {
		old := a.Load()
		if v <= old || a.CompareAndSwap(old, v) {
			return
		}
	}
}

// Take adds to h all that was recorded since the last Take and removes it here. Every
// record is in exactly one Take. It is safe for concurrent use, also with Record; it waits for
// records that have begun, and for other Takes.
func (s *Striped) Take(h *Histogram) {
	s.reader.Lock()
	defer s.reader.Unlock()
	for i := range s.stripes {
		st := &s.stripes[i]
		st.sides[st.flip()].moveTo(h)
	}
}

// flip lets writers go on on the other side and returns the one that is now at rest.
func (st *stripe) flip() int {
	old, next, first := 0, 1, int64(math.MinInt64)
	if st.start.Load() < 0 {
		old, next, first = 1, 0, 0
	}
	st.done[next].Store(first)
	begun := st.start.Swap(first)
	for st.done[old].Load() != begun {
		runtime.Gosched()
	}
	return old
}

// moveTo adds what b holds to h and empties b. Nobody else may use b.
func (b *side) moveTo(h *Histogram) {
	h.full += drain(&b.counts, &h.counts)
	if counts := b.atLeast.Load(); counts != nil {
		h.least += drain(counts, h.leastCounts())
	}
	h.addSum(b.sumHi.Swap(0), b.sumLo.Swap(0))
	h.notMin = max(h.notMin, b.notMin.Swap(0))
	h.max = max(h.max, b.max.Swap(0))
}

func drain(from *[numBuckets]atomic.Uint64, to *[numBuckets]uint64) (total uint64) {
	for i := range from {
		n := from[i].Load()
		if n == 0 {
			continue
		}
		from[i].Store(0)
		to[i] += n
		total += n
	}
	return total
}
