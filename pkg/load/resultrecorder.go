package load

import (
	"math"
	"time"

	"cqkit/pkg/latency"
)

// maxSeconds bounds a run: 36 hours. What comes later counts in its last second.
const maxSeconds = 1 << 17

// keptBytes is how many bytes of closed histograms a recorder keeps; with more, it takes
// neighbours together.
const keptBytes = 512 << 10

// A Recorder takes down what happens in one loop of the engine, in fixed memory besides 144
// bytes a second: it has a histogram a second while they fit in half a megabyte, which is over a
// minute at 20,000 requests a second, then one every two seconds, every four and so on. Times are since the start; negative ones count as 0. A
// Recorder is for one goroutine; [NewResult] puts several together.
type Recorder struct {
	seconds  []Counts
	response series
	service  series
	dropped  series
	lag      latency.Histogram
}

// second returns the counts of the second of t.
func (r *Recorder) second(t time.Duration) *Counts {
	i := secondOf(t)
	if len(r.seconds) <= i {
		r.seconds = append(r.seconds, make([]Counts, i+1-len(r.seconds))...)
		r.bound()
	}
	return &r.seconds[i]
}

func secondOf(t time.Duration) int { return min(int(max(t, 0)/time.Second), maxSeconds-1) }

// Offered notes that n requests were due at t.
func (r *Recorder) Offered(t time.Duration, n uint64) { r.second(t).Offered += n }

// Sent notes that a request left at t, by how much that was the client's own fault, and
// whether it was late, whoever was to blame. It does not count it as offered.
func (r *Recorder) Sent(t, lag time.Duration, late bool) {
	c := r.second(t)
	c.Sent++
	if late {
		c.Late++
	}
	r.lag.Record(lag)
}

// Done notes the outcome of a request at t. Without an answer its times count as lower
// bounds. Calls come in the order of t, as far as it matters in which second times are.
func (r *Recorder) Done(t time.Duration, o Outcome, response, service time.Duration) {
	r.second(t).Outcomes[o]++
	i := secondOf(t)
	if o.Answered() {
		r.response.at(i).Record(response)
		r.service.at(i).Record(service)
	} else {
		r.response.at(i).RecordAtLeast(response)
		r.service.at(i).RecordAtLeast(service)
	}
}

// Dropped notes that a request due at due was never sent, after it had waited for wait. Calls
// come in the order of due, as far as it matters.
func (r *Recorder) Dropped(due, wait time.Duration) {
	r.second(due).Dropped++
	r.dropped.at(secondOf(due)).RecordAtLeast(wait)
}

// A series is a histogram a step of 1, 2, 4 … seconds. The present one is open, the others
// are encoded.
type series struct {
	shift  int // a step has 1 << shift seconds
	step   int // the open one
	open   *latency.Histogram
	closed map[int][]byte // by step
	short  map[int][]byte // by step half as long, still to be taken together
	kept   int            // bytes in closed and short
}

// at returns the histogram to record in at second i; an earlier one than the present
// counts as the present.
func (s *series) at(i int) *latency.Histogram {
	i >>= s.shift
	if s.open == nil {
		s.open, s.step = new(latency.Histogram), i
	} else if i > s.step {
		s.close()
		s.step = i
	}
	return s.open
}

func (s *series) close() {
	if s.open == nil || s.open.Count() == 0 {
		return
	}
	s.keep(s.step, s.open)
	s.open.Reset()
}

// keep adds h to what is kept of a step.
func (s *series) keep(step int, h *latency.Histogram) {
	if s.closed == nil {
		s.closed = map[int][]byte{}
	}
	before := s.closed[step]
	addEncoded(h, before)
	after := encode(h)
	s.kept += len(after) - len(before)
	s.closed[step] = after
}

// lengthen makes steps twice as long.
func (s *series) lengthen() {
	s.settle(math.MaxInt)
	s.short, s.closed = s.closed, nil
	s.shift++
	s.step >>= 1
}

// settle takes up to n pairs of short steps together. A pair takes about 0.1 ms, in which
// the loop does nothing else, so a second has few of them.
func (s *series) settle(n int) {
	var sum latency.Histogram
	for step := range s.short {
		if n == 0 {
			return
		}
		n--
		for _, half := range [2]int{step &^ 1, step | 1} {
			addEncoded(&sum, s.short[half])
			s.kept -= len(s.short[half])
			delete(s.short, half)
		}
		s.keep(step>>1, &sum)
		sum.Reset()
	}
}

// bound takes neighbouring seconds together when too much is kept.
func (r *Recorder) bound() {
	kept, settled := 0, true
	for _, s := range r.series() {
		s.settle(4)
		kept += s.kept
		settled = settled && len(s.short) == 0
	}
	if kept > keptBytes && settled {
		r.lengthen()
	}
}

func (r *Recorder) lengthen() {
	for _, s := range r.series() {
		s.lengthen()
	}
}

func (r *Recorder) series() []*series { return []*series{&r.response, &r.service, &r.dropped} }

func encode(h *latency.Histogram) []byte {
	if h.Count() == 0 {
		return nil
	}
	b, err := h.MarshalBinary()
	if err != nil {
		panic(err) // it is always nil
	}
	return b
}

// NewResult returns a result with what the recorders took down: Requests, Seconds, Response,
// Service and Lag. The recorders cannot be used any more.
func NewResult(recorders ...*Recorder) *Result {
	r := &Result{Mode: ModeRun}
	n, shift := 0, 0
	for _, rec := range recorders {
		n, shift = max(n, len(rec.seconds)), max(shift, rec.response.shift)
		r.Lag.Add(&rec.lag)
	}
	for _, rec := range recorders {
		for rec.response.shift < shift {
			rec.lengthen()
		}
		for _, s := range rec.series() {
			s.settle(math.MaxInt)
			s.close()
		}
	}
	r.Seconds = make([]Second, n)
	var response, service latency.Histogram
	for i := range r.Seconds {
		s := &r.Seconds[i]
		for _, rec := range recorders {
			if i < len(rec.seconds) {
				s.Add(rec.seconds[i])
			}
		}
		r.Requests.Add(s.Counts)
		if (i+1)&(1<<shift-1) != 0 && i+1 < n {
			continue
		}
		for _, rec := range recorders {
			addEncoded(&response, rec.response.closed[i>>shift])
			addEncoded(&response, rec.dropped.closed[i>>shift])
			addEncoded(&service, rec.service.closed[i>>shift])
		}
		s.Response, s.Service = encode(&response), encode(&service)
		if s.Response != nil || s.Service != nil { // most of a histogram is empty, and all of it costs
			r.Response.Add(&response)
			r.Service.Add(&service)
			response.Reset()
			service.Reset()
		}
	}
	return r
}
