package load

import (
	"time"

	"cqkit/pkg/latency"
)

// maxSeconds bounds a run: 36 hours. What comes later counts in its last second.
const maxSeconds = 1 << 17

// A Recorder takes down what happens in one loop of the engine, in fixed memory
// besides some hundred bytes a second. Times are since the start; negative ones count as 0. A
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
	for len(r.seconds) <= i {
		r.seconds = append(r.seconds, Counts{})
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

// A series is a histogram a second. The present one is open, the others are encoded.
type series struct {
	second int
	open   *latency.Histogram
	closed map[int][]byte
}

// at returns the histogram to record in at second i; an earlier one than the present
// counts as the present.
func (s *series) at(i int) *latency.Histogram {
	if s.open == nil {
		s.open, s.second = new(latency.Histogram), i
	} else if i > s.second {
		s.close()
		s.second = i
	}
	return s.open
}

func (s *series) close() {
	if s.open == nil || s.open.Count() == 0 {
		return
	}
	if s.closed == nil {
		s.closed = map[int][]byte{}
	}
	s.closed[s.second] = encode(s.open)
	s.open.Reset()
}

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

// addTo adds the histogram of second i, if there is one.
func (s *series) addTo(h *latency.Histogram, i int) {
	b, ok := s.closed[i]
	if !ok {
		return
	}
	var one latency.Histogram
	if err := one.UnmarshalBinary(b); err != nil {
		panic(err) // encoded here
	}
	h.Add(&one)
}

// NewResult returns a result with what the recorders took down: Requests, Seconds, Response,
// Service and Lag. The recorders cannot be used any more.
func NewResult(recorders ...*Recorder) *Result {
	r := &Result{Mode: ModeRun}
	n := 0
	for _, rec := range recorders {
		rec.response.close()
		rec.service.close()
		rec.dropped.close()
		n = max(n, len(rec.seconds))
		r.Lag.Add(&rec.lag)
	}
	r.Seconds = make([]Second, n)
	var response, service latency.Histogram
	for i := range r.Seconds {
		s := &r.Seconds[i]
		for _, rec := range recorders {
			if i < len(rec.seconds) {
				s.Add(rec.seconds[i])
			}
			rec.response.addTo(&response, i)
			rec.dropped.addTo(&response, i)
			rec.service.addTo(&service, i)
		}
		s.Response, s.Service = encode(&response), encode(&service)
		r.Requests.Add(s.Counts)
		if s.Response != nil || s.Service != nil { // most of a histogram is empty, and all of it costs
			r.Response.Add(&response)
			r.Service.Add(&service)
			response.Reset()
			service.Reset()
		}
	}
	return r
}
