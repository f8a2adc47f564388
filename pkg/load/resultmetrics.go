package load

import (
	"math"
	"strconv"
	"strings"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// Metrics returns the kinds of values that a metric of thresholds has; none if there is no
// such metric. docs/result-format.md lists them.
func Metrics(name string) []stat.Kind {
	if _, _, ok := quantileName(name); ok {
		return []stat.Kind{stat.Duration}
	}
	switch name {
	case "min", "mean", "max", "service_min", "service_mean", "service_max", "cpu":
		return []stat.Kind{stat.Duration}
	case "errors", "rate_error":
		return []stat.Kind{stat.Ratio}
	case "ok_per_s", "sent_per_s", "offered_per_s", "capacity":
		return []stat.Kind{stat.Rate}
	case "offered", "sent", "concurrency":
		return []stat.Kind{stat.Number}
	case "dropped", "late":
		return []stat.Kind{stat.Number, stat.Ratio}
	}
	if _, ok := outcomeNamed(name); ok {
		return []stat.Kind{stat.Number, stat.Ratio}
	}
	return nil
}

// quantileName splits names such as "p99", "p99.9", "service_p50" and "lag_p99". As in JSON,
// p999 is 99.9 %.
func quantileName(name string) (of string, q float64, ok bool) {
	of = "response"
	for _, prefix := range []string{"service", "lag", "response"} {
		if rest, found := strings.CutPrefix(name, prefix+"_"); found {
			of, name = prefix, rest
			break
		}
	}
	digits, found := strings.CutPrefix(name, "p")
	if !found || len(digits) < 2 || len(digits) > 7 {
		return "", 0, false
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if !point {
		whole, fraction = digits[:2], digits[2:]
	}
	if len(whole) != 2 || point && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", 0, false
	}
	q, err := strconv.ParseFloat("0."+whole+fraction, 64)
	return of, q, err == nil
}

func outcomeNamed(name string) (Outcome, bool) {
	for i, n := range outcomeNames {
		if n == name {
			return Outcome(i), true
		}
	}
	return 0, false
}

// Metric returns what was measured of a metric, in the unit of kind, with its 95 % interval. It is
// [stat.Nothing] if there are no data.
func (r *Result) Metric(name string, kind stat.Kind) stat.Interval {
	if of, q, ok := quantileName(name); ok {
		return r.quantile(of, q)
	}
	if kind == stat.Ratio && name != "rate_error" {
		return r.share(name)
	}
	if r.Requests.Offered == 0 {
		return stat.Nothing
	}
	service := r.Service.Count() > 0
	switch name {
	case "min":
		return ofHistogram(&r.Response, r.Response.Min())
	case "max":
		return ofHistogram(&r.Response, r.Response.Max())
	case "service_min":
		return ofHistogram(&r.Service, r.Service.Min())
	case "service_max":
		return ofHistogram(&r.Service, r.Service.Max())
	case "mean":
		return r.mean(&r.Response, func(s *Second) []byte { return s.Response })
	case "service_mean":
		return r.mean(&r.Service, func(s *Second) []byte { return s.Service })
	case "cpu":
		if !service || r.Client.CPU <= 0 {
			return stat.Nothing
		}
		return stat.Exactly(float64(r.Client.CPU) / float64(r.Requests.Sent))
	case "rate_error":
		e, ok := r.RateError()
		if !ok {
			return stat.Nothing
		}
		return stat.Exactly(math.Abs(e))
	case "ok_per_s":
		return r.perSecond(r.Rates.OKPerS, func(c *Counts) uint64 { return c.Outcomes[OK] })
	case "sent_per_s":
		return stat.Exactly(r.Rates.SentPerS)
	case "offered_per_s":
		return stat.Exactly(r.Rates.OfferedPerS)
	case "capacity":
		if r.Capacity == nil {
			return stat.Nothing
		}
		return stat.Interval{Value: r.Capacity.PerS, Low: r.Capacity.LowPerS, High: r.Capacity.HighPerS}
	case "concurrency":
		if r.Capacity == nil {
			return stat.Nothing
		}
		return stat.Interval{Value: float64(r.Capacity.Concurrency), Low: float64(r.Capacity.LowLimit), High: float64(r.Capacity.HighLimit)}
	}
	n, ok := r.count(name)
	if !ok {
		return stat.Nothing
	}
	return stat.Exactly(float64(n(&r.Requests)))
}

// count returns what counts the requests that name speaks of.
func (r *Result) count(name string) (func(*Counts) uint64, bool) {
	switch name {
	case "errors":
		return (*Counts).Failed, true
	case "offered":
		return func(c *Counts) uint64 { return c.Offered }, true
	case "sent":
		return func(c *Counts) uint64 { return c.Sent }, true
	case "dropped":
		return func(c *Counts) uint64 { return c.Dropped }, true
	case "late":
		return func(c *Counts) uint64 { return c.Late }, true
	}
	o, ok := outcomeNamed(name)
	return func(c *Counts) uint64 { return c.Outcomes[o] }, ok
}

func ofHistogram(h *latency.Histogram, d time.Duration) stat.Interval {
	if h.Count() == 0 {
		return stat.Nothing
	}
	return stat.Exactly(float64(d))
}

// share returns the share of the requests offered that name speaks of. Requests of one second may
// share their fate, so the interval is at least that of the seconds.
func (r *Result) share(name string) stat.Interval {
	n, ok := r.count(name)
	if !ok || r.Requests.Offered == 0 {
		return stat.Nothing
	}
	i := stat.Proportion(n(&r.Requests), r.Requests.Offered, confidence)
	blocks := r.blocks()
	if len(blocks) < minBlocks {
		return i
	}
	return i.Hull(stat.Bootstrap(len(blocks), func(pick []int) float64 {
		var part, whole float64
		for _, b := range pick {
			part += float64(blocks[b].tally(n))
			whole += float64(blocks[b].tally((*Counts).Done))
		}
		return part / whole
	}, stat.BootstrapConfig{Confidence: confidence}).Within(0, 1))
}

// perSecond returns a rate with the interval of the whole seconds of the window; in find, whose
// rates are of the plateau, with that of the capacity.
func (r *Result) perSecond(rate float64, n func(*Counts) uint64) stat.Interval {
	if r.Mode == ModeFind {
		i := stat.Exactly(rate)
		if c := r.Capacity; c != nil {
			i = i.Hull(stat.Interval{Low: c.LowPerS, High: c.HighPerS})
		}
		return i
	}
	whole := min(int(r.Window/time.Second), len(r.Seconds))
	var values []float64
	for i := range whole {
		values = append(values, float64(n(&r.Seconds[i].Counts)))
	}
	if len(values) < minBlocks {
		half := 1.96 * math.Sqrt(float64(n(&r.Requests))) / math.Max(r.Window.Seconds(), 1e-9)
		return stat.Interval{Value: rate, Low: math.Max(0, rate-half), High: rate + half}
	}
	i := stat.Mean(values, confidence)
	return stat.Interval{Value: rate, Low: math.Min(rate, i.Low), High: math.Max(rate, i.High)}
}
