//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

var rare = gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}

// A pauser is a server that can be stopped.
type pauser interface {
	pause(t testing.TB)
	resume(t testing.TB)
}

// TestFaults kills servers, stops them and cuts the network to them, and checks what each policy decides
// meanwhile and that all is shared again afterwards.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("servers are hurt for seconds")
	}
	t.Parallel()
	for _, kind := range serverKinds {
		for _, fault := range []string{"killed", "paused", "partitioned"} {
			t.Run(kind+"/"+fault, func(t *testing.T) {
				t.Parallel()
				var b backend
				if fault == "partitioned" {
					b = sharedServer(t, kind)
				} else {
					b = starters[kind](t)
				}
				network, url := newProxy(t, b.url())
				hurt, heal := func() { network.setCut(true) }, func() { network.setCut(false) }
				switch fault {
				case "killed":
					hurt, heal = func() { b.kill(t) }, func() { b.start(t) }
				case "paused":
					p := b.(pauser)
					hurt, heal = func() { p.pause(t) }, func() { p.resume(t) }
				}
				forgets := kind == "redis" && fault == "killed" // it keeps nothing here
				testFault(t, url, hurt, heal, forgets)
			})
		}
	}
}

func testFault(t *testing.T, url string, hurt, heal func(), forgets bool) {
	ctx := t.Context()
	policies := []Failure{FailClosed, FailLocal, FailOpen}
	var stores []*Store
	for _, f := range policies {
		s := open(t, url, Options{Limit: rare, Name: freshName(), Failure: f, Instances: 4, Timeout: 250 * time.Millisecond, LongestPause: 400 * time.Millisecond})
		for range 5 {
			await(t, "decisions before", func() error { // the machine may be too busy for the time-out
				d, err := s.Take(ctx, "k", 1)
				if err == nil {
					err = d.Err()
				}
				return err
			})
		}
		stores = append(stores, s)
	}
	before := make([]uint64, len(stores))
	for i, s := range stores {
		before[i] = s.Stats().Alone // should be 0, but for a busy machine
	}
	hurt()
	await(t, "the fault", func() error { // a signal needs a moment
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		if _, err := stores[0].server.take(ctx, "k", &stores[0].limit.Load().params, ask{}); err == nil {
			return errors.New("there is still an answer")
		}
		return nil
	})
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() {
			allowed := uint64(0)
			for range 30 {
				d, err := s.Take(ctx, "k", 1)
				switch {
				case policies[i] == FailClosed:
					if !errors.Is(err, ErrUnavailable) || d.Allowed {
						t.Errorf("closed: %v, %v", d, err)
					}
				case err != nil:
					t.Errorf("%v: %v", policies[i], err)
				case d.Allowed:
					allowed++
				case d.RetryAfter <= 0:
					t.Errorf("%v: denied without a time to retry", policies[i])
				}
			}
			if d, err := s.Take(ctx, "k", rare.Burst/2); policies[i] == FailLocal && (err != nil || !errors.Is(d.Err(), gcra.ErrLimited) || d.RetryAfter <= 0) {
				t.Errorf("more cells than the share: %v, %v", d, err)
			}
			want := map[Failure]uint64{FailLocal: rare.Burst / 4, FailOpen: rare.Burst}[policies[i]]
			if allowed > want || before[i] == 0 && allowed < want {
				t.Errorf("%v: %d were allowed, want %d", policies[i], allowed, want)
			}
			if stats := s.Stats(); !stats.Open || stats.Failures < tolerated {
				t.Errorf("%v: the breaker is not open: %+v", policies[i], stats)
			}
		})
	}
	all.Wait()
	heal()
	for i, s := range stores {
		await(t, "recovery", func() error {
			alone := s.Stats().Alone
			_, err := s.Take(ctx, "k", 0)
			if err == nil && s.Stats().Alone > alone {
				err = errors.New("still alone")
			}
			return err
		})
		r, err := s.server.take(ctx, keyName("k"), &s.limit.Load().params, ask{})
		if err != nil {
			t.Fatal(err)
		}
		// Five cells were used; what timed out may have been counted, and is lost.
		if left := s.limit.Load().remaining(r.owed); !forgets && left > rare.Burst-5+before[i] {
			t.Errorf("%v: %d cells are left after recovery", policies[i], left)
		}
	}
}

// TestLossOfState checks what is kept over a crash, by what settings.
func TestLossOfState(t *testing.T) {
	if testing.Short() {
		t.Skip("servers start anew")
	}
	t.Parallel()
	for _, tt := range []struct {
		name  string
		start func(t testing.TB) backend
		keeps bool
		o     Options
	}{
		{"redis without persistence", func(t testing.TB) backend { return newRedis(t) }, false, Options{}},
		{"redis with every write on disk", func(t testing.TB) backend { return newRedis(t, "--appendonly", "yes", "--appendfsync", "always") }, true, Options{}},
		{"redis with a log", func(t testing.TB) backend { return newRedis(t, "--appendonly", "yes") }, true, Options{}},
		{"nats", func(t testing.TB) backend { return newNATSProcess(t) }, true, Options{}},
		{"nats in memory", func(t testing.TB) backend { return newNATSProcess(t) }, false, Options{Memory: true}},
		{"postgres", func(t testing.TB) backend { return newPostgres(t, SchemaOptions{}) }, true, Options{}},
		{"postgres unlogged", func(t testing.TB) backend { return newPostgres(t, SchemaOptions{Unlogged: true}) }, false, Options{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := tt.start(t)
			tt.o.Limit, tt.o.Timeout, tt.o.LongestPause = rare, 5*time.Second, 100*time.Millisecond
			s := open(t, b.url(), tt.o)
			use := func() (n uint64) {
				for range 2 * rare.Burst {
					d, err := s.Take(t.Context(), "k", 1)
					if err != nil {
						t.Fatal(err)
					}
					if d.Allowed {
						n++
					}
				}
				return n
			}
			if n := use(); n != rare.Burst {
				t.Fatalf("%d of %d", n, rare.Burst)
			}
			b.kill(t)
			b.start(t)
			await(t, "recovery", func() error {
				_, err := s.Take(t.Context(), "k", 0)
				return err
			})
			// One loss adds a burst, no more.
			if n := use(); tt.keeps && n != 0 || !tt.keeps && n != rare.Burst {
				t.Errorf("%d more cells after the crash", n)
			}
		})
	}
}

