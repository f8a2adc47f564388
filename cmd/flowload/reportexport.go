package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
)

// A family is a metric of OpenMetrics text with its samples.
type family struct {
	name, kind, unit, help string
	samples                []string
}

// writeOpenMetrics prints results as OpenMetrics text, version 1.0.0, for push gateways and
// text file collectors.
func writeOpenMetrics(w io.Writer, results []namedResult) error {
	families := []*family{
		{name: "flowload_requests", kind: "counter", help: "Requests by what became of them."},
		{name: "flowload_offered", kind: "counter", help: "Requests that were due."},
		{name: "flowload_late", kind: "counter", help: "Requests that left later than they should have."},
		{name: "flowload_rate_per_second", kind: "gauge", help: "Requests a second of the window."},
		{name: "flowload_response_seconds", kind: "summary", unit: "seconds", help: "Time from when a request was due; without an answer, a lower bound."},
		{name: "flowload_service_seconds", kind: "summary", unit: "seconds", help: "Time from when a request left; without an answer, a lower bound."},
		{name: "flowload_capacity_per_second", kind: "gauge", help: "Capacity found, with the bounds of its interval."},
		{name: "flowload_limit", kind: "gauge", help: "Concurrency limit at the end."},
		{name: "flowload_start_seconds", kind: "gauge", unit: "seconds", help: "When the run began, since 1970."},
		{name: "flowload_verdict", kind: "gauge", help: "1 for the verdict that it is."},
	}
	byName := map[string]*family{}
	for _, f := range families {
		byName[f.name] = f
	}
	for _, r := range results {
		base := []string{"target", r.Target, "mode", r.Mode}
		if len(results) > 1 {
			base = append(base, "file", r.name)
		}
		add := func(name, suffix string, value float64, labels ...string) {
			f := byName[name]
			f.samples = append(f.samples, name+suffix+labelText(append(append([]string{}, base...), labels...))+" "+strconv.FormatFloat(value, 'g', -1, 64))
		}
		for o, n := range r.Requests.Outcomes {
			add("flowload_requests", "_total", float64(n), "outcome", load.Outcome(o).String())
		}
		add("flowload_requests", "_total", float64(r.Requests.Dropped), "outcome", "dropped")
		add("flowload_offered", "_total", float64(r.Requests.Offered))
		add("flowload_late", "_total", float64(r.Requests.Late))
		add("flowload_rate_per_second", "", r.Rates.OfferedPerS, "of", "offered")
		add("flowload_rate_per_second", "", r.Rates.SentPerS, "of", "sent")
		add("flowload_rate_per_second", "", r.Rates.OKPerS, "of", "ok")
		for i, h := range []*latency.Histogram{&r.Response, &r.Service} {
			if h.Count() == 0 {
				continue
			}
			name := [2]string{"flowload_response_seconds", "flowload_service_seconds"}[i]
			for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
				add(name, "", h.Quantile(q).Seconds(), "quantile", strconv.FormatFloat(q, 'g', -1, 64))
			}
			add(name, "_count", float64(h.Count()))
			add(name, "_sum", h.Sum())
		}
		if c := r.Capacity; c != nil {
			for i, v := range []float64{c.PerS, c.LowPerS, c.HighPerS} {
				add("flowload_capacity_per_second", "", v, "bound", [3]string{"best", "low", "high"}[i])
			}
		}
		if len(r.Trace) > 0 {
			add("flowload_limit", "", float64(r.Trace[len(r.Trace)-1].Limit))
		}
		add("flowload_start_seconds", "", float64(r.Start.UnixNano())/1e9)
		for _, v := range []string{load.Pass, load.Fail, load.Untrusted} {
			add("flowload_verdict", "", map[bool]float64{true: 1}[v == r.Verdict()], "verdict", v)
		}
	}
	out := bufio.NewWriter(w)
	for _, f := range families {
		if len(f.samples) == 0 {
			continue
		}
		fmt.Fprintf(out, "# TYPE %s %s\n", f.name, f.kind)
		if f.unit != "" {
			fmt.Fprintf(out, "# UNIT %s %s\n", f.name, f.unit)
		}
		fmt.Fprintf(out, "# HELP %s %s\n%s\n", f.name, f.help, strings.Join(f.samples, "\n"))
	}
	fmt.Fprintln(out, "# EOF")
	return out.Flush()
}

// labelText writes names and values as a set of labels.
func labelText(pairs []string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `%s="%s"`, pairs[i], strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(report.Clean(pairs[i+1])))
	}
	return "{" + b.String() + "}"
}

// writeHDRLog prints the histograms of the seconds in HdrHistogram's log format, version 1.3, in
// nanoseconds; the largest value of each in milliseconds.
func writeHDRLog(w io.Writer, results []namedResult) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "#[Histogram log format version 1.3]\n#[values in nanoseconds]\n")
	for i, r := range results {
		start := float64(r.Start.UnixNano()) / 1e9
		fmt.Fprintf(out, "#[StartTime: %.3f (seconds since epoch), %s]\n", start, r.Start.UTC().Format(time.RFC3339))
		if i == 0 {
			fmt.Fprintln(out, `"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`)
		}
		every := r.HistogramSeconds()
		for j := range r.Seconds {
			from := j / every * every
			for of, b := range [2][]byte{r.Seconds[j].Response, r.Seconds[j].Service} {
				var h latency.Histogram
				if b == nil || h.UnmarshalBinary(b) != nil {
					continue
				}
				tag := [2]string{"response", "service"}[of]
				if len(results) > 1 {
					tag += strconv.Itoa(i + 1)
				}
				fmt.Fprintf(out, "Tag=%s,%.3f,%.3f,%.6f,%s\n", tag, float64(from), float64(j+1-from), float64(h.Max())/1e6, h.HDRString())
			}
		}
	}
	return out.Flush()
}
