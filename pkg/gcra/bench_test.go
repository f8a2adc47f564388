package gcra

import (
	"testing"
	"time"
)

// BenchmarkTake is a decision without a clock: what is left of docs/gcra.md's figures.
func BenchmarkTake(b *testing.B) {
	l, err := New(Rate{1_000_000_000, time.Second}, 1000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var now time.Duration
	var sum uint64
	for b.Loop() {
		now += 10
		d := l.Take(now, 1)
		sum += d.Remaining + uint64(d.ResetAfter) + uint64(d.RetryAfter)
	}
	if sum == 0 {
		b.Fatal("nothing remained")
	}
}

// BenchmarkKeyed is the same for one key of many, all of them in the table.
func BenchmarkKeyed(b *testing.B) {
	k, err := NewKeyed[int](KeyedConfig{Limit: Limit{Rate{1_000_000_000, time.Second}, 1000}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var now time.Duration
	for i := 0; b.Loop(); i++ {
		now += 10
		k.Take(i&1023, now, 1)
	}
}
