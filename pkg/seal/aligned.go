package seal

import (
	"fmt"

	"cqkit/pkg/align"
)

// maxFindings bounds a verdict; a log that would need more is another log for all
// practical purposes, and its smallest matches are left out.
const maxFindings = 100_000

// aligned compares the sealed leaves with the presented ones, both by the prefixes of
// their hashes, and looks for inserted ones in other logs.
func (v *Verdict) aligned(sealed []uint64, log *presented, also []*Reference) []run {
	result := align.Align(sealed, log.prefixes, align.Options{MaxRuns: maxFindings})
	if result.Coarse {
		v.warn("the log differs in more than %d places: findings are joined", maxFindings/3)
	}
	if kept := uint64(result.Found); kept*foreignShare < v.Note.Leaves && kept*2 < log.leaves {
		v.Outcome = Foreign
		v.Reason = fmt.Sprintf("this is another log: %d of the %d sealed segments occur in it", kept, v.Note.Leaves)
	}
	var runs []run
	for _, a := range result.Runs {
		if a.Kind == align.Kept {
			log.keptEnd = uint64(a.Presented + a.PresentedCount)
		} else {
			runs = append(runs, log.run(a, uint64(len(sealed))))
		}
	}
	return v.attribute(runs, log, also)
}

// run makes a run of one of the alignment's.
func (p *presented) run(a align.Run, sealed uint64) run {
	r := run{
		sealed: uint64(a.Sealed), sealedEnd: uint64(a.Sealed + a.SealedCount),
		at: uint64(a.Presented), end: uint64(a.Presented + a.PresentedCount),
	}
	switch a.Kind {
	case align.Changed:
		r.kind = Changed
		if p.torn(r, sealed) {
			r.kind = Truncated
		}
	case align.Dropped:
		r.kind = Dropped
		if r.at == 0 && r.sealed == 0 || r.at == p.leaves && r.sealedEnd == sealed {
			r.kind = Truncated
		}
	case align.Inserted:
		r.kind = Inserted
		if r.sealed == sealed { // nothing that was sealed stands behind it
			r.kind = Appended
		}
	case align.Moved:
		r.kind = Moved
	case align.Doubled:
		r.kind = Doubled
	}
	return r
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
