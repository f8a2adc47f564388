// Package align compares two sequences of 64-bit values and says how the
// second was made from the first: what was changed, dropped, inserted, moved
// and doubled. It is made for the leaf hashes of a sealed and of a presented
// flight log, millions each, of which nearly all are the same and nearly all
// distinct; it stays within its bounds of time and memory whatever the two are.
//
// [Align] returns a script: runs that partition the presented sequence in
// its order, with the dropped runs at their places between them. [Apply] is the
// meaning of a script; applied to the sealed sequence it always reproduces
// the presented one. docs/align.md describes the method, argues where the
// script is as short as can be, and says where it may not be.
//
// Two values that are equal are taken for the same thing. Where the values are
// shortened hashes, whoever can make two of them collide can hide a change
// from this package; that anything was changed must be known by other means.
package align

import (
	"fmt"
	"math"
)

// Kind is what happened to a run.
type Kind uint8

// The kinds. Of each sealed element exactly one run of kind Kept, Changed,
// Dropped or Moved tells the whereabouts; of each presented element exactly
// one run of any kind but Dropped.
const (
	Kept     Kind = iota + 1 // stands in both, in the same order as everything else kept
	Changed                  // sealed elements replaced by others, between the same kept neighbours
	Dropped                  // sealed elements that are gone
	Inserted                 // presented elements that were not sealed
	Moved                    // sealed elements that stand elsewhere
	Doubled                  // an extra copy of sealed elements
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Kept:
		return "kept"
	case Changed:
		return "changed"
	case Dropped:
		return "dropped"
	case Inserted:
		return "inserted"
	case Moved:
		return "moved"
	case Doubled:
		return "doubled"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Run is a stretch of elements that have one fate. All numbers count
// elements, from 0.
type Run struct {
	Kind Kind
	// Sealed is where the run begins in the sealed sequence: for Moved where
	// it stood, for Doubled what it is a copy of. For Inserted it is the sealed
	// element before which the run stands, as far as kept elements tell.
	Sealed int
	// SealedCount is the length of the run there; 0 for Inserted, and equal
	// to PresentedCount for Kept, Moved and Doubled.
	SealedCount int
	// Presented is where the run begins in the presented sequence; for Dropped,
	// before which presented element it would stand.
	Presented int
	// PresentedCount is the length of the run there; 0 for Dropped.
	PresentedCount int
}

// Options are the limits of an alignment. The zero Options are the defaults.
type Options struct {
	// MaxRuns bounds the length of the script; 0 means 1,000,000, and what is
	// below 8 counts as 8.
	MaxRuns int
}

// Result is an alignment.
type Result struct {
	// Runs is the script, ascending in Presented. Neighbours of one kind that
	// continue one another are one run.
	Runs []Run
	// Found is how many sealed elements are somewhere in the presented
	// sequence, each counted once: the kept and the moved ones, before
	// anything was left out to respect MaxRuns.
	Found int
	// Coarse means that the script would have been longer than MaxRuns, so
	// that the shortest matches were left out: the elements in them count as
	// changed, dropped or inserted.
	Coarse bool
}

// Findings returns how many runs are not kept.
func (r Result) Findings() int {
	n := 0
	for _, run := range r.Runs {
		if run.Kind != Kept {
			n++
		}
	}
	return n
}

// maxElements keeps positions, and one past them, within an int32.
const maxElements = math.MaxInt32 - 1

// Align returns a script that makes presented out of sealed. It is
// deterministic and does not change or retain the slices. Beside them it takes
// about 4 bytes for each element of both where they are nearly the same, and about 35
// at worst. Time grows with the lengths and their logarithm. It may be called
// concurrently.
//
// Sequences of 2^31-1 elements and more are compared at their ends only, and what
// lies between is one run.
func Align(sealed, presented []uint64, opt Options) Result {
	maxRuns := opt.MaxRuns
	if maxRuns == 0 {
		maxRuns = 1_000_000
	}
	if max(len(sealed), len(presented)) > maxElements {
		return alignEnds(sealed, presented)
	}
	blocks, x := parse(sealed, presented)
	limit := (max(maxRuns, 8) - 2) / 3 // a match brings at most one gone and one loose run
	res := assemble(sealed, presented, blocks, x, overlapCosts, limit)
	if len(blocks) <= bothCosts && res.Findings() > 0 {
		if other := assemble(sealed, presented, blocks, x, overlapFree, limit); other.Findings() < res.Findings() {
			return other
		}
	}
	return res
}

// bothCosts is up to how many blocks both counts of overlaps are tried, of
// which neither is right for all; see docs/align.md.
const bothCosts = 4096

// assemble makes an alignment of blocks, with at most limit matches.
func assemble(sealed, presented []uint64, blocks []block, x *index, overlap int64, limit int) Result {
	m := &matching{sealed: sealed, presented: presented, index: x}
	m.kept = chain(sealed, presented, blocks, overlap)
	m.resolve(blocks)
	res := Result{Found: m.found()}
	res.Coarse = m.coarsen(limit)
	res.Runs = m.script()
	return res
}

// alignEnds is the coarsest alignment.
func alignEnds(sealed, presented []uint64) Result {
	pre, suf := commonEnds(sealed, presented)
	var w writer
	w.add(Run{Kept, 0, pre, 0, pre})
	s, t := len(sealed)-pre-suf, len(presented)-pre-suf
	switch {
	case s > 0 && t > 0:
		w.add(Run{Changed, pre, s, pre, t})
	case s > 0:
		w.add(Run{Dropped, pre, s, pre, 0})
	case t > 0:
		w.add(Run{Inserted, pre, 0, pre, t})
	}
	w.add(Run{Kept, pre + s, suf, pre + t, suf})
	return Result{Runs: w.runs, Found: pre + suf, Coarse: s > 0 || t > 0}
}
