// Package nonce gives out numbers that rise and accepts numbers that rise.
//
// A [Source] is the sender's half: strictly increasing 64-bit numbers, seeded
// from a clock that the caller reads, shared by any number of goroutines. A
// [Tracker] is the receiver's half: it accepts a number only if it is greater
// than every number accepted before, so that a replayed message is refused. A
// [Window] accepts numbers in any order, each once, for datagrams that the network
// reorders. A [File] is a tracker for many signers and subjects that outlives the
// process and is shared between processes; its format is docs/nonce.md. With one,
// [DurableSource] and [DurableTracker] go on where a killed process stopped.
//
// Zero is never given out and never accepted. Nothing wraps: a source that
// has given out 2^64-1 is exhausted and says so for ever.
//
// The package does not sign, does not read a clock, and does not know what
// the numbers stand for. It does not coordinate two processes that draw from
// two sources for one key: their numbers rise within each and may collide
// across them.
package nonce

import (
	"errors"
	"math"
	"sync/atomic"
)

// ErrExhausted means that a source has given out its last number, 2^64-1.
// Every number it gave out is distinct; it gives out no more.
var ErrExhausted = errors.New("nonce source is exhausted")

// Source gives out strictly increasing numbers. The zero Source is ready for
// use and has given out nothing. A Source is safe for concurrent use without
// locks and must not be copied after first use.
type Source struct {
	last atomic.Uint64 // last number given out, or the floor
}

// Next returns max(last+1, unixNano), where last is the greater of the
// previous number and the floor set by [Source.Raise]. unixNano is the time in
// nanoseconds since 1970; what is zero or below only counts on, so that Next(0) on
// a zero Source gives 1, 2, 3 and so on.
//
// Numbers are strictly increasing in the order in which the calls take effect:
// a call that begins after another has returned gets a greater number, and no
// two calls get the same. A clock that steps back does not change that.
//
// A new Source goes on above everything an earlier one gave out if the clock
// has not stepped back between them and the earlier one had, for every
// reading passed to it, not drawn more numbers since than nanoseconds have
// passed since. Where that is not certain, see Raise.
//
// When nothing is left the error is [ErrExhausted] and the number is 0.
func (s *Source) Next(unixNano int64) (uint64, error) {
	now := uint64(max(unixNano, 0))
	for {
		last := s.last.Load()
		if last == math.MaxUint64 {
			return 0, ErrExhausted
		}
		next := max(last+1, now)
		if s.last.CompareAndSwap(last, next) {
			return next, nil
		}
	}
}

// Raise makes every later number greater than floor. A floor below what was
// given out already changes nothing. Raise(2^64-1) exhausts the source.
func (s *Source) Raise(floor uint64) { raise(&s.last, floor) }

// Last returns the greatest of the numbers given out and the floors set so
// far, 0 for a fresh source: the floor to keep for a restart. In a race with
// Next it may be out of date by the time it returns.
func (s *Source) Last() uint64 { return s.last.Load() }

// Tracker accepts strictly greater numbers only. The zero Tracker has accepted
// nothing and accepts any number but 0. A Tracker is safe for concurrent use
// without locks and must not be copied after first use.
type Tracker struct {
	last atomic.Uint64 // greatest number accepted, or the floor
}

// Accept reports whether n is greater than every number accepted before and
// than every floor set by [Tracker.Raise], and if so remembers it. Of several
// calls with the same n at most one returns true, whether they race or not.
// Accept(0) is always false.
//
// Offer only what has been authenticated: an accepted 2^64-1 closes the
// tracker for good.
//
// In the terms of the Go memory model, a call Accept(n) that returns true is
// synchronized before the return of every later call that accepts a greater number or
// is refused because of n. So what the winner did before its call is visible to
// them, and what it does after its call is not: a loser knows that n is taken,
// not that the winner has finished with it.
func (t *Tracker) Accept(n uint64) bool {
	for {
		last := t.last.Load()
		if n <= last {
			return false
		}
		if t.last.CompareAndSwap(last, n) {
			return true
		}
	}
}

// Raise makes the tracker refuse floor and everything below it, as after
// reading a remembered number from a [File].
func (t *Tracker) Raise(floor uint64) { raise(&t.last, floor) }

// Last returns the greatest number accepted or raised to so far, 0 if none.
func (t *Tracker) Last() uint64 { return t.last.Load() }

func raise(word *atomic.Uint64, floor uint64) {
	for {
		last := word.Load()
		if floor <= last || word.CompareAndSwap(last, floor) {
			return
		}
	}
}
