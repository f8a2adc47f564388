package store

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/store"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// slice is for how long a contender decides before it is the next one's turn.
const slice = 200 * time.Millisecond

// startRedis starts a server of the benchmark's own, without persistence, and returns its address.
func startRedis(b *testing.B) string {
	b.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		b.Skip("redis-server is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", b.TempDir())
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 1000 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return address
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("Redis does not start")
	return ""
}

// A contender decides once. The limits are such that nearly all decisions allow.
type contender struct {
	name   string
	decide func() bool
}

// perSecond returns how many decisions callers get in a slice, as a rate.
func (c contender) perSecond(b *testing.B, callers int) float64 {
	b.Helper()
	var decided, denied atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	start := time.Now()
	for range callers {
		all.Go(func() {
			var n, no int64
			for !stop.Load() {
				if !c.decide() {
					no++
				}
				n++
			}
			decided.Add(n)
			denied.Add(no)
		})
	}
	time.Sleep(slice)
	stop.Store(true)
	all.Wait()
	took := time.Since(start)
	if denied.Load() > decided.Load()/100 {
		b.Fatalf("%s: %d of %d decisions were denials or errors", c.name, denied.Load(), decided.Load())
	}
	return float64(decided.Load()) / took.Seconds()
}

// BenchmarkShared lets a number of callers take cells of one key in Redis, in turns: with redis_rate, with every decision
// shared, and with leases. It reports the median decisions a second of the turns and the medians of
// their ratios to redis_rate's turn.
func BenchmarkShared(b *testing.B) {
	address := startRedis(b)
	const rate, burst = 1_000_000, 1_000_000_000
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: address})
	b.Cleanup(func() { _ = client.Close() })
	peer := redis_rate.NewLimiter(client)
	peerLimit := redis_rate.Limit{Rate: rate, Burst: burst, Period: time.Second}
	ours := func(mode store.Mode) func() bool {
		s, err := store.Open(ctx, "redis://"+address+"/0", store.Options{Limit: gcra.Limit{Rate: gcra.Rate{Cells: rate, Per: time.Second}, Burst: burst},
			Name: mode.String(), Mode: mode, Timeout: 5 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close(ctx) })
		return func() bool {
			d, err := s.Take(ctx, "key", 1)
			return err == nil && d.Allowed
		}
	}
	contenders := []contender{
		{"redis_rate", func() bool {
			r, err := peer.Allow(ctx, "key", peerLimit)
			return err == nil && r.Allowed > 0
		}},
		{"strict", ours(store.Strict)},
		{"leased", ours(store.Leased)},
		{"best-effort", ours(store.BestEffort)},
		{"bare-exchange", func() bool { return client.Do(ctx, "PING").Err() == nil }},
	}
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			figures := map[string][]float64{}
			for b.Loop() {
				var first float64
				for i, c := range contenders {
					x := c.perSecond(b, callers)
					if i == 0 {
						first = x
					}
					figures[c.name+"/s"] = append(figures[c.name+"/s"], x)
					figures[c.name+"-ratio"] = append(figures[c.name+"-ratio"], x/first)
				}
			}
			b.ReportMetric(0, "ns/op")
			for name, all := range figures {
				slices.Sort(all)
				b.ReportMetric(all[len(all)/2], name)
			}
			b.Logf("ratios of leased to redis_rate: %.1f", figures["leased-ratio"])
		})
	}
}
