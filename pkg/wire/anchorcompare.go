package wire

import (
	"encoding/binary"
	"slices"
	"sort"

	"cqkit/pkg/align"
	"cqkit/pkg/merkle"
)

// maxDifferences bounds how many runs a comparison tells apart.
const maxDifferences = 100_000

// Window is a run of records that one signed hash covers.
type Window struct {
	First, Count uint64 // in records, from 0
	Commitment   [32]byte
}

// MerkleCommitment is the commitment of version 2's anchors: the root of the tree over the
// tags.
func MerkleCommitment(tags []Tag) [32]byte {
	hashes := make([]merkle.Hash, len(tags))
	for i, t := range tags {
		hashes[i] = merkle.Hash(t)
	}
	var h merkle.Hasher
	return h.Root(hashes)
}

// Comparison compares what was anchored, by windows and if there is one by a tag archive,
// with what is presented, tag by tag. It holds the tags of one window and 8 bytes for every tag
// it is given. Make one with [NewComparison]; it is not safe for concurrent use.
type Comparison struct {
	archive, presented windowCheck
	total              uint64
}

// NewComparison compares by the windows, which ascend and do not overlap, and by the commitment over
// the tags of each. total is how many records were anchored.
func NewComparison(windows []Window, commitment func([]Tag) [32]byte, total uint64) *Comparison {
	c := &Comparison{total: total}
	for _, w := range []*windowCheck{&c.archive, &c.presented} {
		w.windows, w.commitment, w.ok = windows, commitment, make([]bool, len(windows))
		w.skip()
	}
	return c
}

// Archived adds the next tag of the archive.
func (c *Comparison) Archived(t Tag) { c.archive.add(t) }

// Presented adds the next tag of what is presented.
func (c *Comparison) Presented(t Tag) { c.presented.add(t) }

// windowCheck computes the commitments of a sequence of tags.
type windowCheck struct {
	windows    []Window
	commitment func([]Tag) [32]byte
	ok         []bool   // by window
	short      []uint64 // the beginning of each tag
	next       int      // the window that the next tag is in or before
	tags       []Tag    // of that window
}

func (w *windowCheck) add(t Tag) {
	index := uint64(len(w.short))
	w.short = append(w.short, binary.BigEndian.Uint64(t[:]))
	if w.next == len(w.windows) || index < w.windows[w.next].First {
		return
	}
	w.tags = append(w.tags, t)
	if uint64(len(w.tags)) == w.windows[w.next].Count {
		w.ok[w.next] = w.commitment(w.tags) == w.windows[w.next].Commitment
		w.tags = w.tags[:0]
		w.next++
		w.skip()
	}
}

// skip passes over windows without records, which nothing can contradict.
func (w *windowCheck) skip() {
	for w.next < len(w.windows) && w.windows[w.next].Count == 0 {
		w.ok[w.next] = true
		w.next++
	}
}

// The kinds of difference.
const (
	DifferenceChanged   = "changed"
	DifferenceDropped   = "dropped"
	DifferenceInserted  = "inserted"
	DifferenceMoved     = "moved"
	DifferenceDoubled   = "doubled"
	DifferenceTruncated = "truncated" // the beginning or the end is missing
	DifferenceAppended  = "appended"
)

// Difference is a run of records that is not as it was anchored.
type Difference struct {
	Kind     string
	Anchored int64  // where it was anchored, -1 where that does not apply
	Index    int64  // where it is presented, likewise
	Count    uint64 // of anchored records
	CountNow uint64 // of presented ones
	// Within means that no archive says which of the records they are: the damage is
	// somewhere in them.
	Within bool
}

// Compared is what a comparison comes to.
type Compared struct {
	Archive     uint64 // tags in the archive
	Presented   uint64
	ArchiveOK   []bool // by window: whether the archive's tags are those that were anchored
	Intact      []bool // by window: whether its records are all there, in order and without others among them
	Differences []Difference
	Covered     uint64 // presented records in intact windows
	Beyond      uint64 // presented records after what was anchored
	Coarse      bool   // there are more differences than are told apart
}

