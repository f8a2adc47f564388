package store

import (
	"math/rand/v2"
	"testing"
	"time"
)

func testBreaker(longest time.Duration, seed uint64) *breaker {
	b := newBreaker(longest)
	b.random = rand.New(rand.NewPCG(seed, 0)).Float64
	return b
}

func TestBreaker(t *testing.T) {
	b := testBreaker(time.Second, 1)
	var now time.Duration
	enter := func(want, probe bool) pass {
		t.Helper()
		p, ok := b.enter(now)
		if ok != want || p.probe != probe {
			t.Fatalf("at %v: %v, %v; want %v, %v", now, p, ok, want, probe)
		}
		return p
	}
	fail := func(n int) {
		t.Helper()
		for range n {
			b.exit(enter(true, false), now, failed)
		}
	}
	fail(tolerated - 1)
	b.exit(enter(true, false), now, answered) // one answer, and the count begins anew
	fail(tolerated - 1)
	b.exit(enter(true, false), now, abandoned) // no answer, but no failure
	slow := enter(true, false)
	fail(1)
	if !b.isOpen() {
		t.Fatal("not open")
	}
	enter(false, false)
	b.exit(slow, now, answered) // asked before: it says nothing of now
	enter(false, false)
	pause := firstPause
	for range 6 {
		left := b.left(now)
		if left < pause/2 || left > pause {
			t.Fatalf("a pause of %v where %v is due", left, pause)
		}
		now += left - 1
		enter(false, false)
		now++
		probe := enter(true, true)
		enter(false, false) // only one
		b.exit(probe, now, failed)
		pause = min(2*pause, b.longest)
	}
	now += b.left(now)
	b.exit(enter(true, true), now, abandoned)
	b.exit(enter(true, true), now, answered) // the next one may try at once
	enter(true, false)
	if b.isOpen() || b.left(now) != 0 {
		t.Error("not closed")
	}
	fail(tolerated)
	if left := b.left(now); left > firstPause {
		t.Errorf("the first pause is %v after a recovery", left)
	}
}

// TestBreakerHerd lets 500 instances, that all lost the server at once and get 1000 calls a second each, find it
// again, in virtual time.
func TestBreakerHerd(t *testing.T) {
	const instances, longest, down = 500, 5 * time.Second, 30 * time.Second
	type instance struct {
		*breaker
		back time.Duration
	}
	var all []*instance
	for i := range uint64(instances) {
		all = append(all, &instance{breaker: testBreaker(longest, i)})
	}
	const tick = time.Millisecond
	asked := map[time.Duration]int{} // by 100 ms, once the pauses have grown
	for now := time.Duration(0); now < down+2*longest; now += tick {
		for _, i := range all {
			p, ok := i.enter(now)
			if !ok {
				continue
			}
			if now < down {
				i.exit(p, now, failed)
			} else {
				i.exit(p, now, answered)
				if i.back == 0 {
					i.back = now
				}
			}
			if p.probe && now > down/2 {
				asked[now/(100*time.Millisecond)]++
			}
		}
	}
	most := 0
	for _, n := range asked {
		most = max(most, n)
	}
	// 500 probes in 2.5 to 5 s each: 10 to 20 in 100 ms if they are spread evenly.
	if most > 60 {
		t.Errorf("%d of %d instances ask within 100 ms", most, instances)
	}
	for n, i := range all {
		if i.back == 0 || i.back > down+longest+tick {
			t.Fatalf("instance %d is back at %v", n, i.back)
		}
	}
	t.Logf("at most %d of %d within 100 ms", most, instances)
}
