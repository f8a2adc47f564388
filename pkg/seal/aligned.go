package seal

import (
	"cqkit/pkg/align"
)

// maxFindings bounds a verdict; a log that would need more is another log for all
// practical purposes, and its smallest matches are left out.
const maxFindings = 100_000

// aligned compares the sealed leaves with the presented ones, both by the prefixes of
// their hashes. It also returns how many sealed leaves are in the presented log.
func aligned(sealed []uint64, log *presented) ([]run, uint64) {
	result := align.Align(sealed, log.prefixes, align.Options{MaxRuns: maxFindings})
	var runs []run
	for _, a := range result.Runs {
		r := run{
			sealed: uint64(a.Sealed), sealedEnd: uint64(a.Sealed + a.SealedCount),
			at: uint64(a.Presented), end: uint64(a.Presented + a.PresentedCount),
		}
		switch a.Kind {
		case align.Kept:
			continue
		case align.Changed:
			r.kind = Changed
			if log.torn(r, uint64(len(sealed))) {
				r.kind = Truncated
			}
		case align.Dropped:
			r.kind = Dropped
			if r.at == 0 && r.sealed == 0 || r.at == log.leaves && r.sealedEnd == uint64(len(sealed)) {
				r.kind = Truncated
			}
		case align.Inserted:
			r.kind = Inserted
			if r.end == log.leaves && r.sealed == uint64(len(sealed)) {
				r.kind = Appended
			}
		case align.Moved:
			r.kind = Moved
		case align.Doubled:
			r.kind = Doubled
		}
		runs = append(runs, r)
	}
	return runs, uint64(result.Found)
}

// torn reports whether a changed run is what a cut inside a record leaves: at the end
// or the beginning of the log, less than a record in place of one or more.
func (p *presented) torn(r run, sealed uint64) bool {
	atEnd := r.end == p.leaves && r.sealedEnd == sealed
	atStart := r.at == 0 && r.sealed == 0
	if !atEnd && !atStart || r.end != r.at+1 {
		return false
	}
	l, err := p.find(r.at)
	return err == nil && l.gap && l.bytes < maxRecord && p.log.Size < p.sealedBytes
}
