package infer

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A server decides at a time; the models of limits that are inferred.
type server func(now time.Duration) bool

func gcra(rate, burst float64) server {
	tat := math.Inf(-1)
	return func(now time.Duration) bool {
		t := now.Seconds()
		next := max(tat, t) + 1/rate
		if next-t > burst/rate+1e-12 {
			return false
		}
		tat = next
		return true
	}
}

// coarse is a server whose clock has only so many instants.
func coarse(tick time.Duration, s server) server {
	return func(now time.Duration) bool { return s(now.Truncate(tick)) }
}

func refilled(size, refill int, period time.Duration) server {
	tokens, last := size, time.Duration(0)
	return func(now time.Duration) bool {
		n := int(now / period)
		tokens, last = min(size, tokens+(n-int(last/period))*refill), now
		if tokens == 0 {
			return false
		}
		tokens--
		return true
	}
}

func fixedWindow(n int, period, phase time.Duration) server {
	used, window := 0, -1
	return func(now time.Duration) bool {
		if w := int((now + phase) / period); w != window {
			used, window = 0, w
		}
		used++
		return used <= n
	}
}

func slidingLog(n int, period time.Duration) server {
	var log []time.Duration
	return func(now time.Duration) bool {
		for len(log) > 0 && log[0] <= now-period {
			log = log[1:]
		}
		if len(log) == n {
			return false
		}
		log = append(log, now)
		return true
	}
}

// ask lets some connections ask a server for as long as told, each as soon as it has been
// answered and has paused: a request takes up to rtt, and is decided anywhere in it.
func ask(r *rand.Rand, s server, connections int, rtt, pause, start, length time.Duration) []Event {
	type request struct {
		decided time.Duration
		e       Event
	}
	var all []request
	// What is decided does not change when requests are sent, so they can be made first.
	for range connections {
		for at := start + time.Duration(r.Int64N(int64(rtt)+1)); at < start+length; {
			took := rtt/2 + time.Duration(r.Int64N(int64(rtt)/2+1))
			if r.IntN(200) == 0 {
				took *= 10 // once in a while something is in the way
			}
			all = append(all, request{at + time.Duration(r.Int64N(int64(took)+1)), Event{Sent: at, Answered: at + took}})
			at += took + pause
		}
	}
	slices.SortFunc(all, func(a, b request) int { return cmp.Compare(a.decided, b.decided) })
	events := make([]Event, len(all))
	for i, q := range all {
		q.e.Admitted = s(q.decided)
		events[i] = q.e
	}
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	return events
}

// TestLine lets hundreds of limits of all sizes be asked over slow and fast links. What is inferred
// must contain the truth, always, and be as narrow as the link allows.
func TestLine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		rate := math.Exp(r.Float64() * math.Log(5000))
		burst := float64(1 + r.IntN(300))
		rtt := time.Duration(math.Exp(r.Float64()*math.Log(200)) * 1e5) // 0.1 to 20 ms
		connections := 1 + int(3*rate*rtt.Seconds())
		pause := time.Duration(max(0, 0.2/rate-rtt.Seconds()) * 1e9)
		length := time.Duration((burst/rate + 40/rate + 0.5) * 1e9)
		f := Limit(ask(r, gcra(rate, burst), connections, rtt, pause, time.Duration(r.Int64N(1e9)), length))
		if f.Refused < 10 {
			continue // not asked for enough
		}
		if f.Kind != Line || f.Slack > 1e-6 {
			t.Errorf("rate %.2f, burst %g, rtt %v, %d connections: %v, slack %g", rate, burst, rtt, connections, f.Kind, f.Slack)
			continue
		}
		if !f.PerSecond.Contains(rate) || !f.Burst.Contains(burst) {
			t.Errorf("rate %.3f, burst %g, rtt %v, %d connections: inferred rate %+v, burst %+v", rate, burst, rtt, connections, f.PerSecond, f.Burst)
		}
		// What the link leaves open: requests under way, and those that come in a round trip.
		open := float64(connections) + 10*rate*rtt.Seconds() + 2
		d := length.Seconds() - burst/rate
		if width := f.PerSecond.High - f.PerSecond.Low; width > 3*open/d {
			t.Errorf("rate %.3f, rtt %v, %d connections over %v: rate only known to %+v", rate, rtt, connections, length, f.PerSecond)
		}
		if width := f.Burst.High - f.Burst.Low; width > 3*open {
			t.Errorf("burst %g, rtt %v, %d connections: burst only known to %+v", burst, rtt, connections, f.Burst)
		}
	}
}

// TestStall interrupts the asking for long enough that the limit comes to rest: what it would
// have admitted meanwhile is lost, so no line fits, and the stall tells why.
func TestStall(t *testing.T) {
	const rate, burst, stall = 900, 90, 300 * time.Millisecond
	r := rand.New(rand.NewPCG(5, 5))
	limit, rtt := gcra(rate, burst), 2*time.Millisecond
	events := ask(r, limit, 16, rtt, rtt, 0, 2*time.Second)
	events = append(events, ask(r, limit, 16, rtt, rtt, 2*time.Second+stall, 2*time.Second)...)
	f := Limit(events)
	if f.Kind != Irregular || f.Stall < stall-30*time.Millisecond || f.Stall > stall+30*time.Millisecond {
		t.Errorf("%v, stall %v", f.Kind, f.Stall)
	}
	if !f.Burst.Contains(burst) || f.Burst.High-f.Burst.Low > 30 {
		t.Errorf("burst %+v, want %d", f.Burst, burst)
	}
	if f = Limit(ask(r, gcra(rate, burst), 16, rtt, rtt, 0, 2*time.Second)); f.Kind != Line || f.Stall > 50*time.Millisecond {
		t.Errorf("without a stall: %v, stall %v", f.Kind, f.Stall)
	}
}

