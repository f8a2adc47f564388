package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/report"
)

// plots are the pictures of a page: how times are spread, and how rates grow.
func (out *outcome) plots() (parts []report.Part) {
	for i := range out.session.Results {
		if r := &out.session.Results[i]; r.Cycle > 0 {
			parts = append(parts, spreadOfOperations(r))
		}
	}
	parts = append(parts, out.spreads()...)
	if list := out.scaling(); len(list) > 0 {
		parts = append(parts, scalingChart(list))
	}
	if len(parts) > 0 {
		parts = append([]report.Part{report.Heading("Plots")}, parts...)
	}
	return parts
}

// spreadOfOperations is a histogram of what the operations of a cycle take.
func spreadOfOperations(r *bench.Result) *report.Chart {
	const bins = 40
	each := r.Each()
	most := each[len(each)-1] * 1.02
	plot := &report.Plot{Kind: report.Bars, Unit: "operations", Series: []report.Series{{Name: r.Name, Y: make([]float64, bins)}}}
	for i := range bins {
		plot.X = append(plot.X, (float64(i)+0.5)/bins)
	}
	for _, v := range each {
		plot.Series[0].Y[min(bins-1, int(v/most*bins))]++
	}
	c := &report.Chart{Name: "How operations of " + r.Name + " differ", Plot: plot,
		Summary: fmt.Sprintf("%s of %s, each undisturbed: %s to %s, half of them %s to %s.", cli.Count(int64(len(each)), "operation"), r.Name,
			duration(each[0], 2), duration(each[len(each)-1], 2), duration(r.Quantile(0.25), 2), duration(r.Quantile(0.75), 2))}
	for i := range 5 {
		c.Axis.Ticks = append(c.Axis.Ticks, report.Tick{At: float64(i) / 4, Label: duration(most*float64(i)/4, 2)})
	}
	return c
}

// spreads has a chart for each group of figures: their times, in order, by their medians.
func (out *outcome) spreads() (parts []report.Part) {
	var order []string
	groups := map[string][]*bench.Result{}
	for i := range out.session.Results {
		r := &out.session.Results[i]
		if len(r.Values) < 20 {
			continue
		}
		group, _, _ := strings.Cut(r.Name, "/")
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], r)
	}
	for _, group := range order {
		for list := range slices.Chunk(groups[group], 8) { // colours of a plot
			parts = append(parts, spreadChart(group, list))
		}
	}
	return parts
}

func spreadChart(group string, list []*bench.Result) *report.Chart {
	c := &report.Chart{Name: "How times are spread: " + group, Plot: &report.Plot{Kind: report.Lines, Unit: "×"}}
	for p := 1; p <= 99; p += 2 {
		c.Plot.X = append(c.Plot.X, float64(p)/100)
	}
	worst := 0.0
	for _, r := range list {
		one := report.Series{Name: r.Name}
		median := r.Median().Value
		for _, x := range c.Plot.X {
			y := r.Quantile(x) / median
			one.Y = append(one.Y, min(y, 4)) // beyond, there is nothing to tell apart
		}
		worst = max(worst, r.Quantile(0.95)/median)
		c.Plot.Series = append(c.Plot.Series, one)
	}
	c.Summary = fmt.Sprintf("All times that were taken, shortest first, each by the figure's median; those above four medians are drawn at four. 95 %% of them are below %.1f medians.", worst)
	for _, p := range []int{5, 25, 50, 75, 95} {
		c.Axis.Ticks = append(c.Axis.Ticks, report.Tick{At: float64(p) / 100, Label: fmt.Sprintf("p%d", p)})
	}
	return c
}

// scalingChart has the number of goroutines on an axis on which each doubling is as far.
func scalingChart(list []scalingJSON) *report.Chart {
	var counts []int
	for _, s := range list {
		for _, a := range s.At {
			counts = append(counts, a.Goroutines)
		}
	}
	counts = slices.Compact(slices.Sorted(slices.Values(counts)))
	c := &report.Chart{Name: "How rates grow with goroutines", Plot: &report.Plot{Kind: report.Lines, Unit: "×"},
		Summary: fmt.Sprintf("Rates from 1 to %d goroutines, by the one of one goroutine; %s's are what it publishes, of another machine.", counts[len(counts)-1], fluxLimiter)}
	for _, n := range counts {
		x := math.Log2(float64(n)) / math.Log2(float64(counts[len(counts)-1]))
		c.Plot.X = append(c.Plot.X, x)
		c.Axis.Ticks = append(c.Axis.Ticks, report.Tick{At: x, Label: fmt.Sprint(n)})
	}
	for _, s := range list {
		one := report.Series{Name: s.Name}
		for _, n := range counts {
			y, ok := s.at(n)
			if !ok {
				y = math.NaN()
			}
			one.Y = append(one.Y, y)
		}
		c.Plot.Series = append(c.Plot.Series, one)
	}
	return c
}
