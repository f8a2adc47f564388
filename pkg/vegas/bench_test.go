package vegas

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkBound is what a gate cannot do without: a count, two clock reads and a
// histogram.
func BenchmarkBound(b *testing.B) {
	b.ReportAllocs()
	var count struct {
		_ [64]byte
		n atomic.Int64
		_ [64]byte
	}
	h := new(histogram)
	origin := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			count.n.Add(1)
			start := time.Since(origin)
			h.add(time.Since(origin) - start)
			count.n.Add(-1)
		}
	})
}

// BenchmarkGate takes a permit and gives it back, with a Vegas controller.
func BenchmarkGate(b *testing.B) {
	b.ReportAllocs()
	g, err := NewGate(NewVegas(Config{Initial: 1000}), GateConfig{Queue: 100})
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, ok := g.Try(g.Now(), Class{})
			if !ok {
				b.Error("refused")
				return
			}
			p.Release(g.Now(), Success)
		}
	})
}

// BenchmarkGateNow is BenchmarkGate by TryNow, which leaves some requests untimed.
func BenchmarkGateNow(b *testing.B) {
	b.ReportAllocs()
	g, err := NewGate(NewVegas(Config{Initial: 1000}), GateConfig{Queue: 100})
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, ok := g.TryNow(Class{})
			if !ok {
				b.Error("refused")
				return
			}
			p.Done(Success)
		}
	})
}

// BenchmarkDo is BenchmarkGate by Do, which leaves some requests untimed.
func BenchmarkDo(b *testing.B) {
	b.ReportAllocs()
	g, err := NewGate(NewVegas(Config{Initial: 1000}), GateConfig{Queue: 100})
	if err != nil {
		b.Fatal(err)
	}
	call := func(context.Context) error { return nil }
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := g.Do(context.Background(), call); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkGatePartitions is BenchmarkGate with partitions, which take a lock.
func BenchmarkGatePartitions(b *testing.B) {
	b.ReportAllocs()
	g, err := NewGate(NewVegas(Config{Initial: 1000}), GateConfig{Partitions: []float64{0.5, 0.3}})
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, ok := g.Try(g.Now(), Class{}); ok {
				p.Release(g.Now(), Success)
			}
		}
	})
}
