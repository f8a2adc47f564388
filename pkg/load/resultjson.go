package load

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// The JSON of run and find, which scripts rely on: keys are added, never renamed. The schema is
// docs/schema/flowload-run.json. What was not measured is absent.
type resultJSON struct {
	Mode       string            `json:"mode"`
	Target     string            `json:"target"`
	Seed       uint64            `json:"seed"`
	Loop       string            `json:"loop"`
	Engine     string            `json:"engine"`
	Protocol   string            `json:"protocol"`
	Start      string            `json:"start"`
	Elapsed    time.Duration     `json:"elapsed_ns"`
	Warmup     time.Duration     `json:"warmup_ns"`
	Window     time.Duration     `json:"window_ns"`
	Stopped    bool              `json:"stopped"`
	Parts      int               `json:"parts"`
	Settings   map[string]string `json:"settings"`
	Machine    machineJSON       `json:"machine"`
	Requests   map[string]uint64 `json:"requests"`
	Rate       rateJSON          `json:"rate"`
	Response   *timesJSON        `json:"response_ns,omitempty"`
	Service    *timesJSON        `json:"service_ns,omitempty"`
	Limit      *limitJSON        `json:"limit,omitempty"`
	Capacity   *capacityJSON     `json:"capacity,omitempty"`
	Advice     adviceJSON        `json:"advice"`
	Status     map[string]uint64 `json:"status"`
	Examples   map[string]string `json:"examples"`
	BytesIn    uint64            `json:"in_bytes"`
	BytesOut   uint64            `json:"out_bytes"`
	Connects   uint64            `json:"connections"`
	Thresholds []thresholdJSON   `json:"thresholds"`
	Client     clientJSON        `json:"client"`
	Verdict    string            `json:"verdict"`
}

type machineJSON struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPU     string `json:"cpu"`
	CPUs    int    `json:"cpus"`
	Go      string `json:"go"`
	Program string `json:"program"`
}

type rateJSON struct {
	Offered float64        `json:"offered_per_s"`
	Sent    float64        `json:"sent_per_s"`
	OK      float64        `json:"ok_per_s"`
	Error   *float64       `json:"error,omitempty"`
	LagP50  *time.Duration `json:"lag_p50_ns,omitempty"`
	LagP99  *time.Duration `json:"lag_p99_ns,omitempty"`
}

type timesJSON struct {
	Min        time.Duration `json:"min"`
	Mean       time.Duration `json:"mean"`
	P50        time.Duration `json:"p50"`
	P90        time.Duration `json:"p90"`
	P99        time.Duration `json:"p99"`
	P999       time.Duration `json:"p999"`
	Max        time.Duration `json:"max"`
	Unanswered uint64        `json:"unanswered"`
}

type limitJSON struct {
	Final int         `json:"final"`
	Min   int         `json:"min"`
	Max   int         `json:"max"`
	Trace []traceJSON `json:"trace"`
}

type traceJSON struct {
	T        time.Duration `json:"t_ns"`
	Limit    int           `json:"limit"`
	InFlight int           `json:"in_flight"`
	OKPerS   float64       `json:"ok_per_s"`
}

type capacityJSON struct {
	PerS            float64       `json:"per_s"`
	LowPerS         float64       `json:"low_per_s"`
	HighPerS        float64       `json:"high_per_s"`
	Concurrency     int           `json:"concurrency"`
	LowConcurrency  int           `json:"low_concurrency"`
	HighConcurrency int           `json:"high_concurrency"`
	Base            time.Duration `json:"base_ns"`
	FoundAfter      time.Duration `json:"found_after_ns"`
}

type adviceJSON struct {
	RetryAfter uint64        `json:"retry_after"`
	RateLimit  uint64        `json:"rate_limit"`
	Least      time.Duration `json:"retry_after_min_ns"`
	Mean       time.Duration `json:"retry_after_mean_ns"`
	Most       time.Duration `json:"retry_after_max_ns"`
	Judged     uint64        `json:"retry_after_judged"`
	TooShort   uint64        `json:"retry_after_too_short"`
	TooLong    uint64        `json:"retry_after_too_long"`
}

