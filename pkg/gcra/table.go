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
	hints  []hint // of the shards; apart from what is written with every decision
	bits   uint   // of the hash that choose the shard
	most   int    // slots a shard may have
	dry    bool
}

// A tableConfig is a limit of a table. It does not change, but for its end.
type tableConfig struct {
	params
	limit Limit
	until uint64 // when the next limit begins; written and read under the shards' locks
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
	t := &table{shards: make([]shard, shards), hints: make([]hint, shards), bits: uint(bits.TrailingZeros(uint(shards))), dry: dry}
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
		t.shards[i].config, t.shards[i].hint = c, &t.hints[i]
	}
	return t, nil
}

// lock locks the shard of a hash, in the units of the limit in force, and returns the
// hash as a key, which is never 0.
func (t *table) lock(hash uint64) (*shard, uint64) {
	key := max(hash, 1)
	i := key >> (64 - t.bits) // a shift by 64 gives 0
	s := &t.shards[i]
	if prefetches {
		t.hints[i].prefetch(s, key, t.bits)
	}
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
	before := c.state(tat, at)
	after := before
	var wait uint64
	ok := n > 0 && n <= c.burst
	if ok {
		cost := n * c.interval
		after = before.after(cost)
		if room := c.capacity - cost; before.owed > room {
			wait = c.wait(before, room)
			ok = wait <= slack && before.t < lastTAT-cost
		}
	}
	if ok {
		if found {
			s.slots[i].tat = after.t
		} else {
			s.insert(key, after.t, at, t.bits, t.most)
		}
		s.newest = max(s.newest, at)
		if wait > 0 {
			s.reserved = max(s.reserved, at+ticks(nanos(wait)))
		}
		s.allowed++
		s.cells += n
	} else if n > 0 {
		s.denied++
	}
	s.mu.Unlock()

	if !ok && n > 0 {
		*d = c.denied(n, before, slack)
		if t.dry {
			*d = d.dry()
		}
		return
	}
	d.Allowed, d.why = true, passed
	d.Limit, d.Remaining, d.ResetAfter = c.burst, c.remaining(after.owed), nanos(after.t-at)
	d.cells, d.mark, d.epoch = n, after.t, c.epoch
	if wait > 0 {
		d.Delay = nanos(wait)
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
	s.refunded += n
	return true
}

// setLimit changes the limit under all locks, so that nothing is decided meanwhile.
func (t *table) setLimit(now time.Duration, limit Limit) error {
	t.change.Lock()
	defer t.change.Unlock()
	old := t.config.Load()
	p, err := old.next(limit)
	if err != nil {
		return err
	}
	at := ticks(now)
	for i := range t.shards {
		t.shards[i].mu.Lock()
		at = max(at, t.shards[i].newest)
	}
	p.begin(&old.params, at)
	old.until = p.changed
	t.config.Store(&tableConfig{params: p, limit: limit})
	for i := range t.shards {
		t.shards[i].mu.Unlock()
	}
	return nil
}

func (t *table) collect() Stats {
	var sum Stats
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		sum.add(s.counts())
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
