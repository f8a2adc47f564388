package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/bench/figures"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

func (o *options) print(out *outcome) error {
	return o.reports.Write(o.cmd, func(w io.Writer, style report.Style) error {
		switch o.reports.Format {
		case report.JSON:
			return report.WriteJSON(w, out.json())
		case report.CSV:
			return out.plain().WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, out.suite(o.set))
		case gobench:
			return out.session.WriteGobench(w)
		case report.Markdown:
			return out.page(o.set).WriteMarkdown(w)
		case report.HTML:
			p := out.page(o.set)
			p.Parts = append(p.Parts, out.plots()...)
			return p.WriteHTML(w)
		}
		return out.page(o.set).WriteText(w, style)
	})
}

func (out *outcome) page(set string) *report.Page {
	p := &report.Page{Title: "cqbench " + set}
	m := &out.session.Machine
	p.Parts = append(p.Parts, report.Fields{
		{Name: "Machine", Value: report.String(machineText(m))},
		{Name: "Built with", Value: report.String(m.Go + " " + m.OS + "/" + m.Arch)},
		{Name: "Inputs", Value: report.String(out.session.Settings.Inputs)},
	})
	p.Parts = append(p.Parts, out.grids()...)
	if slices.ContainsFunc(out.figures, func(f figures.Figure) bool { return out.result(f.Bound) != nil }) {
		p.Parts = append(p.Parts, report.Paragraph("Bound: the share of the time that the bound/ figure takes, the least that the work could cost."))
	}
	if slices.ContainsFunc(out.figures, func(f figures.Figure) bool { return f.Published.NS > 0 }) {
		p.Parts = append(p.Parts, report.Paragraph("CleitonQ: what it publishes, of another machine ("+out.publishedOn()+"), and that by the median here."))
	}
	for _, r := range out.session.Results {
		if each := r.Each(); each != nil {
			p.Parts = append(p.Parts, report.Paragraph(fmt.Sprintf("%s is the mean over %d operations that differ: from %s to %s, half of them from %s to %s; p5..p95 are of single ones.",
				r.Name, len(each), duration(each[0], 2), duration(each[len(each)-1], 2), duration(r.Quantile(0.25), 2), duration(r.Quantile(0.75), 2))))
		}
	}
	if len(out.session.Sizes) > 0 {
		p.Parts = append(p.Parts, report.Heading("Memory"), out.sizeGrid())
	}
	if list := out.scaling(); len(list) > 0 {
		text := "How many times as much several goroutines do as one."
		switch m := out.session.Machine; {
		case m.Cores < 2:
			text += " There is one processor, which they share."
		case m.Load > float64(m.Cores)/2:
			text += " The machine was busy: they shared what others left of it, and nothing can be said of how rates grow."
		}
		p.Parts = append(p.Parts, report.Heading("Scaling"), report.Paragraph(text+" "+fluxLimiter+"'s are what it publishes, of another machine."), scalingGrid(list))
	}
	if len(out.changes) > 0 {
		p.Parts = append(p.Parts, report.Heading("Against the baseline"), out.changeGrid())
	}
	if len(out.required) > 0 {
		p.Parts = append(p.Parts, report.Heading("Required"), out.requiredGrid())
	}
	p.Parts = append(p.Parts, warningList(out.warnings)...)
	return p
}

func warningList(warnings []string) []report.Part {
	var list report.List
	for _, w := range warnings {
		list = append(list, "warning: "+w)
	}
	if list == nil {
		return nil
	}
	return []report.Part{list}
}

func machineText(m *bench.Machine) string {
	text := fmt.Sprintf("%s, %s", orUnknown(m.CPU), cli.Count(int64(m.Cores), "core"))
	if len(m.Features) > 0 {
		text += ", " + strings.Join(m.Features, " ")
	}
	if m.Load >= 0 {
		text += fmt.Sprintf(", load %.2f", m.Load)
	}
	return text
}

// publishedOn is the machine that others' figures are of.
func (out *outcome) publishedOn() string {
	for _, f := range out.figures {
		if f.Published.NS > 0 {
			return f.Published.Machine
		}
	}
	return ""
}

