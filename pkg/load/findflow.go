package load

import "time"

// A flow is how many requests a second pass, over time. Each request counts as one, spread evenly over the
// time from when it was sent to when it was done: so the rate of a span does not depend on whether
// answers that come in step fall just before its end or just after. In a steady state the
// mean is the rate of answers.
type flow struct {
	bins  []float64 // requests, of a stretch each
	until time.Duration
}

// stretch is the length of a bin, and maxStretches bounds them: 24 hours.
const (
	stretch      = 5 * time.Millisecond
	maxStretches = int(24 * time.Hour / stretch)
)

// add counts a request.
func (f *flow) add(sent, done time.Duration) {
	f.until = max(f.until, done)
	sent, done = max(0, sent), max(0, done)
	first, last := int(sent/stretch), int(done/stretch)
	if last >= maxStretches {
		return
	}
	for len(f.bins) <= last {
		f.bins = append(f.bins, 0)
	}
	if first >= last {
		f.bins[last]++
		return
	}
	per := 1 / float64(done-sent)
	f.bins[first] += per * float64(time.Duration(first+1)*stretch-sent)
	for i := first + 1; i < last; i++ {
		f.bins[i] += per * float64(stretch)
	}
	f.bins[last] += per * float64(done-time.Duration(last)*stretch)
}

// rate returns the rate from one time to another.
func (f *flow) rate(from, to time.Duration) float64 {
	from = max(0, from)
	if to <= from {
		return 0
	}
	n := 0.0
	for i := int(from / stretch); i < len(f.bins) && time.Duration(i)*stretch < to; i++ {
		begin := time.Duration(i) * stretch
		part := min(to, begin+stretch) - max(from, begin)
		n += f.bins[i] * float64(part) / float64(stretch)
	}
	return n / (to - from).Seconds()
}
