package seal

// foreignShare is 1 over the share of the sealed segments under which a log is taken
// for another one than the seal's, unless most of what it has is from there.
const foreignShare = 100

// explain judges a log that does not fit its seal. covered means that it does as far
// as the seal goes, and goes on behind.
func (v *Verdict) explain(p *Parsed, q *Request, covered bool) error {
	v.Outcome = Altered
	v.Reason = "the log differs from what was sealed"
	log, err := v.cut(q)
	if err != nil {
		return err
	}
	log.sealedBytes = v.Note.Bytes
	sealed, err := v.sealedPrefixes(p, q, covered)
	if err != nil {
		return err
	}
	var runs []run
	switch {
	case sealed != nil:
		runs = v.aligned(sealed, log, q.Also)
	case p.Tiles != nil:
		if runs, err = narrow(p.Tiles, v.Note.Leaves, log); err != nil {
			return err
		}
	default:
		runs = anywhere(v.Note.Leaves, log)
	}
	if !v.Note.Final {
		runs = withoutBeyond(runs, v.Note.Leaves, log)
	}
	if len(runs) == 0 {
		v.warn("nothing tells where the log differs: it changed while it was read, or what was sealed contradicts itself")
		runs = anywhere(v.Note.Leaves, log)
	}
	v.Presented = &log.sum
	v.Findings, err = describe(runs, p.gapLeaves(), log)
	v.bare.locate(v.Findings)
	return err
}

// cut cuts the log to be explained. Carriers that turn out to stand inside a segment
// are put back first.
func (v *Verdict) cut(q *Request) (*presented, error) {
	if v.bare == nil {
		return cut(q.Log, q.Seeds, q.Workers, nil)
	}
	begins, done := v.bare.inStep()
	log, err := cut(q.Log, q.Seeds, q.Workers, begins)
	if err != nil {
		return nil, err
	}
	in := done()
	if in == v.bare {
		return log, nil
	}
	v.setBare(in, q)
	return cut(q.Log, q.Seeds, q.Workers, nil)
}

// sealedPrefixes returns the index, nil if there is none or it cannot be used.
func (v *Verdict) sealedPrefixes(p *Parsed, q *Request, covered bool) ([]uint64, error) {
	if q.Index != nil {
		sealed, err := readIndex(q.Index, v.Note)
		if err == nil {
			return sealed, nil
		}
		v.warn("%v", err)
	}
	if covered {
		// What was sealed is there, whole: its index can be made again.
		return resealed(q.Log, v.bare.places(), p.Notes, q.Workers)
	}
	return nil, nil
}

// anywhere is all that can be said if nothing tells where a log differs.
func anywhere(leaves uint64, log *presented) []run {
	return []run{{kind: Changed, sealedEnd: leaves, end: log.leaves, within: true}}
}

// withoutBeyond leaves out what stands behind the end of an open seal: it is not
// covered, but not wrong either.
func withoutBeyond(runs []run, leaves uint64, log *presented) []run {
	for n := len(runs); n > 0; n = len(runs) {
		last := &runs[n-1]
		behind := last.sealedEnd == leaves && last.end == log.leaves
		switch {
		case last.kind == Appended, last.kind == Doubled && last.at >= log.keptEnd:
			runs = runs[:n-1]
			continue
		case last.kind == Changed && behind && last.end-last.at > last.sealedEnd-last.sealed:
			last.end = last.at + last.sealedEnd - last.sealed
		}
		break
	}
	return runs
}
