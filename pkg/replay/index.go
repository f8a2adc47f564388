package replay

import (
	"fmt"
	"math"
)

// Index compares logs by their prints. It takes about 40 bytes a print, of which
// there is one for each two frames that carry a clock: 7 bytes a record or so. Of
// prints that stand in several logs it keeps the first. The zero Index is empty. It
// is not safe for concurrent use.
type Index struct {
	logs   []indexedLog
	prints []indexedPrint
	slots  []uint32 // position in prints plus 1; 0 is free
}

type indexedLog struct {
	name        string
	records     int64
	first, last int64
	all         uint32 // prints it has, also those that stand in an earlier log
}

type indexedPrint struct {
	hash   uint64
	log    uint32
	index  uint32
	offset int64
	time   int64
}

// Logs returns how many logs the index holds.
func (x *Index) Logs() int { return len(x.logs) }

// Has reports whether the index holds a log of that name.
func (x *Index) Has(name string) bool {
	for i := range x.logs {
		if x.logs[i].name == name {
			return true
		}
	}
	return false
}

// Add enters a log. It returns an error if the index or the log is too large for it.
func (x *Index) Add(name string, p *Prints) error {
	if len(name) > math.MaxUint16 {
		return fmt.Errorf("a log's name of %d bytes is too long for an index", len(name))
	}
	if p.Records > math.MaxUint32 || int64(len(x.prints))+int64(len(p.List)) > math.MaxUint32/2 {
		return fmt.Errorf("too many records for an index")
	}
	n := uint32(len(x.logs))
	x.logs = append(x.logs, indexedLog{name, p.Records, p.First, p.Last, uint32(len(p.List))})
	for _, q := range p.List {
		x.enter(indexedPrint{q.Hash, n, uint32(q.Index), q.Offset, q.Time})
	}
	return nil
}

func (x *Index) enter(p indexedPrint) bool {
	if 2*(len(x.prints)+1) > len(x.slots) {
		x.slots = make([]uint32, max(1<<10, 2*len(x.slots)))
		for i := range x.prints {
			*x.slot(x.prints[i].hash) = uint32(i + 1)
		}
	}
	slot := x.slot(p.hash)
	if *slot != 0 {
		return false
	}
	x.prints = append(x.prints, p)
	*slot = uint32(len(x.prints))
	return true
}

// slot returns where the hash is, or would be.
func (x *Index) slot(hash uint64) *uint32 {
	mask := uint64(len(x.slots) - 1)
	for i := hash / printEvery & mask; ; i = (i + 1) & mask {
		if n := x.slots[i]; n == 0 || x.prints[n-1].hash == hash {
			return &x.slots[i]
		}
	}
}

func (x *Index) find(hash uint64) *indexedPrint {
	if len(x.slots) == 0 {
		return nil
	}
	if n := *x.slot(hash); n != 0 {
		return &x.prints[n-1]
	}
	return nil
}

// The numbers by which copies are judged; docs/replay.md gives the reasons.
const (
	copiedLeast = 3          // prints in a run
	copiedReach = 32         // prints of other frames between two of a run
	copiedSlack = 100        // records that may be lost here or there between two
	copiedDense = 3          // at least one in so many of a run's frames is a copy
	copiedWhole = 0.99       // of a log's prints are the whole log
	sameTime    = 10_000_000 // µs
)

// copiedRun is a run of frames that stand in another log.
type copiedRun struct {
	log         uint32
	from, to    int // prints of this log
	first, last Place
	original    Place
	lastThere   uint32
	prints      int64
	missed      int64 // prints since the last that are not there
	others      int64 // such prints in all, within the run
}

// Compare returns findings of the kind Copied: what of the log with these prints
// stands in logs of the index, but for one of the same name. Their Source says
// nothing.
func (x *Index) Compare(name string, p *Prints) []Finding {
	var runs []copiedRun
	var now *copiedRun
	total := make(map[uint32]int64)
	for i, q := range p.List {
		e := x.find(q.Hash)
		if e == nil || x.logs[e.log].name == name {
			if now != nil {
				now.missed++
			}
			continue
		}
		total[e.log]++
		if now == nil || !now.continues(q.Index, e) {
			runs = append(runs, copiedRun{log: e.log, from: i, first: q.Place, original: Place{int64(e.index), e.offset, e.time}})
			now = &runs[len(runs)-1]
		}
		now.others += now.missed
		now.to, now.last, now.lastThere, now.missed = i+1, q.Place, e.index, 0
		now.prints++
	}
	var found []Finding
	whole := make(map[uint32]bool)
	for i := range runs {
		r := &runs[i]
		if whole[r.log] || r.prints < copiedLeast || r.prints*copiedDense < r.prints+r.others {
			continue
		}
		other := &x.logs[r.log]
		here, there := float64(total[r.log])/float64(len(p.List)), float64(total[r.log])/float64(other.all)
		f := r.finding(other)
		switch {
		case here >= copiedWhole && there >= copiedWhole:
			f.Detail = "the same log once more" + f.Detail
		case here >= copiedWhole:
			f.Detail = "the whole of this log is part of another" + f.Detail
		case there >= copiedWhole:
			f.Detail = "the whole of another log is part of this one" + f.Detail
		default:
			if f.Severity == Medium && r.pasted(p) {
				f.Severity = High
				f.Detail = ", though the times before and behind them do not fit"
			}
			f.Detail = fmt.Sprintf("about %d records of another log stand here", f.Count) + f.Detail
			found = append(found, f)
			continue
		}
		whole[r.log] = true
		for _, o := range runs[i+1:] {
			if o.log == r.log {
				f.Last = o.last
			}
		}
		f.Count = f.Last.Index - f.First.Index + 1
		found = append(found, f)
	}
	return found
}

// pasted reports whether time runs back at either end of the run.
func (r *copiedRun) pasted(p *Prints) bool {
	return r.first.Time != 0 && (r.from > 0 && p.List[r.from-1].Time > r.first.Time+logTolerance ||
		r.to < len(p.List) && p.List[r.to].Time < r.last.Time-logTolerance)
}

// continues reports whether a print at index here, which stands in another log as e
// tells, goes on with the run: whether there are about as many records between.
func (r *copiedRun) continues(here int64, e *indexedPrint) bool {
	if e.log != r.log || e.index <= r.lastThere || r.missed > copiedReach {
		return false
	}
	a, b := here-r.last.Index, int64(e.index-r.lastThere)
	return max(a, b) <= copiedSlack+copiedDense*min(a, b)
}

// finding makes a finding of a run; its detail is the end of a sentence.
func (r *copiedRun) finding(other *indexedLog) Finding {
	f := Finding{
		Kind: Copied, Severity: Medium, First: r.first, Last: r.last, Count: r.last.Index - r.first.Index + 1,
		Original: &r.original, OriginalLog: other.name,
	}
	switch shift := r.first.Time - r.original.Time; {
	case r.first.Time == 0 || r.original.Time == 0:
		f.Detail = "; one of both has no times, so which is older cannot be said"
	case shift > -sameTime && shift < sameTime:
		f.Detail = "; their times agree, as when one flight is recorded twice"
	case shift > 0:
		f.Severity = High
		f.Detail = fmt.Sprintf("; by their times these are %s younger than the others", span(shift))
	default:
		f.Severity = High
		f.Detail = fmt.Sprintf("; by their times these are %s older than the others", span(shift))
	}
	return f
}
