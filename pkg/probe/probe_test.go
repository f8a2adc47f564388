package probe

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/infer"
)

// A model decides at a time, and tells the true wait if it refuses.
type model func(now time.Duration) (ok bool, wait time.Duration)

func gcra(rate, burst float64) model {
	tat := math.Inf(-1)
	return func(now time.Duration) (bool, time.Duration) {
		t := now.Seconds()
		next := max(tat, t) + 1/rate
		if over := next - t - burst/rate; over > 1e-12 {
			return false, time.Duration(over*1e9) + 1
		}
		tat = next
		return true, 0
	}
}

func window(n int, period time.Duration) model {
	used, current := 0, time.Duration(-1)
	return func(now time.Duration) (bool, time.Duration) {
		if w := now / period; w != current {
			used, current = 0, w
		}
		used++
		return used <= n, (now/period+1)*period - now
	}
}

// endpoint is a server behind a link: each key has its own model, or all one.
type endpoint struct {
	mu     sync.Mutex
	began  time.Time
	shared bool
	make   func() model
	models map[string]model
	rtt    time.Duration
	state  func(wait time.Duration) (time.Duration, bool) // what a refusal states
	fail   float64
	r      *rand.Rand
}

func (s *endpoint) ask(_ context.Context, key string) Answer {
	s.mu.Lock()
	there := s.rtt/4 + time.Duration(s.r.Int64N(int64(s.rtt)/4+1))
	back := s.rtt/4 + time.Duration(s.r.Int64N(int64(s.rtt)/4+1))
	fails := s.r.Float64() < s.fail
	s.mu.Unlock()
	time.Sleep(there)
	s.mu.Lock()
	if s.shared {
		key = ""
	}
	m := s.models[key]
	if m == nil {
		m = s.make()
		s.models[key] = m
	}
	a := Answer{Verdict: Failed}
	if !fails {
		ok, wait := m(time.Since(s.began))
		if a.Verdict = Admitted; !ok {
			a.Verdict = Refused
			if s.state != nil {
				a.RetryAfter, a.Stated = s.state(wait)
			}
		}
	}
	s.mu.Unlock()
	time.Sleep(back)
	return a
}

func honest(wait time.Duration) (time.Duration, bool) { return max(time.Second, roundUp(wait)), true }

