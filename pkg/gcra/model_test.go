package gcra

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is GCRA in integers without bounds, after docs/gcra.md.
type model struct {
	t, capacity, tat *big.Int
	burst            uint64
}

func newModel(l Limit) *model {
	t := new(big.Int).Mul(big.NewInt(int64(l.Rate.Per)), big.NewInt(16))
	cells := new(big.Int).SetUint64(l.Rate.Cells)
	t.Add(t, cells).Sub(t, big.NewInt(1)).Quo(t, cells)
	return &model{t: t, capacity: new(big.Int).Mul(t, new(big.Int).SetUint64(l.Burst)), tat: new(big.Int), burst: l.Burst}
}

func ceilNanos(t *big.Int) time.Duration {
	n := new(big.Int).Add(t, big.NewInt(15))
	return time.Duration(n.Quo(n, big.NewInt(16)).Int64())
}

func (m *model) take(now time.Duration, n uint64) Decision {
	at := big.NewInt(int64(min(max(now, 0), MaxTime)))
	at.Mul(at, big.NewInt(16))
	cost := new(big.Int).Mul(m.t, new(big.Int).SetUint64(n))
	next := new(big.Int).Set(m.tat)
	if at.Cmp(next) > 0 {
		next.Set(at)
	}
	d := Decision{Limit: m.burst}
	owed := new(big.Int).Sub(next, at)
	over := new(big.Int).Add(owed, cost)
	over.Sub(over, m.capacity)
	switch {
	case n == 0 || over.Sign() <= 0:
		d.Allowed, d.why = true, passed
		if n > 0 {
			m.tat.Add(next, cost)
			owed.Add(owed, cost)
		}
	case n > m.burst:
		d.why = tooLarge
	default:
		d.why = limited
		d.RetryAfter = ceilNanos(over)
	}
	if left := new(big.Int).Sub(m.capacity, owed); left.Sign() > 0 {
		d.Remaining = left.Quo(left, m.t).Uint64()
	}
	d.ResetAfter = ceilNanos(owed)
	return d
}

// public returns what callers see of d.
func public(d Decision) Decision {
	d.cells, d.mark, d.epoch = 0, 0, 0
	return d
}

var rates = []Rate{
	{1, 365 * 24 * time.Hour}, {1, 24 * time.Hour}, {7, time.Hour}, {200_000, 24 * time.Hour}, {30_000, time.Minute}, {1, time.Second},
	{3, time.Second}, {1000, time.Second}, {999_983, time.Second}, {600_000_000, time.Second}, {1_000_000_000, time.Second}, {16, 1},
}

func bursts(rng *rand.Rand, r Rate) uint64 {
	t, _ := r.interval()
	most := uint64(maxCapacity) / t
	b := []uint64{1, 2, 10, 1000, most, most - 1, 1 + rng.Uint64N(most)}[rng.IntN(7)]
	return min(max(b, 1), most)
}

// costs are at the edges of what passes.
func cost(rng *rand.Rand, burst, remaining uint64) uint64 {
	n := []uint64{0, 1, 1, 1, 2, remaining, remaining + 1, burst, burst + 1, ^uint64(0), 1 + rng.Uint64N(burst)}[rng.IntN(11)]
	if n > burst+1 && n != ^uint64(0) {
		return 1
	}
	return n
}

// clock makes times that stall, jump and step back, near what the limit makes of them.
type clock struct {
	rng  *rand.Rand
	now  time.Duration
	hint time.Duration // of the last decision: when something changes
	unit time.Duration // about an interval
}

func (c *clock) next() time.Duration {
	r := c.rng
	switch r.IntN(12) {
	case 0, 1, 2: // stall
	case 3, 4:
		c.now += time.Duration(r.Int64N(int64(c.unit) + 1))
	case 5:
		c.now += c.hint
	case 6:
		c.now += c.hint - 1
	case 7:
		c.now += time.Duration(r.Int64N(int64(c.unit)*3 + 1))
	case 8:
		c.now -= time.Duration(r.Int64N(int64(c.unit)*5 + 1))
	case 9:
		c.now += time.Duration(r.Int64N(1000))
	case 10:
		if r.IntN(8) == 0 {
			c.now = []time.Duration{-1 << 63, -1, 0, MaxTime - 1, MaxTime, 1<<63 - 1}[r.IntN(6)]
		}
	default:
		if r.IntN(8) == 0 {
			c.now = time.Duration(r.Int64N(int64(MaxTime)))
		}
	}
	c.now = min(max(c.now, -int64max/4), int64max/4)
	return c.now
}

const int64max = time.Duration(1<<63 - 1)

func unitOf(l Limit) time.Duration {
	return max(min(time.Duration(float64(l.Rate.Per)/float64(l.Rate.Cells)*2), MaxTime/8), 2)
}

func TestLimiterIsTheModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 / fewer {
		r := rates[rng.IntN(len(rates))]
		limit := Limit{r, bursts(rng, r)}
		l, err := New(limit.Rate, limit.Burst)
		if err != nil {
			t.Fatalf("%v: %v", limit, err)
		}
		keyed, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: 4})
		if err != nil {
			t.Fatal(err)
		}
		m := newModel(limit)
		c := clock{rng: rng, unit: unitOf(limit)}
		var last Decision
		for range 60 {
			now, n := c.next(), cost(rng, limit.Burst, last.Remaining)
			before := l.Peek(now, n)
			got, want := l.Take(now, n), m.take(now, n)
			if public(got) != want {
				t.Fatalf("%v: take %d at %d:\ngot  %+v\nwant %+v", limit, n, now, public(got), want)
			}
			if k := keyed.Take(5, now, n); public(k) != want {
				t.Fatalf("%v: keyed take %d at %d:\ngot  %+v\nwant %+v", limit, n, now, k, want)
			}
			if before.Allowed != got.Allowed || before.RetryAfter != got.RetryAfter || before.why != got.why {
				t.Fatalf("%v: peek %d at %d: %+v, then %+v", limit, n, now, before, got)
			}
			last, c.hint = got, max(got.RetryAfter, got.ResetAfter)
			if got.RetryAfter > 0 && now >= 0 && now < MaxTime-got.RetryAfter {
				if !l.Peek(now+got.RetryAfter, n).Allowed {
					t.Fatalf("%v: %d cells do not pass after the stated wait of %v", limit, n, got.RetryAfter)
				}
				if l.Peek(now+got.RetryAfter-1, n).Allowed {
					t.Fatalf("%v: %d cells pass before the stated wait of %v", limit, n, got.RetryAfter)
				}
			}
		}
	}
}

// An event is cells that passed at a time.
type event struct {
	at time.Duration
	n  uint64
}

// checkPromise checks that over every interval of the times of events, at most bound cells passed.
func checkPromise(t *testing.T, what any, events []event, bound func(from, to time.Duration) *big.Rat) {
	t.Helper()
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b event) int { return int(min(max(a.at-b.at, -1), 1)) })
	for i := range events {
		sum := new(big.Int)
		for j := i; j < len(events); j++ {
			sum.Add(sum, new(big.Int).SetUint64(events[j].n))
			if j+1 < len(events) && events[j+1].at == events[j].at {
				continue
			}
			if most := bound(events[i].at, events[j].at); new(big.Rat).SetInt(sum).Cmp(most) > 0 {
				t.Fatalf("%v: %v cells passed from %d to %d, at most %s may: %v", what, sum, events[i].at, events[j].at, most.FloatString(3), events[i:j+1])
			}
		}
	}
}

// limitBound is B + d/T, with d longer by slack.
func limitBound(l Limit, slack time.Duration) func(from, to time.Duration) *big.Rat {
	return func(from, to time.Duration) *big.Rat {
		d := new(big.Rat).SetInt64(int64(to - from + slack))
		return d.Mul(d, l.Rate.rat()).Add(d, new(big.Rat).SetUint64(l.Burst))
	}
}

// TestPromise checks the inequality itself, for the rate that was asked, with
// reservations and refunds, for one limiter and for one key among others that push it out.
func TestPromise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	refunded, delayed := 0, 0
	for round := range 3000 / fewer / fewer {
		r := rates[rng.IntN(len(rates))]
		limit := Limit{r, min(bursts(rng, r), 1+rng.Uint64N(50))}
		var l Reserver
		crowd := func(time.Duration) {}
		if round%2 == 0 {
			one, err := New(limit.Rate, limit.Burst)
			if err != nil {
				t.Fatal(err)
			}
			l = one
		} else {
			keyed, err := NewKeyed[int](KeyedConfig{Limit: limit, MaxKeys: 1 + rng.IntN(8)})
			if err != nil {
				t.Fatal(err)
			}
			l = keyed.Key(-1)
			crowd = func(now time.Duration) {
				for range rng.IntN(6) {
					keyed.Take(rng.IntN(30), now, 1)
				}
				if rng.IntN(10) == 0 {
					keyed.Sweep(now)
				}
			}
		}
		c := clock{rng: rng, unit: unitOf(limit)}
		var events []event
		var open []struct {
			d Decision
			i int
		}
		var slack time.Duration
		for range 60 {
			now := min(max(c.next(), 0), MaxTime)
			crowd(now)
			n := 1 + rng.Uint64N(min(limit.Burst, 6))
			var d Decision
			if rng.IntN(4) == 0 {
				d = l.Reserve(now, n, time.Duration(rng.Int64N(int64(c.unit)*4)))
			} else {
				d = l.Take(now, n)
			}
			c.hint = max(d.RetryAfter, d.ResetAfter)
			if d.Allowed {
				if d.Delay > 0 {
					delayed++
					slack = 1 // delays are rounded up to nanoseconds
				}
				open = append(open, struct {
					d Decision
					i int
				}{d, len(events)})
				events = append(events, event{now + d.Delay, n})
			}
			if len(open) > 0 && rng.IntN(3) == 0 {
				k := max(0, len(open)-1-rng.IntN(3))
				if l.Refund(c.next(), &open[k].d) {
					refunded++
					events[open[k].i].n = 0
				}
				if l.Refund(0, &open[k].d) {
					t.Fatal("refunded twice")
				}
			}
		}
		checkPromise(t, limit, events, limitBound(limit, slack))
	}
	if refunded < 500/fewer || delayed < 500/fewer {
		t.Errorf("only %d refunds and %d delays happened", refunded, delayed)
	}
}
