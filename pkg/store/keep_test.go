package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// TestMemoryIsBounded checks that servers forget what owes nothing, and nothing else.
func TestMemoryIsBounded(t *testing.T) {
	limit := gcra.Limit{Rate: gcra.Every(time.Second), Burst: 60}
	everywhere(t, func(t *testing.T, b backend) {
		s := open(t, b.url(), Options{Limit: limit, Name: freshName(), Timeout: 10 * time.Second})
		for i := range 5 {
			if d, err := s.Take(t.Context(), fmt.Sprint("key", i), uint64(10*i+1)); err != nil || !d.Allowed {
				t.Fatal(d, err)
			}
		}
		switch server := s.server.(type) {
		case *redisServer:
			for i := range 5 {
				ttl, err := server.client.PTTL(t.Context(), server.prefix+keyName(fmt.Sprint("key", i))).Result()
				if most := time.Duration(10*i+1)*time.Second + grace; err != nil || ttl > most || ttl < most-30*time.Second || ttl <= 0 {
					t.Errorf("key %d is kept for %v, %v; want %v", i, ttl, err, most)
				}
			}
		case *natsServer:
			if n := len(server.entries); n != 5 {
				t.Errorf("%d entries are remembered", n)
			}
			status, err := server.values().Status(t.Context())
			if err != nil || status.TTL() != 60*time.Second+grace || status.History() != 1 {
				t.Errorf("entries are kept for %v, %v", status.TTL(), err)
			}
			for _, l := range []gcra.Limit{{Rate: limit.Rate, Burst: 120}, {Rate: limit.Rate, Burst: 10}} {
				if err := s.Change(t.Context(), l); err != nil {
					t.Fatal(err)
				}
				if status, err = server.values().Status(t.Context()); err != nil || status.TTL() != 120*time.Second+grace {
					t.Errorf("under %v entries are kept for %v, %v", l, status.TTL(), err)
				}
			}
		case *pgServer:
			rows := func() (n int) {
				if err := server.pool.QueryRow(t.Context(), "SELECT count(*) FROM cqkit_limits WHERE key LIKE $1", server.name+"%").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			if _, err := server.sweep(t.Context()); err != nil || rows() != 5 {
				t.Errorf("%d of 5 rows are left, %v", rows(), err)
			}
			// As if 35 s had passed.
			if _, err := server.pool.Exec(t.Context(), "UPDATE cqkit_limits SET tat = tat - 35000000000 WHERE key LIKE $1", server.name+"%"); err != nil {
				t.Fatal(err)
			}
			await(t, "rows to go", func() error { // somebody else may be at it
				if _, err := server.sweep(t.Context()); err != nil {
					return err
				}
				if n := rows(); n != 1 {
					return fmt.Errorf("%d rows are left", n)
				}
				return nil
			})
		}
	})
}

// TestForeignEntries checks that what somebody else put in the place of an entry is an error, and nothing worse.
func TestForeignEntries(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		s := open(t, b.url(), Options{Limit: gcra.Limit{Rate: gcra.Every(time.Second), Burst: 60}, Name: freshName(), Timeout: 10 * time.Second})
		for i, value := range []string{"", "x", "0123456789abcde", "0123456789abcdef0123456", strings.Repeat("\xff", 24), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
			key := fmt.Sprint("key", i)
			var err error
			switch server := s.server.(type) {
			case *redisServer:
				err = server.client.Set(t.Context(), server.prefix+keyName(key), value, 0).Err()
			case *natsServer:
				_, err = server.values().PutString(t.Context(), keyName(key), value)
			case *pgServer:
				return // columns have types
			}
			if err != nil {
				t.Fatal(err)
			}
			d, err := s.Take(t.Context(), key, 1)
			if d.Allowed || err == nil {
				t.Errorf("%q: %v, %v", value, d, err)
			}
			if _, err = s.Take(t.Context(), "fine", 1); err != nil {
				t.Errorf("after %q: %v", value, err)
			}
		}
	})
}

// TestRefund checks that only what nothing has been built on goes back.
func TestRefund(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		s := open(t, b.url(), Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, Name: freshName(), Timeout: 10 * time.Second})
		p := &s.limit.Load().params
		take := func(n uint64) reply {
			t.Helper()
			r, err := s.server.take(t.Context(), keyName("k"), p, ask{least: n, most: n})
			if err != nil || r.granted != n {
				t.Fatal(r, err)
			}
			return r
		}
		refund := func(n uint64, m mark, want bool) {
			t.Helper()
			if done, err := s.server.refund(t.Context(), keyName("k"), p, n, m); done != want || err != nil {
				t.Fatalf("%v, %v; want %v", done, err, want)
			}
		}
		left := func(want uint64) {
			t.Helper()
			if d, err := s.Peek(t.Context(), "k", 1); err != nil || d.Remaining != want {
				t.Fatalf("%d are left, %v; want %d", d.Remaining, err, want)
			}
		}
		first, second := take(3), take(4)
		refund(3, first.mark, false)
		left(13)
		refund(2, second.mark, true) // a part of it
		left(15)
		refund(2, second.mark, false) // once
		left(15)
		third := take(1)
		take(2)
		refund(1, third.mark, false)
		left(12)
		// A debt that has been paid is no more.
		quick, err := s.server.params(gcra.Limit{Rate: gcra.Every(time.Millisecond), Burst: 20})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.server.take(t.Context(), "quick", &quick, ask{least: 1, most: 1})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		if done, err := s.server.refund(t.Context(), "quick", &quick, 1, r.mark); done || err != nil {
			t.Errorf("a paid debt: %v, %v", done, err)
		}
	})
}
