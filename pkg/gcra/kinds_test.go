package gcra

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// kind is a limit with its promise as the most cells in an interval, 0 if it promises nothing for it.
type kind struct {
	name  string
	unit  time.Duration
	burst uint64
	limit interface {
		Taker
		Refunder
	}
	bound func(from, to time.Duration) *big.Rat
}

func anyKind(t *testing.T, rng *rand.Rand) kind {
	t.Helper()
	n := func(most uint64) uint64 { return 1 + rng.Uint64N(most) }
	length := time.Duration(1 + rng.Int64N([]int64{5, 1000, int64(time.Second), int64(1000 * time.Hour)}[rng.IntN(4)]))
	switch rng.IntN(3) {
	case 0:
		size, refill := n(30), n(40)
		b, err := NewBucket(size, refill, length)
		if err != nil {
			t.Fatal(err)
		}
		return kind{fmt.Sprintf("bucket of %d, %d every %d", size, refill, length), length, size, b, func(from, to time.Duration) *big.Rat {
			return new(big.Rat).SetUint64(size + refill*uint64((to-from)/length+1))
		}}
	case 1:
		limit := n(30)
		w, err := NewWindow(limit, length)
		if err != nil {
			t.Fatal(err)
		}
		return kind{fmt.Sprintf("%d in any %d", limit, length), length / 10, limit, w, func(from, to time.Duration) *big.Rat {
			return new(big.Rat).SetUint64(limit * uint64((to-from)/length+1))
		}}
	default:
		tier := Tier{"", []Allowance{{n(30), Day}, {n(100), Month}}}
		q, err := NewQuota(tier, time.Date(2026, 3, 28, 22, 0, 0, 0, time.UTC), time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		daily, monthly := tier.Allowances[0].Cells, tier.Allowances[1].Cells
		return kind{fmt.Sprint(tier), 10 * time.Hour, min(daily, monthly), q, func(from, to time.Duration) *big.Rat {
			days := uint64((to+22*time.Hour)/(24*time.Hour) - (from+22*time.Hour)/(24*time.Hour) + 1)
			a, b := q.origin.Add(from), q.origin.Add(to)
			months := uint64(b.Year()*12 + int(b.Month()) - a.Year()*12 - int(a.Month()) + 1)
			return new(big.Rat).SetUint64(min(daily*days, monthly*months))
		}}
	}
}

// TestKindsKeepTheirPromises checks each kind's inequality, under clocks that go back and forth,
// with refunds, and that its answers agree with each other.
func TestKindsKeepTheirPromises(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	refunded := 0
	for range 4000 / fewer {
		k := anyKind(t, rng)
		c := clock{rng: rng, unit: max(k.unit, 2)}
		var events []event
		for range 60 {
			now := min(max(c.next(), 0), MaxTime)
			n := cost(rng, k.burst, k.burst/2)
			before, d := k.limit.Peek(now, n), k.limit.Take(now, n)
			if before.Allowed != d.Allowed || before.Err() != d.Err() || before.RetryAfter != d.RetryAfter {
				t.Fatalf("%v: %d at %d: peek %+v, take %+v", k.name, n, now, before, d)
			}
			if d.Allowed && n > 0 {
				if before.Remaining < n || d.Remaining > before.Remaining-n {
					t.Fatalf("%v: %d at %d: %d remained before and %d after", k.name, n, now, before.Remaining, d.Remaining)
				}
				if rng.IntN(4) == 0 && k.limit.Refund(c.now, &d) {
					refunded++
				} else {
					events = append(events, event{now, n})
				}
			}
			if n > k.burst != errors.Is(d.Err(), ErrTooLarge) {
				t.Fatalf("%v: %d at %d: %v", k.name, n, now, d.Err())
			}
			c.hint = max(d.RetryAfter, d.ResetAfter)
			if d.RetryAfter > 0 && d.RetryAfter < MaxTime-now {
				if !k.limit.Peek(now+d.RetryAfter, n).Allowed || k.limit.Peek(now+d.RetryAfter-1, n).Allowed {
					t.Fatalf("%v: %d at %d: the wait of %v is too short or too long", k.name, n, now, d.RetryAfter)
				}
			}
		}
		checkPromise(t, k.name, events, k.bound)
	}
	if refunded < 1000/fewer {
		t.Errorf("only %d refunds", refunded)
	}
}

func TestLeakyPromise(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 1000 / fewer {
		r := rates[rng.IntN(len(rates))]
		interval, _ := r.interval()
		queue := min(rng.Uint64N(20), maxCapacity/interval-1)
		l, err := NewLeaky(r, queue)
		if err != nil {
			t.Fatal(err)
		}
		c := clock{rng: rng, unit: unitOf(Limit{r, 1})}
		var leaving []*big.Int // in ticks, rounded up to nanoseconds
		for range 60 {
			now := min(max(c.next(), 0), MaxTime)
			n := 1 + rng.Uint64N(4)
			before, d := l.Peek(now, n), l.Take(now, n)
			c.hint = d.RetryAfter
			if before.Allowed != d.Allowed || before.Delay != d.Delay {
				t.Fatalf("peek %+v, take %+v", before, d)
			}
			if d.RetryAfter > 0 && d.RetryAfter < MaxTime-now &&
				(!l.Peek(now+d.RetryAfter, n).Allowed || l.Peek(now+d.RetryAfter-1, n).Allowed) {
				t.Fatalf("%v, %d waiting: the wait of %v is too short or too long", r, queue, d.RetryAfter)
			}
			if !d.Allowed || rng.IntN(4) == 0 && l.Refund(now, &d) {
				continue
			}
			first := new(big.Int).Mul(big.NewInt(int64(now+d.Delay)), big.NewInt(16))
			last := new(big.Int).Add(first, new(big.Int).SetUint64((n-1)*interval))
			longest := new(big.Int).SetUint64(queue * interval)
			longest.Add(longest, new(big.Int).Mul(big.NewInt(int64(now)), big.NewInt(16)))
			if new(big.Int).Sub(last, longest).Cmp(big.NewInt(16)) >= 0 {
				t.Fatalf("%v: a cell waits longer than %d others take", r, queue)
			}
			for range n {
				leaving = append(leaving, new(big.Int).Set(first))
				first.Add(first, new(big.Int).SetUint64(interval))
			}
		}
		slices.SortFunc(leaving, (*big.Int).Cmp)
		least := new(big.Int).SetUint64(interval - min(interval, 15))
		for i := 1; i < len(leaving); i++ {
			if new(big.Int).Sub(leaving[i], leaving[i-1]).Cmp(least) < 0 {
				t.Fatalf("%v: cells leave at %v and %v, less than %d apart", r, leaving[i-1], leaving[i], interval)
			}
		}
	}
}

func TestAll(t *testing.T) {
	second, err := New(Rate{10, time.Second}, 10)
	if err != nil {
		t.Fatal(err)
	}
	hour, err := NewWindow(15, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	all := NewAll(second, hour)
	d, each := all.TakeEach(0, 8, nil)
	if !d.Allowed || d.Remaining != 2 || d.Limit != 10 {
		t.Fatalf("got %+v", d)
	}
	// The second would pass after a second, the window only after an hour: nothing counts.
	d = all.Take(time.Second, 8)
	if d.Allowed || d.Err() != ErrLimited || d.RetryAfter < time.Hour-time.Second {
		t.Errorf("got %+v", d)
	}
	if got := second.Peek(time.Second, 0).Remaining; got != 10 {
		t.Errorf("%d remain of the limit that would have allowed it, want 10", got)
	}
	if !all.RefundEach(0, each) || all.Peek(0, 10).Remaining != 10 {
		t.Error("refund did not give back what both gave")
	}
	if all.Take(0, 11).Err() != ErrTooLarge {
		t.Error("11 of 10 are not too large")
	}
	if new(All).Take(0, 1).Allowed || NewAll().Peek(0, 0).Allowed || NewAll(second, new(Limiter)).Take(0, 1).Allowed {
		t.Error("nothing allows")
	}
	// A limit that lies: what the other gave comes back.
	liar := NewAll(second, liar{})
	before := second.Peek(0, 0).Remaining
	if liar.Take(0, 3).Allowed || second.Peek(0, 0).Remaining != before {
		t.Error("a refused part leaves a debt in the others")
	}
}

// liar says that it will and does not, as a limit does that others use too.
type liar struct{}

func (liar) Peek(time.Duration, uint64) Decision { return Decision{Allowed: true, why: passed} }
func (liar) Take(time.Duration, uint64) Decision { return Decision{why: limited} }

func TestAllConcurrently(t *testing.T) {
	a, err := New(Rate{1, time.Hour}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBucket(700, 1, 1000*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	all := NewAll(a, b)
	counted := NewCounted(all)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				counted.Take(0, 1)
			}
		})
	}
	wg.Wait()
	if s := counted.Stats(); s.Allowed != 700 || s.Cells != 700 || s.Denied != 900 {
		t.Errorf("got %+v, want 700 allowed of 1600", s)
	}
	if left := a.Peek(0, 0).Remaining; left != 300 {
		t.Errorf("%d remain of the larger limit, want 300", left)
	}
}

