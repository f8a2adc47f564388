package seal

import (
	"bytes"
	"slices"
)

// Kind says what happened to a run of segments.
type Kind string

// The kinds of findings, in the words that scripts rely on.
const (
	Changed   Kind = "changed"   // these stand where others were sealed
	Dropped   Kind = "dropped"   // sealed, and no longer there
	Inserted  Kind = "inserted"  // there, and never sealed
	Moved     Kind = "moved"     // sealed elsewhere in the log
	Doubled   Kind = "doubled"   // a further copy of sealed ones
	Truncated Kind = "truncated" // the log's beginning or end is missing
	Appended  Kind = "appended"  // the log goes on behind its sealed end
)

// Finding is one run of segments that is not as it was sealed. Indices count records
// from 0, leaves count segments from 0; an index that does not apply is -1. Where a run
// is of gaps only, its index is that of the record behind it.
type Finding struct {
	Kind Kind
	Gap  bool // the run holds gaps only

	SealedIndex, Index int64  // of the first record, in the sealed and the presented log
	Count, CountNow    uint64 // records, sealed and presented
	SealedLeaf, Leaf   int64  // of the first segment
	Leaves, LeavesNow  uint64 // segments, sealed and presented
	Offset, Bytes      int64  // in the presented log; -1 and 0 if nothing is there
	HasTime            bool
	Time, Until        int64  // first and last record time of the run, µs since 1970 UTC; of what is missing, those of its neighbours
	First              []byte // the first presented record of the run, nil without one
	Within             bool   // somewhere in this run: there was no index to tell more
	From               *Reference
	FromIndex          int64 // where the inserted run begins in From
}

// run is a finding in leaf numbers: sealed leaves sealed to sealedEnd, presented
// leaves at to end.
type run struct {
	kind              Kind
	sealed, sealedEnd uint64
	at, end           uint64
	within            bool
	from              *Reference
	fromLeaf          uint64
}

// describe turns runs, in the order of the presented log, into findings.
func describe(runs []run, sealedGaps []uint64, p *presented) ([]Finding, error) {
	findings := make([]Finding, len(runs))
	for i, r := range runs {
		f := &findings[i]
		*f = Finding{
			Kind: r.kind, Within: r.within, From: r.from, FromIndex: -1,
			SealedIndex: -1, Index: -1, SealedLeaf: -1, Leaf: -1, Offset: -1,
			Leaves: r.sealedEnd - r.sealed, LeavesNow: r.end - r.at,
			Count:    recordsBefore(sealedGaps, r.sealedEnd) - recordsBefore(sealedGaps, r.sealed),
			CountNow: recordsBefore(p.gaps, r.end) - recordsBefore(p.gaps, r.at),
		}
		f.Gap = f.Count == 0 && f.CountNow == 0
		if f.Leaves > 0 {
			f.SealedLeaf = int64(r.sealed)
			f.SealedIndex = int64(recordsBefore(sealedGaps, r.sealed))
		}
		if r.from != nil {
			f.FromIndex = int64(recordsBefore(r.from.gaps, r.fromLeaf))
		}
		if err := f.locate(r, p); err != nil {
			return nil, err
		}
	}
	return findings, nil
}

// locate adds where and when the run stands in the presented log.
func (f *Finding) locate(r run, p *presented) error {
	if f.LeavesNow > 0 {
		f.Leaf = int64(r.at)
		f.Index = int64(recordsBefore(p.gaps, r.at))
		first, err := p.find(r.at)
		if err != nil {
			return err
		}
		last, err := p.find(r.end - 1)
		if err != nil {
			return err
		}
		f.Offset, f.Bytes = first.offset, last.offset+last.bytes-first.offset
	}
	return f.when(r, p)
}

// when adds the times of the run's records, or of what stands around it if it has none.
func (f *Finding) when(r run, p *presented) error {
	first, last := r.at, r.end-1
	if f.CountNow == 0 {
		first, last = r.at-1, r.end
	}
	from, ok, err := p.record(first, f.CountNow == 0)
	if err != nil {
		return err
	}
	if ok && f.CountNow > 0 {
		f.First = bytes.Clone(from.data)
	}
	until, ok2, err := p.record(last, f.CountNow > 0)
	switch {
	case err != nil || !ok && !ok2:
		return err
	case !ok:
		from = until
	case !ok2:
		until = from
	}
	f.HasTime, f.Time, f.Until = true, from.time, until.time
	return nil
}

// record returns the first record at or behind a leaf, or the last at or before it.
func (p *presented) record(number uint64, before bool) (leaf, bool, error) {
	for number < p.leaves { // 0 - 1 is not
		if _, gap := slices.BinarySearch(p.gaps, number); !gap {
			l, err := p.find(number)
			return l, err == nil, err
		}
		if before {
			number--
		} else {
			number++
		}
	}
	return leaf{}, false, nil
}
