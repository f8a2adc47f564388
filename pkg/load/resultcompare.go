package load

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// A CompareConfig configures [Compare]. The zero value is useful.
type CompareConfig struct {
	// On are the metrics that decide; none means those of docs/result-format.md.
	On []string
	// Matters is the least relative change that must not be missed; 0 means 0.1.
	Matters float64
}

// A Change is one metric of two sets of results, compared.
type Change struct {
	Metric  string
	Kind    stat.Kind
	Decides bool
	Method  string // "pairs", "seconds", "intervals", "shares", or "none": nothing measured
	// Comparison.Change is relative, but for errors, where it is the difference of the shares.
	stat.Comparison
}

// A Comparison says whether new results are worse than those of a baseline.
type Comparison struct {
	Changes  []Change
	Verdict  stat.Verdict
	Warnings []string // what keeps it from meaning as much as it could
}

// ErrNotComparable means that results are of different modes or loops, or that there are none.
var ErrNotComparable = errors.New("not comparable")

// MinPairs is how many interleaved pairs of runs it takes to compare them as pairs.
const MinPairs = 8

const (
	compareConfidence = 0.99
	// between is by how much two runs one after the other are taken to differ for no reason, as a
	// relative standard deviation.
	between = 0.02
	// Shares of errors: what is reported as worse, and what must be ruled out.
	errorsAlarm, errorsMatter = 0.001, 0.005
)

// Compare compares the results of several runs of a new build, or of one, with those of a baseline, as
// docs/result-format.md says: best are [MinPairs] or more interleaved pairs, base new, new
// base and so on.
func Compare(base, new []*Result, cfg CompareConfig) (*Comparison, error) {
	if len(base) == 0 || len(new) == 0 {
		return nil, ErrNotComparable
	}
	base, new = slices.Clone(base), slices.Clone(new) // they will be sorted
	all := slices.Concat(base, new)
	for _, r := range all {
		if r.Mode != all[0].Mode || r.Loop != all[0].Loop {
			return nil, ErrNotComparable
		}
	}
	on := cfg.On
	if len(on) == 0 {
		on = deciding(all[0])
	}
	c := &Comparison{}
	pairs := interleaved(base, new)
	relative := 0
	for _, name := range on {
		if name != "errors" {
			relative++
		}
	}
	confidence := 1 - (1-compareConfidence)/float64(max(relative, 1))
	for _, name := range compared(all[0], on) {
		change := Change{Metric: name, Kind: Metrics(name)[0], Decides: slices.Contains(on, name)}
		config := stat.CompareConfig{Matters: cfg.Matters, Confidence: confidence, LessIsBetter: change.Kind != stat.Rate}
		if err := change.compare(base, new, pairs, config); err != nil {
			change.Method = "none"
			if change.Decides {
				c.Warnings = append(c.Warnings, fmt.Sprintf("%s was not measured on both sides", name))
				c.Changes = append(c.Changes, change)
			}
			continue
		}
		c.Changes = append(c.Changes, change)
	}
	for _, ch := range c.Changes {
		if ch.Method == "seconds" && ch.Decides && ch.Pairs < stat.MinSession {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%d seconds with answers on a side; without pairs a verdict takes %d", ch.Pairs, stat.MinSession))
			break
		}
	}
	c.warn(base, new, pairs)
	c.decide(all, pairs)
	return c, nil
}

// deciding are the metrics by which results are better or worse, unless others are named.
func deciding(r *Result) []string {
	switch {
	case r.Mode == ModeFind:
		return []string{"capacity", "errors"}
	case r.Loop == LoopClosed:
		return []string{"ok_per_s", "errors"}
	}
	return []string{"p50", "errors"}
}

// compared are the metrics that are shown, those that decide first.
func compared(r *Result, on []string) []string {
	list := slices.Clone(on)
	for _, name := range append(deciding(r), "p50", "p90", "p99", "mean", "ok_per_s") {
		if !slices.Contains(list, name) && !(name == "ok_per_s" && r.Loop == LoopOpen) {
			list = append(list, name)
		}
	}
	return list
}

