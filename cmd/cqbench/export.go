package main

import (
	"fmt"
	"math"

	"cqkit/pkg/bench"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// The JSON of a report; docs/schema/cqbench.json is its schema.
type outcomeJSON struct {
	Machine    bench.Machine  `json:"machine"`
	Settings   bench.Settings `json:"settings"`
	Results    []resultJSON   `json:"results"`
	Sizes      []bench.Size   `json:"sizes"`
	Scaling    []scalingJSON  `json:"scaling"`
	Comparison []changeJSON   `json:"comparison"`
	Required   []requiredJSON `json:"required"`
	Violations []requiredJSON `json:"violations"`
	Warnings   []string       `json:"warnings"`
}

type resultJSON struct {
	Name       string          `json:"name"`
	Unit       string          `json:"unit"`
	Median     float64         `json:"median"`
	Low        *float64        `json:"low,omitempty"`
	High       *float64        `json:"high,omitempty"`
	P5         *float64        `json:"p5,omitempty"`
	P95        *float64        `json:"p95,omitempty"`
	Samples    int             `json:"samples"`
	Batch      int             `json:"batch"`
	Pieces     int             `json:"pieces"`
	PerS       float64         `json:"per_s"`
	BytesPerS  float64         `json:"bytes_per_s,omitempty"`
	Allocs     float64         `json:"allocs"`
	Noisy      bool            `json:"noisy"`
	Bound      string          `json:"bound,omitempty"`
	BoundShare *float64        `json:"bound_share,omitempty"`
	Published  *publishedJSON  `json:"published,omitempty"`
	Operations *operationsJSON `json:"operations,omitempty"`
}

// operationsJSON is how operations that differ do: each undisturbed.
type operationsJSON struct {
	Count int     `json:"count"`
	Min   float64 `json:"min"`
	P25   float64 `json:"p25"`
	P50   float64 `json:"p50"`
	P75   float64 `json:"p75"`
	Max   float64 `json:"max"`
}

type publishedJSON struct {
	By      string  `json:"by"`
	Machine string  `json:"machine"`
	Median  float64 `json:"median"`
	Ratio   float64 `json:"ratio"`
}

type changeJSON struct {
	Name       string   `json:"name"`
	Base       float64  `json:"base"`
	New        float64  `json:"new"`
	Change     float64  `json:"change"`
	Low        *float64 `json:"low,omitempty"`
	High       *float64 `json:"high,omitempty"`
	P          *float64 `json:"p,omitempty"`
	Confidence float64  `json:"confidence"`
	Verdict    string   `json:"verdict"`
}

type requiredJSON struct {
	Expr  string   `json:"expr"`
	Name  string   `json:"name"`
	Value *float64 `json:"value,omitempty"`
	State string   `json:"state"`
}

func newChangeJSON(c *bench.Change) changeJSON {
	return changeJSON{c.Name, c.Base, c.New, c.Change.Value, finite(c.Change.Low), finite(c.Change.High), finite(c.P), c.Confidence, string(c.Verdict)}
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

func (out *outcome) json() outcomeJSON {
	j := outcomeJSON{Machine: out.session.Machine, Settings: out.session.Settings, Results: []resultJSON{}, Sizes: append([]bench.Size{}, out.session.Sizes...), Scaling: out.scaling(), Comparison: []changeJSON{},
		Required: []requiredJSON{}, Violations: []requiredJSON{}, Warnings: append([]string{}, out.warnings...)}
	for _, f := range out.figures {
		r := out.result(f.Name)
		if r == nil {
			continue
		}
		m := r.Median()
		one := resultJSON{Name: r.Name, Unit: "ns/op", Median: m.Value, Samples: len(r.Samples(0)), Batch: r.Batch, Pieces: r.Pieces, PerS: r.PerSecond().Value, Allocs: r.Allocs, Noisy: r.Noisy(), Bound: f.Bound}
		one.Low, one.High = boundsOf(r)
		if p5, p95, ok := r.Spread(); ok {
			one.P5, one.P95 = &p5, &p95
		}
		if r.Bytes > 0 {
			one.BytesPerS = r.BytesPerSecond().Value
		}
		if share, ok := out.share(f, r); ok {
			one.BoundShare = &share
		}
		if p := f.Published; p.NS > 0 {
			one.Published = &publishedJSON{p.By, p.Machine, p.NS, p.NS / m.Value}
		}
		if each := r.Each(); each != nil {
			one.Operations = &operationsJSON{len(each), each[0], r.Quantile(0.25), r.Quantile(0.5), r.Quantile(0.75), each[len(each)-1]}
		}
		j.Results = append(j.Results, one)
	}
	for _, c := range out.changes {
		j.Comparison = append(j.Comparison, newChangeJSON(&c))
	}
	for _, r := range out.required {
		one := requiredJSON{r.Expr.Text, r.Expr.Name, finite(r.Value), r.State.String()}
		j.Required = append(j.Required, one)
		if r.State == stat.Violated || r.State == stat.NoData {
			j.Violations = append(j.Violations, one)
		}
	}
	return j
}

// plain has a row a figure, for programs, with the change from the baseline.
func (out *outcome) plain() *report.Grid {
	names := []string{"name", "median_ns", "p5_ns", "p95_ns", "samples", "batch", "per_s", "bytes_per_s", "allocs", "noisy", "base_ns", "change", "low", "high", "verdict"}
	g := &report.Grid{}
	for _, n := range names {
		g.Columns = append(g.Columns, report.Column{Name: n})
	}
	g.Rows = func(yield func([]report.Cell) bool) {
		for i := range out.session.Results {
			r := &out.session.Results[i]
			p5, p95, ok := r.Spread()
			if !ok {
				p5, p95 = math.NaN(), math.NaN()
			}
			row := []report.Cell{report.String(r.Name), report.Float(r.Median().Value, 3), report.Float(p5, 3), report.Float(p95, 3), report.Int(len(r.Samples(0))), report.Int(r.Batch),
				report.Float(r.PerSecond().Value, 3), report.Float(r.BytesPerSecond().Value, 3), report.Float(r.Allocs, 3), report.String(fmt.Sprint(r.Noisy()))}
			for _, c := range out.changes {
				if c.Name == r.Name {
					row = append(row, report.Float(c.Base, 3), report.Float(c.Change.Value, 6), report.Float(c.Change.Low, 6), report.Float(c.Change.High, 6), report.String(string(c.Verdict)))
				}
			}
			if !yield(row) {
				return
			}
		}
	}
	return g
}

// suite has a case a threshold and a case a comparison.
func (out *outcome) suite(set string) report.Suite {
	s := report.Suite{Name: "cqbench " + set}
	for _, r := range out.required {
		c := report.Case{Name: r.Expr.Text, Class: "require"}
		switch problem := (&report.Problem{Type: r.State.String(), Message: fmt.Sprintf("measured %g", r.Value)}); r.State {
		case stat.Violated, stat.NoData:
			c.Failure = problem
		case stat.Straddling:
			c.Error = problem
		}
		s.Cases = append(s.Cases, c)
	}
	for _, ch := range out.changes {
		c := report.Case{Name: ch.Name, Class: "regression"}
		switch problem := (&report.Problem{Type: string(ch.Verdict), Message: changeWords(&ch)}); {
		case ch.Verdict == bench.TooFew:
			c.Skipped = "too few samples"
		case !out.judged:
			c.Output = []string{string(ch.Verdict) + ": " + changeWords(&ch)}
		case ch.Verdict == bench.Worse:
			c.Failure = problem
		case ch.Verdict == bench.Undecided:
			c.Error = problem
		}
		s.Cases = append(s.Cases, c)
	}
	if len(out.required)+len(out.changes) == 0 {
		for _, r := range out.session.Results {
			s.Cases = append(s.Cases, report.Case{Name: r.Name, Class: "measured", Output: []string{fmt.Sprintf("%g ns/op", r.Median().Value)}})
		}
	}
	return s
}
