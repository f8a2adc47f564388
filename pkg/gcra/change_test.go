package gcra

import (
	"math/big"
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

// A force is a limit and since when it is in force, in ticks.
type force struct {
	since uint64
	limit Limit
}

// changingBound is B + ∫ dt/T with the largest B, for the rates that were asked, from slack before. Limits
// begin in the order of history, none before the one before it.
func changingBound(history []force, slack time.Duration) func(from, to time.Duration) *big.Rat {
	burst := new(big.Rat)
	start := make([]*big.Rat, len(history)) // the integral at since
	for i, f := range history {
		if b := new(big.Rat).SetUint64(f.limit.Burst); b.Cmp(burst) > 0 {
			burst = b
		}
		start[i] = new(big.Rat)
		if i > 0 {
			start[i].Add(start[i-1], history[i-1].cells(f.since-history[i-1].since))
		}
	}
	known := map[time.Duration]*big.Rat{}
	integral := func(at time.Duration) *big.Rat {
		if v := known[at]; v != nil {
			return v
		}
		t := uint64(at) * ticksPerNano
		i := max(sort.Search(len(history), func(i int) bool { return history[i].since > t })-1, 0)
		v := new(big.Rat).Add(start[i], history[i].cells(t-history[i].since))
		known[at] = v
		return v
	}
	return func(from, to time.Duration) *big.Rat {
		sum := new(big.Rat).Sub(integral(to), integral(max(from-slack, 0)))
		return sum.Add(sum, burst)
	}
}

// cells returns how many cells the limit has in so many ticks.
func (f force) cells(ticks uint64) *big.Rat {
	x := new(big.Rat).SetFrac(new(big.Int).SetUint64(ticks), big.NewInt(ticksPerNano))
	return x.Mul(x, f.limit.Rate.rat())
}

// A changing is a limit that can be changed.
type changing interface {
	Reserver
	Change(now time.Duration, limit Limit) error
	since() uint64 // when the limit in force began
}

func (l *Limiter) since() uint64 { return l.cell.Load().changed }

type changingKey struct {
	Entry
	keyed *Keyed[int]
}

func (k changingKey) Change(now time.Duration, limit Limit) error { return k.keyed.Change(now, limit) }
func (k changingKey) since() uint64                               { return k.table.config.Load().changed }

// newChanging returns a limit alone, or that of a key among others, with a function that uses these.
func newChanging(t *testing.T, rng *rand.Rand, alone bool, limit Limit) (l changing, crowd func(now time.Duration) (latest time.Duration)) {
	t.Helper()
	if alone {
		l, err := New(limit.Rate, limit.Burst)
		if err != nil {
			t.Fatal(err)
		}
		return l, func(time.Duration) time.Duration { return 0 }
	}
	keyed, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: 1 + rng.IntN(8)})
	if err != nil {
		t.Fatal(err)
	}
	return changingKey{keyed.Key(-1), keyed}, func(now time.Duration) (latest time.Duration) {
		for range rng.IntN(4) {
			var d Decision
			if rng.IntN(4) == 0 {
				d = keyed.Reserve(rng.IntN(30), now, 1, time.Second)
			} else {
				d = keyed.Take(rng.IntN(30), now, 1)
			}
			if d.Allowed {
				latest = now
			}
		}
		return latest
	}
}

// TestPromiseThroughChanges checks B + ∫ dt/T, and since when a change is in force.
func TestPromiseThroughChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	changes, reserved := 0, 0
	for round := range 4000 / fewer {
		random := func() Limit {
			r := Rate{1 + rng.Uint64N(1000), time.Duration(1 + rng.Int64N(int64(time.Second)))}
			return Limit{r, 1 + rng.Uint64N(30)}
		}
		limit := random()
		l, crowd := newChanging(t, rng, round%2 == 0, limit)
		history := []force{{0, limit}}
		c := clock{rng: rng, unit: unitOf(limit)}
		var events []event
		var latest, last, slack time.Duration // when cells have passed, and may be used
		for range 80 {
			now := min(max(c.next(), 0), 1000*time.Second)
			if rng.IntN(6) == 0 {
				limit = random()
				before := l.since()
				if err := l.Change(now, limit); err != nil {
					t.Fatal(err)
				}
				changes++
				since, least := l.since(), max(before, ticks(now), ticks(latest))
				if since < least && round%2 > 0 || since < ticks(now) || since > least+closely || round%2 > 0 && since != least {
					t.Fatalf("a change at %d after cells at %d is in force since %d ticks", now, latest, since)
				}
				// For whom cells are reserved, a limit begins when the last of them may be used.
				since = max(since, ticks(last), history[len(history)-1].since)
				history = append(history, force{since, limit})
				c.unit = unitOf(limit)
				continue
			}
			latest = max(latest, crowd(now))
			n := 1 + rng.Uint64N(limit.Burst)
			var d Decision
			longest := time.Duration(0)
			if rng.IntN(4) == 0 {
				longest = time.Duration(rng.Int64N(int64(c.unit) * 10))
				d = l.Reserve(now, n, longest)
			} else {
				d = l.Take(now, n)
			}
			c.hint = max(d.RetryAfter, d.ResetAfter)
			if !d.Allowed {
				if longest == 0 && (d.RetryAfter == 0 || !l.Peek(now+d.RetryAfter, n).Allowed) {
					t.Fatalf("%v: %d cells at %d: %+v, but then they do not pass", history, n, now, d)
				}
				if since := time.Duration(l.since() / ticksPerNano); longest == 0 && now < since && d.RetryAfter > since-now+1 && l.Peek(since+1, n).Allowed {
					t.Fatalf("%v: %d cells at %d: %+v, but they pass when the limit begins, at %d", history, n, now, d, since)
				}
				continue
			}
			latest = max(latest, now)
			if rng.IntN(5) == 0 && l.Refund(now, &d) {
				continue
			}
			if d.Delay > 0 {
				reserved++
				slack = 1 // delays are rounded up to nanoseconds
				last = max(last, now+d.Delay)
			}
			events = append(events, event{now + d.Delay, n})
		}
		checkPromise(t, history, events, changingBound(history, slack))
	}
	if changes < 1000/fewer || reserved < 1000/fewer {
		t.Errorf("only %d changes and %d reservations", changes, reserved)
	}
}