// TestPromiseOverFaults takes from several instances while the server is stopped and goes on.
func TestPromiseOverFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("servers are hurt for seconds")
	}
	t.Parallel()
	limit := gcra.Limit{Rate: gcra.Rate{Cells: 400, Per: time.Second}, Burst: 40}
	for _, kind := range serverKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := starters[kind](t)
			var stores []*Store
			for range 2 {
				stores = append(stores, open(t, b.url(), Options{Limit: limit, Failure: FailLocal, Instances: 2, Timeout: 100 * time.Millisecond, LongestPause: 200 * time.Millisecond}))
			}
			var uses []use
			var all sync.WaitGroup
			all.Go(func() { uses = hammer(t, stores, 2, "k", 1, 1200*time.Millisecond) })
			for range 2 {
				time.Sleep(250 * time.Millisecond)
				b.(pauser).pause(t)
				time.Sleep(250 * time.Millisecond)
				b.(pauser).resume(t)
			}
			all.Wait()
			// The shared limit, and the instances' shares, which are the limit again.
			promise := bound{cells: 2 * float64(limit.Burst), slack: 2 * time.Millisecond, interval: limit.Rate.Per / time.Duration(2*limit.Rate.Cells)}
			for _, s := range stores {
				promise.slack = max(promise.slack, uncertainty(s)+s.options.MaxUncertainty)
			}
			if err := violation(uses, promise); err != nil {
				t.Error(err)
			}
			t.Logf("%d cells; %+v", total(uses), stores[0].Stats())
		})
	}
}

// TestHerd lets many instances ask a server that is away and comes back, and counts who comes.
func TestHerd(t *testing.T) {
	if testing.Short() {
		t.Skip("many instances wait for a server")
	}
	t.Parallel()
	b := newRedis(t)
	network, url := newProxy(t, b.url())
	const instances = 20
	var stores []*Store
	for range instances {
		stores = append(stores, open(t, url, Options{Limit: rare, Timeout: 2 * time.Second, LongestPause: 400 * time.Millisecond}))
	}
	b.kill(t)
	before := network.accepted.Load()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for _, s := range stores {
		for range 4 {
			all.Go(func() {
				for ctx.Err() == nil {
					_, _ = s.Take(ctx, "k", 1)
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	await(t, "all breakers to open", func() error {
		for i, s := range stores {
			if !s.Stats().Open {
				return fmt.Errorf("that of %d is closed", i)
			}
		}
		return nil
	})
	opened := network.accepted.Load() - before
	time.Sleep(time.Second)
	knocks := network.accepted.Load() - before - opened
	b.start(t)
	await(t, "all instances to come back", func() error {
		for i, s := range stores {
			if _, err := s.Take(ctx, "k", 0); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	})
	cancel()
	all.Wait()
	decisions := uint64(0)
	for _, s := range stores {
		decisions += s.Stats().Errors
	}
	// Without a breaker there would be one for each decision. A pause is at least 200 ms once it has grown.
	if most := int64(instances * 10); knocks > most {
		t.Errorf("%d connections were tried in a second, more than %d", knocks, most)
	}
	t.Logf("%d decisions failed; %d connections until all breakers were open, %d in the second after", decisions, opened, knocks)
}

func TestStartDown(t *testing.T) {
	t.Parallel()
	for _, kind := range serverKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && kind == "postgres" {
				t.Skip("PostgreSQL starts twice")
			}
			b := starters[kind](t)
			b.kill(t)
			o := Options{Limit: rare, StartDown: true, Failure: FailOpen, LongestPause: 100 * time.Millisecond, Timeout: time.Second}
			s := open(t, b.url(), o)
			for i := range 2 * rare.Burst {
				if d, err := s.Take(t.Context(), "k", 1); err != nil || d.Allowed != (i < rare.Burst) {
					t.Fatalf("decision %d while the server is down: %v, %v", i, d, err)
				}
			}
			b.start(t)
			await(t, "the server", func() error {
				d, err := s.Peek(t.Context(), "k", 1)
				if err == nil && (!d.Allowed || s.Stats().Open) {
					err = errors.New("still alone")
				}
				return err
			})
			if d, err := s.Take(t.Context(), "k", rare.Burst); err != nil || !d.Allowed {
				t.Errorf("the server decides: %v, %v", d, err)
			}
			o.StartDown = false
			b.kill(t)
			if _, err := Open(t.Context(), b.url(), o); !errors.Is(err, ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "check that") {
				t.Errorf("opening a server that is down: %v", err)
			}
		})
	}
}
