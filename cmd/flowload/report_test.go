package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/load"
	"cqkit/pkg/stat"
)

// runReport runs flowload and returns its exit code and what it printed.
func runReport(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), newCommand(), cli.Env{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}

// A scene is what results for tests are made of.
type scene struct {
	seed     uint64
	seconds  int
	rate     int // requests a second
	start    time.Duration
	slow     float64                  // factor of the service time
	outcomes func(i int) load.Outcome // of request i; nil = all ok
}

// play returns the result of a scene: 5 ms of service, a queue that grows in its second third.
func (s scene) play() *load.Result {
	r := rand.New(rand.NewPCG(s.seed, 11))
	var rec load.Recorder
	interval := time.Second / time.Duration(s.rate)
	var trace []load.TracePoint
	for i := range s.seconds * s.rate {
		due := time.Duration(i) * interval
		rec.Offered(due, 1)
		queue := time.Duration(0)
		if third := s.seconds * s.rate / 3; i >= third && i < 2*third {
			queue = time.Duration(float64(5*time.Millisecond) * math.Sin(math.Pi*float64(i-third)/float64(third)))
		}
		service := time.Duration(s.slow * 5e6 * math.Exp(0.25*r.NormFloat64()))
		o := load.OK
		if s.outcomes != nil {
			o = s.outcomes(i)
		}
		if o == load.Canceled { // stands for a drop here
			rec.Dropped(due, 2*time.Second)
			continue
		}
		rec.Sent(due+queue, 20*time.Microsecond, queue > time.Millisecond)
		rec.Done(due+queue+service, o, queue+service, service)
		if i%(s.rate/2) == 0 {
			trace = append(trace, load.TracePoint{T: due, Limit: 8 + int(queue/time.Millisecond), InFlight: 5 + int(queue/time.Millisecond), OKPerS: float64(s.rate)})
		}
	}
	res := load.NewResult(&rec)
	res.Target, res.Engine, res.Protocol, res.Loop, res.Seed = "http://localhost:8080/api", "epoll", "HTTP/1.1", load.LoopOpen, s.seed
	res.Start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).Add(s.start)
	res.Window = time.Duration(s.seconds) * time.Second
	res.Elapsed = res.Window + 20*time.Millisecond
	res.Settings = []load.Setting{{Name: "rate", Value: fmt.Sprintf("%d/s", s.rate)}, {Name: "duration", Value: fmt.Sprintf("%ds", s.seconds)}}
	res.Machine = load.Machine{OS: "linux", Arch: "amd64", CPU: "a processor", CPUs: 2, Go: "go1.26", Program: "test"}
	w := res.Window.Seconds()
	res.Rates = load.Rates{OfferedPerS: float64(res.Requests.Offered) / w, SentPerS: float64(res.Requests.Sent) / w, OKPerS: float64(res.Requests.Outcomes[load.OK]) / w}
	res.Trace = trace
	res.Client = load.Client{CPU: time.Duration(res.Requests.Sent) * 15 * time.Microsecond, CPUs: 2, Busy: 0.4, Steal: 0}
	res.BytesIn, res.BytesOut, res.Connects = 12_345_678, 1_234_567, 10
	res.Status = map[int]uint64{200: res.Requests.Outcomes[load.OK]}
	return res
}

// failing makes some requests fail, each in its own way.
func failing(i int) load.Outcome {
	switch {
	case i%50 == 7:
		return load.ServerError
	case i%100 == 9:
		return load.TooMany
	case i%250 == 11:
		return load.Timeout
	case i%500 == 13:
		return load.Canceled
	}
	return load.OK
}