// TestChangeBehindTheTakers changes limits at times that are long past for those who use them, as a changer does that
// was descheduled between reading its clock and calling. It takes all it gets before and after: that
// reaches the bound, and passes it if the change counts from its own time on.
func TestChangeBehindTheTakers(t *testing.T) {
	const step = 10 * fewer * time.Microsecond
	slow, fast, wide := Limit{Rate{1000, time.Second}, 10}, Limit{Rate{5000, time.Second}, 10}, Limit{Rate{1000, time.Second}, 30}
	rng := rand.New(rand.NewPCG(13, 14))
	for _, c := range []struct {
		name     string
		from, to Limit
		longest  time.Duration // of reservations before the change
	}{
		{"faster", slow, fast, 0}, {"slower", fast, slow, 0}, {"wider", slow, wide, 0}, {"narrower", wide, slow, 0},
		{"faster, reserved", slow, fast, 20 * time.Millisecond}, {"slower, reserved", fast, slow, 20 * time.Millisecond},
		{"wider, reserved", slow, wide, 20 * time.Millisecond},
	} {
		for _, alone := range []bool{true, false} {
			for _, at := range []time.Duration{0, 7 * time.Millisecond, 30 * time.Millisecond} {
				l, _ := newChanging(t, rng, alone, c.from)
				var events []event
				var latest, slack time.Duration
				take := func(now, longest time.Duration) {
					for d := l.Reserve(now, 1, longest); d.Allowed; d = l.Reserve(now, 1, longest) {
						events = append(events, event{now + d.Delay, 1})
						latest = max(latest, now+d.Delay)
						if d.Delay > 0 {
							slack = 1
						}
					}
				}
				for now := time.Duration(0); now < 20*time.Millisecond; now += step {
					take(now, c.longest)
				}
				if err := l.Change(at, c.to); err != nil {
					t.Fatal(err)
				}
				since := max(at, latest)
				for now := time.Duration(0); now < 60*time.Millisecond; now += step {
					take(now, 0)
				}
				bound := changingBound([]force{{0, c.from}, {ticks(since), c.to}}, slack)
				checkPromise(t, c.name, events, bound)
				// Nor is less than that allowed in all, but where what is used is from before a change.
				most, _ := bound(0, 60*time.Millisecond).Float64()
				least := most - float64(max(c.from.Burst, c.to.Burst)) + float64(c.to.Burst) - 2
				if at < 20*time.Millisecond && c.longest == 0 && float64(len(events)) < least {
					t.Errorf("%s at %v: %d cells, %v can pass", c.name, at, len(events), least)
				}
			}
		}
	}
}

// TestChangesUnused has several changes between two uses of a key for which cells are reserved. The key's entry
// is converted once, from the first limit to the last.
func TestChangesUnused(t *testing.T) {
	const ms = time.Millisecond
	limit := func(perSecond, burst uint64) Limit { return Limit{Rate{perSecond, time.Second}, burst} }
	keyed, err := NewKeyed[int](KeyedConfig{Limit: limit(1000, 1), MaxKeys: 8})
	if err != nil {
		t.Fatal(err)
	}
	change := func(at time.Duration, l Limit) force {
		if err := keyed.Change(at, l); err != nil {
			t.Fatal(err)
		}
		return force{ticks(at), l}
	}
	history := []force{change(0, limit(1000, 10))}
	var events []event
	for range 11 {
		d := keyed.Reserve(1, 0, 10, 100*ms)
		events = append(events, event{d.Delay, d.cells})
	}
	for range 11 {
		keyed.Reserve(2, 5*ms, 10, 100*ms) // of the same shard, and up to a later time
	}
	for _, f := range []force{change(6*ms, limit(1_000_000, 10)), change(50*ms, limit(1, 10)), change(200*ms, limit(1000, 10))} {
		f.since = max(f.since, ticks(100*ms)) // when the last reserved cells may be used
		history = append(history, f)
	}
	for at := 90 * ms; at < 230*ms; at += ms {
		for keyed.Take(1, at, 1).Allowed {
			events = append(events, event{at, 1})
		}
	}
	checkPromise(t, history, events, changingBound(history, 0))
	if d := keyed.Peek(1, 230*ms, 0); d.Remaining == 10 || len(events) < 11+15 {
		t.Errorf("%d decisions, then %+v", len(events), d)
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
