package infer

import "math"

// A Verdict is a judgement on an interval.
type Verdict uint8

// The verdicts.
const (
	Undecided Verdict = iota // the interval lies on both sides
	Pass
	Fail
)

// String returns the verdict as reports show it.
func (v Verdict) String() string { return [...]string{"undecided", "pass", "fail"}[v] }

// JudgeRate tells whether a rate is what was expected, give or take the share tolerance of it.
// An interval within that passes, one wholly outside fails.
func JudgeRate(measured Interval, expected, tolerance float64) Verdict {
	return judge(measured, expected, tolerance*expected)
}

// JudgeBurst tells whether a burst is what was expected, give or take the share
// tolerance of it or one request. Because a burst is known only to what the rate adds during a
// round trip, an interval that contains the expected burst passes, too, if it is at most two
// requests and a fifth of it wide.
func JudgeBurst(measured Interval, expected, tolerance float64) Verdict {
	if measured.Contains(expected) && measured.High-measured.Low <= 2+0.2*expected {
		return Pass
	}
	return judge(measured, expected, max(1, tolerance*expected))
}

func judge(measured Interval, expected, around float64) Verdict {
	switch {
	case math.IsNaN(measured.Low), math.IsNaN(measured.High):
		return Undecided
	case measured.Low > expected+around, measured.High < expected-around:
		return Fail
	case measured.Low >= expected-around && measured.High <= expected+around:
		return Pass
	}
	return Undecided
}
