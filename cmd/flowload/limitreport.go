package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/gcra"
	"cqkit/pkg/infer"
	"cqkit/pkg/probe"
	"cqkit/pkg/report"
)

// limitReport is what was found out about a limit, in the form that scripts rely on.
type limitReport struct {
	Target     string        `json:"target"`
	Expected   limitExpected `json:"expected"`
	Measured   limitMeasured `json:"measured"`
	Keys       []limitKey    `json:"keys"`
	RetryAfter *limitWaits   `json:"retry_after,omitempty"`
	Isolation  *bool         `json:"isolation,omitempty"`
	Judged     limitVerdicts `json:"judged"`
	Elapsed    int64         `json:"elapsed_ns"`
	Reasons    []string      `json:"reasons"`
	Verdict    string        `json:"verdict"`
	result     *probe.Result
	limit      gcra.Limit
	tone       report.Tone
}

type limitExpected struct {
	PerS      float64 `json:"per_s"`
	Burst     uint64  `json:"burst"`
	Tolerance float64 `json:"tolerance"`
}

// limitMeasured is what is known of a limit; the ends of intervals that are open are absent.
type limitMeasured struct {
	Kind      string   `json:"kind"`
	PerS      float64  `json:"per_s"`
	LowPerS   float64  `json:"low_per_s"`
	HighPerS  *float64 `json:"high_per_s,omitempty"`
	Burst     float64  `json:"burst"`
	LowBurst  float64  `json:"low_burst"`
	HighBurst *float64 `json:"high_burst,omitempty"`
	PerPeriod int      `json:"per_period,omitempty"`
	Period    int64    `json:"period_ns,omitempty"`
}

type limitKey struct {
	Measured limitMeasured `json:"measured"`
	Asked    int           `json:"asked"`
	Admitted int           `json:"admitted"`
	Refused  int           `json:"refused"`
	Failed   int           `json:"failed"`
	Took     int64         `json:"took_ns"`
}

type limitWaits struct {
	Honest   bool    `json:"honest"`
	Early    float64 `json:"early_s"`
	Stated   int     `json:"stated"`
	Refused  int     `json:"refused"`
	TooShort int     `json:"too_short"`
	TooLong  int     `json:"too_long"`
	Tried    int     `json:"tried"`
	Kept     int     `json:"kept"`
	Reason   string  `json:"reason,omitempty"`
}

type limitVerdicts struct {
	Rate  string `json:"rate"`
	Burst string `json:"burst"`
}

func newLimitReport(o *limitOptions, r *probe.Result, took time.Duration) *limitReport {
	l := &limitReport{
		Target:    withoutSecrets(o.http.URL),
		Expected:  limitExpected{o.config.PerSecond, o.config.Burst, float64(o.config.Tolerance)},
		Measured:  measured(r.Keys[0].Limit),
		Isolation: r.Isolated,
		Judged:    limitVerdicts{r.Rate.String(), r.Burst.String()},
		Elapsed:   int64(took),
		Reasons:   append([]string{}, r.Distrust...),
		result:    r,
		limit:     o.limit,
	}
	if l.Expected.Tolerance == 0 {
		l.Expected.Tolerance = 0.05
	}
	for _, k := range r.Keys {
		l.Keys = append(l.Keys, limitKey{measured(k.Limit), k.Asked, k.Limit.Admitted, k.Limit.Refused, k.Failed, int64(k.Took)})
	}
	if w := r.RetryAfter; w != nil {
		l.RetryAfter = &limitWaits{w.Honest, w.Early.Seconds(), w.Stated, w.Refused, w.TooShort, w.TooLong, w.Tried, w.Kept, w.Reason}
	}
	switch r.OK() {
	case infer.Pass:
		l.Verdict, l.tone = "pass", report.Good
	case infer.Fail:
		l.Verdict, l.tone = "fail", report.Bad
	default:
		l.Verdict, l.tone = "untrusted", report.Odd
	}
	return l
}

func measured(f infer.Fit) limitMeasured {
	return limitMeasured{f.Kind.String(), f.PerSecond.Best, f.PerSecond.Low, finite(f.PerSecond.High),
		f.Burst.Best, f.Burst.Low, finite(f.Burst.High), f.PerPeriod, int64(f.Period)}
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

func (l *limitReport) write(cmd *cobra.Command, reports *cli.Reports) error {
	return reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch reports.Format {
		case report.JSON:
			return report.WriteJSON(w, l)
		case report.CSV:
			return l.grid().WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, l.suite())
		case report.Markdown:
			return l.page().WriteMarkdown(w)
		}
		return l.page().WriteText(w, style)
	})
}

// interval writes what a value is known to be.
func interval(best, low float64, high *float64) string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
	switch {
	case high == nil:
		return "at least " + number(low)
	case number(low) == number(*high):
		return number(low)
	}
	return fmt.Sprintf("%s, between %s and %s", number(best), number(low), number(*high))
}