func TestDryRunAndCounted(t *testing.T) {
	l, err := New(Rate{1, time.Second}, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCounted(l)
	dry := DryRun{c}
	if d := dry.Take(0, 1); !d.Allowed || d.DryRun || d.Err() != nil {
		t.Errorf("first: %+v", d)
	}
	if d := dry.Take(0, 1); !d.Allowed || !d.DryRun || d.Err() != ErrLimited || d.RetryAfter != time.Second {
		t.Errorf("second: %+v", d)
	}
	if d := dry.Peek(0, 2); !d.Allowed || !d.DryRun || d.Err() != ErrTooLarge {
		t.Errorf("peek: %+v", d)
	}
	d := c.Reserve(0, 1, time.Minute)
	if !d.Allowed || d.Delay != time.Second || !c.Refund(0, &d) || c.Refund(0, &d) {
		t.Errorf("reserve: %+v", d)
	}
	if got, want := c.Stats(), (Stats{Allowed: 2, Denied: 1, Cells: 2, Refunded: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	k, err := NewKeyed[string](KeyedConfig{Limit: Limit{Rate{1, time.Second}, 1}, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	k.Take("a", 0, 1)
	if d := k.Take("a", 0, 1); !d.Allowed || !d.DryRun || k.Stats().Denied != 1 {
		t.Errorf("keyed: %+v, %+v", d, k.Stats())
	}
	if (DryRun{}).Take(0, 1).Allowed || (DryRun{}).Peek(0, 1).Allowed || new(Counted).Take(0, 1).Allowed || new(Counted).Peek(0, 1).Allowed {
		t.Error("nothing allows")
	}
}

func TestZeroAndRefused(t *testing.T) {
	for name, l := range map[string]interface {
		Taker
		Refunder
	}{"bucket": new(Bucket), "window": new(Window), "leaky": new(Leaky), "quota": new(Quota), "entry": Entry{}} {
		if l.Take(0, 1).Allowed || l.Peek(0, 0).Allowed || l.Take(0, 1).Err() != ErrUnset || l.Refund(0, new(Decision)) {
			t.Errorf("the zero %s allows", name)
		}
	}
	for name, err := range map[string]error{
		"bucket of 0":            second(NewBucket(0, 1, 1)),
		"bucket without refill":  second(NewBucket(1, 0, 1)),
		"bucket without period":  second(NewBucket(1, 1, 0)),
		"bucket of 200 years":    second(NewBucket(1, 1, 1<<63-1)),
		"window of 0 cells":      second(NewWindow(0, 1)),
		"window without length":  second(NewWindow(1, -1)),
		"window of 200 years":    second(NewWindow(1, 1<<63-1)),
		"leaky without rate":     second(NewLeaky(Rate{}, 1)),
		"leaky of 2^64":          second(NewLeaky(Rate{1, 1}, ^uint64(0))),
		"leaky of 100 years":     second(NewLeaky(Every(365*24*time.Hour), 100)),
		"quota without tier":     second(NewQuota(Tier{}, time.Time{}, time.UTC)),
		"quota without zone":     second(NewQuota(Tier{"", []Allowance{{1, Day}}}, time.Time{}, nil)),
		"quota of nothing":       second(NewQuota(Tier{"", []Allowance{{0, Day}}}, time.Time{}, time.UTC)),
		"quota in no period":     second(NewQuota(Tier{"", []Allowance{{1, 0}}}, time.Time{}, time.UTC)),
		"keyed without limit":    second(NewKeyed[int](KeyedConfig{})),
		"keyed for fewer than 0": second(NewKeyed[int](KeyedConfig{Limit: Limit{Rate{1, 1}, 1}, MaxKeys: -1})),
		"new without burst":      second(New(Rate{1, 1}, 0)),
		"new of 100 years":       second(New(Every(365*24*time.Hour), 100)),
		"new too fast":           second(New(Rate{17, 1}, 1)),
		"new of negative period": second(New(Rate{1, -1}, 1)),
		"constant of nothing":    second(Constant(Rate{})),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
