package store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
)

// A table holds what an instance remembers of keys, of a bounded number. The zero table has no room.
type table[T any] struct {
	most  int64
	count atomic.Int64
	byKey sync.Map // of *T
}

// entryKey returns what a key is remembered under: itself or, if it is long, its hash at a length that
// no short key has.
func entryKey(key string) string {
	if len(key) <= maxPlain {
		return key
	}
	return keyName(key) + keyName(key)
}

// get returns what is remembered of a key, made by fresh if there is nothing, or nil if there is no room.
func (t *table[T]) get(key string, fresh func() *T) *T {
	key = entryKey(key)
	if v, ok := t.byKey.Load(key); ok {
		return v.(*T)
	}
	if t.count.Add(1) > t.most {
		t.count.Add(-1)
		return nil
	}
	v, there := t.byKey.LoadOrStore(strings.Clone(key), fresh())
	if there {
		t.count.Add(-1)
	}
	return v.(*T)
}

func (t *table[T]) all(visit func(key string, v *T)) {
	t.byKey.Range(func(key, v any) bool {
		visit(key.(string), v.(*T))
		return true
	})
}

// forget removes a key that stands for v.
func (t *table[T]) forget(key string, v *T) {
	if t.byKey.CompareAndDelete(key, v) {
		t.count.Add(-1)
	}
}

// atOnce is how many exchanges of a kind the background has under way.
const atOnce = 16

// each calls f for the items, several at once, until ctx ends, and waits for all calls.
func each[T any](ctx context.Context, items []T, f func(T)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(atOnce, len(items)) {
		all.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(items)) {
					return
				}
				f(items[i])
			}
		})
	}
	all.Wait()
}