type thresholdJSON struct {
	Expr  string   `json:"expr"`
	Sense string   `json:"sense"`
	Value *float64 `json:"value,omitempty"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	Unit  string   `json:"unit"`
	OK    bool     `json:"ok"`
	State string   `json:"state"`
}

type clientJSON struct {
	CPUPerRequest *float64      `json:"cpu_ns_per_request,omitempty"`
	CPU           time.Duration `json:"cpu_ns"`
	CPUs          int           `json:"cpus"`
	Busy          *float64      `json:"busy,omitempty"`
	Steal         *float64      `json:"steal,omitempty"`
	Trusted       bool          `json:"trusted"`
	Reasons       []string      `json:"reasons"`
}

// MarshalJSON returns the object that docs/schema/flowload-run.json describes.
func (r *Result) MarshalJSON() ([]byte, error) {
	j := resultJSON{
		Mode: r.Mode, Target: r.Target, Seed: r.Seed, Loop: r.Loop, Engine: r.Engine, Protocol: r.Protocol,
		Start: r.Start.UTC().Format(time.RFC3339Nano), Elapsed: r.Elapsed, Warmup: r.Warmup, Window: r.Window, Stopped: r.Stopped,
		Parts: max(r.Parts, 1), Settings: map[string]string{},
		Machine:  machineJSON(r.Machine),
		Requests: r.requestsJSON(),
		Rate:     rateJSON{Offered: r.Rates.OfferedPerS, Sent: r.Rates.SentPerS, OK: r.Rates.OKPerS},
		Response: newTimesJSON(&r.Response),
		Service:  newTimesJSON(&r.Service),
		Limit:    newLimitJSON(r.Trace),
		Advice: adviceJSON{RetryAfter: r.Advice.RetryAfter, RateLimit: r.Advice.RateLimit, Least: r.Advice.Least, Mean: r.Advice.Mean(), Most: r.Advice.Most,
			Judged: r.Advice.Judged, TooShort: r.Advice.TooShort, TooLong: r.Advice.TooLong},
		Status:     map[string]uint64{},
		Examples:   map[string]string{},
		BytesIn:    r.BytesIn,
		BytesOut:   r.BytesOut,
		Connects:   r.Connects,
		Thresholds: []thresholdJSON{},
		Client:     r.clientJSON(),
		Verdict:    r.Verdict(),
	}
	for _, s := range r.Settings {
		j.Settings[s.Name] = s.Value
	}
	for code, n := range r.Status {
		j.Status[strconv.Itoa(code)] = n
	}
	for o, text := range r.Examples {
		j.Examples[o.String()] = text
	}
	if e, ok := r.RateError(); ok {
		j.Rate.Error = &e
	}
	if r.Lag.Count() > 0 && r.Loop == LoopOpen {
		p50, p99 := r.Lag.Quantile(0.5), r.Lag.Quantile(0.99)
		j.Rate.LagP50, j.Rate.LagP99 = &p50, &p99
	}
	if c := r.Capacity; c != nil {
		j.Capacity = &capacityJSON{c.PerS, c.LowPerS, c.HighPerS, c.Concurrency, c.LowLimit, c.HighLimit, c.Base, c.FoundAfter}
	}
	for _, t := range r.Thresholds {
		j.Thresholds = append(j.Thresholds, newThresholdJSON(t))
	}
	return json.Marshal(j)
}

func (r *Result) requestsJSON() map[string]uint64 {
	c := &r.Requests
	m := map[string]uint64{"offered": c.Offered, "sent": c.Sent, "dropped": c.Dropped, "late": c.Late}
	for o, n := range c.Outcomes {
		m[Outcome(o).String()] = n
	}
	return m
}

func newTimesJSON(h *latency.Histogram) *timesJSON {
	if h.Count() == 0 {
		return nil
	}
	return &timesJSON{h.Min(), h.Mean(), h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99), h.Quantile(0.999), h.Max(), h.AtLeast()}
}

func newLimitJSON(trace []TracePoint) *limitJSON {
	if len(trace) == 0 {
		return nil
	}
	l := &limitJSON{Final: trace[len(trace)-1].Limit, Min: trace[0].Limit, Trace: make([]traceJSON, len(trace))}
	for i, p := range trace {
		l.Min, l.Max = min(l.Min, p.Limit), max(l.Max, p.Limit)
		l.Trace[i] = traceJSON(p)
	}
	return l
}

// Mean returns the mean of what Retry-After said; 0 if none did.
func (a *Advice) Mean() time.Duration {
	if a.RetryAfter == 0 {
		return 0
	}
	return a.Sum / time.Duration(a.RetryAfter)
}

func newThresholdJSON(t Threshold) thresholdJSON {
	j := thresholdJSON{Expr: t.Expr.Text, Sense: "fail", OK: t.State == stat.Kept, State: t.State.String(), Unit: unitNames[t.Expr.Kind]}
	if t.Require {
		j.Sense = "require"
	}
	if t.Measured.Known() {
		j.Value, j.Low, j.High = finiteOrNone(t.Measured.Value), finiteOrNone(t.Measured.Low), finiteOrNone(t.Measured.High)
	}
	return j
}

var unitNames = map[stat.Kind]string{stat.Number: "1", stat.Duration: "ns", stat.Ratio: "fraction", stat.Rate: "1/s", stat.Bytes: "bytes", stat.BytesRate: "bytes/s"}

func finiteOrNone(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}

func (r *Result) clientJSON() clientJSON {
	c := &r.Client
	j := clientJSON{CPU: c.CPU, CPUs: c.CPUs, Trusted: r.Trusted(), Reasons: append([]string{}, c.Reasons...)}
	if cpu := r.Metric("cpu", stat.Duration); cpu.Known() {
		j.CPUPerRequest = &cpu.Value
	}
	if c.Busy >= 0 {
		j.Busy = &c.Busy
	}
	if c.Steal >= 0 {
		j.Steal = &c.Steal
	}
	return j
}
