package load

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// A ResultError says where a saved result is wrong.
type ResultError struct {
	Offset  int // bytes from the beginning
	Problem string
}

func (e *ResultError) Error() string {
	return fmt.Sprintf("saved result, byte %d: %s", e.Offset, e.Problem)
}

// ReadResult reads a result in the format of docs/result-format.md to the end of rd. What the
// format does not allow is a [*ResultError]; other errors are rd's. Thresholds are judged
// anew. It takes memory in proportion to the file, at most some 256 MiB.
func ReadResult(rd io.Reader) (*Result, error) {
	data, err := io.ReadAll(io.LimitReader(rd, maxResult+1))
	if err != nil {
		return nil, err
	}
	p := reader{data: data}
	r := p.result()
	if p.err != nil {
		return nil, p.err
	}
	for i, t := range r.Thresholds {
		t.Measured = r.Metric(t.Expr.Name, t.Expr.Kind)
		t.State = t.Expr.Judge(t.Measured, t.Require)
		r.Thresholds[i] = t
	}
	return r, nil
}

// validText returns s without what is not UTF-8, cut to what a file may hold.
func validText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") // may end inside a character
}

// A reader reads fields until one is wrong; after that everything is zero.
type reader struct {
	data []byte
	at   int
	err  error
}

func (p *reader) fail(problem string) {
	if p.err == nil {
		p.err = &ResultError{p.at, problem}
	}
}

// u reads a number in its shortest form.
func (p *reader) u() uint64 {
	if p.err != nil {
		return 0
	}
	v, n := binary.Uvarint(p.data[p.at:])
	switch {
	case n == 0:
		p.fail("it ends inside a number")
		return 0
	case n < 0 || n > 1 && p.data[p.at+n-1] == 0:
		p.fail("a number that is too large or not in its shortest form")
		return 0
	}
	p.at += n
	return v
}

// n reads a number up to most.
func (p *reader) n(most uint64) uint64 {
	at := p.at
	v := p.u()
	if v > most {
		p.at = at
		p.fail(fmt.Sprintf("%d where at most %d is allowed", v, most))
		return 0
	}
	return v
}

func (p *reader) count() uint64 { return p.n(math.MaxInt64) }

func (p *reader) number() int { return int(p.n(math.MaxInt32)) }

func (p *reader) ns() time.Duration { return time.Duration(p.count()) }

func (p *reader) take(n int) []byte {
	if p.err == nil && n > len(p.data)-p.at {
		p.fail("it ends too early")
	}
	if p.err != nil {
		return nil
	}
	b := p.data[p.at : p.at+n]
	p.at += n
	return b
}

func (p *reader) text() string {
	s := string(p.take(int(p.n(maxText))))
	if !utf8.ValidString(s) {
		p.fail("a text that is not UTF-8")
	}
	return s
}

// float reads a finite number of at least low and at most high.
func (p *reader) float(low, high float64) float64 {
	b := p.take(8)
	if b == nil {
		return 0
	}
	v := math.Float64frombits(binary.BigEndian.Uint64(b))
	if !(v >= low && v <= high) || v == 0 && math.Signbit(v) {
		p.at -= 8
		p.fail("a number out of its range")
		return 0
	}
	return v
}

func (p *reader) rate() float64 { return p.float(0, math.MaxFloat64) }

// shareOrNone reads a share, or -1.
func (p *reader) shareOrNone() float64 {
	v := p.float(-1, 1)
	if v < 0 && v != -1 {
		p.fail("a share below zero")
	}
	return v
}

// each reads a number of items, each of which takes at least size bytes.
func (p *reader) each(most, size int, item func()) {
	n := int(p.n(uint64(most)))
	if n > (len(p.data)-p.at)/size {
		p.fail("more items than there are bytes for")
	}
	for i := 0; i < n && p.err == nil; i++ {
		item()
	}
}

// histogram reads a histogram and adds it to the totals.
func (p *reader) histogram(totals ...*latency.Histogram) []byte {
	at := p.at
	b := p.take(int(p.n(maxHist)))
	if len(b) == 0 {
		return nil
	}
	var h latency.Histogram
	if err := h.UnmarshalBinary(b); err != nil || h.Count() == 0 {
		p.at = at
		p.fail(fmt.Sprintf("no histogram: %v", err))
		return nil
	}
	for _, total := range totals {
		total.Add(&h)
	}
	return b
}

func (p *reader) result() *Result {
	r := &Result{}
	if len(p.data) > maxResult {
		p.at = maxResult
		p.fail("it is longer than 256 MiB")
		return r
	}
	if string(p.take(len(resultMagic))) != resultMagic {
		p.at, p.err = 0, nil
		p.fail("no saved result of flowload")
		return r
	}
	if p.n(math.MaxInt64) != resultVersion {
		p.fail("a version that is not known here")
		return r
	}
	body := len(p.data) - sha256.Size
	if body < p.at || sha256.Sum256(p.data[:body]) != [sha256.Size]byte(p.data[body:]) {
		p.fail("its checksum is wrong: it is damaged or cut short")
		return r
	}
	p.data = p.data[:body]
	flags := p.head(r)
	p.body(r, flags&flagSameService != 0)
	p.rest(r)
	if p.err == nil && p.at < len(p.data) {
		p.fail("bytes after the end")
	}
	if p.err == nil {
		if err := r.Requests.check(); err != nil {
			p.fail(err.Error())
		}
		if done := r.Requests.Done(); r.Response.Count() > done || r.Service.Count() > done {
			p.fail("more times than requests")
		}
	}
	return r
}