// interleaved tells whether the runs are pairs that were made in turns, and sorts both by
// their starts.
func interleaved(base, new []*Result) bool {
	byStart := func(a, b *Result) int { return a.Start.Compare(b.Start) }
	slices.SortStableFunc(base, byStart)
	slices.SortStableFunc(new, byStart)
	if len(base) != len(new) || len(base) < MinPairs {
		return false
	}
	for i := range len(base) - 1 {
		end := base[i].Start
		if new[i].Start.After(end) {
			end = new[i].Start
		}
		if !base[i+1].Start.After(end) || !new[i+1].Start.After(end) {
			return false
		}
	}
	return true
}

// compare fills in the comparison of one metric.
func (c *Change) compare(base, new []*Result, pairs bool, cfg stat.CompareConfig) (err error) {
	if c.Kind == stat.Ratio {
		return c.compareShares(base, new, cfg)
	}
	switch {
	case pairs:
		c.Method = "pairs"
		c.Comparison, err = stat.ComparePaired(c.values(base), c.values(new), cfg)
	case base[0].Mode == ModeFind || c.seconds(base) == nil:
		c.Method = "intervals"
		cfg.Between = between
		c.Comparison, err = stat.CompareIntervals(c.interval(base, cfg.Confidence), c.interval(new, cfg.Confidence), cfg)
	default:
		c.Method = "seconds"
		cfg.Between = between / math.Sqrt(float64(min(len(base), len(new))))
		a, b := c.seconds(base), c.seconds(new)
		if len(base) == 1 && len(new) == 1 && len(a) == len(b) {
			c.Comparison, err = stat.CompareSeries(a, b, cfg) // the same schedule, second by second
		} else {
			c.Comparison, err = stat.Compare(a, b, cfg)
		}
	}
	return err
}

// values returns the metric of each run.
func (c *Change) values(list []*Result) (values []float64) {
	for _, r := range list {
		values = append(values, r.value(c.Metric, c.Kind))
	}
	return values
}

// value is Metric without its interval, which takes long.
func (r *Result) value(name string, kind stat.Kind) float64 {
	if of, q, ok := quantileName(name); ok {
		switch of {
		case "response":
			return float64(r.Response.Quantile(q))
		case "service":
			return float64(r.Service.Quantile(q))
		}
		return float64(r.Lag.Quantile(q))
	}
	return r.Metric(name, kind).Value
}

// interval returns the metric of all runs of a side with its interval.
func (c *Change) interval(list []*Result, confidence float64) stat.Interval {
	if len(list) > 1 {
		return stat.Mean(c.values(list), confidence)
	}
	i := list[0].Metric(c.Metric, c.Kind)
	// From 95 % to more, as if it were normal, in logarithms.
	wider := math.Erfinv(confidence) / math.Erfinv(0.95)
	if !(i.Low > 0) || math.IsInf(i.High, 0) {
		return stat.Interval{Value: i.Value, Low: math.Inf(-1), High: math.Inf(1)}
	}
	return stat.Interval{Value: i.Value, Low: i.Value * math.Pow(i.Low/i.Value, wider), High: i.Value * math.Pow(i.High/i.Value, wider)}
}

// seconds returns the metric of each whole second of the runs; nil if it has none.
func (c *Change) seconds(list []*Result) (values []float64) {
	for _, r := range list {
		for i := range min(int(r.Window/time.Second), len(r.Seconds)) {
			v, ok := r.Seconds[i].value(c.Metric)
			if !ok {
				return nil
			}
			if v > 0 {
				values = append(values, v)
			}
		}
	}
	return values
}

// value returns a metric of one second, and whether seconds have it; 0 if nothing happened.
func (s *Second) value(name string) (float64, bool) {
	if name == "ok_per_s" {
		return float64(s.Outcomes[OK]), true
	}
	of, q, quantile := quantileName(name)
	encoded := s.Response
	if of == "service" || name == "service_mean" {
		encoded = s.Service
	}
	if of == "lag" || !quantile && name != "mean" && name != "service_mean" {
		return 0, false
	}
	var h latency.Histogram
	addEncoded(&h, encoded)
	if quantile {
		return float64(h.Quantile(q)), true
	}
	return float64(h.Mean()), true
}

