package gcra

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What other limiters are known to get wrong, one test each.

// throttled v2.15 computes the burst's time in a way that overflows for large bursts of slow
// rates, such as 200,000 a day.
func TestThrottledBurstOverflow(t *testing.T) {
	l, err := New(Rate{200_000, 24 * time.Hour}, 200_000)
	if err != nil {
		t.Fatal(err)
	}
	if d := l.Take(0, 200_000); !d.Allowed || d.Remaining != 0 || d.ResetAfter < 24*time.Hour {
		t.Errorf("got %+v", d)
	}
	if d := l.Take(0, 1); d.Allowed || d.RetryAfter != 432*time.Millisecond {
		t.Errorf("one more: %+v", d)
	}
	if _, err := New(Rate{1, 24 * time.Hour}, 200_000); err == nil {
		t.Error("a burst that does not fit is accepted")
	}
}

// throttled gives up with an error when 64 goroutines share a key.
func TestThrottledHotKey(t *testing.T) {
	k, err := NewKeyed[string](KeyedConfig{Limit: Limit{Rate{1, time.Hour}, 10_000}})
	if err != nil {
		t.Fatal(err)
	}
	var allowed, denied atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 200 {
				switch d := k.Take("hot", 0, 1); {
				case d.Allowed:
					allowed.Add(1)
				case errors.Is(d.Err(), ErrLimited):
					denied.Add(1)
				default:
					t.Errorf("got %v", d.Err())
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 10_000 || denied.Load() != 2_800 {
		t.Errorf("%d allowed and %d denied, want 10000 and 2800", allowed.Load(), denied.Load())
	}
}

// sethvargo/go-limiter computes its fill rate upside down, so that from the second interval on the rate is
// another one.
func TestSethvargoSecondInterval(t *testing.T) {
	bucket, err := NewBucket(5, 5, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := New(Rate{5, time.Second}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]Taker{"bucket": bucket, "limiter": limiter} {
		for second := range 5 {
			passed := 0
			for range 100 {
				if l.Take(time.Duration(second)*time.Second, 1).Allowed {
					passed++
				}
			}
			if passed != 5 {
				t.Errorf("%s: %d of 5 pass in second %d", name, passed, second)
			}
		}
	}
}

// flux-limiter takes NaN for no limit, and truncates the interval: 6e8 a second become 1e9.
func TestFluxLimiterRates(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), -1, 1e300, 1.7e10, 5e-324, 1e-10} {
		if r, err := PerSecond(x); err == nil {
			t.Errorf("%v a second is accepted as %v", x, r)
		}
	}
	r, err := PerSecond(6e8)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(r, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.EffectiveRate(); got != (Rate{16, 27}) { // 16/27 a nanosecond, just under 6e8 a second
		t.Errorf("kept %v", got)
	}
	passed := 0
	for now := range time.Duration(10_000) {
		if l.Take(now, 1).Allowed {
			passed++
		}
	}
	// A caller that asks every nanosecond gets 1 in 2: times are whole nanoseconds.
	if passed > 6001 {
		t.Errorf("%d cells in 10,000 ns, at most 6,001 may", passed)
	}
}

// flux-limiter denies everyone for as long as a wall clock has been set back. Here time is an
// argument, and the callers' clock is monotonic; a step back that comes all the same costs whoever has used
// cells since, and nobody else, and gains no one anything.
func TestFluxLimiterClockStep(t *testing.T) {
	l, err := New(Rate{10, time.Second}, 10)
	if err != nil {
		t.Fatal(err)
	}
	l.Take(0, 5)
	if d := l.Take(-time.Hour, 5); !d.Allowed {
		t.Errorf("before the beginning: %+v", d)
	}
	if d := l.Take(-time.Hour, 1); d.Allowed {
		t.Errorf("a burst twice: %+v", d)
	}
	k, err := NewKeyed[string](KeyedConfig{Limit: Limit{Rate{10, time.Second}, 10}})
	if err != nil {
		t.Fatal(err)
	}
	k.Take("a", time.Hour, 10)
	if d := k.Take("b", 0, 10); !d.Allowed {
		t.Errorf("another key after a step back: %+v", d)
	}
}

// flux-limiter's remaining is one too many.
func TestFluxLimiterRemaining(t *testing.T) {
	l, err := New(Rate{1, time.Second}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint64{2, 1, 0} {
		if d := l.Take(0, 1); !d.Allowed || d.Remaining != want {
			t.Errorf("got %+v, want %d remaining", d, want)
		}
	}
	if d := l.Take(0, 1); d.Allowed || d.Remaining != 0 {
		t.Errorf("got %+v", d)
	}
	if d := l.Take(time.Second-1, 0); d.Remaining != 0 {
		t.Errorf("just before a cell: %+v", d)
	}
	if d := l.Take(time.Second, 0); d.Remaining != 1 {
		t.Errorf("at a cell: %+v", d)
	}
}