func (p *reader) head(r *Result) (flags uint64) {
	r.Mode = []string{ModeRun, ModeFind}[p.n(1)]
	r.Loop = []string{LoopClosed, LoopOpen}[p.n(1)]
	flags = p.n(flagStopped | flagSameService)
	r.Stopped = flags&flagStopped != 0
	if r.Parts = int(p.n(maxParts)); r.Parts == 0 {
		p.fail("no parts")
	}
	r.Target, r.Engine, r.Protocol = p.text(), p.text(), p.text()
	r.Seed = p.u()
	r.Start = time.Unix(0, int64(p.ns())).UTC()
	r.Warmup, r.Window, r.Elapsed = p.ns(), p.ns(), p.ns()
	p.each(maxSettings, 2, func() {
		s := Setting{p.text(), p.text()}
		if s.Name == "" {
			p.fail("a setting without a name")
		}
		r.Settings = append(r.Settings, s)
	})
	r.Machine = Machine{OS: p.text(), Arch: p.text(), CPU: p.text(), CPUs: p.number(), Go: p.text(), Program: p.text()}
	r.Rates = Rates{p.rate(), p.rate(), p.rate()}
	return flags
}

func (p *reader) body(r *Result, same bool) {
	p.histogram(&r.Lag)
	totals := []*latency.Histogram{&r.Response, &r.Service}
	if r.Mode == ModeFind {
		p.histogram(&r.Response)
		p.histogram(&r.Service)
		totals = []*latency.Histogram{{}, {}}
	}
	p.each(maxSeconds, 4+NumOutcomes+1, func() {
		var s Second
		s.Offered, s.Sent, s.Dropped, s.Late = p.count(), p.count(), p.count(), p.count()
		for i := range s.Outcomes {
			s.Outcomes[i] = p.count()
		}
		if same {
			s.Response = p.histogram(totals...)
			s.Service = s.Response
		} else {
			s.Response, s.Service = p.histogram(totals[0]), p.histogram(totals[1])
		}
		if r.Requests.overflows(&s.Counts) {
			p.fail("more requests than can be counted")
		}
		r.Requests.Add(s.Counts)
		r.Seconds = append(r.Seconds, s)
	})
	if p.err == nil && !same && r.sameService() {
		p.fail("service times that should have been left out")
	}
	at := time.Duration(0)
	p.each(maxTrace, 11, func() {
		step := p.ns()
		if at+step < at {
			p.fail("a time beyond all")
		}
		at += step
		r.Trace = append(r.Trace, TracePoint{at, p.number(), p.number(), p.rate()})
	})
}

// overflows tells whether adding o would pass 2^63.
func (c *Counts) overflows(o *Counts) bool {
	sum := *c
	sum.Add(*o)
	over := sum.Offered|sum.Sent|sum.Dropped|sum.Late > math.MaxInt64
	for _, n := range sum.Outcomes {
		over = over || n > math.MaxInt64
	}
	return over || sum.Done() > math.MaxInt64
}

func (p *reader) rest(r *Result) {
	if p.n(1) == 1 {
		c := &Capacity{PerS: p.rate(), LowPerS: p.rate(), HighPerS: p.rate(), Concurrency: p.number(), LowLimit: p.number(), HighLimit: p.number(),
			Base: p.ns(), FoundAfter: p.ns()}
		if c.LowPerS > c.PerS || c.HighPerS < c.PerS || c.LowLimit > c.Concurrency || c.HighLimit < c.Concurrency {
			p.fail("a capacity outside of its bounds")
		}
		r.Capacity = c
	}
	r.Advice = Advice{RetryAfter: p.count(), RateLimit: p.count(), Least: p.ns(), Most: p.ns(), Sum: p.ns(),
		Judged: p.count(), TooShort: p.count(), TooLong: p.count()}
	if a := &r.Advice; a.Judged > a.RetryAfter || a.TooShort > a.Judged || a.TooLong > a.Judged-a.TooShort {
		p.fail("more waits judged than were stated")
	}
	last := 99
	p.each(900, 2, func() {
		code, n := int(p.n(999)), p.count()
		if code <= last || n == 0 {
			p.fail("status codes out of order, or without answers")
		}
		if r.Status == nil {
			r.Status = map[int]uint64{}
		}
		last = code
		r.Status[code] = n
	})
	next := 0
	p.each(NumOutcomes, 2, func() {
		o := int(p.n(uint64(NumOutcomes - 1)))
		if o < next {
			p.fail("examples out of order")
		}
		if r.Examples == nil {
			r.Examples = map[Outcome]string{}
		}
		next = o + 1
		r.Examples[Outcome(o)] = p.text()
	})
	r.BytesIn, r.BytesOut, r.Connects = p.count(), p.count(), p.count()
	r.Client = Client{CPU: p.ns(), CPUs: p.number(), Busy: p.shareOrNone(), Steal: p.shareOrNone()}
	p.each(maxReasons, 1, func() { r.Client.Reasons = append(r.Client.Reasons, p.text()) })
	p.each(maxSettings, 2, func() {
		require := p.n(1) == 1
		text := p.text()
		if p.err != nil {
			return
		}
		e, err := stat.Parse(text, Metrics)
		if err != nil || e.Text != text {
			p.fail("a threshold that cannot be read")
		}
		r.Thresholds = append(r.Thresholds, Threshold{Expr: e, Require: require})
	})
}
