package replay

import (
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// The numbers by which counters are told apart; docs/replay.md gives the reasons.
const (
	maxCounters = 8
	lateWindow  = 8  // numbers a frame may come late
	lossWindow  = 16 // numbers a jump may skip and still be loss
	overWindow  = 64 // frames that a counter may pause for another one
	reuseAge    = 100
)

// fit says how a frame's number relates to the counters of its source.
type fit uint8

const (
	fits    fit = iota // the one used last
	resumes            // another one
	late               // a place that was skipped
	twice              // the number of the frame before
	jumps              // none
)

// counter is one sequence of numbers of a source.
type counter struct {
	next    uint8
	version uint8
	foreign bool  // came into an older one
	at      int64 // ordinal of its last frame among the source's
	frames  int64
	resumed int64
	origin  int64 // ordinal of its first frame, or of the counter it continues behind a loss
	first   Place
	last    Place
	message uint32 // of the first frame
	command *commandInfo
}

// commandInfo is a state-changing frame whose content was sent before.
type commandInfo struct {
	at       Place
	message  uint32
	original Place
	exact    bool // byte for byte, number included
}

// counters follows the sequence numbers of one source.
type counters struct {
	all    [maxCounters]counter
	used   int
	live   int   // the one used last
	ord    int64 // frames placed so far
	lambda float64
	usedAt *[256]int64 // ordinal plus 1 of the last frame with each number

	over         int64 // times a counter was resumed over foreign frames
	firstForeign Place
	hasForeign   bool
	newcomer     bool // one came later than the source itself
	newcomerAt   Place
	entered      bool  // one came since begun
	begun        Place // the source's first frame
	foreignCount int64
	foreignKinds map[uint32]int64
	foreignLast  Place
	versions     [3]bool // of foreign frames
}

// look says how number seq in a frame of the version fits, and which counter it
// belongs to. It changes nothing.
func (c *counters) look(seq, version uint8) (fit, int) {
	if c.used == 0 {
		return jumps, -1
	}
	live := &c.all[c.live]
	if seq == live.next && version == live.version {
		return fits, c.live
	}
	best := -1
	for i := range c.used {
		k := &c.all[i]
		if i != c.live && seq == k.next && version == k.version && c.alive(k) && (best < 0 || k.at > c.all[best].at) {
			best = i
		}
	}
	if best >= 0 {
		return resumes, best
	}
	if back := live.next - seq; back >= 1 && back <= lateWindow && version == live.version {
		used := c.usedAt[seq]
		switch {
		case c.skipped(used, live):
			return late, c.live
		case back == 1 && live.at == c.ord-1:
			return twice, c.live
		}
	}
	if seq == live.next { // it changed its version
		return fits, c.live
	}
	return jumps, -1
}

// alive reports whether counter k may still be resumed: it paused for a moment, has
// been resumed before, or is the only one of its version.
func (c *counters) alive(k *counter) bool {
	return c.ord-k.at <= overWindow || k.resumed >= 2 || k.version != c.all[c.live].version
}

// skipped reports whether a number, last used as usedAt tells, is one that counter k
// skipped: whether no one used it lately, since k began.
func (c *counters) skipped(used int64, k *counter) bool {
	return used == 0 || c.ord-used >= reuseAge || used-1 < k.origin
}

// put places a frame where look said.
func (c *counters) put(how fit, i int, f tlog.Frame, at Place, cmd *commandInfo) (done []*commandInfo) {
	seq, version := f.Sequence(), uint8(f.Version())
	if c.usedAt == nil {
		c.usedAt = new([256]int64)
	}
	if how != fits && c.used > 0 {
		c.chance(seq)
	}
	switch how {
	case late:
		c.usedAt[seq] = c.ord + 1
		return nil
	case jumps:
		i = c.jump(seq, version, f.ID(), at, cmd)
	case resumes:
		done = c.resume(i)
	case twice:
		c.over++
		c.enter(at, c.ord)
		c.countForeign(f.ID(), version, at, 1)
		if cmd := c.all[i].command; cmd != nil {
			done = append(done, cmd)
		}
	}
	k := &c.all[i]
	if how != jumps {
		k.command = cmd
	}
	if how != twice {
		k.next = seq + 1
	}
	k.version, k.last = version, at
	k.at = c.ord
	k.frames++
	if k.foreign {
		c.countForeign(f.ID(), version, at, 1)
	}
	c.usedAt[seq] = c.ord + 1
	c.live = i
	c.ord++
	return done
}

// chance adds to lambda how probable it was for a frame that did not fit to resume a
// counter by accident: behind a loss only numbers a little ahead can be hit, else any.
func (c *counters) chance(seq uint8) {
	live := c.all[c.live].next
	ahead := seq - live
	for j := range c.used {
		k := &c.all[j]
		if j == c.live || c.ord-k.at > overWindow {
			continue
		}
		switch d := k.next - live; {
		case ahead > lossWindow:
			c.lambda += 1.0 / 256
		case d >= 1 && d <= lossWindow:
			c.lambda += 1.0 / lossWindow
		}
	}
}

// jump begins a counter, in the place of the one unused for longest.
func (c *counters) jump(seq, version uint8, message uint32, at Place, cmd *commandInfo) int {
	i := c.used
	if c.used < maxCounters {
		c.used++
	} else {
		i = -1
		for j := range c.all {
			// one that has proved itself outlives the single frames of a flood
			if j != c.live && (i < 0 || c.staleness(j) > c.staleness(i)) {
				i = j
			}
		}
	}
	k := counter{version: version, origin: c.ord, first: at, message: message, command: cmd}
	least := uint8(lossWindow)
	for j := range c.used {
		o := &c.all[j]
		if ahead := seq - o.next; o.frames > 0 && ahead <= least && o.version == version && j != i {
			k.origin, k.foreign, least = o.origin, o.foreign, ahead
		}
	}
	c.all[i] = k
	return i
}

func (c *counters) staleness(i int) int64 {
	return (c.ord - c.all[i].at) / min(1+c.all[i].frames, 64)
}

// resume notes that counter i goes on where it was, after others. It returns the
// single commands it stepped over.
func (c *counters) resume(i int) (done []*commandInfo) {
	t := &c.all[i]
	t.resumed++
	gap := c.ord - t.at - 1
	if gap < 1 || gap > overWindow {
		return nil
	}
	fresh := c.skipped(c.usedAt[t.next], t)
	shaken := false
	for j := range c.used {
		k := &c.all[j]
		if j == i || k.at <= t.at {
			continue
		}
		if d := k.next - t.next; fresh && (d <= lateWindow || -d <= lateWindow) {
			shaken = true // two positions of one counter whose frames were reordered
			continue
		}
		newer := k
		if t.origin > k.origin {
			newer = t
		}
		c.mark(newer)
		if k.frames == 1 && k.command != nil {
			done = append(done, k.command)
			k.command = nil
		}
	}
	if !shaken {
		c.over++
	}
	return done
}

// mark notes that a counter came into an older one.
func (c *counters) mark(k *counter) {
	if k.foreign {
		return
	}
	k.foreign = true
	c.enter(k.first, k.origin)
	c.countForeign(k.message, k.version, k.last, k.frames)
}

// The least that a source must have been there for another one to be a newcomer.
const (
	establishedTime   = 10_000_000 // µs, and
	establishedFrames = 10
	establishedRaw    = 1000 // frames, where there is no time
)

// enter notes the first frame of a foreign counter.
func (c *counters) enter(at Place, ord int64) {
	if !c.hasForeign || at.Index < c.firstForeign.Index {
		c.hasForeign, c.firstForeign = true, at
	}
	if c.entered {
		return // the first one tells how the source is built
	}
	c.entered = true
	settled := ord >= establishedFrames && at.Time-c.begun.Time >= establishedTime || at.Time == 0 && ord >= establishedRaw
	if settled && !c.newcomer {
		c.newcomer, c.newcomerAt = true, at
	}
}

// reset forgets all; the source begins at the place.
func (c *counters) reset(at Place) {
	used := c.usedAt
	if used != nil {
		clear(used[:])
	}
	*c = counters{begun: at, usedAt: used}
}

func (c *counters) countForeign(message uint32, version uint8, at Place, n int64) {
	if c.foreignKinds == nil {
		c.foreignKinds = make(map[uint32]int64)
	}
	if len(c.foreignKinds) < 256 || c.foreignKinds[message] > 0 {
		c.foreignKinds[message] += n
	}
	c.foreignCount += n
	c.foreignLast = at
	c.versions[version] = true
}

// several reports whether more than one counter was at work beyond chance.
func (c *counters) several() bool { return c.beyondChance(c.over) }

func (c *counters) beyondChance(over int64) bool { return float64(over) >= 4+3*c.lambda }

// commanding reports whether state-changing messages came with the foreign counter.
func (c *counters) commanding() bool {
	for id := range c.foreignKinds {
		if k := mav.ClassOf(id); k == mav.Command || k == mav.Setpoint {
			return true
		}
	}
	return false
}

// adopt lets the counter in use go on at next, where repeats have led it.
func (c *counters) adopt(next uint8) {
	if c.used > 0 {
		c.all[c.live].next = next
	}
}
