package load

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"cqkit/pkg/latency"
)

// ErrNotMergeable means that results are not parts of one run: of find, of different loops, or
// of times that do not overlap.
var ErrNotMergeable = errors.New("not parts of one run")

// Merge returns the result of all parts of one distributed run together, as
// docs/result-format.md says. It does not change the parts.
func Merge(parts ...*Result) (*Result, error) {
	if len(parts) == 0 {
		return nil, ErrNotMergeable
	}
	for _, a := range parts {
		for _, b := range parts {
			apart := a.Start.Sub(b.Start).Abs()
			if a.Mode != ModeRun || a.Loop != parts[0].Loop || a != b && apart >= min(a.Window, b.Window) {
				return nil, ErrNotMergeable
			}
		}
	}
	first := parts[0]
	m := &Result{Mode: ModeRun, Loop: first.Loop, Seed: first.Seed, Start: first.Start, Machine: first.Machine,
		Advice: Advice{Least: first.Advice.Least}, Client: Client{Busy: -1, Steal: -1}}
	for _, p := range parts {
		m.Parts += max(p.Parts, 1)
		m.Stopped = m.Stopped || p.Stopped
		if p.Start.Before(m.Start) {
			m.Start = p.Start
		}
		m.Warmup, m.Window, m.Elapsed = max(m.Warmup, p.Warmup), max(m.Window, p.Window), max(m.Elapsed, p.Elapsed)
		m.Rates.OfferedPerS += p.Rates.OfferedPerS
		m.Rates.SentPerS += p.Rates.SentPerS
		m.Rates.OKPerS += p.Rates.OKPerS
		m.Requests.Add(p.Requests)
		m.Response.Add(&p.Response)
		m.Service.Add(&p.Service)
		m.Lag.Add(&p.Lag)
		m.Advice.add(p.Advice)
		m.BytesIn, m.BytesOut, m.Connects = m.BytesIn+p.BytesIn, m.BytesOut+p.BytesOut, m.Connects+p.Connects
		for code, n := range p.Status {
			if m.Status == nil {
				m.Status = map[int]uint64{}
			}
			m.Status[code] += n
		}
		for o, text := range p.Examples {
			if m.Examples == nil {
				m.Examples = map[Outcome]string{}
			}
			if m.Examples[o] == "" {
				m.Examples[o] = text
			}
		}
		m.Client.add(p.Client)
	}
	m.Target = joined(parts, func(r *Result) string { return r.Target })
	m.Engine = joined(parts, func(r *Result) string { return r.Engine })
	m.Protocol = joined(parts, func(r *Result) string { return r.Protocol })
	m.Settings = mergeSettings(parts)
	m.Seconds = mergeSeconds(parts)
	m.Trace = mergeTraces(parts)
	for _, t := range first.Thresholds {
		t.Measured = m.Metric(t.Expr.Name, t.Expr.Kind)
		t.State = t.Expr.Judge(t.Measured, t.Require)
		m.Thresholds = append(m.Thresholds, t)
	}
	return m, nil
}

func (a *Advice) add(o Advice) {
	if o.RetryAfter > 0 && (a.RetryAfter == 0 || o.Least < a.Least) {
		a.Least = o.Least
	}
	a.RetryAfter += o.RetryAfter
	a.RateLimit += o.RateLimit
	a.Most = max(a.Most, o.Most)
	a.Sum += o.Sum
	a.Judged += o.Judged
	a.TooShort += o.TooShort
	a.TooLong += o.TooLong
}

func (c *Client) add(o Client) {
	c.CPU += o.CPU
	c.CPUs += o.CPUs
	c.Busy, c.Steal = max(c.Busy, o.Busy), max(c.Steal, o.Steal)
	for _, reason := range o.Reasons {
		if !slices.Contains(c.Reasons, reason) {
			c.Reasons = append(c.Reasons, reason)
		}
	}
}

// joined returns the different texts of the parts.
func joined(parts []*Result, text func(*Result) string) string {
	var list []string
	for _, p := range parts {
		if s := text(p); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return strings.Join(list, " | ")
}

func mergeSettings(parts []*Result) []Setting {
	var list []Setting
	for _, p := range parts {
		for _, s := range p.Settings {
			i := slices.IndexFunc(list, func(o Setting) bool { return o.Name == s.Name })
			switch {
			case i < 0:
				list = append(list, s)
			case !slices.Contains(strings.Split(list[i].Value, " | "), s.Value):
				list[i].Value += " | " + s.Value
			}
		}
	}
	return list
}

func mergeSeconds(parts []*Result) []Second {
	n := 0
	for _, p := range parts {
		n = max(n, len(p.Seconds))
	}
	list := make([]Second, n)
	for i := range list {
		var response, service latency.Histogram
		for _, p := range parts {
			if i < len(p.Seconds) {
				s := &p.Seconds[i]
				list[i].Add(s.Counts)
				addEncoded(&response, s.Response)
				addEncoded(&service, s.Service)
			}
		}
		list[i].Response, list[i].Service = encode(&response), encode(&service)
	}
	return list
}

// mergeTraces adds what the parts last said, at every time at which one said something.
func mergeTraces(parts []*Result) []TracePoint {
	type event struct {
		part  int
		point TracePoint
	}
	var events []event
	for i, p := range parts {
		for _, point := range p.Trace {
			events = append(events, event{i, point})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.point.T, b.point.T) })
	last := make([]TracePoint, len(parts))
	var list []TracePoint
	for i, e := range events {
		last[e.part] = e.point
		if i+1 < len(events) && events[i+1].point.T == e.point.T {
			continue
		}
		sum := TracePoint{T: e.point.T}
		for _, p := range last {
			sum.Limit += p.Limit
			sum.InFlight += p.InFlight
			sum.OKPerS += p.OKPerS
		}
		list = append(list, sum)
	}
	return list
}
