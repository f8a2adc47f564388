package seal

import "errors"

// Reference is another sealed log, in which records that were inserted into a log are
// looked for. It is safe for concurrent use if its index can be read concurrently.
type Reference struct {
	Name string // its file name by its seal; untrusted text
	Seal string // where the seal was read from

	note  *Note
	gaps  []uint64
	index Log
}

// NewReference checks another log's seal with the keys that count, and its index
// against the seal. The log itself is not needed. seal names the seal in findings.
func NewReference(seal string, data []byte, index Log, keys []Key) (*Reference, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, err
	}
	v := Verdict{Note: p.Last()}
	if v.checkKey(p, keys) != nil {
		return nil, errors.New(v.Reason)
	}
	if v.Note.Index == nil {
		return nil, errors.New("the seal was made without an index")
	}
	if err := checkIndex(&index, v.Note); err != nil {
		return nil, err
	}
	return &Reference{Name: v.Note.Name, Seal: seal, note: v.Note, gaps: p.gapLeaves(), index: index}, nil
}

// gapLeaves returns the leaf numbers of all gaps.
func (p *Parsed) gapLeaves() []uint64 {
	var leaves []uint64
	for _, n := range p.Notes {
		for _, g := range n.Gaps {
			leaves = append(leaves, g.Leaf)
		}
	}
	return leaves
}

// attribute splits runs of presented leaves that were never sealed where parts of them
// stand in another sealed log.
func (v *Verdict) attribute(runs []run, log *presented, also []*Reference) []run {
	wanted := make(map[uint64][]place)
	for _, r := range runs {
		if r.isNew() {
			for _, h := range log.prefixes[r.at:r.end] {
				wanted[h] = nil
			}
		}
	}
	if len(wanted) == 0 {
		return runs
	}
	for _, ref := range also {
		prefixes, err := readIndex(&ref.index, ref.note)
		if err != nil {
			v.warn("%s: %v", ref.Seal, err)
			continue
		}
		for i, h := range prefixes {
			if places, ok := wanted[h]; ok && len(places) < maxPlaces {
				wanted[h] = append(places, place{ref, prefixes, uint64(i)})
			}
		}
	}
	var split []run
	for _, r := range runs {
		if !r.isNew() {
			split = append(split, r)
			continue
		}
		split = append(split, r.attribute(log.prefixes, wanted)...)
	}
	return split
}

// maxPlaces is among how many places of one segment the best is chosen.
const maxPlaces = 8

// place is where a segment stands in another log.
type place struct {
	ref      *Reference
	prefixes []uint64 // of ref
	leaf     uint64
}

func (r run) isNew() bool {
	return r.kind == Inserted || r.kind == Appended || r.kind == Changed && r.end > r.at
}

// attribute returns r in pieces, each from one place, the one that goes on longest, or
// from nowhere. A changed run stays whole, and is attributed only if it all stands
// together elsewhere.
func (r run) attribute(prefixes []uint64, places map[uint64][]place) []run {
	var pieces []run
	for at := r.at; at < r.end; {
		piece := r
		piece.at, piece.end = at, at+1
		if here := places[prefixes[at]]; len(here) > 0 {
			agree := uint64(0)
			for _, p := range here {
				if n := p.agree(prefixes[at:r.end]); n > agree {
					agree, piece.from, piece.fromLeaf = n, p.ref, p.leaf
				}
			}
			piece.end = at + agree
		} else {
			for piece.end < r.end && len(places[prefixes[piece.end]]) == 0 {
				piece.end++
			}
		}
		pieces = append(pieces, piece)
		at = piece.end
	}
	if r.kind == Changed && len(pieces) > 1 {
		return []run{r}
	}
	return pieces
}

// agree returns how many of the given segments stand together from p on.
func (p place) agree(with []uint64) uint64 {
	n := 0
	for there := p.prefixes[p.leaf:]; n < len(with) && n < len(there) && there[n] == with[n]; n++ {
	}
	return uint64(n)
}
