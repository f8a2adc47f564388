package load

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"cqkit/pkg/stat"
)

// drive returns the result of n seconds at 200 requests a second. Each request takes about
// 10 ms, times what slow says of its second; fail says how many of 200 become what, in this second.
func drive(seed uint64, n int, slow func(second int) float64, fail func(second int) map[Outcome]int) *Result {
	r := rand.New(rand.NewPCG(seed, 1))
	var rec Recorder
	for second := range n {
		failures := fail(second)
		for i := range 200 {
			due := time.Duration(second)*time.Second + time.Duration(i)*5*time.Millisecond
			rec.Offered(due, 1)
			rec.Sent(due, 10*time.Microsecond, false)
			o := OK
			for kind, many := range failures {
				if many > 0 {
					o = kind
					failures[kind]--
					break
				}
			}
			took := time.Duration(10e6 * slow(second) * math.Exp(0.3*r.NormFloat64()))
			rec.Done(min(due+took, time.Duration(second+1)*time.Second-1), o, took, took)
		}
	}
	res := NewResult(&rec)
	res.Mode, res.Loop = ModeRun, LoopOpen
	res.Window, res.Elapsed = time.Duration(n)*time.Second, time.Duration(n)*time.Second
	res.Rates = Rates{200, 200, float64(res.Requests.Outcomes[OK]) / float64(n)}
	return res
}

func steady(int) float64             { return 1 }
func noFailures(int) map[Outcome]int { return nil }

func TestMetricNames(t *testing.T) {
	for _, name := range []string{"p50", "p99", "p999", "p99.9", "p99.99", "service_p50", "response_p90", "lag_p99", "mean", "min", "max",
		"service_mean", "errors", "rate_error", "ok_per_s", "sent_per_s", "offered_per_s", "capacity", "concurrency", "dropped", "late", "offered", "sent",
		"cpu", "ok", "redirect", "too_many", "client_error", "server_error", "timeout", "refused", "reset", "dns", "tls", "protocol",
		"client_limit", "canceled"} {
		if len(Metrics(name)) == 0 {
			t.Errorf("no metric %q", name)
		}
		for _, kind := range Metrics(name) {
			if (&Result{}).Metric(name, kind).Known() {
				t.Errorf("%s of an empty result is known", name)
			}
		}
	}
	for _, name := range []string{"", "p", "p9", "p1000000000", "p99.", "p.9", "p9.9", "pxx", "p-9", "service_errors", "lag", "Errors", "p99_service"} {
		if len(Metrics(name)) != 0 {
			t.Errorf("%q is a metric", name)
		}
	}
	for name, want := range map[string]float64{"p50": 0.5, "p99": 0.99, "p999": 0.999, "p99.9": 0.999, "p05": 0.05} {
		if _, q, _ := quantileName(name); q != want {
			t.Errorf("%s is %g, want %g", name, q, want)
		}
	}
}

// within checks that i holds the truth and is no wider than width times it.
func within(t *testing.T, name string, i stat.Interval, truth, width float64) {
	t.Helper()
	if !(i.Low <= truth && truth <= i.High) || i.High-i.Low > width*truth || i.Value < i.Low || i.Value > i.High {
		t.Errorf("%s: %v, want %g within and %g wide at most", name, i, truth, width*truth)
	}
}

func TestMetrics(t *testing.T) {
	r := drive(1, 20, steady, func(int) map[Outcome]int { return map[Outcome]int{ServerError: 2} })
	within(t, "p50", r.Metric("p50", stat.Duration), 10e6, 0.05)
	within(t, "p99", r.Metric("p99", stat.Duration), 10e6*math.Exp(0.3*2.3263), 0.2)
	within(t, "mean", r.Metric("mean", stat.Duration), 10e6*math.Exp(0.045), 0.05)
	within(t, "errors", r.Metric("errors", stat.Ratio), 0.01, 0.7)
	within(t, "server_error", r.Metric("server_error", stat.Ratio), 0.01, 0.7)
	within(t, "ok_per_s", r.Metric("ok_per_s", stat.Rate), 198, 0.01)
	if n := r.Metric("server_error", stat.Number); n != stat.Exactly(40) {
		t.Errorf("server errors: %v", n)
	}
	if n := r.Metric("late", stat.Number); n != stat.Exactly(0) {
		t.Errorf("late: %v", n)
	}
	if e := r.Metric("timeout", stat.Ratio); e.Low != 0 || e.High > 0.001 || e.High == 0 {
		t.Errorf("timeouts: %v", e)
	}
	if r.Metric("capacity", stat.Rate).Known() || r.Metric("cpu", stat.Duration).Known() {
		t.Error("what was not measured is known")
	}
	r.Capacity = &Capacity{PerS: 100, LowPerS: 90, HighPerS: 110, Concurrency: 7, LowLimit: 6, HighLimit: 8}
	if c := r.Metric("capacity", stat.Rate); c != (stat.Interval{Value: 100, Low: 90, High: 110}) {
		t.Errorf("capacity: %v", c)
	}
}

