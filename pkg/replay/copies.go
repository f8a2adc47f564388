package replay

import (
	"cmp"
	"slices"
)

// The numbers by which repeats are judged; docs/replay.md gives the reasons.
const (
	maxRuns        = 4
	runReach       = 2_000 // records between two repeats of a run
	originReach    = 2_000 // records between their originals
	clockedLeast   = 3
	resumedLeast   = 5
	doubleDelivery = moment  // µs
	doubleCommand  = 500_000 // µs
	adoptSoon      = 32
	adoptLate      = 4096
	staleClock     = 1_000_000 // µs
	maxRunCommands = 16
)

// run is a run of repeats of earlier frames of one source, set aside from its
// counters.
type run struct {
	open        bool
	first, last Place
	original    Place // of first
	lastOrig    int64
	message     uint32
	next        uint8 // the number that would follow
	ahead       uint8 // how far the first number was ahead of the counter
	frames      int64
	joined      int64     // frames whose number follows that of the one before
	clocked     int64     // frames whose clock moved on
	clock       [4]uint64 // newest, by kind
	resumed     int64     // times that the genuine counter went on exactly
	loosely     int64     // ...after a loss
	touched     bool      // since the counter's last frame
	quickest    int64     // least time behind an original, µs
	commands    []commandInfo
	moreCmds    int64
}

// copies are the runs of one source.
type copies struct {
	runs   [maxRuns]run
	active int // how many are open
	done   []run
	double doubles
}

// doubles are the frames that came once more within a moment.
type doubles struct {
	count       int64
	first, last Place
	original    Place
	message     uint32
	slowest     int64 // µs
}

func (d *doubles) add(at, original Place, message uint32, lag int64) {
	if d.count == 0 {
		d.first, d.original, d.message = at, original, message
	}
	d.count++
	d.last = at
	d.slowest = max(d.slowest, lag)
}

// find returns the open run that a repeat of the record at original continues.
func (c *copies) find(original, at Place) *run {
	if c.active == 0 {
		return nil
	}
	for i := range c.runs {
		r := &c.runs[i]
		if r.open && original.Index > r.lastOrig && original.Index-r.lastOrig <= originReach && at.Index-r.last.Index <= runReach {
			return r
		}
	}
	return nil
}

// begin opens a run, closing the one that rested longest if need be.
func (c *copies) begin() *run {
	oldest := 0
	for i := range c.runs {
		if !c.runs[i].open {
			oldest = i
			break
		}
		if c.runs[i].last.Index < c.runs[oldest].last.Index {
			oldest = i
		}
	}
	r := &c.runs[oldest]
	if r.open {
		c.close(r)
	}
	*r = run{open: true}
	c.active++
	return r
}

func (c *copies) close(r *run) {
	r.open = false
	c.active--
	if r.worth() {
		c.done = append(c.done, *r)
	}
}

func (c *copies) finish() {
	for i := range c.runs {
		if c.runs[i].open {
			c.close(&c.runs[i])
		}
	}
	slices.SortFunc(c.done, func(a, b run) int { return cmp.Compare(a.first.Index, b.first.Index) })
}

// went tells the open runs how the source's own frames went on behind their last
// repeat: exactly where they had been, or by how many numbers further.
func (c *copies) went(how fit, ahead, seq uint8) {
	if c.active == 0 {
		return
	}
	for i := range c.runs {
		r := &c.runs[i]
		if !r.open || !r.touched {
			continue
		}
		r.touched = false
		switch {
		case how == fits:
			r.resumed++
		case how == jumps && ahead <= lossWindow && seq != r.next && (r.ahead == 0 || r.ahead > 2*lossWindow):
			r.loosely++
		}
	}
}

// stretch reports whether the run is a replayed stretch.
func (r *run) stretch() bool {
	return r.clocked >= clockedLeast || (r.resumed > 0 || r.loosely >= 3) && r.frames >= resumedLeast && 2*r.joined >= r.frames
}

// proven reports whether the genuine counter went on between the repeats, so that
// what follows them is one, too, wherever it fits.
func (r *run) proven() bool { return r.resumed >= 2 && r.frames >= clockedLeast }

// worth reports whether anything is to be said about the run.
func (r *run) worth() bool {
	return r.stretch() || r.resumed+r.loosely > 0 && len(r.commands) > 0
}

// add puts a repeat into the run.
func (r *run) add(at, original Place, seq uint8, kind int, clock uint64) {
	lag := at.Time - original.Time
	if r.frames == 0 {
		r.first, r.original = at, original
		r.quickest = lag
	}
	r.quickest = min(r.quickest, lag)
	if r.frames > 0 && seq-r.next <= lossWindow {
		r.joined++
	}
	r.last, r.lastOrig, r.next = at, original.Index, seq+1
	r.frames++
	r.touched = true
	if clock > r.clock[kind] {
		r.clock[kind] = clock
		r.clocked++
	}
}

// honest reports whether a run that has not been resumed is taken for the source's
// own counter: a station that repeats itself, behind a loss.
func (r *run) honest() bool {
	if r.resumed > 0 || r.clocked >= clockedLeast {
		return false
	}
	return r.frames >= adoptLate || r.frames >= adoptSoon && r.ahead <= lossWindow
}

// adopt closes a run that turned out to be the source's own counter.
func (c *copies) adopt(r *run) {
	r.open = false
	c.active--
}