// compareShares compares shares of requests, which are often none: by their difference, with the interval
// of R. G. Newcombe's hybrid score method ("Interval estimation for the difference between independent
// proportions", Statistics in Medicine 17, 1998, method 10) around intervals that
// respect that requests of one second share their fate.
func (c *Change) compareShares(base, new []*Result, cfg stat.CompareConfig) error {
	c.Method = "shares"
	a, b := c.share(base), c.share(new)
	if !a.Known() || !b.Known() {
		return ErrNotComparable
	}
	// The intervals are of 95 %.
	wider := math.Erfinv(cfg.Confidence) / math.Erfinv(0.95)
	d := b.Value - a.Value
	c.Comparison = stat.Comparison{Base: a.Value, New: b.Value, P: math.NaN(), Confidence: cfg.Confidence, Pairs: min(len(base), len(new)), Change: stat.Interval{
		Value: d, Low: d - wider*math.Hypot(b.Value-b.Low, a.High-a.Value), High: d + wider*math.Hypot(b.High-b.Value, a.Value-a.Low)}}
	switch i := c.Change; {
	case a.Value == 0 && b.Value == 0:
		c.Comparison.Verdict = stat.Same
	case i.Value >= errorsAlarm && i.Low > 0:
		c.Comparison.Verdict = stat.Worse
	case i.Value <= -errorsAlarm && i.High < 0:
		c.Comparison.Verdict = stat.Better
	case i.Low > -errorsMatter && i.High < errorsMatter:
		c.Comparison.Verdict = stat.Same
	}
	return nil
}

// share returns the share of all runs of a side.
func (c *Change) share(list []*Result) stat.Interval {
	all := &Result{Mode: list[0].Mode}
	for _, r := range list {
		all.Requests.Add(r.Requests)
		all.Seconds = append(all.Seconds, r.Seconds...)
	}
	if c.Metric == "rate_error" {
		return stat.Nothing
	}
	return all.share(c.Metric)
}

// warn says what speaks against the comparison.
func (c *Comparison) warn(base, new []*Result, pairs bool) {
	add := func(format string, args ...any) { c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...)) }
	if !pairs {
		add("not %d or more runs of each side in turns: differences between runs as such are guessed to be %.0f %%", MinPairs, 100*between)
	}
	first := base[0]
	for _, r := range slices.Concat(base, new) {
		if r.Machine.CPU != first.Machine.CPU || r.Machine.CPUs != first.Machine.CPUs || r.Machine.Arch != first.Machine.Arch {
			add("the clients ran on different machines")
			break
		}
	}
	for _, r := range slices.Concat(base, new) {
		if name := differs(first, r); name != "" {
			add("they differ in --%s", name)
			break
		}
	}
	n := 0
	for _, r := range slices.Concat(base, new) {
		if !r.Trusted() {
			n++
		}
	}
	if n > 0 {
		add("the figures of %d of %d runs cannot be trusted by themselves", n, len(base)+len(new))
	}
}

// differs returns the name of a setting, but for those that two builds differ in anyway, that
// the results do not share.
func differs(a, b *Result) string {
	for _, s := range a.Settings {
		i := slices.IndexFunc(b.Settings, func(o Setting) bool { return o.Name == s.Name })
		if !slices.Contains([]string{"seed", "save", "resolve", "output"}, s.Name) && (i < 0 || b.Settings[i].Value != s.Value) {
			return s.Name
		}
	}
	if len(a.Settings) != len(b.Settings) {
		return differs(b, a)
	}
	return ""
}

// decide sums up what the deciding changes say. Without pairs, figures that cannot be trusted
// decide nothing: with pairs, what was in the way was in the way of both.
func (c *Comparison) decide(all []*Result, pairs bool) {
	count := map[stat.Verdict]int{}
	for _, change := range c.Changes {
		if change.Decides {
			count[change.Verdict]++
		}
	}
	trusted := pairs || !slices.ContainsFunc(all, func(r *Result) bool { return !r.Trusted() })
	switch {
	case count[stat.Worse] > 0 && trusted:
		c.Verdict = stat.Worse
	case count[stat.Undecided] > 0 || !trusted:
		c.Verdict = stat.Undecided
	case count[stat.Better] > 0:
		c.Verdict = stat.Better
	default:
		c.Verdict = stat.Same
	}
	if c.Verdict == stat.Undecided && trusted && pairs {
		c.Warnings = append(c.Warnings, "where other work disturbs all but the fastest requests, let min decide: what a request takes by itself")
	}
}
