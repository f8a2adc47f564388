package store

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// TestServersAgainstModel compares every reply of each server with arithmetic of unlimited precision, at the times at
// which the server says that it decided.
func TestServersAgainstModel(t *testing.T) {
	limits := []gcra.Limit{
		{Rate: gcra.Rate{Cells: 1000, Per: time.Second}, Burst: 50},
		{Rate: gcra.Rate{Cells: 30_000, Per: time.Minute}, Burst: 7},
		{Rate: gcra.Rate{Cells: 999_983, Per: time.Second}, Burst: 1000},
		{Rate: gcra.Rate{Cells: 1_000_000, Per: time.Second}, Burst: 1},
		{Rate: gcra.Rate{Cells: 3, Per: time.Hour}, Burst: 1},
		{Rate: gcra.Every(365 * 24 * time.Hour), Burst: 18},
		{Rate: gcra.Rate{Cells: 7, Per: 24 * time.Hour}, Burst: 40_000},
		{Rate: gcra.Rate{Cells: 1_000_000, Per: time.Second}, Burst: 500_000_000_000_000},
		{Rate: gcra.Rate{Cells: 700_001, Per: time.Second}, Burst: 1_000_000},
	}
	steps := 60
	if testing.Short() {
		steps = 20
	}
	everywhere(t, func(t *testing.T, b backend) {
		for i, limit := range limits {
			t.Run(limit.String(), func(t *testing.T) {
				s := open(t, b.url(), Options{Limit: limit, Name: freshName(), Timeout: 10 * time.Second})
				m := model{params: s.limit.Load().params}
				random := rand.New(rand.NewPCG(1, uint64(i)))
				for step := range steps {
					a := randomAsk(random, m.burst)
					r, err := s.server.take(t.Context(), "kmodel", &m.params, a)
					if err != nil {
						t.Fatal(err)
					}
					if err := m.check(a, r, s.server); err != nil {
						t.Fatalf("step %d: %+v: %v", step, a, err)
					}
					if random.IntN(4) == 0 {
						time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
					}
				}
			})
		}
	})
}

func randomAsk(random *rand.Rand, burst uint64) ask {
	n := 1 + random.Uint64N(min(burst+1, 2*burst/3+2))
	switch random.IntN(6) {
	case 0:
		return ask{}
	case 1:
		return ask{charge: n}
	case 2:
		return ask{least: 1, most: n}
	case 3:
		return ask{charge: random.Uint64N(3), least: n, most: n}
	default:
		return ask{least: n, most: n}
	}
}

// A model is the entry of a key in arithmetic of unlimited precision.
type model struct {
	params
	at, owed *big.Int // nil while there is none
}

// check compares a reply with what it has to be, and goes on from there.
func (m *model) check(a ask, r reply, s server) error {
	var now *big.Int // in ticks
	switch s.(type) {
	case *redisServer:
		now = new(big.Int).Mul(big.NewInt(r.mark.at), big.NewInt(m.perMicro))
	case *natsServer:
		now = big.NewInt(r.mark.value - r.owed)
	case *pgServer:
		now = big.NewInt(r.mark.at - r.owed)
	}
	T := big.NewInt(m.interval)
	owed := new(big.Int)
	if m.at != nil {
		owed.Sub(m.owed, new(big.Int).Sub(now, m.at))
		if owed.Sign() < 0 {
			owed.SetInt64(0)
		}
	}
	times := func(n uint64) *big.Int { return new(big.Int).Mul(new(big.Int).SetUint64(n), T) }
	if owed.Add(owed, times(a.charge)); owed.Cmp(big.NewInt(deepest)) >= 0 && r.owed >= deepest {
		owed.SetInt64(r.owed) // deeper debts are all the same
	}
	granted := uint64(0)
	capacity := times(m.burst)
	if room := new(big.Int).Sub(capacity, owed); room.Sign() >= 0 {
		if most := new(big.Int).Quo(room, T); most.Cmp(new(big.Int).SetUint64(a.most)) < 0 {
			granted = most.Uint64()
		} else {
			granted = a.most
		}
	}
	if granted < a.least {
		granted = 0
	}
	owed.Add(owed, times(granted))
	if owed.Cmp(big.NewInt(r.owed)) != 0 || granted != r.granted {
		return fmt.Errorf("%d granted and %d owed, want %d and %v", r.granted, r.owed, granted, owed)
	}
	if a.writes(granted) {
		m.at, m.owed = now, owed
	}
	return nil
}

