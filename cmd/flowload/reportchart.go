package main

import (
	"fmt"
	"math"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/latency"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
)

// maxBins is how many points a curve over time has at most.
const maxBins = 300

// A timeline is a result in bins of whole seconds.
type timeline struct {
	r     *load.Result
	width int // seconds a bin
	bins  []bin
	unit  scale
}

type bin struct {
	counts   load.Counts
	response latency.Histogram
}

func newTimeline(r *load.Result) *timeline {
	n := drawn(r)
	every := r.HistogramSeconds()
	t := &timeline{r: r, width: every * max(1, (n+maxBins*every-1)/(maxBins*every)), unit: timeUnit(&r.Response)}
	t.bins = make([]bin, (n+t.width-1)/t.width)
	var one latency.Histogram
	for i := range min((n+every-1)/every*every, len(r.Seconds)) {
		b := &t.bins[min(i/t.width, len(t.bins)-1)]
		if i < n {
			b.counts.Add(r.Seconds[i].Counts)
		}
		if h := r.Seconds[i].Response; h != nil && one.UnmarshalBinary(h) == nil {
			b.response.Add(&one)
		}
	}
	return t
}

// drawn is how many seconds are drawn: all, but for a drain in which next to nothing happened.
func drawn(r *load.Result) int {
	window := int((r.Window + time.Second - 1) / time.Second)
	if window <= 0 || window >= len(r.Seconds) {
		return len(r.Seconds)
	}
	var rest load.Counts
	for i := window; i < len(r.Seconds); i++ {
		rest.Add(r.Seconds[i].Counts)
	}
	if rest.Failed() > 0 || 50*rest.Done() > r.Requests.Done() {
		return len(r.Seconds)
	}
	return window
}

// x returns the places of the bins' middles, and axis the axis they are on.
func (t *timeline) x() []float64 {
	x := make([]float64, len(t.bins))
	for i := range x {
		x[i] = (float64(i) + 0.5) / float64(len(x))
	}
	return x
}

// length is the time that the axis spans.
func (t *timeline) length() time.Duration {
	return time.Duration(len(t.bins)*t.width) * time.Second
}

func (t *timeline) axis() report.Axis {
	length := t.length().Seconds()
	step := 1.0
	for i := 0; length/step > 10; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	var a report.Axis
	for s := 0.0; s <= length; s += step {
		a.Ticks = append(a.Ticks, report.Tick{At: s / length, Label: fmt.Sprintf("%g s", s)})
	}
	return a
}

// values returns f of each bin.
func (t *timeline) values(f func(b *bin) float64) []float64 {
	y := make([]float64, len(t.bins))
	for i := range t.bins {
		y[i] = f(&t.bins[i])
	}
	return y
}

// perSecond returns how many of the requests counted by n there are a second.
func (t *timeline) perSecond(n func(c *load.Counts) uint64) []float64 {
	return t.values(func(b *bin) float64 { return float64(n(&b.counts)) / float64(t.width) })
}

// quantile returns a quantile of each bin's response times; nothing where there are none.
func (t *timeline) quantile(q float64) []float64 {
	return t.values(func(b *bin) float64 {
		if b.response.Count() == 0 {
			return math.NaN()
		}
		return float64(b.response.Quantile(q)) / float64(t.unit.of)
	})
}

// resultCharts are the pictures of a result.
func resultCharts(r *load.Result) []report.Part {
	if len(r.Seconds) == 0 {
		return nil
	}
	t := newTimeline(r)
	per := "each second"
	if t.width > 1 {
		per = fmt.Sprintf("every %d seconds", t.width)
	}
	parts := []report.Part{
		report.Heading("Over time"),
		&report.Chart{Name: "Response time", Summary: "Quantiles of the response times, counted from when requests were due, by when they ended, of " + per + ".",
			Axis: t.axis(), Plot: &report.Plot{Unit: t.unit.name, X: t.x(), Series: []report.Series{
				{Name: "p50", Y: t.quantile(0.5)}, {Name: "p90", Y: t.quantile(0.9)}, {Name: "p99", Y: t.quantile(0.99)}}}},
		&report.Chart{Name: "Slowest request", Summary: "The longest response time of " + per + "; of a request without an answer, how long it was waited for.",
			Axis: t.axis(), Plot: &report.Plot{Unit: t.unit.name, X: t.x(), Series: []report.Series{{Name: "max", Y: t.quantile(1)}}}},
		&report.Chart{Name: "Requests", Summary: "Requests that were due, left and were ok a second, mean of " + per + ".",
			Axis: t.axis(), Plot: &report.Plot{Unit: "per s", X: t.x(), Series: []report.Series{
				{Name: "offered", Y: t.perSecond(func(c *load.Counts) uint64 { return c.Offered })},
				{Name: "sent", Y: t.perSecond(func(c *load.Counts) uint64 { return c.Sent })},
				{Name: "ok", Y: t.perSecond(func(c *load.Counts) uint64 { return c.Outcomes[load.OK] })}}}},
	}
	parts = append(parts, t.errorChart())
	if len(r.Trace) > 0 {
		parts = append(parts, t.limitChart())
	}
	return append(parts, quantileCharts(r, t.unit)...)
}

