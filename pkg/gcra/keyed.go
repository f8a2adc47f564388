package gcra

import (
	"fmt"
	"hash/maphash"
	"time"
	"unsafe"
)

// KeyedConfig is what a [Keyed] is made of.
type KeyedConfig struct {
	Limit Limit // of each key

	// MaxKeys is how many keys have a limit of their own, about; see docs/gcra.md. 0 means
	// 1,048,576. When so many keys owe something, further ones share a few limits.
	MaxKeys int

	// DryRun allows everything, and says in the decision what would have been denied. What
	// would have been denied costs nothing.
	DryRun bool
}

// A Keyed has one limit for each key: each key of type K keeps the promise of [Limiter], independently of others. Its
// memory is bounded, holds no pointers and no keys, only their 64-bit hashes, seeded
// at random. Two keys share a limit if their hashes are equal. A key that owes nothing is forgotten
// when its place is needed, from which no one gains. It is safe for concurrent
// use. The zero Keyed denies everything.
//
// K is any comparable type. A float that is not a number is not equal to itself, and so a new key every
// time; an interface that holds what is not comparable panics.
type Keyed[K comparable] struct {
	table *table
	seed  maphash.Seed
}

// NewKeyed returns a limit for each key. It refuses limits that cannot be kept; see
// [Limit.Check].
func NewKeyed[K comparable](config KeyedConfig) (*Keyed[K], error) {
	keys := config.MaxKeys
	if keys == 0 {
		keys = defaultMaxKeys
	}
	if keys < 0 || int64(keys) > mostMaxKeys {
		return nil, fmt.Errorf("limit for %d keys, not 1 to %d", keys, int64(mostMaxKeys))
	}
	t, err := newTable(config.Limit, keys, config.DryRun)
	if err != nil {
		return nil, err
	}
	return &Keyed[K]{table: t, seed: maphash.MakeSeed()}, nil
}

// Take asks for n cells of key at now; see [Limiter.Take]. For strings it allocates nothing.
func (k *Keyed[K]) Take(key K, now time.Duration, n uint64) (d Decision) {
	if k.table != nil {
		k.table.take(&d, maphash.Comparable(k.seed, key), now, n, 0)
	}
	return d
}

// Peek tells whether n cells of key would pass at now, and changes nothing.
func (k *Keyed[K]) Peek(key K, now time.Duration, n uint64) Decision {
	return k.Key(key).Peek(now, n)
}

// Reserve asks for n cells of key that may be used up to longest later; see [Limiter.Reserve].
func (k *Keyed[K]) Reserve(key K, now time.Duration, n uint64, longest time.Duration) Decision {
	return k.Key(key).Reserve(now, n, longest)
}

// Refund gives back the cells of a decision on the same key; see [Limiter.Refund].
func (k *Keyed[K]) Refund(key K, now time.Duration, d *Decision) bool {
	return k.Key(key).Refund(now, d)
}

// Key returns the limit of one key, to be used where a single limit is wanted. It does not keep the
// key's entry in the table.
func (k *Keyed[K]) Key(key K) Entry {
	if k.table == nil {
		return Entry{}
	}
	return Entry{k.table, maphash.Comparable(k.seed, key)}
}

// TakeBytes is Take for a key that is the string of the given bytes, which are not
// kept. It allocates nothing.
func TakeBytes(k *Keyed[string], key []byte, now time.Duration, n uint64) Decision {
	return k.Take(unsafe.String(unsafe.SliceData(key), len(key)), now, n)
}

// KeyBytes is [Keyed.Key] for the string of the given bytes, which are not kept.
func KeyBytes(k *Keyed[string], key []byte) Entry {
	return k.Key(unsafe.String(unsafe.SliceData(key), len(key)))
}

// Change sets a new limit for every key from now on, or from the last change or the latest time at which cells
// of any key have passed, if that was later; see [Limiter.Change]. It takes no
// longer for more keys, but nothing is decided meanwhile. The zero Keyed stays one that denies everything, with ErrUnset.
func (k *Keyed[K]) Change(now time.Duration, limit Limit) error {
	if k.table == nil {
		return ErrUnset
	}
	return k.table.setLimit(now, limit)
}

// Limit returns the limit in force.
func (k *Keyed[K]) Limit() Limit {
	if k.table == nil {
		return Limit{}
	}
	return k.table.config.Load().limit
}

// Stats returns what has been counted since the beginning. Decisions made at the same time
// may be in it in part.
func (k *Keyed[K]) Stats() Stats {
	if k.table == nil {
		return Stats{}
	}
	return k.table.collect()
}

// Sweep forgets the keys that owe nothing at now and returns memory, a shard at a time. There is no need to: places
// are reused anyway.
func (k *Keyed[K]) Sweep(now time.Duration) {
	if k.table != nil {
		k.table.sweep(now)
	}
}

// An Entry is the limit of one key of a [Keyed]. It is a small value and safe for concurrent use. The
// zero Entry denies everything.
type Entry struct {
	table *table
	hash  uint64
}

// Take asks for n cells at now; see [Limiter.Take].
func (e Entry) Take(now time.Duration, n uint64) (d Decision) {
	if e.table != nil {
		e.table.take(&d, e.hash, now, n, 0)
	}
	return d
}

// Peek tells whether n cells would pass at now, and changes nothing.
func (e Entry) Peek(now time.Duration, n uint64) Decision {
	if e.table == nil {
		return Decision{}
	}
	return e.table.peek(e.hash, now, n)
}

// Reserve asks for n cells that may be used up to longest later; see [Limiter.Reserve].
func (e Entry) Reserve(now time.Duration, n uint64, longest time.Duration) (d Decision) {
	if e.table != nil {
		e.table.take(&d, e.hash, now, n, ticks(longest))
	}
	return d
}

// Refund gives back the cells of a decision on the same key; see [Limiter.Refund].
func (e Entry) Refund(now time.Duration, d *Decision) bool {
	return e.table != nil && e.table.refund(e.hash, now, d)
}
