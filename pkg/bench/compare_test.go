package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

// noises are what a machine does to the pieces of a session, as factors: each session begins anew.
var noises = map[string]func(r *rand.Rand) func() float64{
	"white": func(r *rand.Rand) func() float64 {
		return func() float64 { return math.Exp(0.03 * r.NormFloat64()) }
	},
	"pauses": func(r *rand.Rand) func() float64 { // one way only, as interruptions are
		return func() float64 {
			f := math.Exp(0.02 * r.NormFloat64())
			if r.IntN(12) == 0 {
				f *= 1 + r.ExpFloat64()
			}
			return f
		}
	},
	"autocorrelated": func(r *rand.Rand) func() float64 {
		x := 0.0
		return func() float64 {
			x = 0.8*x + 0.6*r.NormFloat64()
			return math.Exp(0.04*x + 0.02*r.NormFloat64())
		}
	},
	// The machine is a little faster or slower for as long as a session.
	"wandering": func(r *rand.Rand) func() float64 {
		const keep = 1 - 1.0/480
		x := 0.03 * r.NormFloat64()
		return func() float64 {
			x = keep*x + 0.03*math.Sqrt(1-keep*keep)*r.NormFloat64()
			return math.Exp(x + 0.02*r.NormFloat64())
		}
	},
	// Another program takes the processor for some milliseconds, now and then.
	"turns": func(r *rand.Rand) func() float64 { return loaded(r, 4, 4, 4) },
	// Another takes half of it for as long as some samples.
	"foreign load": func(r *rand.Rand) func() float64 { return loaded(r, 80, 80, 1.5) },
}

// loaded is on and off for so many pieces on average, and makes those that are on take so much longer.
func loaded(r *rand.Rand, on, off int, factor float64) func() float64 {
	now := r.IntN(2) == 0
	return func() float64 {
		if now && r.IntN(on) == 0 || !now && r.IntN(off) == 0 {
			now = !now
		}
		f := math.Exp(0.02 * r.NormFloat64())
		if now {
			f *= factor
		}
		return f
	}
}

func simulated(next func() float64, factor float64) []Result {
	r := Result{Name: "a", Batch: 1, Group: 1, Pieces: 8, Items: 1}
	for range 60 * 8 {
		r.Values = append(r.Values, 1000*factor*next())
	}
	return []Result{r}
}

// TestAlarms compares equal sessions, and one with another that is 15 % slower.
func TestAlarms(t *testing.T) {
	const runs = 200
	mustFind := map[string]int{"white": 198, "pauses": 198, "autocorrelated": 190, "turns": 190, "wandering": 160}
	for name, noise := range noises {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			alarms, found, open := 0, 0, 0
			for range runs {
				base := simulated(noise(r), 1)
				verdict := func(factor float64) Verdict {
					c, err := Compare(base, simulated(noise(r), factor), 0.1)
					if err != nil {
						t.Fatal(err)
					}
					return Overall(c)
				}
				switch verdict(1) {
				case Worse:
					alarms++
				case Undecided:
					open++
				}
				if verdict(1.15) == Worse {
					found++
				}
			}
			t.Logf("of %d: %d false alarms, %d undecided, %d slowdowns found", runs, alarms, open, found)
			if alarms > runs/100 {
				t.Errorf("%d false alarms of %d", alarms, runs)
			}
			if found < mustFind[name] {
				t.Errorf("%d of %d slowdowns found, want %d", found, runs, mustFind[name])
			}
		})
	}
}

func TestCompare(t *testing.T) {
	flat := func(name string, n int, v float64) Result {
		r := Result{Name: name, Batch: 1, Group: 1, Pieces: 1, Items: 1}
		for i := range n {
			r.Values = append(r.Values, v*(1+0.001*float64(i%3)))
		}
		return r
	}
	base := []Result{flat("a", 60, 100), flat("b", 60, 100), flat("few", 3, 100), flat("gone", 60, 1)}
	got, err := Compare(base, []Result{flat("b", 60, 80), flat("a", 60, 120), flat("few", 3, 300), flat("new", 60, 1)}, 0.1)
	if err != nil || len(got) != 3 || got[0].Verdict != Better || got[1].Verdict != Worse || got[2].Verdict != TooFew {
		t.Errorf("%+v, %v", got, err)
	}
	if v := Overall(got); v != Worse {
		t.Errorf("overall %s", v)
	}
	if v := Overall(got[2:]); v != Undecided {
		t.Errorf("too few alone: %s", v)
	}
	if v := Overall(got[:1]); v != Better {
		t.Errorf("better alone: %s", v)
	}
	if _, err := Compare(base, []Result{flat("new", 60, 1)}, 0.1); err != ErrOther {
		t.Errorf("nothing in common: %v", err)
	}
	// What matters decides.
	if got, _ := Compare(base[:1], []Result{flat("a", 60, 120)}, 0.25); got[0].Verdict != Same {
		t.Errorf("20 %% where 25 %% matter: %s", got[0].Verdict)
	}
}