// Result compares what was added. closed is whether the anchors say that nothing follows:
// then records beyond them are a difference.
func (c *Comparison) Result(closed bool) *Compared {
	r := &Compared{
		Archive: uint64(len(c.archive.short)), Presented: uint64(len(c.presented.short)),
		ArchiveOK: c.archive.ok, Intact: make([]bool, len(c.presented.ok)),
	}
	anchored, unknown := c.anchored()
	for i, w := range c.presented.windows {
		r.Intact[i] = w.Count == 0
	}
	aligned := align.Align(anchored, c.presented.short, align.Options{MaxRuns: maxDifferences})
	r.Coarse = aligned.Coarse
	window := 0 // the first that does not end before the run
	group := 0  // where the differences since the last run that was kept begin
	for _, run := range aligned.Runs {
		d := Difference{
			Anchored: int64(run.Sealed), Index: int64(run.Presented),
			Count: uint64(run.SealedCount), CountNow: uint64(run.PresentedCount),
		}
		switch run.Kind {
		case align.Kept:
			window = c.markIntact(r, run, window)
			group = r.blur(group)
			continue
		case align.Changed:
			d.Kind = DifferenceChanged
		case align.Moved:
			d.Kind = DifferenceMoved
		case align.Doubled:
			d.Kind = DifferenceDoubled
		case align.Dropped:
			d.Kind, d.Index = DifferenceDropped, -1
			if run.Sealed == 0 || run.Sealed+run.SealedCount == len(anchored) {
				d.Kind = DifferenceTruncated
			}
		case align.Inserted:
			d.Kind, d.Anchored = DifferenceInserted, -1
			if run.Sealed == len(anchored) && run.Presented+run.PresentedCount == len(c.presented.short) {
				d.Kind = DifferenceAppended
				r.Beyond = d.CountNow
			}
		}
		if d.Kind == DifferenceTruncated && run.Sealed > 0 {
			d.Count += c.total - uint64(len(anchored)) // not even the archive has them
		}
		d.Within = unknown.overlaps(run.Sealed, run.SealedCount)
		if d.Kind != DifferenceAppended || closed {
			r.Differences = append(r.Differences, d)
		}
	}
	r.blur(group)
	if missing := c.total - uint64(len(anchored)); missing > 0 && !truncated(r.Differences) {
		r.Differences = append(r.Differences, Difference{
			Kind: DifferenceTruncated, Anchored: int64(len(anchored)), Index: -1, Count: missing,
		})
	}
	return r
}

// blur makes one of the differences from number i on if the records of one of them are
// unknown: then it is also unknown what was inserted among them. It returns how many
// differences there are.
func (r *Compared) blur(i int) int {
	group := r.Differences[i:]
	first := slices.IndexFunc(group, func(d Difference) bool { return d.Within && d.Kind == DifferenceChanged })
	if first < 0 {
		return len(r.Differences)
	}
	sum := Difference{Kind: DifferenceChanged, Anchored: group[first].Anchored, Index: -1, Within: true}
	rest := r.Differences[:i]
	place := len(rest)
	for _, d := range group {
		switch d.Kind {
		case DifferenceChanged, DifferenceDropped, DifferenceInserted, DifferenceDoubled:
			if d.Kind == DifferenceChanged || d.Kind == DifferenceDropped {
				sum.Anchored = min(sum.Anchored, d.Anchored)
				sum.Count += d.Count
			}
			if d.Kind != DifferenceDropped {
				sum.CountNow += d.CountNow
				if sum.Index < 0 {
					sum.Index = d.Index
				}
			}
		default:
			rest = append(rest, d)
		}
	}
	r.Differences = slices.Insert(rest, place, sum)
	return len(r.Differences)
}

// truncated reports whether the last difference is that the end is missing.
func truncated(list []Difference) bool {
	return len(list) > 0 && list[len(list)-1].Kind == DifferenceTruncated && list[len(list)-1].Anchored > 0
}

// markIntact marks the windows that lie in a run that was kept, and returns the first that
// may lie in later ones. A window's commitment decides where the archive's does
// not: where its tags, of which only the beginnings were compared, stand where they
// were anchored.
func (c *Comparison) markIntact(r *Compared, run align.Run, from int) int {
	windows := c.presented.windows
	for ; from < len(windows); from++ {
		w := windows[from]
		if w.Count == 0 || w.First < uint64(run.Sealed) {
			continue
		}
		if w.First+w.Count > uint64(run.Sealed+run.SealedCount) {
			break
		}
		if c.presented.ok[from] || run.Sealed != run.Presented && c.archive.ok[from] {
			r.Intact[from] = true
			r.Covered += w.Count
		}
	}
	return from
}

// spans are half-open ranges that ascend and do not touch.
type spans [][2]int

// overlaps reports whether one of them has an element of the given range.
func (s spans) overlaps(from, count int) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i][1] > from })
	return i < len(s) && s[i][0] < from+count
}

// anchored returns the beginnings of the tags that were anchored: of windows whose
// commitments fit, as presented or as the archive has them. The tags of other windows are
// unknown, and equal nothing; should an attacker make a tag that does, the window is
// still not intact. Where anchors are missing, nothing says what the tags were, and the
// archive or what is presented is taken at its word.
//
// It returns no more tags than there are in both: who signs can claim any total.
func (c *Comparison) anchored() (short []uint64, unknown spans) {
	archive, presented := c.archive.short, c.presented.short
	n := int(min(c.total, uint64(max(len(archive), len(presented)))))
	short = make([]uint64, n)
	copy(short, presented)
	if len(archive) > 0 {
		copy(short, archive)
	}
	sentinel := uint64(0)
	for i, w := range c.presented.windows {
		first, end := int(min(w.First, uint64(n))), int(min(w.First+w.Count, uint64(n)))
		switch {
		case c.presented.ok[i]:
			copy(short[first:end], presented[first:])
		case c.archive.ok[i]:
		case w.First+w.Count > uint64(n): // the end is missing, and will be said to be
		case first < end:
			for j := first; j < end; j++ {
				sentinel++
				short[j] = sentinel
			}
			if k := len(unknown) - 1; k >= 0 && unknown[k][1] == first {
				unknown[k][1] = end
			} else {
				unknown = append(unknown, [2]int{first, end})
			}
		}
	}
	return short, unknown
}
