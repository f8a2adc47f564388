package seal

import (
	"fmt"
)

// foreignShare is 1 over the share of the sealed segments under which a log is taken
// for another one than the seal's, unless most of what it has is from there.
const foreignShare = 100

// explain judges a log that does not fit its seal. covered means that it does as far
// as the seal goes, and goes on behind.
func (v *Verdict) explain(p *Parsed, q *Request, covered bool) error {
	v.Outcome = Altered
	v.Reason = "the log differs from what was sealed"
	log, err := cut(q.Log, q.Seeds, q.Workers)
	if err != nil {
		return err
	}
	log.sealedBytes = v.Note.Bytes
	var runs []run
	switch {
	case q.Index != nil:
		sealed, err := readIndex(q.Index)
		if err != nil {
			return err
		}
		var kept uint64
		runs, kept = aligned(sealed, log)
		if kept*foreignShare < v.Note.Leaves && kept*2 < log.leaves {
			v.Outcome = Foreign
			v.Reason = fmt.Sprintf("this is another log: %d of the %d sealed segments occur in it", kept, v.Note.Leaves)
		}
		if runs, err = attribute(runs, log, q.Also); err != nil {
			return err
		}
	case covered:
		runs = []run{{kind: Appended, sealed: v.Note.Leaves, sealedEnd: v.Note.Leaves, at: v.Note.Leaves, end: log.leaves}}
	case p.Tiles != nil:
		if runs, err = narrow(p.Tiles, v.Note.Leaves, log); err != nil {
			return err
		}
	default:
		runs = []run{{kind: Changed, sealedEnd: v.Note.Leaves, end: log.leaves, within: true}}
	}
	if !v.Note.Final {
		runs = withoutTail(runs)
	}
	v.Presented = &log.sum
	v.Findings, err = describe(runs, p.gapLeaves(), log)
	return err
}

// withoutTail drops what stands behind the end of an open seal: it is not covered,
// but not wrong either.
func withoutTail(runs []run) []run {
	if n := len(runs); n > 0 && runs[n-1].kind == Appended {
		return runs[:n-1]
	}
	return runs
}
