package gcra

import "sync/atomic"

// A cell is a TAT and the limit it counts under, what every decision needs together in one cache line. A
// change of the limit makes a new one.
type cell struct {
	tat  atomic.Uint64 // or closed
	span atomic.Uint64 // cells have passed up to so long after changed
	params
	limit    Limit
	reserved atomic.Uint64 // cells that are reserved may be used up to then
}

// closely is how near times follow each other, in ticks, before not each of them is remembered.
const closely = 4000 * ticksPerNano

// see remembers for the next change that cells are about to pass at a time. It comes before the TAT is
// swapped, so that a change that closes the cell knows of all that have passed.
func (c *cell) see(at uint64) {
	since := at - min(at, c.changed)
	for span := c.span.Load(); since > span; span = c.span.Load() {
		next := since
		if since-span <= closely {
			next += closely // spares those who come soon
		}
		c.span.CompareAndSwap(span, next)
	}
}

// seen returns a time after which no cells have passed: the latest at which some have, or closely
// later. tat is the last one of the cell; whatever passed has left at least an interval.
func (c *cell) seen(tat uint64) uint64 {
	return min(c.changed+c.span.Load(), tat-min(tat, c.interval), ticks(MaxTime))
}

// reserveUntil remembers for the next change that cells are about to be reserved that may be used at a time.
func (c *cell) reserveUntil(at uint64) {
	for old := c.reserved.Load(); at > old; old = c.reserved.Load() {
		c.reserved.CompareAndSwap(old, at)
	}
}
