package guard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/gcra"
)

// visit sends a request straight to a handler and returns its status.
func visit(h http.Handler, header ...string) int {
	r := httptest.NewRequest("GET", "/", nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// TestPromise has many clients come at random times by several keys, and checks of what the
// handler saw of each key that over any interval d no more than B + d/T came.
func TestPromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst, keys = 5, 3
		limit := perSecond(10, burst)
		total := perSecond(20, 8)
		g := newGuard(t, Config{Limits: []Limit{{Name: "client", Limit: limit, Key: ByHeader("X-Key")}, {Name: "all", Limit: total, Key: ByAll()}}})
		var mu sync.Mutex
		seen := map[string][]time.Time{}
		h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			for _, key := range []string{r.Header.Get("X-Key"), "all"} {
				seen[key] = append(seen[key], time.Now())
			}
		}))
		var clients sync.WaitGroup
		for i := range 30 {
			clients.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				for range 300 {
					time.Sleep(time.Duration(rng.ExpFloat64() * float64(200*time.Millisecond)))
					visit(h, "X-Key", strconv.Itoa(i%keys))
				}
			})
		}
		clients.Wait()
		for key, times := range seen {
			l := limit
			if key == "all" {
				l = total
			}
			for i := range times {
				for j := i; j < len(times); j++ {
					// n ≤ B + d·r, in cells times nanoseconds
					d := times[j].Sub(times[i])
					n := int64(j - i + 1)
					if n*int64(l.Rate.Per) > int64(l.Burst)*int64(l.Rate.Per)+int64(d)*int64(l.Rate.Cells) {
						t.Fatalf("key %s: %d requests in %v", key, n, d)
					}
				}
			}
			if len(times) < 100 {
				t.Errorf("key %s: %d requests came through", key, len(times))
			}
		}
	})
}

// TestAllOrNothing checks that what one limit denies costs the other nothing.
func TestAllOrNothing(t *testing.T) {
	for _, reversed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			limits := []Limit{{Name: "wide", Limit: perSecond(1, 10)}, {Name: "narrow", Limit: perSecond(1, 3), Key: ByAll()}}
			if reversed {
				limits[0], limits[1] = limits[1], limits[0]
			}
			g := newGuard(t, Config{Limits: limits})
			h := g.Middleware(http.HandlerFunc(hello))
			admitted := 0
			for range 20 {
				if visit(h) == 200 {
					admitted++
				}
			}
			wide := g.limiter("wide").keyed.Stats()
			if admitted != 3 || wide.Cells-wide.Refunded != 3 {
				t.Errorf("reversed %v: %d admitted, and %+v taken of the wide limit", reversed, admitted, wide)
			}
		})
	}
}

func TestCost(t *testing.T) {
	g := newGuard(t, Config{Limits: []Limit{{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 10}, Cost: func(r *http.Request) uint64 {
		n, _ := strconv.ParseUint(r.Header.Get("Cost"), 10, 64)
		return n
	}}}})
	h := g.Middleware(http.HandlerFunc(hello))
	for _, c := range []struct {
		cost string
		want int
	}{{"0", 200}, {"7", 200}, {"4", 429}, {"3", 200}, {"0", 200}, {"1", 429}} {
		if got := visit(h, "Cost", c.cost); got != c.want {
			t.Errorf("cost %s: %d, want %d", c.cost, got, c.want)
		}
	}
	// More than ever passes: there is no use in coming back.
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cost", "11")
	h.ServeHTTP(w, r)
	if w.Code != 429 || w.Header().Get("Retry-After") != "" {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
}

// decider is a shared limit that does what it is told.
type decider struct {
	mu   sync.Mutex
	keys []string
	f    func(ctx context.Context, key string, n uint64) (gcra.Decision, error)
}

func (d *decider) Take(ctx context.Context, key string, n uint64) (gcra.Decision, error) {
	d.mu.Lock()
	d.keys = append(d.keys, fmt.Sprintf("%s %d", key, n))
	d.mu.Unlock()
	return d.f(ctx, key, n)
}

// sharedLimit is a decider over a limit of this process.
func sharedLimit(t *testing.T, l gcra.Limit) *decider {
	keyed, err := gcra.NewKeyed[string](gcra.KeyedConfig{Limit: l})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	return &decider{f: func(_ context.Context, key string, n uint64) (gcra.Decision, error) {
		return keyed.Take(key, time.Since(start), n), nil
	}}
}

func TestSharedLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := sharedLimit(t, perSecond(1, 5)), sharedLimit(t, perSecond(1, 2))
		g := newGuard(t, Config{Limits: []Limit{
			{Name: "one", Limit: perSecond(1, 5), Shared: one, Fail: FailClosed},
			{Name: "two", Limit: perSecond(1, 2), Shared: two, Fail: FailClosed, Key: ByPath()},
			{Name: "here", Limit: perSecond(1, 4)},
		}})
		h := g.Middleware(http.HandlerFunc(hello))
		for i, want := range []int{200, 200, 429, 429} {
			if got := visit(h); got != want {
				t.Errorf("request %d: %d, want %d", i, got, want)
			}
		}
		d, _ := one.Take(t.Context(), "a:192.0.2.1", 0)
		if d.Remaining != 3 {
			t.Errorf("%d cells remain of the first: denials of the second took some", d.Remaining)
		}
		if k := strings.Join(two.keys, ", "); !strings.HasPrefix(k, "p:/ 0, p:/ 1, p:/ 0") {
			t.Errorf("the second was asked %s", k)
		}
		if n := g.limiter("here").keyed.Stats().Cells; n != 2 {
			t.Errorf("%d cells were taken here", n)
		}
		// What is denied here is not asked elsewhere.
		settings := g.Settings()
		settings.Limits[2].Limit.Burst = 1
		if err := g.Apply(settings); err != nil {
			t.Fatal(err)
		}
		asked := len(one.keys)
		if got := visit(h); got != 429 || len(one.keys) != asked {
			t.Errorf("%d, and the first was asked %d times", got, len(one.keys)-asked)
		}
	})
}

func TestFailPolicies(t *testing.T) {
	broken := &decider{f: func(context.Context, string, uint64) (gcra.Decision, error) {
		return gcra.Decision{}, errors.New("no connection")
	}}
	hanging := &decider{f: func(ctx context.Context, _ string, _ uint64) (gcra.Decision, error) {
		<-ctx.Done()
		return gcra.Decision{}, ctx.Err()
	}}
	for _, d := range []*decider{broken, hanging} {
		for _, c := range []struct {
			fail Fail
			want []int
		}{
			{FailOpen, []int{200, 200, 200}},
			{FailClosed, []int{503, 503, 503}},
			{FailLocal, []int{200, 429, 429}},
		} {
			synctest.Test(t, func(t *testing.T) {
				l := Limit{Limit: perSecond(10, 10), Shared: d, Fail: c.fail}
				if c.fail == FailLocal {
					l.Local = gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 1}
				}
				seen := &outcomesSeen{}
				g := newGuard(t, Config{Limits: []Limit{l}})
				g.observe(seen)
				h := g.Middleware(http.HandlerFunc(hello))
				for i, want := range c.want {
					before := time.Now()
					if got := visit(h); got != want {
						t.Errorf("policy %d, request %d: %d, want %d", c.fail, i, got, want)
					}
					if waited := time.Since(before); waited > 250*time.Millisecond {
						t.Errorf("policy %d: waited %v", c.fail, waited)
					}
					if e := seen.last(); !e.failed || e.limit != "default" {
						t.Errorf("policy %d: %+v", c.fail, e)
					}
				}
			})
		}
	}
}

func TestDryRun(t *testing.T) {
	for _, whole := range []bool{false, true} {
		seen := &outcomesSeen{}
		cfg := Config{Limits: []Limit{{Name: "a", Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 2}, DryRun: !whole}}, Gate: &Gate{}}
		if whole {
			cfg.Mode = DryRun
		}
		g := newGuard(t, cfg)
		g.observe(seen)
		h := g.Middleware(http.HandlerFunc(hello))
		for range 5 {
			if got := visit(h); got != 200 {
				t.Errorf("whole %v: %d", whole, got)
			}
		}
		dry := 0
		for _, e := range seen.events {
			if e.dry == rateLimited && e.limit == "a" {
				dry++
			}
		}
		if dry != 3 {
			t.Errorf("whole %v: %d would have been refused, want 3", whole, dry)
		}
		settled(t, g)
	}
}

// TestManyKeys has a million clients come by, and looks at what they leave behind.
func TestManyKeys(t *testing.T) {
	keys := 1_000_000
	if testing.Short() {
		keys = 100_000
	}
	g := newGuard(t, Config{Limits: []Limit{{Limit: perSecond(1, 1), Key: ByHeader("X-Key"), MaxKeys: 50_000}}})
	x := newExchange(g)
	x.r = httptest.NewRequest("GET", "/", nil)
	value := []string{""}
	x.r.Header["X-Key"] = value
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range keys {
		value[0] = strconv.Itoa(i)
		x.start = g.now()
		x.limit()
		x.e, x.tightest = event{}, nil
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 50_000*40+1<<20 {
		t.Errorf("%d keys left %d bytes", keys, grown)
	}
	if st := g.limits[0].keyed.Stats(); st.SizeBytes > 50_000*32 {
		t.Errorf("%+v", st)
	}
	runtime.KeepAlive(g)
}
