package gcra

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// force is when a limit was in force: from its change to the next, or to the latest
// time that was passed in before that.
type force struct {
	from, to time.Duration
	limit    Limit
}

// changingBound is B + ∫ dt/T, with the largest B and, where several rates count, the fastest.
func changingBound(history []force) func(from, to time.Duration) *big.Rat {
	burst := uint64(0)
	var cuts []time.Duration
	for _, f := range history {
		burst = max(burst, f.limit.Burst)
		cuts = append(cuts, f.from, f.to)
	}
	slices.Sort(cuts)
	return func(from, to time.Duration) *big.Rat {
		sum := new(big.Rat).SetUint64(burst)
		// Who passed in times later than that of a change, before the change, counts from there.
		for i := len(history) - 1; i > 0; i-- {
			if c := history[i].from; c < from && from <= history[i-1].to {
				from = c
			}
		}
		add := func(a, b time.Duration) {
			if a >= b {
				return
			}
			fastest := new(big.Rat)
			for _, f := range history {
				if f.from <= a && b <= f.to && f.limit.Rate.rat().Cmp(fastest) > 0 {
					fastest = f.limit.Rate.rat()
				}
			}
			sum.Add(sum, fastest.Mul(fastest, new(big.Rat).SetInt64(int64(b-a))))
		}
		at := from
		for _, c := range cuts {
			if c > at && c < to {
				add(at, c)
				at = c
			}
		}
		add(at, to)
		return sum
	}
}

func TestPromiseThroughChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	changes := 0
	for round := range 4000 / fewer {
		random := func() Limit {
			r := Rate{1 + rng.Uint64N(1000), time.Duration(1 + rng.Int64N(int64(time.Second)))}
			return Limit{r, 1 + rng.Uint64N(30)}
		}
		limit := random()
		var l interface {
			Taker
			Refunder
		}
		var change func(time.Duration, Limit) error
		crowd := func(time.Duration) {}
		if round%2 == 0 {
			one, err := New(limit.Rate, limit.Burst)
			if err != nil {
				t.Fatal(err)
			}
			l, change = one, one.Change
		} else {
			keyed, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: 1 + rng.IntN(8)})
			if err != nil {
				t.Fatal(err)
			}
			l, change = keyed.Key(-1), keyed.Change
			crowd = func(now time.Duration) {
				for range rng.IntN(4) {
					keyed.Take(rng.IntN(30), now, 1)
				}
			}
		}
		history := []force{{0, 0, limit}}
		c := clock{rng: rng, unit: unitOf(limit)}
		var events []event
		for range 80 {
			now := min(max(c.next(), 0), 1000*time.Second)
			last := &history[len(history)-1]
			if rng.IntN(6) == 0 {
				next := random()
				if err := change(now, next); err != nil {
					t.Fatal(err)
				}
				changes++
				from := max(now, last.from)
				last.to = max(last.to, from)
				history = append(history, force{from, from, next})
				limit = next
				c.unit = unitOf(limit)
				continue
			}
			last.to = max(last.to, now)
			crowd(now)
			n := 1 + rng.Uint64N(limit.Burst)
			d := l.Take(now, n)
			c.hint = max(d.RetryAfter, d.ResetAfter)
			if d.Allowed && !(rng.IntN(5) == 0 && l.Refund(now, &d)) {
				events = append(events, event{now, n})
			}
		}
		history[len(history)-1].to = int64max
		checkPromise(t, history, events, changingBound(history))
	}
	if changes < 1000/fewer {
		t.Errorf("only %d changes", changes)
	}
}

// TestChangeKeepsCells checks that what is owed stays the same in cells, to the tick.
func TestChangeKeepsCells(t *testing.T) {
	keyed, err := NewKeyed[string](KeyedConfig{Limit: Limit{Rate{10, time.Second}, 100}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(Rate{10, time.Second}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Take(0, 60).Allowed || !keyed.Take("a", 0, 60).Allowed {
		t.Fatal("no burst")
	}
	// 60 owed; 20 paid after 2 s, 4 more at 1/s after 4 s, 5 more at 1/ms after 5 ms.
	steps := []struct {
		at    time.Duration
		limit Limit
	}{
		{2 * time.Second, Limit{Rate{1, time.Second}, 100}},
		{6 * time.Second, Limit{Rate{1, time.Millisecond}, 100}},
		{6*time.Second + 5*time.Millisecond, Limit{Rate{1, time.Hour}, 80}},
	}
	for i, s := range steps {
		if err := l.Change(s.at, s.limit); err != nil {
			t.Fatal(err)
		}
		if err := keyed.Change(s.at, s.limit); err != nil {
			t.Fatal(err)
		}
		// Rounding may cost what is left of a cell.
		want := []uint64{60, 64, 49}[i]
		if got := l.Peek(s.at+time.Second/1e9, 0).Remaining; got != want && got != want-1 {
			t.Errorf("step %d: %d remain, want %d", i, got, want)
		}
	}
	// The table converts over three changes at once.
	if got := keyed.Peek("a", steps[2].at, 0); got.Remaining != 49 && got.Remaining != 48 {
		t.Errorf("table: %v", got)
	}
	if got := keyed.Peek("b", steps[2].at, 0); got.Remaining != 80 && got.Remaining != 79 {
		t.Errorf("table, fresh key: %v", got)
	}
}

func TestChangeErrors(t *testing.T) {
	var zero Limiter
	if zero.Take(0, 1).Allowed || zero.Take(0, 0).Allowed || zero.Peek(0, 1).Err() != ErrUnset || zero.Reserve(0, 1, 1).Allowed {
		t.Error("the zero limiter allows")
	}
	if err := zero.Change(0, Limit{}); err == nil {
		t.Error("zero limit accepted")
	}
	good := Limit{Rate{1000, time.Second}, 1000}
	if err := zero.Change(0, good); err != nil || zero.Limit() != good {
		t.Fatal(err)
	}
	// A debt of 1,000 cells would take 1,000 years, which the state cannot hold: it must not be forgotten.
	if err := zero.Change(0, Limit{Rate{1, 365 * 24 * time.Hour}, 1}); err == nil {
		t.Error("a rate that forgets debts is accepted")
	}
	if !zero.Take(0, 1000).Allowed || zero.Limit() != good {
		t.Error("an error changed something")
	}
	var keyed Keyed[int]
	if keyed.Take(1, 0, 1).Allowed || keyed.Change(0, good) == nil || keyed.Peek(1, 0, 0).Allowed || keyed.Reserve(1, 0, 1, 1).Allowed || keyed.Refund(1, 0, new(Decision)) {
		t.Error("the zero Keyed allows")
	}
	if keyed.Stats() != (Stats{}) || keyed.Limit() != (Limit{}) {
		t.Error("the zero Keyed has something")
	}
	keyed.Sweep(0)
}
