package gcra

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// TestShardIsAMap compares the table's probing, growing, dropping and closing of gaps with a
// map, through keys whose limits have not run off.
func TestShardIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 200 / fewer {
		limit := Limit{Every(time.Duration(1 + rng.Int64N(1000))), 1 + rng.Uint64N(20)}
		k, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: 1000})
		if err != nil {
			t.Fatal(err)
		}
		alone := map[int]*Limiter{}
		now := time.Duration(0)
		for range 2000 {
			now += time.Duration(rng.Int64N(40))
			key := rng.IntN(500)
			if alone[key] == nil {
				if alone[key], err = New(limit.Rate, limit.Burst); err != nil {
					t.Fatal(err)
				}
			}
			n := 1 + rng.Uint64N(limit.Burst)
			if got, want := public(k.Take(key, now, n)), public(alone[key].Take(now, n)); got != want {
				t.Fatalf("%v: key %d takes %d at %d: got %v, alone %v", limit, key, n, now, got, want)
			}
			if rng.IntN(500) == 0 {
				k.Sweep(now)
			}
		}
		if s := k.Stats(); s.Overflowed > 0 || s.Keys > 500 {
			t.Errorf("%+v", s)
		}
	}
}

// TestEvictionGainsNothing is the case for which the floor is kept per key that has no entry, and not
// added to the time of the call.
func TestEvictionGainsNothing(t *testing.T) {
	k, err := NewKeyed[int](KeyedConfig{Limit: Limit{Every(10), 5}, MaxKeys: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !k.Take(1, 0, 5).Allowed {
		t.Fatal("no burst")
	}
	for i := range 100 {
		k.Take(100+i, 100+time.Duration(i), 1)
	}
	if k.Stats().Evicted == 0 {
		t.Fatal("nothing was evicted")
	}
	if d := k.Take(1, 0, 1); d.Allowed {
		t.Errorf("a second burst at the same time: %+v", d)
	}
	if d := k.Take(1, 300, 5); !d.Allowed {
		t.Errorf("an honest clock pays for it: %+v", d)
	}
}

// TestFlood sends far more new keys than fit: memory stays bounded, keys that have an entry keep their
// own limit, and what the others get is less than promised, not more.
func TestFlood(t *testing.T) {
	limit := Limit{Every(time.Hour), 3}
	const maxKeys = 2000
	k, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: maxKeys})
	if err != nil {
		t.Fatal(err)
	}
	k.Take(-1, 0, 1)
	for i := range 20 * maxKeys {
		if d := k.Take(i, time.Duration(i), 1); i < maxKeys*9/10 && !d.Allowed {
			t.Fatalf("key %d of %d: %v", i, maxKeys, d)
		}
	}
	s := k.Stats()
	if s.Keys < maxKeys || s.SizeBytes > 32*maxKeys || s.Overflowed == 0 {
		t.Errorf("%+v", s)
	}
	if d := k.Take(-1, 1, 2); !d.Allowed {
		t.Errorf("a key that was there before the flood: %v", d)
	}
	if d := k.Take(20*maxKeys-1, 0, 3); d.Allowed {
		t.Errorf("a key of the flood has a whole burst again: %v", d)
	}
	// After it, there is room again, and memory comes back.
	later := 100 * time.Hour
	k.Sweep(later)
	if s := k.Stats(); s.Keys != 0 || s.SizeBytes > 32*maxKeys/4 {
		t.Errorf("after the flood: %+v", s)
	}
	if d := k.Take(20*maxKeys-1, later, 3); !d.Allowed {
		t.Errorf("after the flood: %v", d)
	}
}

func TestKeyTypes(t *testing.T) {
	limit := Limit{Every(time.Second), 1}
	type address struct {
		ip   [16]byte
		port int
		name string
	}
	k, err := NewKeyed[address](KeyedConfig{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	a := address{[16]byte{15: 1}, 1, "a"}
	if !k.Take(a, 0, 1).Allowed || k.Take(address{[16]byte{15: 1}, 1, "a"}, 0, 1).Allowed || !k.Take(address{[16]byte{15: 2}, 1, "a"}, 0, 1).Allowed {
		t.Error("structs are not told apart")
	}
	s, err := NewKeyed[string](KeyedConfig{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	if !TakeBytes(s, []byte("key"), 0, 1).Allowed || s.Take("key", 0, 1).Allowed || KeyBytes(s, []byte("key")).Take(0, 1).Allowed || !TakeBytes(s, nil, 0, 1).Allowed || s.Take("", 0, 1).Allowed {
		t.Error("bytes and strings differ")
	}
	d := s.Take("other", 0, 1)
	if s.Refund("absent", 0, &d) {
		t.Error("a key without an entry got a refund")
	}
}

func TestNoAllocations(t *testing.T) {
	l, err := New(Rate{1, time.Second}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKeyed[string](KeyedConfig{Limit: l.Limit()})
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewKeyed[[16]byte](KeyedConfig{Limit: l.Limit()})
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]string, 16)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
		k.Take(keys[i], 0, 1)
	}
	all := NewAll(l, k.Key("all"))
	now := time.Duration(0)
	for name, f := range map[string]func(){
		"Limiter.Take":    func() { l.Take(now, 1) },
		"Limiter.Reserve": func() { d := l.Reserve(now, 1, time.Hour); l.Refund(now, &d) },
		"Keyed.Take":      func() { k.Take(keys[now%16], now, 1) },
		"TakeBytes": func() {
			var b [24]byte
			TakeBytes(k, strconv.AppendInt(b[:0], int64(now%16), 10), now, 1)
		},
		"array keys": func() { n.Take([16]byte{1}, now, 1) },
		"All.Take":   func() { all.Take(now, 1) },
	} {
		if got := testing.AllocsPerRun(100, func() { now++; f() }); got != 0 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}

// TestMemoryPerKey measures the heap that keys take, with their shards: 36 bytes a key at most.
func TestMemoryPerKey(t *testing.T) {
	if testing.Short() || fewer > 1 {
		t.Skip("takes a second, and more under the race detector")
	}
	var before, after runtime.MemStats
	for _, keys := range []int{100_000, 1_000_000} {
		runtime.GC()
		runtime.ReadMemStats(&before)
		k, err := NewKeyed[int](KeyedConfig{Limit: Limit{Every(time.Hour), 10}, MaxKeys: 2_000_000})
		if err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			k.Take(i, 0, 1)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		perKey := float64(after.HeapAlloc-before.HeapAlloc) / float64(keys)
		t.Logf("%d keys: %.1f bytes each", keys, perKey)
		if s := k.Stats(); perKey > 36 || s.Keys != int64(keys) {
			t.Errorf("%d keys take %.1f bytes each: %+v", keys, perKey, s)
		}
	}
}
