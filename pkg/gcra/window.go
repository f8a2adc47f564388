package gcra

import (
	"errors"
	"sync"
	"time"
)

// windowParts is into how many parts a window is divided. At most one part's cells
// are held longer than need be.
const windowParts = 32

// A Window is a sliding window: at most so many cells in any window of a length. It
// counts in 32 parts of the window, on the safe side: cells come back when the part in which they passed
// lies before the window, which may be up to 1/32 of it late. It is safe for concurrent
// use and must not be copied. The zero Window denies everything.
type Window struct {
	mu     sync.Mutex
	limit  uint64
	part   uint64                    // length of a part, ns
	newest uint64                    // number of the latest part that counts
	counts [2*windowParts + 2]uint64 // by number of the part, modulo their number
}

// NewWindow returns a limit of cells in any window: over any interval of at most that length of the times passed
// in, at most limit cells pass.
func NewWindow(limit uint64, window time.Duration) (*Window, error) {
	if limit == 0 || window <= 0 {
		return nil, errors.New("sliding window whose limit or length is not positive")
	}
	if window > MaxTime {
		return nil, errors.New("sliding window of over 18 years")
	}
	return &Window{limit: limit, part: (uint64(window)-1)/windowParts + 1}, nil
}

// Take asks for n cells at now.
func (w *Window) Take(now time.Duration, n uint64) Decision { return w.decide(now, n, true) }

// Peek tells whether n cells would pass at now, and changes nothing.
func (w *Window) Peek(now time.Duration, n uint64) Decision { return w.decide(now, n, false) }

// since returns the cells that passed in part first and later.
func (w *Window) since(first uint64) uint64 {
	var sum uint64
	for i := first; i <= w.newest; i++ {
		sum += w.counts[i%uint64(len(w.counts))]
	}
	return sum
}

// advance makes part the newest one.
func (w *Window) advance(part uint64) {
	for i := max(w.newest+1, part-min(part, uint64(len(w.counts)-1))); i <= part; i++ {
		w.counts[i%uint64(len(w.counts))] = 0
	}
	w.newest = part
}

func (w *Window) decide(now time.Duration, n uint64, take bool) Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit == 0 {
		return Decision{}
	}
	at := nowNanos(now)
	part := at / w.part
	d := Decision{Limit: w.limit, why: limited}
	if part+windowParts < w.newest {
		// So long before the newest part that not all around it is known any more.
		d.ResetAfter = w.until(at, w.limit, part)
		switch {
		case n == 0:
			d.Allowed, d.why = true, passed
		case n > w.limit:
			d.why = tooLarge
		default:
			d.RetryAfter = w.until(at, n, part)
		}
		return d
	}
	// Two times in one window are at most windowParts parts apart. What passed later than
	// now counts too: it may be in one window with now, or have been put there by a clock that stepped back.
	used := w.since(part - min(part, windowParts))
	d.Remaining = w.limit - min(used, w.limit)
	switch {
	case n > w.limit:
		d.why = tooLarge
	case n > d.Remaining:
		d.RetryAfter = w.until(at, n, part)
	default:
		d.Allowed, d.why = true, passed
		if take && n > 0 {
			if part > w.newest {
				w.advance(part)
			}
			w.counts[w.newest%uint64(len(w.counts))] += n
			d.Remaining -= n
			d.cells, d.mark = n, w.newest
		}
	}
	d.ResetAfter = w.until(at, w.limit, part)
	return d
}

// until returns the time from at, in part, until n cells pass.
func (w *Window) until(at, n, part uint64) time.Duration {
	part = max(part, w.newest-min(w.newest, windowParts))
	first := part - min(part, windowParts)
	for used := w.since(first); used > w.limit-n; first++ {
		used -= w.counts[first%uint64(len(w.counts))]
		part = first + 1 + windowParts
	}
	if start := part * w.part; start > at {
		return time.Duration(start - at)
	}
	return 0
}

// Refund takes the cells of d out of the part of the window in which they count, if that is still kept.
func (w *Window) Refund(_ time.Duration, d *Decision) bool {
	n, part, _, ok := d.refundable()
	w.mu.Lock()
	defer w.mu.Unlock()
	count := &w.counts[part%uint64(len(w.counts))]
	if !ok || part+uint64(len(w.counts)) <= w.newest || *count < n {
		return false
	}
	*count -= n
	return true
}
