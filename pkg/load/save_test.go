package load

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// full returns a result in which every field says something.
func full(t testing.TB) *Result {
	r := drive(9, 6, func(s int) float64 { return 1 + float64(s)/5 }, func(int) map[Outcome]int {
		return map[Outcome]int{ServerError: 3, Timeout: 1, TooMany: 2}
	})
	for i := range r.Seconds { // service times of their own
		var h latency.Histogram
		h.RecordN(7*time.Millisecond, 200)
		r.Seconds[i].Service = encode(&h)
	}
	r.Service.Reset()
	r.Service.RecordN(7*time.Millisecond, 1200)
	r.Target, r.Engine, r.Protocol, r.Seed, r.Parts = "http://localhost:8080/ü", "epoll", "HTTP/1.1", math.MaxUint64, 1
	r.Start, r.Warmup, r.Stopped = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), time.Second, true
	r.Settings = []Setting{{"rate", "200/s"}, {"duration", "6s"}, {"body", ""}}
	r.Machine = Machine{"linux", "amd64", "some model", 2, "go1.26", "v1"}
	r.Trace = []TracePoint{{time.Second, 5, 4, 199.5}, {2 * time.Second, 7, 7, 200}}
	r.Capacity = &Capacity{300, 290, 310, 7, 6, 9, 5 * time.Millisecond, 4 * time.Second}
	r.Advice = Advice{12, 3, time.Second, 3 * time.Second, 20 * time.Second, 11, 2, 1}
	r.Status = map[int]uint64{200: 1164, 429: 12, 503: 18}
	r.Examples = map[Outcome]string{Timeout: "no answer in 30s", ServerError: "503"}
	r.BytesIn, r.BytesOut, r.Connects = 123456, 7890, 10
	r.Client = Client{42 * time.Millisecond, 2, 0.5, -1, []string{"the host was busy"}}
	fail, err := stat.ParseList("p99>250ms,errors>1%,timeout>100", Metrics)
	if err != nil {
		t.Fatal(err)
	}
	require, err := stat.ParseList("p50<5ms", Metrics)
	if err != nil {
		t.Fatal(err)
	}
	r.Judge(fail, require)
	return r
}