// TestChangeKeepsDebts changes between limits and checks that what is owed stays what it was in cells.
func TestChangeKeepsDebts(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		slow := gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 100}
		fast := gcra.Limit{Rate: gcra.Rate{Cells: 7, Per: time.Hour}, Burst: 300}
		s := open(t, b.url(), Options{Limit: slow, Name: freshName(), Timeout: 10 * time.Second})
		take := func(n uint64, want bool, remaining uint64) {
			t.Helper()
			d, err := s.Take(t.Context(), "k", n)
			if err != nil || d.Allowed != want || d.Remaining != remaining {
				t.Fatalf("%d cells: %v, %v; want %v with %d left", n, d, err, want, remaining)
			}
		}
		change := func(l gcra.Limit) {
			t.Helper()
			if err := s.Change(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			if s.Limit() != l {
				t.Errorf("the limit is %v", s.Limit())
			}
		}
		take(60, true, 40)
		change(fast)
		take(241, false, 240)
		take(240, true, 0)
		take(1, false, 0)
		change(slow) // 300 are owed where 100 may be
		take(1, false, 0)
		change(fast)
		take(1, false, 0)
	})
}

func TestParams(t *testing.T) {
	for _, l := range []gcra.Limit{
		{Rate: gcra.Rate{Cells: 1, Per: 1}, Burst: 1},
		{Rate: gcra.Rate{Cells: 3, Per: time.Second}, Burst: 1 << 20},
		{Rate: gcra.Rate{Cells: 1 << 63, Per: 1 << 62}, Burst: 9},
		{Rate: gcra.Rate{Cells: 1 << 40, Per: 18 * 365 * 24 * time.Hour}, Burst: 1 << 40},
		{Rate: gcra.Every(18 * 365 * 24 * time.Hour), Burst: 1},
	} {
		for _, kind := range []struct{ perMicro, multiple int64 }{{1000, 1}, {1024, 1}, {1024, 1024}} {
			p, err := newParams(l, kind.perMicro, kind.multiple)
			if err != nil {
				t.Errorf("%v: %v", l, err)
				continue
			}
			// T ≥ Per/Cells, and by less than a multiple; the effective rate is not above 1/T.
			exact := new(big.Rat).SetFrac(big.NewInt(int64(l.Rate.Per)), new(big.Int).SetUint64(l.Rate.Cells))
			exact.Mul(exact, big.NewRat(kind.perMicro, 1000))
			over := new(big.Rat).Sub(big.NewRat(p.interval, 1), exact)
			if over.Sign() < 0 || over.Cmp(big.NewRat(kind.multiple, 1)) >= 0 {
				t.Errorf("%v in %+v: T is %d for %v", l, kind, p.interval, exact)
			}
			e := p.effective()
			kept := new(big.Rat).SetFrac(big.NewInt(int64(e.Per)), new(big.Int).SetUint64(e.Cells))
			kept.Mul(kept, big.NewRat(kind.perMicro, 1000))
			if kept.Cmp(exact) < 0 {
				t.Errorf("%v in %+v: effective rate %v", l, kind, e)
			}
			for _, d := range []time.Duration{0, 1, 999, 1000, 1001, time.Hour + 1} {
				if back := p.duration(p.ticks(d)); back > d || d-back > 1 {
					t.Errorf("%+v: %v becomes %v", kind, d, back)
				}
			}
		}
	}
	for _, l := range []gcra.Limit{{}, {Rate: gcra.Every(time.Hour)}, {Rate: gcra.Every(time.Hour), Burst: 1 << 62}} {
		if _, err := nanoParams(l); err == nil {
			t.Errorf("%v is taken", l)
		}
	}
}

// TestConvert compares conversions of debts with exact ones.
func TestConvert(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	for range 10_000 {
		p := params{interval: 1 + random.Int64N(1<<random.IntN(60)+1)}
		was, owed := 1+random.Int64N(1<<random.IntN(60)+1), random.Int64N(deepest)>>random.IntN(62)
		got := p.convert(owed, was)
		exact := new(big.Int).Mul(big.NewInt(owed), big.NewInt(p.interval))
		exact.Quo(exact.Add(exact, big.NewInt(was-1)), big.NewInt(was))
		low, high := new(big.Int).Set(exact), new(big.Int).Add(exact, big.NewInt(1))
		if owed == 0 {
			high = low
		}
		if low.Cmp(big.NewInt(deepest)) > 0 {
			low.SetInt64(deepest)
		}
		if v := big.NewInt(got); v.Cmp(low) < 0 || v.Cmp(high) > 0 {
			t.Fatalf("%d of %d in %d: %d, want %v", owed, was, p.interval, got, exact)
		}
	}
}
