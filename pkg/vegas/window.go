package vegas

import "time"

// A Window is what a gate saw between two decisions of its controller. Times are
// those the gate was given, since whatever origin its caller uses.
type Window struct {
	Start, End time.Duration

	// Limit is the limit that was in force throughout the window.
	Limit int

	// MaxInFlight is the most requests that were in flight at once. It is above
	// Limit where a shrink had not settled within a second.
	MaxInFlight int

	// Samples counts the answers RTT is made of: those of requests that both
	// started and succeeded within the window.
	Samples int

	// RTT is the mean of the samples between their 10 % and 90 % quantiles, zero
	// without samples.
	RTT time.Duration

	// StdErr is the standard error of RTT, from the winsorised variance of the samples
	// (J. W. Tukey and D. H. McLaughlin, Sankhyā A 25, 1963).
	StdErr time.Duration

	// Overloads counts the answers that said the backend has too much to do,
	// whenever their requests started.
	Overloads int
}

// A Controller turns windows into limits. The gate calls it from one goroutine at a
// time. It has no clock: the same windows give the same limits.
type Controller interface {
	// Limit returns the limit to start with.
	Limit() int

	// Update takes the window that has just ended and returns the limit for the
	// next one.
	Update(Window) int
}

// An Outcome says what a finished request tells about its backend.
type Outcome uint8

const (
	// Ignore tells nothing: the request was cancelled, or failed for reasons of
	// its own. It is the zero Outcome.
	Ignore Outcome = iota
	// Success makes the round-trip time a sample.
	Success
	// Overload says the backend has too much to do: a time-out or a 503. Its
	// round-trip time is no sample, since refusing is fast.
	Overload
)
