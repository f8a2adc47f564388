package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/latency"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// writeTables prints results for a terminal.
func writeTables(w io.Writer, style report.Style, results []namedResult) error {
	var b strings.Builder
	for i, r := range results {
		if i > 0 {
			b.WriteString("\n")
		}
		writeTable(&b, style, r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTable(b *strings.Builder, style report.Style, r namedResult) {
	name := ""
	if r.name != "" {
		name = report.Clean(r.name) + ": "
	}
	fmt.Fprintf(b, "%sflowload %s %s   %s  seed %d  %s   verdict %s\n", name, r.Mode, report.Clean(r.Target), seconds(r.Elapsed), r.Seed,
		report.Clean(r.Protocol), verdictWord(style, r.Verdict()))
	c := &r.Requests
	lag := "-"
	if r.Lag.Count() > 0 && r.Loop == load.LoopOpen {
		lag = short(r.Lag.Quantile(0.99))
	}
	rows(b, []string{loopWords(r.Result), "sent", "ok", "redirect", "429", "4xx", "5xx", "failed", "dropped", "late", "lag p99"},
		[]string{"", perS(r.Rates.SentPerS), perS(r.Rates.OKPerS), number(c.Outcomes[load.Redirect]), number(c.Outcomes[load.TooMany]),
			number(c.Outcomes[load.ClientError]), number(c.Outcomes[load.ServerError]), number(unanswered(c)), number(c.Dropped), number(c.Late), lag})
	for _, o := range outcomesWithout(c) {
		fmt.Fprintf(b, " %-12s  %s", o, cli.Thousands(int64(c.Outcomes[o])))
		if text := r.Examples[o]; text != "" {
			fmt.Fprintf(b, ", the first: %s", report.Clean(text))
		}
		b.WriteString("\n")
	}
	unit := timeUnit(&r.Response)
	rows(b, []string{"latency, " + unit.name, "min", "p50", "p90", "p99", "p99.9", "max", ""},
		times("response", unit, &r.Response, "from due time"), times("service", unit, &r.Service, "from send"))
	if r.Response.AtLeast() > 0 {
		fmt.Fprintf(b, " %s without an answer: figures with ≥ could be anything above\n", cli.Count(int64(r.Response.AtLeast()), "request"))
	}
	if k := r.Capacity; k != nil {
		fmt.Fprintf(b, " %-12s  %s\n", "capacity", capacityWords(k))
	} else if moves(r.Trace) {
		fmt.Fprintf(b, " %-12s  %s\n", "limit", limitWords(r.Trace))
	}
	if a := &r.Advice; a.RetryAfter > 0 {
		fmt.Fprintf(b, " %-12s  %s said %s to %s, %s on average%s\n", "Retry-After", cli.Count(int64(a.RetryAfter), "answer"), seconds(a.Least), seconds(a.Most), seconds(a.Mean()), honesty(a))
	}
	for i, t := range r.Thresholds {
		head := "thresholds"
		if i > 0 {
			head = ""
		}
		fmt.Fprintf(b, " %-12s  %-9s  %s  %s\n", head, t.State, report.Clean(t.Expr.Text), measuredWords(t))
	}
	fmt.Fprintf(b, " %-12s  %s\n", "client", clientWords(r.Result))
	for _, reason := range r.Client.Reasons {
		fmt.Fprintf(b, " %-12s  not trusted: %s\n", "", report.Clean(reason))
	}
}

// verdictWord is the verdict in capitals, coloured where there are colours.
func verdictWord(style report.Style, verdict string) string {
	word := strings.ToUpper(verdict)
	if !style.Color {
		return word
	}
	code := map[string]string{load.Pass: "32", load.Fail: "31", load.Untrusted: "33"}[verdict]
	return "\x1b[1;" + code + "m" + word + "\x1b[0m"
}

// rows prints rows with the first column to the left and the others to the right, but for
// texts in the last.
func rows(b *strings.Builder, list ...[]string) {
	widths := make([]int, len(list[0]))
	for _, row := range list {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	widths[0] = max(widths[0], 12)
	for _, row := range list {
		line := " " + pad(row[0], -widths[0])
		for i, cell := range row[1:] {
			if i == len(row)-2 && strings.Contains(cell, " ") && !strings.ContainsAny(cell, "0123456789") {
				line += "   " + cell
			} else {
				line += "  " + pad(cell, widths[i+1])
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// pad fills s up to width, on the left if it is positive.
func pad(s string, width int) string {
	fill := strings.Repeat(" ", max(0, max(width, -width)-utf8.RuneCountInString(s)))
	if width < 0 {
		return s + fill
	}
	return fill + s
}

func loopWords(r *load.Result) string {
	switch {
	case r.Mode == load.ModeFind && r.Capacity != nil:
		return fmt.Sprintf("plateau at limit %d", r.Capacity.Concurrency)
	case r.Loop == load.LoopOpen:
		return "open loop, " + perS(r.Rates.OfferedPerS)
	}
	return "closed loop"
}

// unanswered counts the requests that were sent and got no answer.
func unanswered(c *load.Counts) (n uint64) {
	for _, o := range outcomesWithout(c) {
		n += c.Outcomes[o]
	}
	return n
}

// outcomesWithout lists the outcomes without an answer that there are.
func outcomesWithout(c *load.Counts) (list []load.Outcome) {
	for o := range load.Outcome(load.NumOutcomes) {
		if !o.Answered() && c.Outcomes[o] > 0 {
			list = append(list, o)
		}
	}
	return list
}

// A scale is a unit of time.
type scale struct {
	name string
	of   time.Duration
}

// timeUnit returns the unit in which the median has one to three digits before the point.
func timeUnit(h *latency.Histogram) scale {
	switch p50 := h.Quantile(0.5); {
	case p50 >= time.Second:
		return scale{"s", time.Second}
	case p50 >= time.Millisecond || p50 == 0:
		return scale{"ms", time.Millisecond}
	}
	return scale{"µs", time.Microsecond}
}

func times(name string, unit scale, h *latency.Histogram, from string) []string {
	row := []string{name}
	if h.Count() == 0 {
		return append(row, "-", "-", "-", "-", "-", "-", from)
	}
	in := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(unit.of)) }
	row = append(row, in(h.Min()))
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		low, high := h.QuantileBounds(q)
		open := ""
		if high-low > low/100 {
			open = "≥"
		}
		row = append(row, open+in(low))
	}
	return append(row, from)
}

func number(n uint64) string { return cli.Thousands(int64(n)) }

func perS(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return cli.Thousands(int64(v+0.5)) + "/s"
	case v >= 10:
		return fmt.Sprintf("%.1f/s", v)
	}
	return fmt.Sprintf("%.2f/s", v)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// honesty says whether stated waits were true, as far as that could be told.
func honesty(a *load.Advice) string {
	switch {
	case a.Judged == 0:
		return ""
	case a.TooShort+a.TooLong == 0:
		return fmt.Sprintf("; honest, all of %s judged", cli.Thousands(int64(a.Judged)))
	}
	return fmt.Sprintf("; of %s judged, %s too short and %s too long", cli.Thousands(int64(a.Judged)), cli.Thousands(int64(a.TooShort)), cli.Thousands(int64(a.TooLong)))
}

// short writes a duration with three digits and its unit.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d >= time.Microsecond:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%d ns", d)
}

func capacityWords(k *load.Capacity) string {
	s := perS(k.PerS)
	if k.PerS > 0 {
		s += fmt.Sprintf(" ±%.1f%%", 100*max(k.HighPerS-k.PerS, k.PerS-k.LowPerS)/k.PerS)
	}
	s += fmt.Sprintf("  limit %d [%d..%d]", k.Concurrency, k.LowLimit, k.HighLimit)
	if k.Base > 0 {
		s += "  base " + short(k.Base)
	}
	return s + "  converged in " + seconds(k.FoundAfter)
}

// moves tells whether the limit was found rather than given.
func moves(trace []load.TracePoint) bool {
	return slices.ContainsFunc(trace, func(p load.TracePoint) bool { return p.Limit != trace[0].Limit })
}

func limitWords(trace []load.TracePoint) string {
	low, high := trace[0].Limit, trace[0].Limit
	for _, p := range trace {
		low, high = min(low, p.Limit), max(high, p.Limit)
	}
	return fmt.Sprintf("%d at the end  [%d..%d]", trace[len(trace)-1].Limit, low, high)
}

// measuredWords is a measured value with its interval, in the unit of its kind.
func measuredWords(t load.Threshold) string {
	if !t.Measured.Known() {
		return "nothing measured"
	}
	m := t.Measured
	s := inUnit(m.Value, t.Expr.Kind)
	if low, high := inUnit(m.Low, t.Expr.Kind), inUnit(m.High, t.Expr.Kind); low != s || high != s {
		s += " [" + low + ".." + high + "]"
	}
	return s
}

func inUnit(v float64, kind stat.Kind) string {
	switch {
	case v > 1e18:
		return "∞"
	case kind == stat.Duration:
		return short(time.Duration(v))
	case kind == stat.Ratio:
		return fmt.Sprintf("%.3g%%", 100*v)
	case kind == stat.Rate:
		return perS(v)
	}
	return fmt.Sprintf("%.6g", v)
}

func clientWords(r *load.Result) string {
	c := &r.Client
	var s []string
	if cpu := r.Metric("cpu", stat.Duration); cpu.Known() {
		s = append(s, short(time.Duration(cpu.Value))+"/request")
	}
	if r.Elapsed > 0 && c.CPUs > 0 {
		s = append(s, fmt.Sprintf("%.2g of %s", c.CPU.Seconds()/r.Elapsed.Seconds(), cli.Count(int64(c.CPUs), "processor")))
	}
	if c.Busy >= 0 {
		s = append(s, fmt.Sprintf("host busy %.0f%%", 100*c.Busy))
	}
	if c.Steal >= 0 {
		s = append(s, fmt.Sprintf("steal %.0f%%", 100*c.Steal))
	}
	if r.Trusted() {
		s = append(s, "trusted")
	}
	return strings.Join(s, "  ")
}
