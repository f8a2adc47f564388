package infer

import (
	"math"
	"slices"
	"time"
)

// A step is a run of admitted requests after refused ones.
type step struct {
	// after is when the last request that was refused before it was sent, and by when its
	// first was answered: it began between.
	after, by time.Duration
	n         int
}

// steps looks for admitted requests that come in like numbers at like distances, and
// tells whether there are at least two such distances.
func (tl *timeline) steps(f *Fit) bool {
	ss := tl.runs()
	if len(ss) < 4 { // the first from rest, two whole ones, and one that may be cut off
		return false
	}
	ss = ss[1:]
	whole := ss[:len(ss)-1]
	sizes := make([]int, len(whole))
	total := 0
	for i, s := range whole {
		sizes[i] = s.n
		total += s.n
	}
	slices.Sort(sizes)
	f.PerPeriod = sizes[len(sizes)/2]
	first, last := whole[0], ss[len(ss)-1]
	mean := (middle(last) - middle(first)) / time.Duration(len(whole))
	for i, s := range whole {
		d := middle(ss[i+1]) - middle(s)
		blur := s.by - s.after + ss[i+1].by - ss[i+1].after
		if (d-mean).Abs() > max(mean/10, blur) || math.Abs(float64(s.n-f.PerPeriod)) > max(1, 0.1*float64(f.PerPeriod)) {
			return false
		}
	}
	f.Period = mean
	low, high := (last.after - first.by).Seconds(), (last.by - first.after).Seconds()
	f.PerSecond = Interval{Low: float64(total) / high, High: math.Inf(1), Best: float64(total) / (middle(last) - middle(first)).Seconds()}
	if low > 0 {
		f.PerSecond.High = float64(total) / low
	}
	return true
}

func middle(s step) time.Duration { return s.after + (s.by-s.after)/2 }

// runs returns the runs of admitted requests with a pause of at least half their usual
// distance between them: the steps, if there are any. Single refused requests in a run,
// overtaken by others, do not end it.
func (tl *timeline) runs() (ss []step) {
	pause := tl.pause()
	for i, e := range tl.answered {
		if i > 0 && e.Answered-tl.answered[i-1].Answered < pause {
			ss[len(ss)-1].n++
			continue
		}
		s := step{by: e.Answered, n: 1}
		if i == 0 {
			s.after = tl.first
		} else {
			s.after = tl.answered[i-1].Answered
			// The last that was sent before the run began and refused.
			if j, _ := slices.BinarySearch(tl.refusals, e.Sent); j > 0 {
				s.after = max(s.after, tl.refusals[j-1])
			}
		}
		ss = append(ss, s)
	}
	return ss
}

// pause returns half the longest distance between admitted requests.
func (tl *timeline) pause() (d time.Duration) {
	for i, e := range tl.answered[1:] {
		d = max(d, e.Answered-tl.answered[i].Answered)
	}
	return d / 2
}