// fixtures are the results that the scripts use.
func fixtures(t testing.TB) map[string]*load.Result {
	expr := func(text string) stat.Expr {
		e, err := stat.Parse(text, load.Metrics)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	good := scene{seed: 1, seconds: 30, rate: 100, slow: 1}.play()
	good.Judge([]stat.Expr{expr("p99>250ms"), expr("errors>1%")}, []stat.Expr{expr("p50<20ms")})
	bad := scene{seed: 2, seconds: 30, rate: 100, slow: 1.4, outcomes: failing}.play()
	bad.Advice = load.Advice{RetryAfter: 30, Least: time.Second, Most: 3 * time.Second, Sum: 45 * time.Second}
	bad.Examples = map[load.Outcome]string{load.Timeout: "no answer in 2s\x1b[31m <script>alert(1)</script>"}
	bad.Status[503], bad.Status[429] = 60, 30
	bad.Client.Reasons = []string{"the host was busy for 97 % of the time"}
	bad.Judge([]stat.Expr{expr("p99>250ms"), expr("errors>1%"), expr("capacity<900/s")}, nil)
	find := scene{seed: 3, seconds: 12, rate: 100, slow: 1}.play()
	find.Mode, find.Loop = load.ModeFind, load.LoopClosed
	find.Capacity = &load.Capacity{PerS: 1418, LowPerS: 1400, HighPerS: 1436, Concurrency: 13, LowLimit: 12, HighLimit: 15, Base: 5400 * time.Microsecond, FoundAfter: 6200 * time.Millisecond}
	part := scene{seed: 4, seconds: 30, rate: 100, start: 2 * time.Second, slow: 1}.play()
	slow := scene{seed: 5, seconds: 30, rate: 100, slow: 1.4, outcomes: failing}.play()
	return map[string]*load.Result{"slow": slow, "good": good, "bad": bad, "find": find, "part": part}
}

// save writes a result to a file.
func save(t testing.TB, r *load.Result, name string) string {
	t.Helper()
	b, err := r.AppendBinary(nil)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o777)
	}
	if err == nil {
		err = os.WriteFile(name, b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestFixtures renews the files of the scripts with -update.
func TestFixtures(t *testing.T) {
	for name, r := range fixtures(t) {
		file := filepath.Join("testdata", "results", name+".flr")
		if clitest.Update() {
			save(t, r, file)
		}
		if code, stdout, stderr := runReport(t, "report", file); code != 0 || !strings.Contains(stdout, r.Target) {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
}

func TestReportSchemas(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	dir := filepath.Join("testdata", "results")
	in := func(name string) string { return filepath.Join(dir, name+".flr") }
	for _, tt := range []struct {
		schema string
		code   int
		args   []string
	}{
		{"flowload-run.json", 0, []string{"report", "--json", in("good")}},
		{"flowload-run.json", 0, []string{"report", "--json", in("bad")}},
		{"flowload-run.json", 0, []string{"report", "--json", in("find")}},
		{"flowload-run.json", 0, []string{"report", "--json", "--merge", in("good"), in("part")}},
		{"flowload-run.json", 1, []string{"report", "--json", "--fail", "p50>1ms", in("good")}},
		{"flowload-compare.json", 1, []string{"compare", "--json", in("good"), in("slow")}},
		{"flowload-compare.json", 4, []string{"compare", "--json", in("good"), in("bad")}},
		{"flowload-compare.json", 4, []string{"compare", "--json", "--on", "capacity", in("good"), in("part")}},
		{"flowload-compare.json", 1, []string{"compare", "--json", "--on", "errors", in("good"), in("part"), in("slow")}},
	} {
		schema, err := c.Compile(filepath.Join(root, "docs", "schema", tt.schema))
		if err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := runReport(t, tt.args...)
		if code != tt.code {
			t.Errorf("%q: exit code %d, want %d\n%s%s", tt.args, code, tt.code, stdout, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%q: %v\n%s", tt.args, err, stdout)
		}
	}
	_, stdout, _ := runReport(t, "report", "--json", in("good"), in("bad"))
	var several struct{ Results []map[string]any }
	if err := json.Unmarshal([]byte(stdout), &several); err != nil || len(several.Results) != 2 || several.Results[1]["verdict"] != "fail" {
		t.Errorf("two results: %v\n%s", err, stdout)
	}
}

// TestOpenMetrics reads what is exported as Prometheus would.
func TestOpenMetrics(t *testing.T) {
	code, stdout, stderr := runReport(t, "report", "--format", "openmetrics", "testdata/results/bad.flr", "testdata/results/find.flr")
	if code != 0 || !strings.HasSuffix(stdout, "\n# EOF\n") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	// The older text format knows neither UNIT nor families without the suffix of counters.
	families, err := parser.TextToMetricFamilies(strings.NewReader(stdout))
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	found := map[string]float64{}
	for _, m := range families["flowload_requests_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.Label {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["mode"] == "run" && labels["target"] == "http://localhost:8080/api" {
			found[labels["outcome"]] = m.GetUntyped().GetValue()
		}
	}
	want := fixtures(t)["bad"].Requests
	for o, n := range want.Outcomes {
		if found[load.Outcome(o).String()] != float64(n) {
			t.Errorf("%v: %g, want %d", load.Outcome(o), found[load.Outcome(o).String()], n)
		}
	}
	summary := families["flowload_response_seconds"].GetMetric()[0].GetSummary()
	if found["dropped"] != float64(want.Dropped) || summary.GetSampleCount() != want.Done() || len(summary.Quantile) != 4 || len(families["flowload_capacity_per_second"].GetMetric()) != 3 {
		t.Errorf("dropped %g, summary %v", found["dropped"], summary)
	}
}

// TestHDRLog reads what is exported with HdrHistogram's reader.
func TestHDRLog(t *testing.T) {
	code, stdout, stderr := runReport(t, "report", "--format", "hdr", "testdata/results/good.flr")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	reader := hdrhistogram.NewHistogramLogReader(strings.NewReader(stdout))
	total := map[string]int64{}
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		total[h.Tag()] += h.TotalCount()
	}
	if total["response"] != 3000 || total["service"] != 3000 {
		t.Errorf("%v records, want 3000 of each kind", total)
	}
}

// TestComparePairs compares folders of runs in turns.
func TestComparePairs(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		at := time.Duration(2*i) * time.Second
		for name, slow := range map[string]float64{"base": 1, "same": 1.01, "slow": 1.15, "fast": 0.85} {
			s := scene{seed: uint64(100*i) + uint64(slow*100), seconds: 1, rate: 200, start: at, slow: slow}
			if name != "base" {
				s.start += time.Second
			}
			save(t, s.play(), filepath.Join(dir, name, fmt.Sprintf("%02d.flr", i)))
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, want := range map[string]struct {
		code    int
		verdict string
	}{"same": {0, "same"}, "slow": {1, "worse"}, "fast": {0, "better"}} {
		code, stdout, stderr := runReport(t, "compare", "--json", in("base"), in(name))
		if code != want.code || !strings.Contains(stdout, `"method": "pairs"`) || !strings.HasSuffix(stdout, "\"verdict\": \""+want.verdict+"\"\n}\n") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
}
