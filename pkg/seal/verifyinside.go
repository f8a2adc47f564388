package seal

import (
	"cmp"
	"slices"

	"cqkit/pkg/chunk"
)

// maxInsideTried is how many of the seals inside a log are tried.
const maxInsideTried = 8

// setBare makes the log without the carriers the one that is judged.
func (v *Verdict) setBare(b *bareLog, q *Request) {
	v.bare, v.Bare, q.Log = b, b.Log, b.Log
	v.Carriers, v.CarrierBytes = b.carriers()
}

// CoveredTo returns how far, in the file as it is, the seal vouches for the log.
func (v *Verdict) CoveredTo() int64 {
	if v.bare == nil {
		return v.Covered
	}
	to, _ := v.bare.inFile(v.Covered)
	return to
}

// verifyInside judges a log by the notes inside it.
func verifyInside(q *Request) (*Verdict, error) {
	v := &Verdict{Bare: q.Log}
	in, err := findInside(q.Log)
	if err != nil {
		return nil, err
	}
	s, err := in.choose(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		v.Outcome, v.Reason = Unsigned, "there is no seal, neither beside the log nor inside"
		if best := in.best(); best != nil {
			v.Reason = "there is no seal beside the log, and of the note inside it only " + describePartial(best.Seen, best.Count) + " were found"
		} else if in.frames > 0 {
			v.warn("frames inside the log look like parts of a seal, but are none")
		}
		return v, nil
	}
	v.Inside = true
	b, err := bare(q.Log, carriersOf(s.Parsed))
	if err != nil {
		return nil, err
	}
	v.setBare(b, q)
	if best := in.best(); best != nil && !s.Last().Final {
		v.warn("a further note inside the log is not whole and left out: %s were found", describePartial(best.Seen, best.Count))
	}
	if s.forked {
		v.warn("two different notes inside the log follow the same one")
	}
	return v, v.judge(s.Parsed, q)
}

// choose returns the seal by which to judge the log, nil if there is none.
func (in *inside) choose(q *Request) (*insideSeal, error) {
	seals := in.ranked(q.Log, q.Keys)
	if len(seals) < 2 || !seals[0].trusted {
		return append(seals, nil)[0], nil
	}
	best := -1
	for i, s := range seals {
		if !s.trusted {
			break
		}
		fits, _, err := s.fits(q.Log, q.Workers)
		if err != nil {
			return nil, err
		}
		if fits && (best < 0 || s.better(seals[best])) {
			best = i
		}
	}
	return seals[max(best, 0)], nil
}

// ranked returns seals that may be those of the log, the most likely one first.
func (in *inside) ranked(log Log, keys []Key) []*insideSeal {
	seals := in.seals(keys)
	distance := func(s *insideSeal) int64 {
		carriers := int64(len(s.text)) * maxCarrier / chunk.MaxPiece // about
		return abs(log.Size - carriers - s.Last().Bytes)
	}
	slices.SortStableFunc(seals, func(a, b *insideSeal) int {
		if a.trusted != b.trusted {
			return map[bool]int{true: -1, false: 1}[a.trusted]
		}
		return cmp.Compare(distance(a), distance(b))
	})
	seals = seals[:min(len(seals), maxInsideTried)]
	for _, s := range seals {
		in.addTiles(s)
	}
	return seals
}

// fits reports whether the log is what was sealed, as far as the seal goes, and returns it
// without the carriers.
func (s *insideSeal) fits(log Log, workers int) (bool, *bareLog, error) {
	b, err := bare(log, carriersOf(s.Parsed))
	if err != nil {
		return false, nil, err
	}
	_, err = walk(b.Log, b.places(), s.Notes, workers)
	switch err {
	case nil:
		return !s.Last().Final || b.Size == s.Last().Bytes, b, nil
	case errDiffers, errSpan:
		return false, b, nil
	}
	return false, nil, err
}

// better reports whether s, which fits, says more than o, which does, too.
func (s *insideSeal) better(o *insideSeal) bool {
	if s.Last().Final != o.Last().Final {
		return s.Last().Final
	}
	return s.Last().Leaves > o.Last().Leaves
}

// takeOut looks for carriers of the seal beside a log which the log does not fit as it is. If
// there are, it makes the bare log the one that is judged, and returns the seal, with
// what of it stands only inside the log.
func (v *Verdict) takeOut(p *Parsed, q *Request) (*Parsed, error) {
	own, err := bare(q.Log, carriersOf(p))
	if err != nil || len(own.runs) == 0 {
		return nil, err
	}
	in, err := findInside(q.Log)
	if err != nil {
		return nil, err
	}
	for _, s := range in.seals(q.Keys) {
		last := s.Last()
		if !s.trusted || last.ID != v.Note.ID || last.Key != v.Note.Key {
			continue
		}
		in.addTiles(s)
		common := commonNotes(p, s.Parsed)
		switch {
		case common < len(p.Notes) && common < len(s.Notes):
			v.Outcome, v.Reason = Malformed, "the seal beside the log and the notes inside it contradict each other"
			return nil, nil
		case common < len(s.Notes):
			v.warn("the seal beside the log is shorter than the one inside it, which counts")
			p = s.Parsed
		case common == len(p.Notes) && p.Tiles == nil:
			s.Attestations = p.Attestations
			p = s.Parsed
		}
	}
	if own, err = bare(q.Log, carriersOf(p)); err != nil {
		return nil, err
	}
	v.Inside = true
	v.setBare(own, q)
	return p, nil
}

// commonNotes returns how many notes two seals have in common, from the first on.
func commonNotes(a, b *Parsed) int {
	n := 0
	for n < len(a.Notes) && n < len(b.Notes) && a.Notes[n].Digest() == b.Notes[n].Digest() {
		n++
	}
	return n
}

// alsoInside looks at the seals inside a log that fits the seal beside it.
func (v *Verdict) alsoInside(q *Request) error {
	in, err := findInside(q.Log)
	if err != nil {
		return err
	}
	others := 0
	for _, s := range in.ranked(q.Log, q.Keys) {
		if !s.trusted {
			break
		}
		fits, _, err := s.fits(q.Log, q.Workers)
		switch {
		case err != nil:
			return err
		case fits:
			v.Agrees = append(v.Agrees, s.Last())
		default:
			others++
		}
	}
	if others > 0 {
		v.warn("it holds notes by keys that count which are not about it as it is: of another log, or it was changed before it was sealed")
	}
	return nil
}