// TestWait asks the limit itself, when it would have admitted what it refused.
func TestWait(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 100 {
		rate, burst := math.Exp(r.Float64()*math.Log(300)), float64(1+r.IntN(50))
		rtt := time.Millisecond
		events := ask(r, gcra(rate, burst), 1, rtt, time.Duration(0.1/rate*1e9), 0, time.Duration((burst/rate+20/rate)*1e9))
		f := Limit(events)
		slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.Sent, b.Sent) })
		tested := 0
		for i, e := range events {
			if e.Admitted || i < len(events)/2 {
				continue
			}
			least, most, ok := f.Wait(e)
			if !ok {
				t.Fatalf("rate %.2f, burst %g: no wait from a %v", rate, burst, f.Kind)
			}
			// One connection: what was admitted before is what was answered before.
			k, last := 0, Event{}
			for _, b := range events[:i] {
				if b.Admitted {
					k, last = k+1, b
				}
			}
			early, late := (float64(k)+1-burst)/rate+events[0].Sent.Seconds(), (float64(k)+1-burst)/rate+events[0].Answered.Seconds()
			if burst == 1 { // what time a full bucket loses is lost
				early, late = 1/rate+last.Sent.Seconds(), 1/rate+last.Answered.Seconds()
			}
			if seconds(late-e.Answered.Seconds()) < least || seconds(early-e.Sent.Seconds()) > most {
				t.Errorf("rate %.2f, burst %g: wait %v to %v, inferred %v to %v", rate, burst, early, late, least, most)
			}
			tested++
		}
		if tested == 0 {
			t.Errorf("rate %.2f, burst %g: nothing refused", rate, burst)
		}
	}
}

func TestKinds(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		server server
		kind   Kind
		rate   float64
		burst  float64 // 0: not checked
		period time.Duration
	}{
		{"nothing refused", func(time.Duration) bool { return true }, None, 0, 0, 0},
		{"gcra", gcra(100, 20), Line, 100, 20, 0},
		{"gcra by the millisecond", coarse(ms, gcra(100, 20)), Line, 100, 20, 0},
		{"one at a time", gcra(50, 1), Line, 50, 1, 0},
		{"refilled each second", refilled(30, 10, time.Second), Steps, 10, 30, time.Second},
		{"refilled each 100 ms", refilled(30, 10, 100*ms), Steps, 100, 30, 100 * ms},
		{"fixed window", fixedWindow(50, time.Second, 300*ms), Steps, 50, 50, time.Second},
		{"sliding window", slidingLog(50, time.Second), Steps, 50, 50, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 3))
			f := Limit(ask(r, c.server, 1, ms, ms, 0, 8*time.Second))
			if f.Kind != c.kind {
				t.Fatalf("got %v (slack %.2f, burst %+v, rate %+v), want %v", f.Kind, f.Slack, f.Burst, f.PerSecond, c.kind)
			}
			if c.kind == None {
				return
			}
			if !f.PerSecond.Contains(c.rate) && math.Abs(f.PerSecond.Best/c.rate-1) > 0.01 {
				t.Errorf("rate %+v, want %g", f.PerSecond, c.rate)
			}
			if c.burst > 0 && (f.Burst.Low > c.burst+1 || f.Burst.High < c.burst-1) {
				t.Errorf("burst %+v, want %g", f.Burst, c.burst)
			}
			if (f.Period - c.period).Abs() > c.period/50 {
				t.Errorf("period %v, want %v", f.Period, c.period)
			}
			if low := f.PerSecond.High/f.PerSecond.Low - 1; low > 0.05 {
				t.Errorf("rate only known to %+v", f.PerSecond)
			}
		})
	}
}

func TestFew(t *testing.T) {
	for name, events := range map[string][]Event{
		"no events":      nil,
		"one admitted":   {{0, 1, true}},
		"one refused":    {{0, 1, false}},
		"no time passes": {{0, 0, true}, {0, 0, false}, {0, 0, true}},
		"one and one":    {{0, 1e6, true}, {2e6, 3e6, false}},
		"all at once":    {{0, 1e9, true}, {0, 1e9, false}, {0, 1e9, true}},
	} {
		f := Limit(events)
		for _, x := range []float64{f.PerSecond.Low, f.PerSecond.High, f.PerSecond.Best, f.Burst.Low, f.Burst.High, f.Burst.Best, f.Slack} {
			if math.IsNaN(x) || x < 0 {
				t.Errorf("%s: %+v", name, f)
			}
		}
		for _, e := range events {
			f.Wait(e)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		low, high, expected float64
		rate, burst         Verdict
	}{
		{99, 101, 100, Pass, Pass},
		{96, 104, 100, Pass, Pass},
		{90, 110, 100, Undecided, Pass}, // a burst is known to what comes in a round trip
		{80, 120, 100, Undecided, Undecided},
		{106, 110, 100, Fail, Fail},
		{50, 94.9, 100, Fail, Fail},
		{0, math.Inf(1), 100, Undecided, Undecided},
		{math.NaN(), 1, 1, Undecided, Undecided},
		{1.5, 2, 1, Fail, Pass},
	} {
		i := Interval{Low: c.low, High: c.high}
		if got := JudgeRate(i, c.expected, 0.05); got != c.rate {
			t.Errorf("rate %v to %v for %v: %v, want %v", c.low, c.high, c.expected, got, c.rate)
		}
		if got := JudgeBurst(i, c.expected, 0.05); got != c.burst {
			t.Errorf("burst %v to %v for %v: %v, want %v", c.low, c.high, c.expected, got, c.burst)
		}
	}
}
