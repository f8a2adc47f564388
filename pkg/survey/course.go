package survey

import "sort"

// A Leg is a part of a log over which its clock runs on evenly: behind a pause of more
// than [Pause], and where the clock is set back, another one begins. Where several legs
// follow one another, the course goes on without a step.
type Leg struct {
	At     int64 // where it begins on the course
	Length int64 // on the course
	Offset int64 // of its first record, in bytes
	Time   int64 // of its first record, µs since 1970 UTC
}

// End returns the time at the end of the leg, in µs since 1970 UTC.
func (l Leg) End() int64 { return l.Time + l.Length }

const (
	// Pause is the longest time between two records of one leg, in µs.
	Pause = 60_000_000

	// jitter is how far back a time may lie, in µs, that only came late.
	jitter = 1_000_000
	// settled is how many records it takes to believe a jump forward: one wrong time is
	// no pause. setBack is the same for a clock that was set back: two writers on one
	// file take turns, mostly sooner.
	settled = 3
	setBack = 100

	maxLegs = 256
)

// course turns the times of records, in file order, into places on a course that never
// runs back. It is what the horizontal axis of a picture of the log is made of.
type course struct {
	at      int64 // now
	clock   int64 // the latest time on this leg
	legs    []Leg
	crowded bool

	// A jump that is not yet believed: how often it was seen, and where it began.
	forward, back       int
	jumpTime, jumpStart int64
}

// step goes on to the next record.
func (c *course) step(time, offset int64) {
	if len(c.legs) == 0 {
		c.legs, c.clock = []Leg{{Offset: offset, Time: time}}, time
		return
	}
	d := time - c.clock
	switch {
	case d >= 0 && d <= Pause:
		c.advance(d)
		c.clock, c.forward, c.back = time, 0, 0
	case d < 0 && d >= -jitter:
		c.forward, c.back = 0, 0
	case d > 0:
		if c.back = 0; c.forward == 0 {
			c.jumpTime, c.jumpStart = time, offset
		}
		if c.forward++; c.forward == settled {
			c.jump(time)
		}
	default:
		if c.forward = 0; c.back == 0 {
			c.jumpTime, c.jumpStart = time, offset
		}
		if c.back++; c.back == setBack {
			c.jump(time)
		}
	}
}

func (c *course) advance(d int64) {
	c.at += d
	c.legs[len(c.legs)-1].Length += d
}

// jump begins a leg where the clock first jumped and goes on to time.
func (c *course) jump(time int64) {
	if len(c.legs) < maxLegs {
		c.at++
		c.legs = append(c.legs, Leg{At: c.at, Offset: c.jumpStart, Time: c.jumpTime})
	} else {
		c.crowded = true
	}
	c.advance(max(0, min(time-c.jumpTime, Pause)))
	c.clock, c.forward, c.back = time, 0, 0
}

// finish believes a pause shortly before the end.
func (c *course) finish() {
	if c.forward > 0 {
		c.jump(c.jumpTime)
	}
}

// leg returns the number of the leg that a place on the course belongs to, -1 if there
// is none.
func leg(legs []Leg, at int64) int {
	return sort.Search(len(legs), func(i int) bool { return legs[i].At > at }) - 1
}
