package infer

import (
	"math"
	"time"
)

// Wait returns the least and the most time after which the limit would have admitted
// a request that it refused, from when that was answered, if nothing else was asked
// in between. refused is one of the events that the fit is of. ok is false for fits
// that are not a Line, whose waits cannot be told.
func (f *Fit) Wait(refused Event) (least, most time.Duration, ok bool) {
	if f.Kind != Line || refused.Admitted {
		return 0, 0, false
	}
	few, many := f.tl.before(refused)
	if f.spacing.High > 0 {
		if many == 0 {
			return 0, 0, false
		}
		last := f.tl.done[many-1].Seconds()
		sent := f.tl.sent[max(0, few-1)].Seconds()
		return seconds(sent + f.spacing.Low - refused.Answered.Seconds()), seconds(last + f.spacing.High - refused.Sent.Seconds()), true
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range f.corners {
		if l.r <= 0 {
			high = math.Inf(1)
			continue
		}
		// k + 1 = b + r·(s − o), with o and k as uncertain as they were.
		low = min(low, (float64(few+1)-l.b)/l.r+f.tl.first.Seconds())
		high = max(high, (float64(many+1)-l.b)/l.r+f.tl.firstDone.Seconds())
	}
	return seconds(low - refused.Answered.Seconds()), seconds(high - refused.Sent.Seconds()), true
}

// seconds returns x seconds, at least 0 and at most what a Duration holds.
func seconds(x float64) time.Duration {
	switch {
	case !(x > 0):
		return 0
	case x >= math.MaxInt64/1e9:
		return math.MaxInt64
	}
	return time.Duration(x * 1e9)
}
