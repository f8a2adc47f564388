package vegas

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A backend of so many servers with a first-come first-served queue, as windows show it.
type backend struct {
	servers, other float64 // other requests that are there all the time
	service        time.Duration
	stdErr         float64 // relative
	length         time.Duration
	now            time.Duration
}

func (b *backend) window(limit int) Window {
	if b.length == 0 {
		b.length = 100 * ms
	}
	r := float64(b.service) * max(1, (float64(limit)+b.other)/b.servers)
	w := Window{Start: b.now, End: b.now + b.length, Limit: limit, MaxInFlight: limit, Samples: 100, RTT: time.Duration(r), StdErr: time.Duration(b.stdErr * r)}
	b.now = w.End
	return w
}

// run feeds v so many windows of b.
func run(v *Vegas, b *backend, windows int) {
	for range windows {
		v.Update(b.window(v.Limit()))
	}
}

// In the end α requests wait, whatever the number of servers; and more where the
// round-trip times are so uncertain that α could be an error.
func TestQueueIsAlpha(t *testing.T) {
	for _, servers := range []float64{1, 2, 3, 8, 20, 64, 200, 700} {
		v := NewVegas(Config{})
		run(v, &backend{servers: servers, service: 10 * ms}, 170)
		queue := float64(v.Limit()) - servers
		if alpha := 3 * max(1, math.Log10(v.l)); math.Abs(queue-alpha) > 1 {
			t.Errorf("%v servers: %v wait, want %.1f", servers, queue, alpha)
		}
	}
	v := NewVegas(Config{Initial: 100})
	v.slow, v.base = false, estimate{1e7, 0.1 * 0.1}
	run(v, &backend{servers: 200, service: 10 * ms}, 60)
	if queue := v.l - 200; math.Abs(queue-2*200*0.1) > 1 {
		t.Errorf("200 servers, base known to 10 %%: %.1f wait, want 40", queue)
	}
}

// A backend that becomes slower: the delay is not taken for a queue, and the limit comes back.
func TestSlowerBackend(t *testing.T) {
	for _, factor := range []float64{2, 3, 10} {
		v := NewVegas(Config{})
		b := &backend{servers: 20, service: 10 * ms, stdErr: 0.015}
		run(v, b, 170)
		limit := v.Limit()
		b.service = time.Duration(float64(b.service) * factor)
		for range 10 {
			run(v, b, 1)
			if v.Probing() {
				break
			}
		}
		if !v.Probing() {
			t.Fatalf("%v times slower: no probe after 10 windows", factor)
		}
		run(v, b, 1)
		if got := v.Limit(); got < limit-1 {
			t.Errorf("%v times slower: limit %d right after the probe, was %d", factor, got, limit)
		}
		if got := v.Base(); got < b.service*95/100 || got > b.service*105/100 {
			t.Errorf("%v times slower: base %v, want %v", factor, got, b.service)
		}
	}
}

// A backend that loses servers has a longer queue, and no other base.
func TestSmallerBackend(t *testing.T) {
	v := NewVegas(Config{})
	b := &backend{servers: 20, service: 10 * ms}
	run(v, b, 170)
	b.servers = 8
	run(v, b, 8)
	if l := v.Limit(); l < 10 || l > 12 {
		t.Errorf("limit %d, want 11", l)
	}
	if base := v.Base(); base < 98*ms/10 || base > 102*ms/10 {
		t.Errorf("base %v, want 10ms", base)
	}
}

// Someone else's requests take capacity. Probing alone shows less than the base and their queue
// does, and a suspicion must not make that the base.
func TestNeighbour(t *testing.T) {
	v := NewVegas(Config{Max: 24})
	b := &backend{servers: 20, service: 10 * ms}
	run(v, b, 170)
	b.other = 18
	suspicions := 0
	for range 40 { // less than probeEvery
		run(v, b, 1)
		if v.probe.reason == suspicion {
			suspicions++
		}
		if base := v.Base(); base > 105*ms/10 {
			t.Fatalf("base %v after the suspicion of a neighbour, want 10ms", base)
		}
	}
	if suspicions == 0 {
		t.Error("half of the throughput lost and no suspicion")
	}
}

// While the round-trip time still rises, its cause is not judged.
func TestRisingIsNotJudged(t *testing.T) {
	v := NewVegas(Config{Initial: 24})
	v.slow = false
	w := func(i int, rtt time.Duration) Window {
		return Window{Start: time.Duration(i) * 100 * ms, End: time.Duration(i+1) * 100 * ms, MaxInFlight: v.Limit(), Samples: 100, RTT: rtt}
	}
	v.Update(w(0, 10*ms))
	v.Update(w(1, 12*ms))
	v.Update(w(2, 12*ms))
	for i, rtt := range []time.Duration{20 * ms, 28 * ms, 40 * ms} {
		if v.Update(w(i+3, rtt)); v.Probing() {
			t.Fatalf("probe at %v, on the rise", rtt)
		}
	}
	if v.Update(w(6, 40*ms)); !v.Probing() {
		t.Error("no probe once it has risen")
	}
}

