package gcra

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxShards      = 128 // each is an object for the collector, and a lock
	keysPerShard   = 128 // at least, unless there is only one shard
	defaultMaxKeys = 1 << 20
	mostMaxKeys    = 1 << 36
)

// A table is the state of a Keyed, which only adds the hashing.
type table struct {
	config atomic.Pointer[tableConfig]
	change sync.Mutex
	shards []shard
	bits   uint // of the hash that choose the shard
	most   int  // slots a shard may have
	dry    bool
}

// A tableConfig is a limit of a table. It does not change.
type tableConfig struct {
	params
	limit Limit
}

func newTable(limit Limit, maxKeys int, dry bool) (*table, error) {
	p, err := limit.params()
	if err != nil {
		return nil, err
	}
	shards := 1
	for shards < maxShards && maxKeys/(2*shards) >= keysPerShard {
		shards *= 2
	}
	t := &table{shards: make([]shard, shards), bits: uint(bits.TrailingZeros(uint(shards))), dry: dry}
	// Keys spread over shards like balls over bins: four standard deviations of room.
	mean := float64(maxKeys) / float64(shards)
	keys := mean
	if shards > 1 {
		keys += 4 * math.Sqrt(mean)
	}
	t.most = int(math.Ceil(keys*5/4)) + 5 // 80 % full
	c := &tableConfig{params: p, limit: limit}
	t.config.Store(c)
	for i := range t.shards {
		t.shards[i].config = c
	}
	return t, nil
}

// lock locks the shard of a hash, in the units of the limit in force, and returns the
// hash as a key, which is never 0.
func (t *table) lock(hash uint64) (*shard, uint64) {
	key := max(hash, 1)
	s := &t.shards[key>>(64-t.bits)] // a shift by 64 gives 0
	s.mu.Lock()
	if c := t.config.Load(); s.config != c {
		s.use(c)
	}
	return s, key
}

// take decides and writes the decision to d, which is the zero Decision: where the caller's caller
// finds it, because copying a Decision is dear.
func (t *table) take(d *Decision, hash uint64, now time.Duration, n, slack uint64) {
	at := ticks(now)
	s, key := t.lock(hash)
	c := s.config
	i, found := s.find(key, t.bits)
	var tat uint64
	if found {
		tat = s.slots[i].tat
	} else {
		tat = s.absent(key)
	}
	start, owed := c.position(tat, at)
	var next uint64
	ok := n > 0 && n <= c.burst
	cost, room := uint64(0), c.capacity
	if ok {
		cost = n * c.interval
		room -= cost
		next = start + cost
		ok = owed <= room || slack > 0 && owed-room <= slack && next >= start && next < lastTAT
	}
	if ok {
		if found {
			s.slots[i].tat = next
		} else {
			s.insert(key, next, at, t.bits, t.most)
		}
		s.stats.Allowed++
		s.stats.Cells += n
	} else if n > 0 {
		s.stats.Denied++
	}
	s.mu.Unlock()

	if !ok && n > 0 {
		*d = c.denied(n, owed, slack)
		if t.dry {
			*d = d.dry()
		}
		return
	}
	d.Allowed, d.why = true, passed
	d.Limit, d.Remaining, d.ResetAfter = c.burst, c.remaining(owed+cost), nanos(owed+cost)
	d.cells, d.mark, d.epoch = n, next, c.epoch
	if owed > room && n > 0 {
		d.Delay = nanos(owed - room)
	}
}

func (t *table) peek(hash uint64, now time.Duration, n uint64) Decision {
	at := ticks(now)
	s, key := t.lock(hash)
	c := s.config
	i, found := s.find(key, t.bits)
	tat := s.absent(key)
	if found {
		tat = s.slots[i].tat
	}
	s.mu.Unlock()
	d := c.peek(tat, at, n)
	if t.dry {
		return d.dry()
	}
	return d
}

func (t *table) refund(hash uint64, now time.Duration, d *Decision) bool {
	n, mark, epoch, ok := d.refundable()
	if !ok || mark <= ticks(now) {
		return false
	}
	s, key := t.lock(hash)
	defer s.mu.Unlock()
	tat := &s.overflow[key%overflowCells]
	if i, found := s.find(key, t.bits); found {
		tat = &s.slots[i].tat
	}
	if s.config.epoch != epoch || *tat != mark {
		return false
	}
	*tat -= n * s.config.interval
	s.stats.Refunded += n
	return true
}

func (t *table) setLimit(now time.Duration, limit Limit) error {
	t.change.Lock()
	defer t.change.Unlock()
	p, err := t.config.Load().next(ticks(now), limit)
	if err != nil {
		return err
	}
	t.config.Store(&tableConfig{params: p, limit: limit})
	return nil
}

func (t *table) collect() Stats {
	var sum Stats
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		sum.add(s.stats)
		sum.Keys += int64(s.keys)
		sum.SizeBytes += int64(len(s.slots)) * slotBytes
		s.mu.Unlock()
	}
	return sum
}

func (t *table) sweep(now time.Duration) {
	at := ticks(now)
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		if c := t.config.Load(); s.config != c {
			s.use(c)
		}
		s.drop(at, t.bits)
		if want := s.keys + s.keys/2 + firstSlots; want < len(s.slots)/2 {
			s.resize(want, t.bits)
		}
		s.mu.Unlock()
	}
}
