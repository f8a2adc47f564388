package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// all returns what a schedule has due, from the start of the measurement, and the warm-up's dues.
func all(s *schedule) (warm, due []time.Duration) {
	for {
		_, d, ok := s.next()
		switch {
		case !ok:
			return warm, due
		case d < s.start:
			warm = append(warm, d)
		default:
			due = append(due, d-s.start)
		}
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		name, profile  string
		warmup, length time.Duration
		limit, burst   uint64
		warm, want     int
		first, last    time.Duration
		window         time.Duration
	}{
		{"constant", "1k/s", 0, time.Second, 1 << 62, 0, 0, 1000, 0, 999 * time.Millisecond, time.Second},
		{"a third", "3/s", 0, time.Second, 1 << 62, 0, 0, 3, 0, 666666667, time.Second},
		{"limited", "1k/s", 0, time.Hour, 10, 0, 0, 10, 0, 9 * time.Millisecond, 10 * time.Millisecond},
		{"limit beyond", "10/s", 0, time.Second, 100, 0, 0, 10, 0, 900 * time.Millisecond, time.Second},
		{"phases end", "10/s:1s,20/s:1s", 0, time.Minute, 1 << 62, 0, 0, 30, 0, 1950 * time.Millisecond, 2 * time.Second},
		{"cut", "10/s:1s,20/s:1s", 0, 1500 * time.Millisecond, 1 << 62, 0, 0, 20, 0, 1450 * time.Millisecond, 1500 * time.Millisecond},
		{"burst", "1k/s", 0, time.Second, 1 << 62, 100, 0, 1000, 0, 900 * time.Millisecond, time.Second},
		{"warm-up", "1k/s", 500 * time.Millisecond, time.Second, 1 << 62, 0, 500, 1000, 0, 999 * time.Millisecond, time.Second},
		{"ramp from nothing", "0/s..20/s:1s", 2 * time.Second, time.Second, 1 << 62, 0, 2, 10, 0, 948683299, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSchedule(mustProfile(t, c.profile), c.warmup, c.length, c.limit, c.burst, nil)
			warm, due := all(s)
			if len(warm) != c.warm || len(due) != c.want {
				t.Fatalf("%d requests and %d of warm-up, want %d and %d", len(due), len(warm), c.want, c.warm)
			}
			if due[0] != c.first || due[len(due)-1] != c.last {
				t.Errorf("from %d to %d, want %d to %d", due[0], due[len(due)-1], c.first, c.last)
			}
			if !slices.IsSorted(due) || !slices.IsSorted(warm) {
				t.Error("out of order")
			}
			if got := s.window() - s.start; got != c.window {
				t.Errorf("window %v, want %v", got, c.window)
			}
			if c.burst > 1 {
				for i, d := range due {
					if d != due[i-i%int(c.burst)] {
						t.Fatalf("request %d is not due with its burst", i)
					}
				}
			}
		})
	}
}

// TestScheduleIsShared draws from several goroutines: every request comes once.
func TestScheduleIsShared(t *testing.T) {
	for name, random := range map[string]*rand.Rand{"regular": nil, "poisson": rand.New(rand.NewPCG(1, 2))} {
		s := newSchedule(mustProfile(t, "10k/s"), 100*time.Millisecond, time.Second, 1<<62, 1, random)
		var mu sync.Mutex
		var seen []uint64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var mine []uint64
				for {
					i, _, ok := s.next()
					if !ok {
						break
					}
					mine = append(mine, i)
				}
				mu.Lock()
				seen = append(seen, mine...)
				mu.Unlock()
			})
		}
		wg.Wait()
		slices.Sort(seen)
		for i, n := range seen {
			if n != uint64(i) {
				t.Fatalf("%s: request %d is number %d", name, i, n)
			}
		}
		if len(seen) < 10_500 || len(seen) > 11_500 {
			t.Errorf("%s: %d requests", name, len(seen))
		}
	}
}

// TestPoisson tests the process by what defines it: counts in equal parts of the integrated
// rate are independent with variance equal to their mean, and gaps are exponential.
func TestPoisson(t *testing.T) {
	for _, profile := range []string{"1k/s", "100/s..1900/s:100s", "sine:1k/s+-800/s:10s"} {
		p := mustProfile(t, profile)
		s := newSchedule(p, 0, 100*time.Second, 1<<62, 1, rand.New(rand.NewPCG(7, 0)))
		_, due := all(s)
		n := float64(len(due))
		if want := 100_000.0; math.Abs(n-want) > 5*math.Sqrt(want) {
			t.Errorf("%s: %g requests, want %g", profile, n, want)
		}
		// Put on the scale of the integral, by the dues of the regular schedule.
		k := uint64(0)
		edge, _ := p.Due(100)
		count := 0
		var counts []float64
		for _, d := range due {
			for d >= edge {
				counts = append(counts, float64(count))
				count, k = 0, k+1
				var ok bool
				if edge, ok = p.Due((k + 1) * 100); !ok {
					edge = math.MaxInt64
				}
			}
			count++
		}
		var sum, square, cross float64
		for i, c := range counts {
			sum += c
			square += (c - 100) * (c - 100)
			if i > 0 {
				cross += (c - 100) * (counts[i-1] - 100)
			}
		}
		m := float64(len(counts))
		if mean := sum / m; math.Abs(mean-100) > 2 {
			t.Errorf("%s: %g requests a part, want 100", profile, mean)
		}
		if variance := square / m; variance < 80 || variance > 120 { // 5 sigma of 1000 parts is 22
			t.Errorf("%s: variance %g of the counts, want 100", profile, variance)
		}
		if c := cross / square; math.Abs(c) > 5/math.Sqrt(m) {
			t.Errorf("%s: neighbours correlate by %g", profile, c)
		}
		if profile != "1k/s" {
			continue
		}
		longer := 0
		for i := 1; i < len(due); i++ {
			if due[i]-due[i-1] > 2*time.Millisecond {
				longer++
			}
		}
		if share := float64(longer) / n; math.Abs(share-math.Exp(-2)) > 0.006 {
			t.Errorf("%g of the gaps are longer than two means, want %g", share, math.Exp(-2))
		}
	}
}

func TestPoissonRepeats(t *testing.T) {
	draw := func(seed uint64) []time.Duration {
		_, due := all(newSchedule(mustProfile(t, "1k/s"), time.Second, time.Second, 1<<62, 5, rand.New(rand.NewPCG(seed, 0))))
		return due
	}
	if !slices.Equal(draw(1), draw(1)) {
		t.Error("one seed, two schedules")
	}
	if slices.Equal(draw(1), draw(2)) {
		t.Error("two seeds, one schedule")
	}
	due := draw(1)
	for i, d := range due[:100] {
		if i%5 > 0 && d != due[i-1] {
			t.Errorf("request %d is not due with its burst", i)
		}
	}
}