// A backend that becomes faster is probed at once: what is seen may still hold a queue.
func TestFasterBackend(t *testing.T) {
	v := NewVegas(Config{})
	b := &backend{servers: 20, service: 30 * ms}
	run(v, b, 170)
	b.service = 10 * ms
	if run(v, b, 1); !v.Probing() {
		t.Fatal("no probe")
	}
	run(v, b, 1)
	if base := v.Base(); base < 98*ms/10 || base > 102*ms/10 {
		t.Errorf("base %v, want 10ms", base)
	}
}

// Probes are at multiples of 15 s of the clock, of which Phase is the start, or at every second,
// fourth, … of them where windows are long; so that controllers probe together.
func TestProbesTogether(t *testing.T) {
	for _, tc := range []struct{ length, phase, every time.Duration }{
		{100 * ms, 0, 15 * time.Second},
		{130 * ms, 4 * time.Second, 15 * time.Second},
		{187 * ms, 0, 15 * time.Second},
		{188 * ms, 0, 30 * time.Second},
		{300 * ms, 7 * time.Second, 30 * time.Second},
		{time.Second, time.Second, 120 * time.Second},
	} {
		v := NewVegas(Config{Phase: tc.phase})
		b := &backend{servers: 20, service: 10 * ms, length: tc.length}
		for v.slow {
			run(v, b, 1)
		}
		last := (b.now + tc.phase) / tc.every
		probes := 0
		for b.now < 10*time.Minute {
			run(v, b, 1)
			n := (b.now + tc.phase) / tc.every
			if v.Probing() != (n > last) {
				t.Fatalf("%+v: at %v by the clock, probing: %v", tc, b.now+tc.phase, v.Probing())
			}
			if last = n; v.Probing() {
				probes++
				run(v, b, 1)
			}
		}
		if probes < 4 {
			t.Errorf("%+v: %d probes in ten minutes", tc, probes)
		}
	}
}

// A limit that was in use and no longer is comes down.
func TestUnusedLimit(t *testing.T) {
	v := NewVegas(Config{})
	run(v, &backend{servers: 100, service: 10 * ms}, 170)
	if l := v.Limit(); l < 100 {
		t.Fatalf("limit %d at 100 servers", l)
	}
	v.Update(window(1000, v.Limit(), 30, 100, 10*ms))
	if l := v.Limit(); l < 100 {
		t.Errorf("limit %d, want it to stay below four times what is in use", l)
	}
	v.Update(window(1001, v.Limit(), 6, 100, 10*ms))
	if l := v.Limit(); l != 24 {
		t.Errorf("limit %d with 6 in flight, want 24", l)
	}
	v.Update(window(1002, v.Limit(), 1, 100, 10*ms))
	if l := v.Limit(); l != 20 {
		t.Errorf("limit %d with 1 in flight, want 20", l)
	}
}

// The estimate's error is that of its measurements: it follows them, keeps noise out, and
// begins anew when contradicted.
func TestEstimate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b estimate
	var squares, variance float64
	const n = 2000
	for range n {
		b.learn(10*math.Exp(0.1*r.NormFloat64()), 0.1)
		d := math.Log(b.value / 10)
		squares += d * d
		variance += b.variance
	}
	if got, want := math.Sqrt(squares/n), math.Sqrt(variance/n); got > 1.1*want || got > 0.06 {
		t.Errorf("off by %.3f, states %.3f; one measurement is off by 0.1", got, want)
	}
	if b.learn(30, 0.1); b.value != 30 {
		t.Errorf("%v after 30, want it anew", b.value)
	}
	if b.excess(31, 0.1) != 0 || b.excess(60, 0.1) <= 0 || b.excess(12, 0.1) >= 0 {
		t.Error("tells noise and difference apart wrongly")
	}
}

// The standard error of the trimmed mean is how far it is off, for even and for skewed times.
func TestStdErr(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for name, draw := range map[string]func() float64{
		"lognormal":   func() float64 { return 1e7 * math.Exp(0.15*r.NormFloat64()) },
		"exponential": func() float64 { return 1e7 * r.ExpFloat64() },
	} {
		const rounds, n = 400, 150
		var sum, squares, stated float64
		h := new(histogram)
		for range rounds {
			h.clear()
			for range n {
				h.add(time.Duration(draw()))
			}
			_, mean, stdErr := h.trimmedMean()
			sum += float64(mean)
			squares += float64(mean) * float64(mean)
			stated += float64(stdErr)
		}
		mean := sum / rounds
		if got, want := math.Sqrt(squares/rounds-mean*mean), stated/rounds; got < 0.87*want || got > 1.13*want {
			t.Errorf("%s: off by %.0f ns, states %.0f ns", name, got, want)
		}
	}
}
