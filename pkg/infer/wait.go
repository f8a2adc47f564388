package infer

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Wait returns the least and the most time after which the limit would have admitted
// a request that it refused, from when that was answered, if nothing else was asked
// in between. refused is one of the events that the fit is of. ok is false where that
// cannot be told, because nothing was admitted afterwards.
func (f *Fit) Wait(refused Event) (least, most time.Duration, ok bool) {
	if f.Kind == None || refused.Admitted {
		return 0, 0, false
	}
	if f.Kind != Line {
		return f.tl.seenWait(refused)
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

// seenWait is Wait where no line is known: the next request that was admitted, which
// is when the limit had one again, because it was asked all the time.
func (tl *timeline) seenWait(refused Event) (least, most time.Duration, ok bool) {
	byAnswer := func(e Event, t time.Duration) int { return cmp.Compare(e.Answered, t) }
	next, _ := slices.BinarySearchFunc(tl.answered, refused.Sent+1, byAnswer)
	if next == len(tl.answered) {
		return 0, 0, false
	}
	// Refused until then, at least: the last refused one that was sent before the next admitted one.
	if i, _ := slices.BinarySearch(tl.refusals, tl.answered[next].Sent); i > 0 {
		least = max(0, tl.refusals[i-1]-refused.Answered)
	}
	for _, e := range tl.answered[next:] {
		if e.Sent >= refused.Answered {
			return least, e.Answered - refused.Sent, true
		}
	}
	return 0, 0, false
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
