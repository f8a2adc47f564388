package infer

import "math"

// spaced tells whether the limit admits single requests at least some time apart, which is what
// a burst of 1 comes to, and how far. Such a limit does not lie on a line: whatever time passes
// between the moment at which it would admit the next and that request is lost to it. With T the
// distance,
//
//	two that were admitted, one after the other: T ≤ the second's Answered − the first's Sent
//	one that was refused after one was admitted: T > its Sent − the latest of those it may have met, Answered
func (tl *timeline) spaced(f *Fit) bool {
	if n, _ := tl.untilRefused(); n != 1 || f.Admitted < 2 {
		return false
	}
	low, high := 0.0, math.Inf(1)
	for i, e := range tl.answered[1:] {
		high = min(high, (e.Answered - min(e.Sent, tl.answered[i].Sent)).Seconds())
	}
	for _, e := range tl.events {
		if e.Admitted {
			continue
		}
		// The last admitted request that was sent before this was answered.
		if _, most := tl.before(e); most > 0 {
			low = max(low, (e.Sent - tl.done[most-1]).Seconds())
		}
	}
	if low > high || high <= 0 {
		return false
	}
	f.spacing = Interval{Low: low, High: high, Best: (low + high) / 2}
	f.PerSecond = Interval{Low: 1 / high, High: math.Inf(1), Best: 1 / f.spacing.Best}
	if low > 0 {
		f.PerSecond.High = 1 / low
	}
	f.Burst = Interval{Low: 1, High: 1, Best: 1}
	return true
}