func (t *timeline) errorChart() report.Part {
	total := t.r.Requests.Failed()
	if total == 0 {
		return report.Paragraph("All requests were ok.")
	}
	plot := &report.Plot{Kind: report.Stacked, Unit: "per s", X: t.x()}
	for o := load.Redirect; int(o) < load.NumOutcomes; o++ {
		if t.r.Requests.Outcomes[o] > 0 {
			plot.Series = append(plot.Series, report.Series{Name: o.String(), Y: t.perSecond(func(c *load.Counts) uint64 { return c.Outcomes[o] })})
		}
	}
	if t.r.Requests.Dropped > 0 {
		plot.Series = append(plot.Series, report.Series{Name: "dropped", Y: t.perSecond(func(c *load.Counts) uint64 { return c.Dropped })})
	}
	return &report.Chart{Name: "Requests that were not ok", Axis: t.axis(), Plot: plot,
		Summary: fmt.Sprintf("%s, drops included; by kind, a second.", cli.Count(int64(total), "request"))}
}

// limitChart draws the concurrency limit.
func (t *timeline) limitChart() *report.Chart {
	trace := t.r.Trace
	every := max(1, (len(trace)+2*maxBins-1)/(2*maxBins))
	plot := &report.Plot{Unit: "requests", Series: []report.Series{{Name: "in flight"}, {Name: "limit"}}}
	last := -1.0
	for i := 0; i < len(trace); i += every {
		x := min(float64(trace[i].T)/float64(t.length()), 1)
		if x <= last {
			continue
		}
		last = x
		plot.X = append(plot.X, x)
		plot.Series[0].Y = append(plot.Series[0].Y, float64(trace[i].InFlight))
		plot.Series[1].Y = append(plot.Series[1].Y, float64(trace[i].Limit))
	}
	c := &report.Chart{Name: "Concurrency", Summary: "How many requests were in flight, and the limit, " + limitWords(trace) + ".", Axis: t.axis(), Plot: plot}
	if !moves(trace) { // often far above what there is to see
		plot.Series = plot.Series[:1]
		c.Summary = fmt.Sprintf("How many requests were in flight; the limit was %d throughout.", trace[0].Limit)
	}
	return c
}

// quantileCharts draw latencies over 1 - q, each power of ten as wide as the last: up to 99 %, and
// the tail by itself, which is often on another scale.
func quantileCharts(r *load.Result, unit scale) (parts []report.Part) {
	n := r.Response.Count()
	if n == 0 {
		return nil
	}
	parts = append(parts, report.Heading("By quantile"), quantileChart(r, unit, "Latency by quantile, up to 99 %",
		"Each nine of the quantile is as wide as the one before. Response time counts from when a request was due, service time from when it left: what lies between is waiting.", 0, 2))
	if n > 100 {
		parts = append(parts, quantileChart(r, unit, "The slowest of a hundred", "The same from 99 % on; the last point is the slowest request.", 2, min(7, math.Ceil(math.Log10(float64(n))))))
	}
	return parts
}

// quantileChart draws latencies between two numbers of nines.
func quantileChart(r *load.Result, unit scale, name, summary string, from, to float64) *report.Chart {
	c := &report.Chart{Name: name, Summary: summary}
	for i := int(from); i <= int(to); i++ {
		label := "0"
		if i > 0 {
			label = fmt.Sprintf("%.*f%%", max(0, i-2), 100*(1-math.Pow(10, -float64(i))))
		}
		c.Axis.Ticks = append(c.Axis.Ticks, report.Tick{At: (float64(i) - from) / (to - from), Label: label})
	}
	c.Plot = &report.Plot{Unit: unit.name, Series: []report.Series{{Name: "response"}, {Name: "service"}}}
	if r.Loop == load.LoopClosed { // they are the same
		c.Plot.Series = c.Plot.Series[:1]
	}
	const points = 200
	for i := range points + 1 {
		x := float64(i) / points
		q := 1 - math.Pow(10, -from-x*(to-from))
		c.Plot.X = append(c.Plot.X, x)
		for j := range c.Plot.Series {
			h := [2]*latency.Histogram{&r.Response, &r.Service}[j]
			y := math.NaN()
			if h.Count() > 0 {
				y = float64(h.Quantile(q)) / float64(unit.of)
			}
			c.Plot.Series[j].Y = append(c.Plot.Series[j].Y, y)
		}
	}
	return c
}
