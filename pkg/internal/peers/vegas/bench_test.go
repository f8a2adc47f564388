package vegas

import (
	"context"
	"testing"

	cqvegas "cqkit/pkg/vegas"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/platinummonkey/go-concurrency-limits/core"
	platinum "github.com/platinummonkey/go-concurrency-limits/limiter"
	"github.com/platinummonkey/go-concurrency-limits/strategy"
	"golang.org/x/sync/semaphore"
)

// BenchmarkGate takes a permit and gives it back.
func BenchmarkGate(b *testing.B) {
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					f()
				}
			})
		})
	}
	g, err := cqvegas.NewGate(cqvegas.NewVegas(cqvegas.Config{}), cqvegas.GateConfig{Queue: 100})
	if err != nil {
		b.Fatal(err)
	}
	run("cqkit", func() {
		if p, ok := g.Try(g.Now(), cqvegas.Class{}); ok {
			p.Release(g.Now(), cqvegas.Success)
		}
	})
	s := semaphore.NewWeighted(1000)
	run("semaphore", func() {
		if s.TryAcquire(1) {
			s.Release(1)
		}
	})
	f := adaptivelimiter.NewWithDefaults[any]()
	run("failsafe", func() {
		if p, ok := f.TryAcquirePermit(); ok {
			p.Record()
		}
	})
	l, err := platinum.NewDefaultLimiterWithDefaults("", strategy.NewSimpleStrategy(20), nil, core.EmptyMetricRegistryInstance)
	if err != nil {
		b.Fatal(err)
	}
	run("platinummonkey", func() {
		if p, ok := l.Acquire(context.Background()); ok {
			p.OnSuccess()
		}
	})
}
