package load

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	resultMagic   = "\x89FLR\r\n\x1a\n"
	resultVersion = 1

	flagStopped     = 1 << 0
	flagSameService = 1 << 1

	maxResult   = 256 << 20 // bytes
	maxText     = 1 << 16
	maxHist     = 1 << 18
	maxSettings = 1000
	maxTrace    = 1 << 20
	maxReasons  = 100
	maxParts    = 10_000
)

// AppendBinary appends r in the format of docs/result-format.md to b. Texts that are too long are
// cut, times and counts that make no sense are left out: what is written can be read.
func (r *Result) AppendBinary(b []byte) ([]byte, error) {
	first := len(b)
	w := writer{append(b, resultMagic...)}
	w.n(resultVersion)
	w.bool(r.Mode == ModeFind)
	w.bool(r.Loop == LoopOpen)
	same := r.sameService()
	flags := uint64(0)
	if r.Stopped {
		flags |= flagStopped
	}
	if same {
		flags |= flagSameService
	}
	w.n(flags)
	w.n(uint64(min(max(r.Parts, 1), maxParts)))
	w.text(r.Target, r.Engine, r.Protocol)
	w.b = binary.AppendUvarint(w.b, r.Seed)
	w.ns(time.Duration(max(r.Start.UnixNano(), 0)), r.Warmup, r.Window, r.Elapsed)
	settings := slices.DeleteFunc(slices.Clone(r.Settings), func(s Setting) bool { return s.Name == "" })
	w.each(len(settings), maxSettings, func(i int) { w.text(settings[i].Name, settings[i].Value) })
	w.text(r.Machine.OS, r.Machine.Arch, r.Machine.CPU)
	w.n(uint64(max(r.Machine.CPUs, 0)))
	w.text(r.Machine.Go, r.Machine.Program)
	w.rate(r.Rates.OfferedPerS, r.Rates.SentPerS, r.Rates.OKPerS)
	w.bytes(encode(&r.Lag))
	if r.Mode == ModeFind {
		w.bytes(encode(&r.Response))
		w.bytes(encode(&r.Service))
	}
	w.each(len(r.Seconds), maxSeconds, func(i int) { w.second(&r.Seconds[i], same) })
	w.trace(r.Trace)
	w.capacity(r.Capacity)
	w.n(r.Advice.RetryAfter)
	w.n(r.Advice.RateLimit)
	w.ns(r.Advice.Least, r.Advice.Most, r.Advice.Sum)
	w.n(r.Advice.Judged)
	w.n(r.Advice.TooShort)
	w.n(r.Advice.TooLong)
	status := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Status)), func(code int) bool {
		return code < 100 || code > 999 || r.Status[code] == 0
	})
	w.each(len(status), 900, func(i int) {
		w.n(uint64(status[i]))
		w.n(r.Status[status[i]])
	})
	kinds := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Examples)), func(o Outcome) bool { return int(o) >= NumOutcomes })
	w.each(len(kinds), NumOutcomes, func(i int) {
		w.n(uint64(kinds[i]))
		w.text(r.Examples[kinds[i]])
	})
	w.n(r.BytesIn)
	w.n(r.BytesOut)
	w.n(r.Connects)
	w.ns(r.Client.CPU)
	w.n(uint64(max(r.Client.CPUs, 0)))
	w.shareOrNone(r.Client.Busy)
	w.shareOrNone(r.Client.Steal)
	w.each(len(r.Client.Reasons), maxReasons, func(i int) { w.text(r.Client.Reasons[i]) })
	w.each(len(r.Thresholds), maxSettings, func(i int) {
		w.bool(r.Thresholds[i].Require)
		w.text(r.Thresholds[i].Expr.Text)
	})
	sum := sha256.Sum256(w.b[first:])
	return append(w.b, sum[:]...), nil
}

// sameService tells whether no second's service times differ from its response times.
func (r *Result) sameService() bool {
	return !slices.ContainsFunc(r.Seconds, func(s Second) bool { return !bytes.Equal(s.Response, s.Service) })
}

type writer struct{ b []byte }

func (w *writer) n(v uint64) { w.b = binary.AppendUvarint(w.b, min(v, math.MaxInt64)) }

func (w *writer) bool(v bool) { w.b = append(w.b, byte(boolNumber(v))) }

func boolNumber(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func (w *writer) ns(list ...time.Duration) {
	for _, d := range list {
		w.n(uint64(max(d, 0)))
	}
}

func (w *writer) text(list ...string) {
	for _, s := range list {
		s = validText(s)
		w.n(uint64(len(s)))
		w.b = append(w.b, s...)
	}
}

func (w *writer) bytes(b []byte) {
	w.n(uint64(len(b)))
	w.b = append(w.b, b...)
}

func (w *writer) float(v float64) { w.b = binary.BigEndian.AppendUint64(w.b, math.Float64bits(v)) }

// rate writes numbers that are at least 0; anything else becomes 0.
func (w *writer) rate(list ...float64) {
	for _, v := range list {
		if !(v > 0) || math.IsInf(v, 0) {
			v = 0
		}
		w.float(v)
	}
}

func (w *writer) shareOrNone(v float64) {
	if !(v >= 0) {
		w.float(-1)
		return
	}
	w.float(min(v, 1) + 0) // no negative zero
}

func (w *writer) each(n, most int, item func(i int)) {
	n = min(n, most)
	w.n(uint64(n))
	for i := range n {
		item(i)
	}
}

func (w *writer) second(s *Second, same bool) {
	for _, v := range []uint64{s.Offered, s.Sent, s.Dropped, s.Late} {
		w.n(v)
	}
	for _, v := range s.Outcomes {
		w.n(v)
	}
	w.bytes(s.Response)
	if !same {
		w.bytes(s.Service)
	}
}

func (w *writer) trace(points []TracePoint) {
	points = slices.SortedStableFunc(slices.Values(points), func(a, b TracePoint) int { return cmp.Compare(a.T, b.T) })
	last := time.Duration(0)
	w.each(len(points), maxTrace, func(i int) {
		p := points[i]
		t := max(p.T, 0)
		w.ns(t - last)
		last = t
		w.n(uint64(max(p.Limit, 0)))
		w.n(uint64(max(p.InFlight, 0)))
		w.rate(p.OKPerS)
	})
}

func (w *writer) capacity(c *Capacity) {
	if c == nil {
		w.n(0)
		return
	}
	w.n(1)
	per := finite(c.PerS)
	w.rate(per, min(finite(c.LowPerS), per), max(finite(c.HighPerS), per))
	n := max(c.Concurrency, 0)
	w.n(uint64(n))
	w.n(uint64(min(max(c.LowLimit, 0), n)))
	w.n(uint64(max(c.HighLimit, n)))
	w.ns(c.Base, c.FoundAfter)
}

func finite(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, math.MaxFloat64)
}
