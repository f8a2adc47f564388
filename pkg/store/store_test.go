package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

func TestOpenSaysWhatToDo(t *testing.T) {
	port := freePort(t)
	for _, tt := range []struct {
		url, says string
		is        error
	}{
		{fmt.Sprintf("redis://me:secret@127.0.0.1:%d/0", port), "check that the server runs", ErrUnavailable},
		{"unix:///nowhere/redis.sock", "check that the server runs", ErrUnavailable},
		{fmt.Sprintf("nats://me:secret@127.0.0.1:%d", port), "check that the server runs", ErrUnavailable},
		{fmt.Sprintf("postgres://me:secret@127.0.0.1:%d/x", port), "check that the server runs", ErrUnavailable},
		{"memcached://me:secret@127.0.0.1/x", "begins with none of", errBadURL},
		{"redis://me:secret@127.0.0.1:x/y/z", "like redis://user", errBadURL},
		{"redis://me:sec%ret@127.0.0.1", "like redis://user", errBadURL},
		{"nats://me:sec%ret@127.0.0.1", "like nats://user", errBadURL},
		{"postgres://me:sec%ret@127.0.0.1:x", "like postgres://user", errBadURL},
		{"secret", "begins with none of", errBadURL},
		{"", "begins with none of", errBadURL},
	} {
		_, err := Open(t.Context(), tt.url, Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, Timeout: time.Second})
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v", tt.url, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec%ret")) {
			t.Errorf("%q: the error tells the password: %v", tt.url, err)
		}
	}
	if err := CreateSchema(t.Context(), "postgres://me:sec%ret@127.0.0.1:x", SchemaOptions{}); !errors.Is(err, errBadURL) {
		t.Error(err)
	}
}

func TestNoSchema(t *testing.T) {
	b := sharedServer(t, "postgres")
	o := Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, StartDown: true}
	if _, err := Open(t.Context(), b.url()+"&search_path=nowhere", o); !errors.Is(err, ErrNoSchema) {
		t.Errorf("without a schema: %v", err)
	}
	var all sync.WaitGroup
	for range 4 { // as instances do that start together
		all.Go(func() {
			if err := CreateSchema(t.Context(), b.url(), SchemaOptions{Unlogged: true}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if !strings.Contains(Schema(SchemaOptions{Unlogged: true}), "CREATE UNLOGGED TABLE") || strings.Contains(Schema(SchemaOptions{}), "CREATE UNLOGGED") {
		t.Error("the schema is not unlogged as it is asked for")
	}
}

func TestOptions(t *testing.T) {
	fine := gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}
	for _, o := range []Options{
		{}, {Limit: gcra.Limit{Rate: fine.Rate}}, {Limit: fine, Name: "a b"}, {Limit: fine, Name: strings.Repeat("a", 33)}, {Limit: fine, Name: "a.b"},
		{Limit: fine, Mode: 3}, {Limit: fine, Failure: 3}, {Limit: fine, Instances: -1}, {Limit: fine, MaxKeys: -1}, {Limit: fine, Timeout: -1},
		{Limit: fine, LeaseFor: time.Microsecond}, {Limit: fine, Replicas: -1},
	} {
		if _, err := Open(t.Context(), "redis://127.0.0.1:1", o); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, m := range []Mode{Strict, Leased, BestEffort} {
		if got, err := ParseMode(m.String()); got != m || err != nil {
			t.Error(m, got, err)
		}
	}
	for _, f := range []Failure{FailClosed, FailLocal, FailOpen} {
		if got, err := ParseFailure(f.String()); got != f || err != nil {
			t.Error(f, got, err)
		}
	}
	if _, err := ParseMode("lax"); err == nil || !strings.Contains(err.Error(), "best-effort") {
		t.Error(err)
	}
	o := Options{Failure: FailLocal, Instances: 4}
	for _, tt := range []struct{ whole, share gcra.Limit }{
		{gcra.Limit{Rate: gcra.Rate{Cells: 8, Per: time.Second}, Burst: 21}, gcra.Limit{Rate: gcra.Rate{Cells: 8, Per: 4 * time.Second}, Burst: 5}},
		{gcra.Limit{Rate: gcra.Every(time.Second), Burst: 1}, gcra.Limit{Rate: gcra.Every(4 * time.Second), Burst: 1}},
		{gcra.Limit{Rate: gcra.Rate{Cells: 1 << 62, Per: 1 << 62}, Burst: 1}, gcra.Limit{Rate: gcra.Rate{Cells: 1 << 60, Per: 1 << 62}, Burst: 1}},
	} {
		if got := o.share(tt.whole); got != tt.share {
			t.Errorf("a quarter of %v is %v, want %v", tt.whole, got, tt.share)
		}
	}
}

// TestRedisRefusesRates checks that what its clock cannot keep is refused.
func TestRedisRefusesRates(t *testing.T) {
	b := sharedServer(t, "redis")
	if _, err := Open(t.Context(), b.url(), Options{Limit: gcra.Limit{Rate: gcra.Rate{Cells: 2_000_000, Per: time.Second}, Burst: 5}}); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("2,000,000 a second: %v", err)
	}
}

// TestCallersGiveUp checks that a caller's context is honoured and says nothing of the server.
func TestCallersGiveUp(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		network, url := newProxy(t, b.url())
		for _, mode := range []Mode{Strict, Leased, BestEffort} {
			s := open(t, url, Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, Name: freshName(), Mode: mode, Failure: FailOpen, Timeout: 30 * time.Second})
			network.setCut(true)
			for range 2 * tolerated {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				if _, err := s.Take(ctx, "k", 1); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v: %v", mode, err)
				}
				if _, err := s.Peek(ctx, "k", 1); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v: %v", mode, err)
				}
				cancel()
			}
			if stats := s.Stats(); stats.Failures > 0 || stats.Open || stats.Errors != 2*tolerated {
				t.Errorf("%v: %+v", mode, stats)
			}
			network.setCut(false)
			await(t, "an answer", func() error {
				_, err := s.Take(t.Context(), "k", 1)
				return err
			})
		}
	})
}

