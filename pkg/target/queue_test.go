package target

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// simulate is the same model the other way round: a loop over events, with servers that
// take the first of a list of those who wait.
func simulate(servers, room int, arrivals, services []time.Duration) (dues []time.Duration, most int) {
	dues = make([]time.Duration, len(arrivals))
	var waiting []int
	var busy []int // requests in service
	for next := 0; next < len(arrivals) || len(busy) > 0; {
		end := -1
		for _, i := range busy {
			if end < 0 || dues[i] < dues[end] {
				end = i
			}
		}
		if end >= 0 && (next == len(arrivals) || dues[end] <= arrivals[next]) {
			busy = slices.DeleteFunc(busy, func(i int) bool { return i == end })
			if len(waiting) > 0 {
				first := waiting[0]
				waiting = waiting[1:]
				dues[first] = dues[end] + services[first]
				busy = append(busy, first)
			}
			continue
		}
		switch {
		case len(busy) < servers:
			dues[next] = arrivals[next] + services[next]
			busy = append(busy, next)
		case len(waiting) < room:
			waiting = append(waiting, next)
			most = max(most, len(waiting))
		default:
			dues[next] = -1
		}
		next++
	}
	return dues, most
}

func TestQueueIsTheModel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		servers, room := 1+r.IntN(9), r.IntN(12)
		q := newQueue(servers, room)
		var arrivals, services []time.Duration
		now := time.Duration(0)
		for range 400 {
			now += time.Duration(r.IntN(3) * r.IntN(1000))
			arrivals = append(arrivals, now)
			services = append(services, time.Duration(r.IntN(2)*r.IntN(2000*servers)))
		}
		want, most := simulate(servers, room, arrivals, services)
		for i := range arrivals {
			due, ok := q.arrive(arrivals[i], services[i])
			if !ok {
				due = -1
			}
			if due != want[i] {
				t.Fatalf("seed %d, %d servers, room %d: request %d is due at %v, want %v", seed, servers, room, i, due, want[i])
			}
		}
		if q.most != most {
			t.Fatalf("seed %d: at most %d waited, want %d", seed, q.most, most)
		}
	}
}

func TestQueueWithoutEnd(t *testing.T) {
	q := newQueue(0, 0)
	for i := range 100 {
		if due, ok := q.arrive(time.Duration(i), 50); !ok || due != time.Duration(i+50) {
			t.Fatal(i, due, ok)
		}
	}
	q.advance(99)
	if n := q.busy(99); n != 50 {
		t.Errorf("%d are served", n)
	}
}

func TestCycle(t *testing.T) {
	c := Cycle{Off: time.Second, Period: 8 * time.Second}
	for _, tt := range []struct{ at, work, next time.Duration }{
		{0, 0, 0}, {7 * time.Second, 7 * time.Second, 8 * time.Second}, {7500 * time.Millisecond, 7 * time.Second, 8 * time.Second},
		{8 * time.Second, 7 * time.Second, 8 * time.Second}, {9 * time.Second, 8 * time.Second, 9 * time.Second}, {6999 * time.Millisecond, 6999 * time.Millisecond, 6999 * time.Millisecond},
		{15 * time.Second, 14 * time.Second, 16 * time.Second},
	} {
		if w, n := c.work(tt.at), c.next(tt.at); w != tt.work || n != tt.next {
			t.Errorf("%v: worked %v, goes on at %v; want %v, %v", tt.at, w, n, tt.work, tt.next)
		}
	}
	for at := range 40_000 {
		t1 := time.Duration(at) * time.Millisecond
		if r := c.real(c.work(t1)); c.work(r) != c.work(t1) || r < t1 {
			t.Fatalf("%v: %v", t1, r)
		}
	}
	for _, s := range []string{"", "1s", "8s/1s", "1s/1s", "0s/1s", "-1s/8s", "1s/8s/9s", "a/b"} {
		if c, err := ParseCycle(s); err == nil {
			t.Errorf("%q is %v", s, c)
		}
	}
	if c, err := ParseCycle("1s/8s"); err != nil || c.String() != "1s/8s" || c.Share() != 7.0/8 {
		t.Error(c, err)
	}
}

func TestParseShare(t *testing.T) {
	for s, want := range map[string]float64{"1%": 0.01, "0.5": 0.5, "100%": 1, "0": 0, "12.5%": 0.125} {
		if x, err := ParseShare(s); err != nil || x != want {
			t.Errorf("%q: %v, %v", s, x, err)
		}
	}
	for _, s := range []string{"", "%", "1.5", "101%", "-1%", "NaN", "1%%", "one"} {
		if x, err := ParseShare(s); err == nil {
			t.Errorf("%q: %v", s, x)
		}
	}
}