func (m *limitMeasured) rate() string  { return interval(m.PerS, m.LowPerS, m.HighPerS) }
func (m *limitMeasured) burst() string { return interval(m.Burst, m.LowBurst, m.HighBurst) }

func (m *limitMeasured) shape() string {
	switch {
	case m.PerPeriod > 0:
		return fmt.Sprintf("%s: %d each %v", m.Kind, m.PerPeriod, time.Duration(m.Period).Round(time.Millisecond))
	case m.Kind == infer.None.String():
		return "nothing was refused"
	}
	return m.Kind
}

// toneOf colours a verdict.
func toneOf(verdict string) report.Tone {
	switch verdict {
	case "pass":
		return report.Good
	case "fail":
		return report.Bad
	}
	return report.Odd
}

func (l *limitReport) page() *report.Page {
	m := &l.Measured
	fields := report.Fields{
		{Name: "expected", Value: report.String(fmt.Sprintf("%s, give or take %.3g%%", l.limit, 100*l.Expected.Tolerance))},
		{Name: "rate", Value: report.String(m.rate() + " a second: " + l.Judged.Rate).As(toneOf(l.Judged.Rate))},
		{Name: "burst", Value: report.String(m.burst() + ": " + l.Judged.Burst).As(toneOf(l.Judged.Burst))},
		{Name: "kind", Value: report.String(m.shape())},
	}
	if w := l.RetryAfter; w != nil {
		fields = append(fields, report.Field{Name: "Retry-After", Value: report.String(w.sentence()).As(toneOf(map[bool]string{true: "pass", false: "fail"}[w.Honest]))})
	} else {
		fields = append(fields, report.Field{Name: "Retry-After", Value: report.String("not stated")})
	}
	switch {
	case l.Isolation == nil:
		fields = append(fields, report.Field{Name: "isolation", Value: report.String("not asked")})
	case *l.Isolation:
		fields = append(fields, report.Field{Name: "isolation", Value: report.String(fmt.Sprintf("each of %d clients has its own limit", len(l.Keys))).As(report.Good)})
	default:
		fields = append(fields, report.Field{Name: "isolation", Value: report.String("one client's use leaves another less").As(report.Bad)})
	}
	p := &report.Page{Title: report.Clean(l.Target) + ": " + strings.ToUpper(l.Verdict), Parts: []report.Part{fields}}
	if len(l.Reasons) > 0 {
		p.Parts = append(p.Parts, report.List(l.Reasons))
	}
	p.Parts = append(p.Parts, l.grid())
	return p
}

func (w *limitWaits) sentence() string {
	if w.Reason != "" {
		return "not honest: " + w.Reason
	}
	s := fmt.Sprintf("honest: stated by %s of %s refusals", cli.Thousands(int64(w.Stated)), cli.Thousands(int64(w.Refused)))
	if w.Tried > 0 {
		s += fmt.Sprintf(", kept %d of %d times", w.Kept, w.Tried)
	}
	return s + fmt.Sprintf(", at most %.3g s later than need be", w.Early)
}

// grid is a row a client.
func (l *limitReport) grid() *report.Grid {
	g := &report.Grid{Rows: func(yield func([]report.Cell) bool) {
		for i := range l.Keys {
			k := &l.Keys[i]
			if !yield([]report.Cell{report.Int(i + 1), report.Int(k.Asked), report.Int(k.Admitted), report.Int(k.Refused), report.Int(k.Failed),
				report.Float(k.Measured.PerS, 2), report.Float(k.Measured.Burst, 1), report.Float(time.Duration(k.Took).Seconds(), 1)}) {
				return
			}
		}
	}}
	for _, name := range []string{"client", "asked", "admitted", "refused", "failed", "per_s", "burst", "took_s"} {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	return g
}

// suite is a case a question.
func (l *limitReport) suite() report.Suite {
	s := report.Suite{Name: "flowload limit"}
	add := func(name, verdict, message string) {
		c := report.Case{Name: name, Class: l.Target}
		switch verdict {
		case "fail":
			c.Failure = &report.Problem{Type: verdict, Message: message}
		case "undecided":
			c.Error = &report.Problem{Type: verdict, Message: strings.Join(append([]string{message}, l.Reasons...), "; ")}
		}
		s.Cases = append(s.Cases, c)
	}
	add("rate", l.Judged.Rate, l.Measured.rate()+" a second")
	add("burst", l.Judged.Burst, l.Measured.burst())
	if w := l.RetryAfter; w != nil {
		add("retry_after", map[bool]string{true: "pass", false: "fail"}[w.Honest], w.sentence())
	}
	if l.Isolation != nil {
		add("isolation", map[bool]string{true: "pass", false: "fail"}[*l.Isolation], "one client's use leaves another less")
	}
	if l.Verdict == "untrusted" {
		add("measurement", "undecided", "cannot be trusted")
	}
	return s
}