func saved(t testing.TB, r *Result) []byte {
	t.Helper()
	b, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seeds(t testing.TB) map[string]*Result {
	find := full(t)
	find.Mode = ModeFind
	find.Response.Reset()
	find.Response.Record(time.Millisecond)
	find.Response.RecordAtLeast(time.Second)
	find.Client = Client{Busy: -1, Steal: 0.25}
	for i, t := range find.Thresholds {
		t.Measured = find.Metric(t.Expr.Name, t.Expr.Kind)
		t.State = t.Expr.Judge(t.Measured, t.Require)
		find.Thresholds[i] = t
	}
	return map[string]*Result{
		"full":   full(t),
		"find":   find,
		"empty":  {Mode: ModeRun, Loop: LoopClosed, Parts: 1, Start: time.Unix(0, 0).UTC()},
		"simple": drive(1, 3, steady, noFailures),
	}
}

func TestSaved(t *testing.T) {
	for name, r := range seeds(t) {
		b := saved(t, r)
		got, err := ReadResult(iotest.OneByteReader(bytes.NewReader(b)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "simple" {
			r.Parts, r.Start = 1, time.Unix(0, 0).UTC()
		}
		a, b2 := reflect.ValueOf(*got), reflect.ValueOf(*r)
		for i := range a.NumField() {
			field := a.Type().Field(i).Name
			switch field {
			case "Response", "Service", "Lag": // compared below
			case "Seconds":
				for j := range r.Seconds {
					if !reflect.DeepEqual(got.Seconds[j], r.Seconds[j]) {
						t.Errorf("%s: second %d changed on the way", name, j)
					}
				}
			default:
				if !reflect.DeepEqual(a.Field(i).Interface(), b2.Field(i).Interface()) {
					t.Errorf("%s: %s is %+v, was %+v", name, field, a.Field(i), b2.Field(i))
				}
			}
		}
		for i, pair := range [][2]*latency.Histogram{{&got.Response, &r.Response}, {&got.Service, &r.Service}, {&got.Lag, &r.Lag}} {
			if !slices.Equal(encode(pair[0]), encode(pair[1])) {
				t.Errorf("%s: histogram %d has %d records, had %d", name, i, pair[0].Count(), pair[1].Count())
			}
		}
		if !bytes.Equal(saved(t, got), b) {
			t.Errorf("%s: written differently again", name)
		}
	}
}

// TestSavedByVersion1 reads a file that was written when the format was new.
func TestSavedByVersion1(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "version1.flr"))
	if err != nil {
		t.Fatal(err)
	}
	checkCanonical(t, b)
	r, err := ReadResult(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	p99 := r.Response.Quantile(0.99)
	if r.Requests.Outcomes[OK] != 1164 || p99 != 34471935 || r.Thresholds[1].State != stat.Violated || r.Settings[0] != (Setting{"rate", "200/s"}) {
		t.Errorf("%d ok, p99 %d, %+v, %v", r.Requests.Outcomes[OK], p99, r.Thresholds, r.Settings)
	}
}

// TestMangled changes every byte and cuts at every place: the checksum is wrong. With the checksum made
// right again, what is read is refused, or is what its bytes say and nothing else.
func TestMangled(t *testing.T) {
	for name, r := range seeds(t) {
		r.Seconds = r.Seconds[:min(len(r.Seconds), 2)] // more of the same
		b := saved(t, r)
		for i := range b {
			mustRefuse(t, name, b[:i])
			changed := slices.Clone(b)
			changed[i] ^= 1 << (i % 8)
			mustRefuse(t, name, changed)
			if i >= len(b)-sha256.Size || name == "simple" || testing.Short() && i > 150 {
				continue
			}
			for _, v := range []byte{b[i] + 1, 0xff} {
				changed[i] = v
				checkCanonical(t, signed(changed[:len(b)-sha256.Size]))
			}
			checkCanonical(t, signed(b[:i]))
		}
		mustRefuse(t, name, append(slices.Clone(b), 0))
	}
}

func mustRefuse(t *testing.T, name string, b []byte) {
	t.Helper()
	_, err := ReadResult(bytes.NewReader(b))
	var bad *ResultError
	if !errors.As(err, &bad) || bad.Offset > len(b) {
		t.Fatalf("%s, %d bytes: %v", name, len(b), err)
	}
}

func signed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(slices.Clone(body), sum[:]...)
}

func checkCanonical(t *testing.T, b []byte) {
	t.Helper()
	p := reader{data: b}
	r := p.result()
	if p.err != nil {
		return
	}
	if again := saved(t, r); !bytes.Equal(again, b) {
		t.Fatalf("read\n%x\nwritten\n%x", b, again)
	}
	if err := r.Requests.check(); err != nil {
		t.Fatal(err)
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("broken")
	if _, err := ReadResult(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for name, want := range map[string]string{"": "no saved result", "{\"target\":1}": "no saved result", resultMagic + "\x02": "version", resultMagic + "\x01": "checksum"} {
		if _, err := ReadResult(strings.NewReader(name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// TestNonsenseIsLeftOut: whatever is in a result, what is written can be read.
func TestNonsenseIsLeftOut(t *testing.T) {
	r := full(t)
	r.Target = strings.Repeat("ü\xff", 40000)
	r.Warmup, r.Start = -5, time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Parts = -1
	r.Rates = Rates{math.NaN(), math.Inf(1), -1}
	r.Trace = []TracePoint{{5, -1, -1, math.NaN()}, {-3, 1, 1, math.Copysign(0, -1)}}
	r.Capacity = &Capacity{PerS: 5, LowPerS: 6, HighPerS: math.Inf(1), Concurrency: 3, LowLimit: 4, HighLimit: 1}
	r.Status = map[int]uint64{5: 5, 200: 0, 2000: 1, 201: 1}
	r.Examples = map[Outcome]string{Outcome(77): "?"}
	r.Settings = append(r.Settings, Setting{"", "x"})
	r.Client.Busy, r.Client.Steal = math.Inf(1), math.NaN()
	got, err := ReadResult(bytes.NewReader(saved(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Target) > maxText || got.Trace[1].T != 5 || got.Capacity.LowPerS != 5 || len(got.Status) != 1 || got.Client.Busy != 1 || got.Client.Steal != -1 {
		t.Errorf("%d bytes of target, %+v, %+v, %v, %+v", len(got.Target), got.Trace, got.Capacity, got.Status, got.Client)
	}
}

func TestSize(t *testing.T) {
	r := drive(1, 60, steady, noFailures)
	if n := len(saved(t, r)); n > 60*600 {
		t.Errorf("a minute at 200/s takes %d bytes", n)
	}
}

func FuzzReadResult(f *testing.F) {
	for _, r := range seeds(f) {
		b := saved(f, r)
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkCanonical(t, signed(body)) })
}