// TestSecondsShareTheirFate: two slow seconds in twenty make the p90 anything between slow and not, and
// three failed ones as many errors as there are seconds to choose from. By requests alone both would be known well.
func TestSecondsShareTheirFate(t *testing.T) {
	r := drive(2, 20, func(second int) float64 { return []float64{1, 5}[boolInt(second%10 == 3)] }, func(second int) map[Outcome]int {
		return map[Outcome]int{Timeout: 200 * boolInt(second%7 == 3)}
	})
	if i := r.Metric("p90", stat.Duration); i.Low > 20e6 || i.High < 40e6 {
		t.Errorf("p90: %v", i)
	}
	if i := r.Metric("errors", stat.Ratio); i.Value != 0.15 || i.Low > 0.05 || i.High < 0.25 {
		t.Errorf("errors: %v", i)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestWithoutAnswers: what got no answer leaves quantiles open above, and only those.
func TestWithoutAnswers(t *testing.T) {
	r := drive(3, 10, steady, func(int) map[Outcome]int { return map[Outcome]int{Reset: 4} })
	if i := r.Metric("p99", stat.Duration); !math.IsInf(i.High, 1) {
		t.Errorf("p99 with 2 %% without an answer: %v", i)
	}
	if i := r.Metric("p90", stat.Duration); i.High > 20e6 {
		t.Errorf("p90 with 2 %% without an answer: %v", i)
	}
	if i := r.Metric("mean", stat.Duration); !math.IsInf(i.High, 1) {
		t.Errorf("mean with 2 %% without an answer: %v", i)
	}
}

func TestVerdict(t *testing.T) {
	parse := func(list ...string) (out []stat.Expr) {
		for _, text := range list {
			e, err := stat.Parse(text, Metrics)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
		return out
	}
	for _, c := range []struct {
		name          string
		fail, require []stat.Expr
		untrusted     bool
		failures      int // of 200 a second
		want          string
	}{
		{"nothing asked", nil, nil, false, 0, Pass},
		{"none ok", nil, nil, false, 200, Fail},
		{"none ok, but that was asked", parse("errors<99%"), nil, false, 200, Pass},
		{"kept", parse("p99>250ms", "errors>1%"), parse("p99<50ms"), false, 0, Pass},
		{"violated", parse("p50>5ms"), nil, false, 0, Fail},
		{"required", nil, parse("p50<5ms"), false, 0, Fail},
		{"straddling", nil, parse("errors<0.02%"), false, 0, Untrusted},
		{"no data", nil, parse("capacity>1/s"), false, 0, Fail},
		{"busy client", parse("p99>250ms"), nil, true, 0, Untrusted},
		{"busy client and violated", parse("p50>5ms"), nil, true, 0, Fail},
	} {
		r := drive(4, 6, steady, func(int) map[Outcome]int { return map[Outcome]int{ServerError: c.failures} })
		if c.untrusted {
			r.Client.Reasons = []string{"lag"}
		}
		r.Judge(c.fail, c.require)
		if got := r.Verdict(); got != c.want {
			t.Errorf("%s: %s, want %s; %+v", c.name, got, c.want, r.Thresholds)
		}
	}
}

// TestLongRuns: neighbouring seconds are taken together.
func TestLongRuns(t *testing.T) {
	r := drive(5, 300, steady, noFailures)
	if got := len(r.blocks()); got != maxBlocks {
		t.Errorf("%d blocks", got)
	}
	within(t, "p99", r.Metric("p99", stat.Duration), 10e6*math.Exp(0.3*2.3263), 0.05)
	r.Mode = ModeFind
	r.Capacity = &Capacity{PerS: 200, LowPerS: 190, HighPerS: 210}
	if i := r.Metric("ok_per_s", stat.Rate); i != (stat.Interval{Value: 200, Low: 190, High: 210}) {
		t.Errorf("rate at the plateau: %v", i)
	}
	if r.blocks() != nil {
		t.Error("find has seconds of its plateau")
	}
	within(t, "p99", r.Metric("p99", stat.Duration), 10e6*math.Exp(0.3*2.3263), 0.05)
}
