package infer

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// An Interval is what a value is known to lie in, and the value in it that fits
// best. High may be infinite.
type Interval struct{ Low, High, Best float64 }

// Contains tells whether x lies in the interval.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// A Kind is a shape of limits.
type Kind uint8

// The kinds of limits that are told apart.
const (
	// None refused nothing that it was asked.
	None Kind = iota
	// Line admits at most B + r·t in every t: GCRA, a token bucket.
	Line
	// Steps admits some requests each period: a window, or a bucket that is
	// refilled at fixed instants.
	Steps
	// Irregular is neither; only its long-run rate is told.
	Irregular
)

// String returns what the kind is called in reports.
func (k Kind) String() string {
	return [...]string{"none", "gcra or token bucket", "window or refilled bucket", "irregular"}[k]
}

// A Fit is what is known of a limit.
type Fit struct {
	Kind Kind
	// PerSecond is the rate that it admits in the long run, and Burst how many requests
	// it admits at once from rest. Of None, PerSecond.Low is the rate that it kept up with.
	PerSecond, Burst Interval
	// PerPeriod requests are admitted each Period, of Steps.
	PerPeriod int
	Period    time.Duration
	// Slack is by how many requests the answers contradict a line.
	Slack             float64
	Admitted, Refused int
	// Stall is the longest time without an answer, in which a limit may have come to rest.
	Stall time.Duration

	corners []line   // of Line, but for a burst of 1
	spacing Interval // of a burst of 1, in seconds
	tl      *timeline
}

// slackAllowed is how far answers may contradict a line that is still called one: half a
// request, and what comes in the two milliseconds that a server's clock may be coarse.
func slackAllowed(rate float64) float64 { return 0.5 + 0.002*rate }

// Limit fits a limit to events that begin when it is at rest and ask for more than it
// admits from then on. It sorts a copy of events. The zero Fit is returned for none.
func Limit(events []Event) Fit { return fit(events, true) }

// LimitInUse is Limit for events that begin when it is not known to be at rest: the
// burst is not inferred.
func LimitInUse(events []Event) Fit {
	f := fit(events, false)
	f.Burst = Interval{Low: 1, High: math.Inf(1), Best: 1}
	return f
}

func fit(events []Event, fromRest bool) Fit {
	tl := newTimeline(events)
	f := Fit{Admitted: len(tl.sent), Refused: len(tl.refusals), Stall: tl.stall(), tl: tl}
	if f.Admitted == 0 {
		return f
	}
	end := tl.events[len(tl.events)-1].Answered
	if f.Refused == 0 {
		f.PerSecond = Interval{Low: float64(f.Admitted) / max(1e-9, (end-tl.first).Seconds()), High: math.Inf(1)}
		f.PerSecond.Best = f.PerSecond.Low
		f.Burst = Interval{Low: 1, High: math.Inf(1), Best: float64(f.Admitted)}
		return f
	}
	if fromRest && tl.spaced(&f) {
		f.Kind = Line
		return f
	}
	room := tl.bounds(fromRest)
	best, slack := room.best(4 * float64(f.Admitted+1) / max(1e-6, (end-tl.first).Seconds()))
	f.Slack = max(0, slack)
	if f.Slack <= slackAllowed(best.r) {
		f.Kind = Line
		f.PerSecond.Best, f.Burst.Best = best.r, best.b
		f.corners = append(room.corners(2*f.Slack), best)
		f.PerSecond.Low, f.PerSecond.High = extent(f.corners, func(l line) float64 { return l.r })
		f.Burst.Low, f.Burst.High = extent(f.corners, func(l line) float64 { return l.b })
		return f
	}
	n, took := tl.untilRefused()
	f.Burst = Interval{Low: n, High: n, Best: n}
	if tl.steps(&f) {
		f.Kind = Steps
		return f
	}
	f.Kind, f.PerPeriod, f.Period = Irregular, 0, 0
	f.PerSecond = tl.longRun(f.Slack)
	f.Burst.Low = max(1, n-f.PerSecond.High*took.Seconds()) // the rest came in meanwhile
	f.Burst.Best = (f.Burst.Low + f.Burst.High) / 2
	return f
}

// bounds returns the points that the limit lies between. With the first request
// decided at o, one decided at s, and k admitted before it,
//
//	admitted: k + 1 ≤ B + r·(s − o), s at most Answered, o at least first, k at least the least
//	refused:  k + 1 > B + r·(s − o), s at least Sent, o at most firstDone, k at most the most
func (tl *timeline) bounds(fromRest bool) between {
	var below, above []point
	if fromRest {
		below = append(below, point{0, 1}) // B is at least 1
	}
	for _, e := range tl.events {
		least, most := tl.before(e)
		if e.Admitted {
			below = append(below, point{(e.Answered - tl.first).Seconds(), float64(least + 1)})
		} else {
			above = append(above, point{max(0, (e.Sent - tl.firstDone).Seconds()), float64(most + 1)})
		}
	}
	return between{hull(below, 1), hull(above, -1)}
}

// untilRefused returns how many requests were admitted that were sent before the first that was
// refused, and from when to when they may have been.
func (tl *timeline) untilRefused() (n float64, took time.Duration) {
	for _, e := range tl.events {
		if !e.Admitted {
			break
		}
		n++
		took = max(took, e.Answered-tl.first)
	}
	return n, took
}

// stall returns the longest time without an answer.
func (tl *timeline) stall() (longest time.Duration) {
	answers := make([]time.Duration, len(tl.events))
	for i, e := range tl.events {
		answers[i] = e.Answered
	}
	slices.Sort(answers)
	for i, t := range answers[min(1, len(answers)):] {
		longest = max(longest, t-answers[i])
	}
	return longest
}

// longRun returns the rate of the second half, give or take twice slack.
func (tl *timeline) longRun(slack float64) Interval {
	end := tl.events[len(tl.events)-1].Answered
	half := tl.first + (end-tl.first)/2
	from, _ := slices.BinarySearchFunc(tl.answered, half, func(e Event, t time.Duration) int { return cmp.Compare(e.Answered, t) })
	d := max(1e-9, (end - half).Seconds())
	n := float64(len(tl.answered) - from)
	return Interval{Low: max(0, n-2*slack-1) / d, High: (n + 2*slack + 1) / d, Best: n / d}
}

func extent(ls []line, of func(line) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range ls {
		low, high = min(low, of(l)), max(high, of(l))
	}
	return low, high
}