func TestProbe(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name     string
		endpoint *endpoint
		config   Config
		want     infer.Verdict
		rate     infer.Verdict
		burst    infer.Verdict
		honest   int // 1 yes, -1 no, 0 nothing stated
		isolated int
	}{
		{name: "as expected", endpoint: &endpoint{make: func() model { return gcra(100, 20) }, state: honest},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{"a", "b"}}, want: infer.Pass, rate: infer.Pass, burst: infer.Pass, honest: 1, isolated: 1},
		{name: "a slow link", endpoint: &endpoint{make: func() model { return gcra(30, 20) }, state: honest, rtt: 80 * ms},
			config: Config{PerSecond: 30, Burst: 20, Keys: []string{"a", "b"}, Tolerance: 0.1}, want: infer.Pass, rate: infer.Pass, burst: infer.Pass, honest: 1, isolated: 1},
		{name: "fast", endpoint: &endpoint{make: func() model { return gcra(5000, 300) }},
			config: Config{PerSecond: 5000, Burst: 300, Keys: []string{""}}, want: infer.Pass, rate: infer.Pass, burst: infer.Pass},
		{name: "slow", endpoint: &endpoint{make: func() model { return gcra(2, 1) }, state: honest},
			config: Config{PerSecond: 2, Burst: 1, Keys: []string{""}}, want: infer.Pass, rate: infer.Pass, burst: infer.Pass, honest: 1},
		{name: "too generous", endpoint: &endpoint{make: func() model { return gcra(120, 20) }, state: honest},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{""}}, want: infer.Fail, rate: infer.Fail, burst: infer.Pass, honest: 1},
		{name: "far too generous", endpoint: &endpoint{make: func() model { return gcra(3000, 20) }, state: honest},
			config: Config{PerSecond: 10, Burst: 20, Keys: []string{""}}, want: infer.Fail, rate: infer.Fail, burst: infer.Undecided, honest: 1},
		{name: "too strict", endpoint: &endpoint{make: func() model { return gcra(80, 20) }, state: honest},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{""}}, want: infer.Fail, rate: infer.Fail, burst: infer.Pass, honest: 1},
		{name: "a larger burst", endpoint: &endpoint{make: func() model { return gcra(100, 50) }, state: honest},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{""}}, want: infer.Fail, rate: infer.Pass, burst: infer.Fail, honest: 1},
		{name: "no limit", endpoint: &endpoint{make: func() model { return func(time.Duration) (bool, time.Duration) { return true, 0 } }},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{"a", "b"}}, want: infer.Fail, rate: infer.Fail, burst: infer.Fail},
		{name: "one limit for all", endpoint: &endpoint{make: func() model { return gcra(100, 20) }, state: honest, shared: true},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{"a", "b"}}, want: infer.Fail, rate: infer.Pass, burst: infer.Pass, honest: 1, isolated: -1},
		{name: "waits too short", endpoint: &endpoint{make: func() model { return gcra(0.5, 3) }, state: func(time.Duration) (time.Duration, bool) { return time.Second, true }},
			config: Config{PerSecond: 0.5, Burst: 3, Keys: []string{""}, Longest: time.Minute}, want: infer.Fail, rate: infer.Pass, burst: infer.Pass, honest: -1},
		{name: "waits too long", endpoint: &endpoint{make: func() model { return gcra(50, 3) }, state: func(time.Duration) (time.Duration, bool) { return time.Minute, true }},
			config: Config{PerSecond: 50, Burst: 3, Keys: []string{""}}, want: infer.Fail, rate: infer.Pass, burst: infer.Pass, honest: -1},
		{name: "a window", endpoint: &endpoint{make: func() model { return window(50, time.Second) }, state: honest},
			config: Config{PerSecond: 50, Burst: 50, Keys: []string{""}}, want: infer.Pass, rate: infer.Pass, burst: infer.Pass, honest: 1},
		{name: "failures", endpoint: &endpoint{make: func() model { return gcra(100, 20) }, state: honest, fail: 0.1},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{""}}, want: infer.Undecided, rate: infer.Pass, burst: infer.Pass, honest: 1},
		{name: "only failures", endpoint: &endpoint{make: func() model { return gcra(100, 20) }, fail: 1},
			config: Config{PerSecond: 100, Burst: 20, Keys: []string{""}, Longest: time.Second}, want: infer.Undecided},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := c.endpoint
				s.models, s.began, s.r = map[string]model{}, time.Now(), rand.New(rand.NewPCG(1, 1))
				if s.rtt == 0 {
					s.rtt = 2 * ms
				}
				// Windows begin with the clock, not with the probe.
				time.Sleep(300 * ms)
				r, err := Run(t.Context(), c.config, s.ask)
				if err != nil {
					t.Fatal(err)
				}
				got := []int{int(r.OK()), int(r.Rate), int(r.Burst), 0, 0}
				if r.RetryAfter != nil {
					got[3] = sign(r.RetryAfter.Honest)
				}
				if r.Isolated != nil {
					got[4] = sign(*r.Isolated)
				}
				want := []int{int(c.want), int(c.rate), int(c.burst), c.honest, c.isolated}
				for i := range got {
					if got[i] != want[i] {
						t.Errorf("got %v, want %v; distrust %q, waits %+v", got, want, r.Distrust, r.RetryAfter)
						for _, k := range r.Keys {
							t.Logf("%q: %v rate %+v burst %+v, asked %d, refused %d, in %v", k.Name, k.Limit.Kind, k.Limit.PerSecond, k.Limit.Burst, k.Asked, k.Limit.Refused, k.Took)
						}
						break
					}
				}
				if c.want == infer.Pass && r.RetryAfter != nil && r.RetryAfter.Tried == 0 {
					t.Error("no stated wait was tried out")
				}
			})
		})
	}
}

func sign(b bool) int {
	if b {
		return 1
	}
	return -1
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := endpoint{make: func() model { return gcra(100, 20) }, models: map[string]model{}, began: time.Now(), r: rand.New(rand.NewPCG(1, 1)), rtt: time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		r, err := Run(ctx, Config{PerSecond: 100, Burst: 20, Keys: []string{"a", "b"}}, s.ask)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if r == nil || len(r.Keys) != 1 || r.Keys[0].Asked == 0 {
			t.Errorf("nothing of what was found out: %+v", r)
		}
	})
}

func TestConfig(t *testing.T) {
	good := Config{PerSecond: 1, Burst: 1, Keys: []string{""}}
	for name, change := range map[string]func(c *Config){
		"no rate":      func(c *Config) { c.PerSecond = 0 },
		"not a number": func(c *Config) { c.PerSecond = math.NaN() },
		"infinite":     func(c *Config) { c.PerSecond = math.Inf(1) },
		"no burst":     func(c *Config) { c.Burst = 0 },
		"no key":       func(c *Config) { c.Keys = nil },
		"tolerance":    func(c *Config) { c.Tolerance = 1 },
		"negative":     func(c *Config) { c.Longest = -1 },
	} {
		c := good
		change(&c)
		if _, err := Run(t.Context(), c, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
