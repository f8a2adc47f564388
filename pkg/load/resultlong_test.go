package load

import (
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// spread records runs of the given length, of n requests a second in two loops, with times
// over three decades, so that histograms are large; every seventh second is idle.
func spread(seconds, n int) *Result {
	loops := []*Recorder{new(Recorder), new(Recorder)}
	r := rand.New(rand.NewPCG(1, 2))
	for s := range seconds {
		if s%7 == 3 {
			continue
		}
		for i := range n {
			t := time.Duration(s)*time.Second + time.Duration(i)*time.Second/time.Duration(n)
			took := time.Duration(1e6 * math.Pow(10, 3*r.Float64()))
			l := loops[i%2]
			l.Offered(t, 1)
			if i%100 == 99 {
				l.Dropped(t, took)
				continue
			}
			l.Sent(t, 0, false)
			l.Done(t, OK, took, took/2)
		}
	}
	result := NewResult(loops...)
	result.Window = time.Duration(seconds) * time.Second
	return result
}

// TestLongRun records more than a recorder keeps a histogram a second of.
func TestLongRun(t *testing.T) {
	const seconds, n = 600, 400
	r := spread(seconds, n)
	every := r.HistogramSeconds()
	if every < 2 || every&(every-1) != 0 {
		t.Fatalf("a histogram every %d seconds", every)
	}
	kept := 0
	var response, service latency.Histogram
	for i, s := range r.Seconds {
		if (s.Response != nil) != ((i+1)%every == 0 || i == len(r.Seconds)-1) {
			t.Fatalf("second %d of %d has a histogram: %v; one every %d", i, len(r.Seconds), s.Response != nil, every)
		}
		kept += len(s.Response) + len(s.Service)
		addEncoded(&response, s.Response)
		addEncoded(&service, s.Service)
	}
	if kept > 2*keptBytes {
		t.Errorf("%d bytes of histograms", kept)
	}
	idle := uint64((seconds + 3) / 7)
	want := (seconds - idle) * n
	if r.Requests.Offered != want || r.Response.Count() != want || response.Count() != want || r.Service.Count() != want/100*99 || service.Count() != want/100*99 {
		t.Errorf("%d offered, %d and %d response times, %d and %d service times; want %d", r.Requests.Offered, r.Response.Count(), response.Count(), r.Service.Count(), service.Count(), want)
	}

	blocks := r.blocks()
	var done, times uint64
	for _, b := range blocks {
		done += b.tally((*Counts).Done)
		for i := range b {
			var h latency.Histogram
			addEncoded(&h, b[i].Response)
			times += h.Count()
		}
	}
	if done != r.Requests.Done() || times != want {
		t.Errorf("blocks hold %d of %d requests, %d of %d times", done, r.Requests.Done(), times, want)
	}
	if i := r.Metric("p50", stat.Duration); !(i.Low < 32e6 && 32e6 < i.High && i.High < 36e6) {
		t.Errorf("p50 %v", i)
	}

	short := spread(30, n)
	if every := short.HistogramSeconds(); every != 1 {
		t.Errorf("30 seconds have a histogram every %d", every)
	}
	if short.Response.Count() != 26*n {
		t.Errorf("%d response times", short.Response.Count())
	}
}

// BenchmarkSettle takes two histograms together, in the loop that sends requests: this is
// how long it cannot.
func BenchmarkSettle(b *testing.B) {
	pair := map[int][]byte{}
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 2 {
		var h latency.Histogram
		for range 20000 {
			h.Record(time.Duration(1e6 * math.Pow(10, 3*r.Float64())))
		}
		pair[step] = encode(&h)
	}
	for b.Loop() {
		s := series{short: maps.Clone(pair)}
		s.settle(1)
	}
	b.ReportMetric(float64(len(pair[0])), "bytes")
}