func (out *outcome) sizeGrid() *report.Grid {
	return &report.Grid{
		Columns: []report.Column{{Name: "Figure"}, {Name: "Bytes"}, {Name: "Per"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, s := range out.session.Sizes {
				if !yield([]report.Cell{report.String(s.Name), report.Number(sizeText(s.Bytes), fmt.Sprint(s.Bytes)), report.String(s.Per)}) {
					return
				}
			}
		},
	}
}

func sizeText(bytes float64) string {
	return scaled(bytes, 3, []string{" B", " kB", " MB", " GB"})
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown processor"
	}
	return s
}

// grids shows the figures to people, a table a set.
func (out *outcome) grids() (parts []report.Part) {
	var order []string
	sets := map[string][]figures.Figure{}
	for _, f := range out.figures {
		if sets[f.Set] == nil {
			order = append(order, f.Set)
		}
		sets[f.Set] = append(sets[f.Set], f)
	}
	if len(order) == 1 || len(out.session.Results) == 0 {
		return append(parts, out.grid(out.figures))
	}
	for _, set := range order {
		parts = append(parts, report.Heading(strings.ToUpper(set[:1])+set[1:]), out.grid(sets[set]))
	}
	return parts
}

// grid has the columns that have something in them.
func (out *outcome) grid(list []figures.Figure) *report.Grid {
	has := func(test func(f figures.Figure) bool) bool { return slices.ContainsFunc(list, test) }
	bounds, published := has(func(f figures.Figure) bool { return out.result(f.Bound) != nil }), has(func(f figures.Figure) bool { return f.Published.NS > 0 })
	g := &report.Grid{Columns: []report.Column{{Name: "Figure"}, {Name: "Median"}, {Name: "p5..p95"}, {Name: "Rate"}, {Name: "Allocs"}}, Empty: "Nothing was measured."}
	if bounds {
		g.Columns = append(g.Columns, report.Column{Name: "Bound"})
	}
	if published {
		g.Columns = append(g.Columns, report.Column{Name: "CleitonQ"})
	}
	g.Rows = func(yield func([]report.Cell) bool) {
		for _, f := range list {
			r := out.result(f.Name)
			if r == nil {
				continue
			}
			median, rate := medianCells(r)
			row := []report.Cell{report.String(f.Name), median, {}, rate, report.Number(fmt.Sprintf("%.3g", r.Allocs), fmt.Sprint(r.Allocs))}
			if p5, p95, ok := r.Spread(); ok {
				row[2] = report.String(durations(p5, p95))
			}
			if bounds {
				cell := report.Cell{}
				if share, ok := out.share(f, r); ok && !r.Noisy() {
					cell = report.Number(fmt.Sprintf("%.0f %%", 100*share), fmt.Sprint(share))
				}
				row = append(row, cell)
			}
			if published {
				cell := report.Cell{}
				if f.Published.NS > 0 && !r.Noisy() {
					ratio := f.Published.NS / r.Median().Value
					cell = report.Number(fmt.Sprintf("%s %.1f×", duration(f.Published.NS, 3), ratio), fmt.Sprint(ratio))
				}
				row = append(row, cell)
			}
			if !yield(row) {
				return
			}
		}
	}
	return g
}

func (out *outcome) result(name string) *bench.Result {
	for i := range out.session.Results {
		if out.session.Results[i].Name == name {
			return &out.session.Results[i]
		}
	}
	return nil
}

// share returns which part of r's time its bound takes.
func (out *outcome) share(f figures.Figure, r *bench.Result) (float64, bool) {
	b := out.result(f.Bound)
	if b == nil || b.Noisy() {
		return 0, false
	}
	return b.Median().Value / r.Median().Value, true
}

