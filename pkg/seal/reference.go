package seal

import (
	"errors"
	"fmt"
)

// Reference is another sealed log, in which records that were inserted into a log are
// looked for.
type Reference struct {
	Name string // its file name by its seal; untrusted text
	Seal string // where the seal was read from

	gaps     []uint64
	index    Log
	prefixes []uint64
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
	return &Reference{Name: v.Note.Name, Seal: seal, gaps: p.gapLeaves(), index: index}, nil
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
func attribute(runs []run, log *presented, also []*Reference) ([]run, error) {
	wanted := make(map[uint64]bool)
	for _, r := range runs {
		if r.isNew() {
			for _, h := range log.prefixes[r.at:r.end] {
				wanted[h] = true
			}
		}
	}
	if len(wanted) == 0 || len(also) == 0 {
		return runs, nil
	}
	places := make(map[uint64]place, len(wanted))
	for _, ref := range also {
		prefixes, err := readIndex(&ref.index)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Seal, err)
		}
		ref.prefixes = prefixes
		for i, h := range prefixes {
			if _, seen := places[h]; wanted[h] && !seen {
				places[h] = place{ref, uint64(i)}
			}
		}
	}
	var split []run
	for _, r := range runs {
		if !r.isNew() {
			split = append(split, r)
			continue
		}
		split = append(split, r.attribute(log.prefixes, places)...)
	}
	return split, nil
}

// place is where a segment stands in another log.
type place struct {
	ref  *Reference
	leaf uint64
}

func (r run) isNew() bool {
	return r.kind == Inserted || r.kind == Appended || r.kind == Changed && r.end > r.at
}

// attribute returns r in pieces, each from one place or from nowhere. A changed run
// stays whole, and is attributed only if it all stands together elsewhere.
func (r run) attribute(prefixes []uint64, places map[uint64]place) []run {
	var pieces []run
	for at := r.at; at < r.end; {
		piece := r
		piece.at, piece.end = at, at+1
		if p, ok := places[prefixes[at]]; ok {
			piece.from, piece.fromLeaf = p.ref, p.leaf
			for piece.end < r.end && p.follows(piece.end-at, prefixes[piece.end]) {
				piece.end++
			}
		} else {
			for piece.end < r.end && places[prefixes[piece.end]].ref == nil {
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

// follows reports whether the segment n places on is the one with the given prefix.
func (p place) follows(n, prefix uint64) bool {
	i := p.leaf + n
	return i < uint64(len(p.ref.prefixes)) && p.ref.prefixes[i] == prefix
}
