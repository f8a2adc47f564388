package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// BenchmarkTake decides on one key with each kind of server, in each mode, with 1 and 16 callers. The
// limits are such that nearly all decisions allow.
func BenchmarkTake(b *testing.B) {
	limit := gcra.Limit{Rate: gcra.Rate{Cells: 1_000_000, Per: time.Second}, Burst: 1_000_000_000}
	ctx := context.Background()
	for _, kind := range []string{"redis", "nats", "postgres", "postgres-unlogged"} {
		var server backend
		start := func() string {
			switch {
			case server != nil:
			case kind == "postgres":
				server = newPostgres(b, SchemaOptions{}, "fsync=on")
			case kind == "postgres-unlogged":
				server = newPostgres(b, SchemaOptions{Unlogged: true}, "fsync=on")
			default:
				server = starters[kind](b)
			}
			return server.url()
		}
		for _, mode := range []Mode{Strict, Leased, BestEffort} {
			for _, callers := range []int{1, 16} {
				b.Run(fmt.Sprintf("%s/%v/callers=%d", kind, mode, callers), func(b *testing.B) {
					s := open(b, start(), Options{Limit: limit, Mode: mode, Name: freshName(), Timeout: 10 * time.Second})
					b.ReportAllocs()
					b.SetParallelism(max(1, callers/2))
					b.ResetTimer()
					if callers == 1 {
						for b.Loop() {
							if d, err := s.Take(ctx, "key", 1); err != nil || !d.Allowed {
								b.Fatal(d, err)
							}
						}
						return
					}
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if d, err := s.Take(ctx, "key", 1); err != nil || !d.Allowed {
								b.Error(d, err)
								return
							}
						}
					})
				})
			}
		}
	}
}