// medianCells are the median and the rate, in as many digits as the interval holds.
func medianCells(r *bench.Result) (median, rate report.Cell) {
	if r.Noisy() {
		return report.String("too noisy").As(report.Odd), report.Cell{}
	}
	digits := 2
	if r.Noise() <= 0.01 {
		digits = 3
	}
	m := r.Median().Value
	per := r.PerSecond().Value
	text := scaled(per, digits, []string{"", "k", "M", "G"}) + "/s"
	switch {
	case r.Items > 1:
		text = scaled(per, digits, []string{"", "k", "M", "G"}) + " rec/s"
	case r.Bytes > 0:
		per = r.BytesPerSecond().Value
		text = scaled(per, digits, []string{" B", " kB", " MB", " GB"}) + "/s"
	}
	return report.Number(duration(m, digits), fmt.Sprint(m)), report.Number(text, fmt.Sprint(per))
}

func duration(ns float64, digits int) string {
	return scaled(ns, digits, []string{" ns", " µs", " ms", " s"})
}

// durations writes two times, and the unit once if it is the same.
func durations(a, b float64) string {
	first, second := duration(a, 2), duration(b, 2)
	number, unit, _ := strings.Cut(first, " ")
	if strings.HasSuffix(second, " "+unit) {
		first = number
	}
	return strings.ReplaceAll(first+".."+second, " ", "") // or the table would not fit on 80 columns
}

// scaled writes v with so many digits and a unit, each a thousand of the one before it.
func scaled(v float64, digits int, units []string) string {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	i := 0
	for ; v >= 1000 && i < len(units)-1; i++ {
		v /= 1000
	}
	decimals := 0
	if v > 0 {
		decimals = max(0, digits-1-int(math.Floor(math.Log10(v)+1e-9)))
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + units[i]
}

func percent(x float64) string {
	if math.IsInf(x, 0) || x > 100 {
		return map[bool]string{true: "+∞", false: "−∞"}[x > 0]
	}
	return strings.Replace(fmt.Sprintf("%+.1f", 100*x), "-", "−", 1)
}

func changeWords(c *bench.Change) string {
	return percent(c.Change.Value) + " % [" + percent(c.Change.Low) + ".." + percent(c.Change.High) + "]"
}

var toneOf = map[bench.Verdict]report.Tone{bench.Same: report.Good, bench.Better: report.Good, bench.Worse: report.Bad, bench.Undecided: report.Odd, bench.TooFew: report.Odd}

func (out *outcome) changeGrid() *report.Grid {
	return &report.Grid{
		Columns: []report.Column{{Name: "Figure"}, {Name: "Baseline"}, {Name: "Now"}, {Name: "Change"}, {Name: "Verdict"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, c := range out.changes {
				if !yield([]report.Cell{report.String(c.Name), report.Number(duration(c.Base, 3), fmt.Sprint(c.Base)), report.Number(duration(c.New, 3), fmt.Sprint(c.New)),
					report.String(changeWords(&c)), report.String(string(c.Verdict)).As(toneOf[c.Verdict])}) {
					return
				}
			}
		},
	}
}

func (out *outcome) requiredGrid() *report.Grid {
	return &report.Grid{
		Columns: []report.Column{{Name: "Required", Fit: report.Wrap}, {Name: "Measured"}, {Name: "Verdict"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, r := range out.required {
				tone := map[stat.State]report.Tone{stat.Kept: report.Good, stat.Violated: report.Bad, stat.NoData: report.Bad, stat.Straddling: report.Odd}[r.State]
				if !yield([]report.Cell{report.String(r.Expr.Text), measured(&r), report.String(r.State.String()).As(tone)}) {
					return
				}
			}
		},
	}
}

func measured(r *bench.Required) report.Cell {
	text := ""
	switch {
	case r.State == stat.NoData:
		return report.Cell{}
	case r.Expr.Kind == stat.Duration:
		text = duration(r.Value, 3)
	case r.Expr.Kind == stat.BytesRate:
		text = sizeText(r.Value) + "/s"
	case r.Expr.Kind == stat.Bytes:
		text = sizeText(r.Value)
	default:
		text = scaled(r.Value, 3, []string{"", "k", "M", "G"}) + "/s"
	}
	return report.Number(text, fmt.Sprint(r.Value))
}