// TestClose checks that what is leased goes back, that what is pending is reported, and that nothing is decided afterwards.
func TestClose(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		for _, mode := range []Mode{Leased, BestEffort} {
			o := Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 1000}, Name: freshName(), Mode: mode, LeaseFor: time.Hour, ReportEvery: time.Hour, Timeout: 10 * time.Second}
			s := open(t, b.url(), o)
			for range 7 {
				if d, err := s.Take(t.Context(), "k", 5); err != nil || !d.Allowed {
					t.Fatal(d, err)
				}
			}
			held := s.Stats()
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("closed again: %v", err)
			}
			if _, err := s.Take(t.Context(), "k", 1); !errors.Is(err, ErrClosed) {
				t.Errorf("taken after closing: %v", err)
			}
			if _, err := s.Peek(t.Context(), "k", 1); !errors.Is(err, ErrClosed) {
				t.Errorf("peeked after closing: %v", err)
			}
			o.Mode = Strict
			d, err := open(t, b.url(), o).Peek(t.Context(), "k", 1)
			after := s.Stats()
			// Of leases the last goes back; cells left of an earlier one are lost, and said to be.
			if err != nil || d.Remaining+after.Lost != 1000-35 {
				t.Errorf("%v: %d cells are left, %v; before %+v, after %+v", mode, d.Remaining, err, held, after)
			}
			if mode == Leased && after.Returned == 0 || mode == BestEffort && held.Unreported == 0 || after.Outstanding+after.Unreported > 0 {
				t.Errorf("%v: before %+v, after %+v", mode, held, after)
			}
		}
	})
}

// TestLeases checks that leases spare exchanges, stay within their bound, go back unused and are forgotten.
func TestLeases(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		const most = 500
		o := Options{Limit: gcra.Limit{Rate: gcra.Rate{Cells: 500_000, Per: time.Second}, Burst: 1_000_000}, Name: freshName(), Mode: Leased, MaxLease: most,
			LeaseFor: 200 * time.Millisecond, Timeout: 10 * time.Second}
		s := open(t, b.url(), o)
		var all sync.WaitGroup
		stop := make(chan struct{})
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if n := s.outstanding(); n > most {
						t.Errorf("%d cells are outstanding", n)
						return
					}
				}
			}
		})
		const calls = 20_000
		var takers sync.WaitGroup
		for range 4 {
			takers.Go(func() {
				for range calls / 4 {
					if d, err := s.Take(t.Context(), "hot", 1); err != nil || !d.Allowed {
						t.Error(d, err)
						return
					}
				}
			})
		}
		takers.Wait()
		close(stop)
		all.Wait()
		stats := s.Stats()
		if stats.Cells != calls || stats.Exchanges > calls/20 {
			t.Errorf("%d exchanges for %d decisions: %+v", stats.Exchanges, calls, stats)
		}
		if d, err := s.Take(t.Context(), "hot", most+1); err != nil || !d.Allowed || s.Stats().Exchanges == stats.Exchanges {
			t.Errorf("more cells than a lease: %v, %v", d, err)
		}
		await(t, "the lease to end", func() error {
			if stats := s.Stats(); stats.Outstanding > 0 || stats.Keys > 0 {
				return fmt.Errorf("%+v", stats)
			}
			return nil
		})
		if stats := s.Stats(); stats.Returned+stats.Lost == 0 {
			t.Errorf("what was held is neither returned nor lost: %+v", stats)
		}
	})
}

// TestDenialsAreLocal checks that a key that is at its limit costs few exchanges where they may be spared.
func TestDenialsAreLocal(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		for _, mode := range []Mode{Leased, BestEffort} {
			s := open(t, b.url(), Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 3}, Name: freshName(), Mode: mode, Timeout: 10 * time.Second, ReportEvery: time.Hour})
			for i := range 1000 {
				d, err := s.Take(t.Context(), "k", 1)
				if err != nil || d.Allowed != (i < 3) || !d.Allowed && (d.RetryAfter < 50*time.Minute || d.Remaining > 0) {
					t.Fatalf("%d: %v, %v", i, d, err)
				}
			}
			if n := s.Stats().Exchanges; n > 10 {
				t.Errorf("%v: %d exchanges for 1000 decisions", mode, n)
			}
		}
	})
}

// TestManyKeys checks that what an instance remembers is bounded, and that keys do not share a limit.
func TestManyKeys(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		for _, mode := range []Mode{Strict, Leased, BestEffort} {
			const keys, room = 60, 20
			s := open(t, b.url(), Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 2}, Name: freshName(), Mode: mode, MaxKeys: room, Timeout: 10 * time.Second})
			for _, i := range rand.Perm(3 * keys) {
				key := fmt.Sprintf("client %d %s", i%keys, strings.Repeat("x", 10*(i%keys)))
				if _, err := s.Take(t.Context(), key, 1); err != nil {
					t.Fatal(err)
				}
			}
			stats := s.Stats()
			if stats.Allowed != 2*keys || stats.Denied != keys || stats.Keys > room {
				t.Errorf("%v: %+v", mode, stats)
			}
		}
	})
}
