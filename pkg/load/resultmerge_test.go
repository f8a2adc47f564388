package load

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"cqkit/pkg/stat"
)

func TestMerge(t *testing.T) {
	a, b := full(t), full(t)
	b.Start = a.Start.Add(-time.Second)
	b.Seconds = b.Seconds[:4]
	b.Requests = Counts{}
	b.Response.Reset()
	for i := range b.Seconds {
		b.Requests.Add(b.Seconds[i].Counts)
		addEncoded(&b.Response, b.Seconds[i].Response)
	}
	b.Target, b.Settings[0].Value = "http://other/", "100/s"
	b.Client = Client{time.Second, 4, 0.9, 0.1, []string{"the host was busy", "lag"}}
	b.Trace = []TracePoint{{500 * time.Millisecond, 10, 1, 1}, {2 * time.Second, 20, 2, 2}}
	b.Advice = Advice{1, 0, time.Millisecond, time.Minute, time.Minute, 1, 0, 1}
	m, err := Merge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := a.Requests
	want.Add(b.Requests)
	if m.Requests != want || m.Response.Count() != a.Response.Count()+b.Response.Count() || m.Parts != 2 || m.Start != b.Start || len(m.Seconds) != 6 {
		t.Errorf("%+v, %d times, %d parts from %v, %d seconds", m.Requests, m.Response.Count(), m.Parts, m.Start, len(m.Seconds))
	}
	if m.Rates.OfferedPerS != 400 || m.Status[429] != 24 || m.Client.CPUs != 6 || m.Client.Busy != 0.9 || len(m.Client.Reasons) != 2 || m.Capacity != nil {
		t.Errorf("%+v, %v, %+v", m.Rates, m.Status, m.Client)
	}
	if m.Target != a.Target+" | http://other/" || m.Settings[0].Value != "200/s | 100/s" || m.Settings[1].Value != "6s" {
		t.Errorf("%q, %v", m.Target, m.Settings)
	}
	trace := []TracePoint{{500 * time.Millisecond, 10, 1, 1}, {time.Second, 15, 5, 200.5}, {2 * time.Second, 27, 9, 202}}
	if !reflect.DeepEqual(m.Trace, trace) {
		t.Errorf("trace %+v, want %+v", m.Trace, trace)
	}
	if m.Advice != (Advice{13, 3, time.Millisecond, time.Minute, 80 * time.Second, 12, 2, 2}) {
		t.Errorf("%+v", m.Advice)
	}
	if len(m.Thresholds) != 4 || m.Thresholds[0].Measured != m.Metric("p99", stat.Duration) {
		t.Errorf("%+v", m.Thresholds)
	}
	if again, err := ReadResult(bytes.NewReader(saved(t, m))); err != nil || again.Requests != m.Requests {
		t.Errorf("saved and read: %v", err)
	}
	// The order does not matter for what is counted, nor does merging in steps.
	c := full(t)
	steps, err1 := Merge(m, c)
	once, err2 := Merge(c, a, b)
	if err1 != nil || err2 != nil || steps.Requests != once.Requests || steps.Parts != 3 || !bytes.Equal(encode(&steps.Response), encode(&once.Response)) {
		t.Errorf("in steps %+v, at once %+v", steps.Requests, once.Requests)
	}
}

func TestNotMergeable(t *testing.T) {
	a := full(t)
	for name, change := range map[string]func(*Result){
		"find":  func(r *Result) { r.Mode = ModeFind },
		"loop":  func(r *Result) { r.Loop = LoopClosed },
		"later": func(r *Result) { r.Start = r.Start.Add(7 * time.Second) },
		"short": func(r *Result) { r.Window, r.Start = time.Second, r.Start.Add(2*time.Second) },
	} {
		b := full(t)
		change(b)
		for _, parts := range [][]*Result{{a, b}, {b, a}} {
			if _, err := Merge(parts...); !errors.Is(err, ErrNotMergeable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := Merge(); !errors.Is(err, ErrNotMergeable) {
		t.Errorf("nothing: %v", err)
	}
}
