package nonce

import (
	"sync"
	"sync/atomic"
)

// WindowSize is how many numbers a [Window] looks back over, the highest accepted
// included.
const WindowSize = 1024

const (
	wordBits = 64
	// A window that does not begin with a word reaches into one more.
	windowWords = WindowSize/wordBits + 1
)

// Window accepts each number at most once, in any order, as long as it is less than
// [WindowSize] below the highest accepted: a receiver of datagrams, which the network
// reorders, refuses replays with it and loses nothing to the order (RFC 4303, Section
// 3.4.3). The zero Window has accepted nothing and accepts any number but 0. A Window
// is safe for concurrent use and must not be copied after first use.
//
// The bits lie in a ring of words, one more than the window fills, so that moving on
// clears whole words and shifts none (RFC 6479, Section 3). One lock guards them;
// a decision costs little more than taking and leaving it, and next to nothing beside
// the tag that was checked before.
type Window struct {
	mu      sync.Mutex
	highest atomic.Uint64 // written under the lock, read without it by Fresh
	floor   atomic.Uint64 // see Raise
	// seen has bit n%64 of word n/64 modulo windowWords for each n accepted, from the
	// word of highest back to that of highest-1023.
	seen [windowWords]uint64
}

// Accept reports whether n was not accepted before and is not too old to tell, and if
// so remembers it. Of several calls with the same n at most one returns true, whether
// they race or not. Accept(0) is always false.
//
// Offer only what has been authenticated: an accepted 2^64-1 leaves only the numbers
// less than [WindowSize] below it.
//
// Calls are synchronized with each other: what a goroutine did before one of its calls
// is visible to every goroutine after a later call.
func (w *Window) Accept(n uint64) bool {
	w.mu.Lock()
	if !w.fresh(n) {
		w.mu.Unlock()
		return false
	}
	block := n / wordBits
	if highest := w.highest.Load(); n > highest {
		last := highest / wordBits
		for i := range min(block-last, windowWords) {
			w.seen[(last+1+i)%windowWords] = 0
		}
		w.highest.Store(n)
	}
	w.seen[block%windowWords] |= 1 << (n % wordBits)
	w.mu.Unlock()
	return true
}

// Fresh reports whether Accept(n) would return true now. It remembers nothing, so a
// receiver can refuse a replay before it pays for checking it. Accept still decides.
func (w *Window) Fresh(n uint64) bool {
	if n > w.highest.Load() && n > w.floor.Load() {
		return true // the common case, without the lock
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fresh(n)
}

func (w *Window) fresh(n uint64) bool {
	highest := w.highest.Load()
	switch {
	case n <= w.floor.Load(): // 0 at least
		return false
	case n > highest:
		return true
	case highest-n >= WindowSize:
		return false
	}
	return w.seen[n/wordBits%windowWords]>>(n%wordBits)&1 == 0
}

// Raise makes the window refuse floor and everything below it.
func (w *Window) Raise(floor uint64) { raise(&w.floor, floor) }

// Highest returns the greatest number accepted so far, 0 if none.
func (w *Window) Highest() uint64 { return w.highest.Load() }
