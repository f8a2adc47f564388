package seal

import (
	"bytes"
	"cmp"
	"slices"

	"cqkit/pkg/chunk"
	"cqkit/pkg/merkle"
)

// inside is what a log holds of seals: whole notes, and what there is of others.
type inside struct {
	frames  uint64 // chunk frames of notes
	notes   []*Note
	tiles   map[[16]byte][][]byte // by log, as they came
	partial []chunk.Partial       // messages that are not all there
	seen    map[chunk.Digest]bool // notes and tiles that are among them
	whole   map[wholeKey]*wholeParts
	bytes   int
}

// wholeKey tells the parts of one note, or of tiles, from others.
type wholeKey struct {
	kind   partKind
	id     [16]byte
	digest chunk.Digest
	number uint32
	parts  uint32
}

type wholeParts struct {
	data [][]byte
	have uint32
}

// Bounds of what is kept of a log that somebody filled with notes: more than any seal has.
const (
	maxInsideBytes = 2 * MaxSealBytes
	maxInsideNotes = 2 * maxNotes
	maxInsideTiles = 1000 // for one log
	maxPartial     = 1000
	assemblyBytes  = 16 << 20
)

// findInside looks for notes in a log. It judges none.
func findInside(log Log) (*inside, error) {
	in := &inside{tiles: make(map[[16]byte][][]byte), seen: make(map[chunk.Digest]bool), whole: make(map[wholeKey]*wholeParts)}
	assembler := chunk.NewAssembler(chunk.Limits{MaxBytes: assemblyBytes, Dropped: in.lost})
	from := chunk.Source{System: carrierSystem, Component: carrierComponent}
	err := eachCarrier(log, func(offset int64, _ []byte, c chunk.Chunk) bool {
		in.frames++
		messages, _ := assembler.Add(from, c, 0, uint64(offset))
		for _, m := range messages {
			if !m.Repeat {
				in.add(m.Bytes)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, p := range assembler.Pending() {
		in.lost(p)
	}
	return in, nil
}

func (in *inside) lost(p chunk.Partial) {
	if len(in.partial) < maxPartial {
		in.partial = append(in.partial, p)
	}
}

// add takes a message that was put together.
func (in *inside) add(message []byte) {
	p := parsePart(message)
	if p == nil || in.bytes > maxInsideBytes || len(in.notes) > maxInsideNotes {
		return
	}
	in.bytes += len(message)
	if p.parts == 1 {
		in.join(p, p.data)
		return
	}
	k := wholeKey{p.kind, p.id, p.whole, p.number, p.parts}
	w := in.whole[k]
	if w == nil {
		w = &wholeParts{data: make([][]byte, p.parts)}
		in.whole[k] = w
		in.bytes += int(p.parts) * 24
	}
	if w.data[p.index] == nil {
		w.data[p.index] = p.data
		if w.have++; w.have == p.parts {
			in.join(p, bytes.Join(w.data, nil))
			delete(in.whole, k)
		}
	}
}

// join takes a note or the tiles once they are whole.
func (in *inside) join(p *part, whole []byte) {
	if chunk.DigestOf(whole) != p.whole {
		return
	}
	if p.kind == tilesPart {
		if in.seen[p.whole] || len(in.tiles[p.id]) == maxInsideTiles {
			return
		}
		in.seen[p.whole] = true
		in.tiles[p.id] = append(in.tiles[p.id], whole)
		return
	}
	parser := noteParser{rest: whole}
	n, err := parser.note()
	if err != nil || len(parser.rest) > 0 || n.ID != p.id || in.seen[p.whole] {
		return
	}
	in.seen[p.whole] = true
	in.notes = append(in.notes, n)
}

// insideSeal is a seal made of the notes inside a log.
type insideSeal struct {
	*Parsed
	text    []byte
	trusted bool // by one of the keys given; its signatures hold
	forked  bool // two notes follow the same one
}

// seals makes seals of the notes, by log and key: each the longest run from the first note. Of
// the notes by keys that count only those whose signature holds are used.
func (in *inside) seals(keys []Key) []*insideSeal {
	type owner struct {
		id  [16]byte
		key string
	}
	groups := make(map[owner][]*Note)
	var owners []owner
	for _, n := range in.notes {
		o := owner{n.ID, n.Key}
		if groups[o] == nil {
			owners = append(owners, o)
		}
		groups[o] = append(groups[o], n)
	}
	var seals []*insideSeal
	for _, o := range owners {
		s := new(insideSeal)
		notes := groups[o]
		if i := slices.IndexFunc(keys, func(k Key) bool { return k.Fingerprint == o.key }); i >= 0 {
			s.trusted = true
			notes = slices.DeleteFunc(notes, func(n *Note) bool { return n.verify(keys[i]) != nil })
		}
		run, forked := longestRun(notes)
		if len(run) == 0 {
			continue
		}
		s.forked = forked
		for i, n := range run {
			if i > 0 {
				s.text = append(s.text, '\n')
			}
			s.text = append(s.text, n.encode()...)
		}
		var err error
		if s.Parsed, err = Parse(s.text); err != nil {
			continue
		}
		seals = append(seals, s)
	}
	return seals
}

// addTiles adds to a seal the tiles that fold to its root, if they are there.
func (in *inside) addTiles(s *insideSeal) {
	if s.Tiles != nil {
		return
	}
	last := s.Last()
	for _, raw := range in.tiles[last.ID] {
		if !last.Final || uint64(len(raw)) != (last.Leaves+tileLeaves-1)/tileLeaves*merkle.Size {
			continue
		}
		text := slices.Concat(s.text, pemTiles(raw))
		if len(text) > MaxSealBytes || new(merkle.Hasher).Root(splitTiles(raw)) != last.Root {
			continue
		}
		s.Tiles, s.text = splitTiles(raw), text
		return
	}
}

// longestRun returns the longest run of notes of which each follows the one before, from a
// first note on, and whether there is another note that could follow one of them.
func longestRun(notes []*Note) (run []*Note, forked bool) {
	type end struct {
		note  *Note
		next  *end
		notes int
	}
	notes = slices.Clone(notes)
	slices.SortStableFunc(notes, func(a, b *Note) int { return cmp.Compare(b.Nonce, a.Nonce) })
	after := make(map[[32]byte]*end) // the longest run from behind a note
	rivals := make(map[[32]byte]bool)
	for _, n := range notes { // a note before those it can follow
		var prev [32]byte // of the first note: no digest is zero
		if n.Prev != nil {
			prev = *n.Prev
		}
		e := &end{note: n, notes: 1}
		if next := after[n.Digest()]; next != nil && next.note.Nonce > n.Nonce {
			e.next, e.notes = next, next.notes+1
		}
		have := after[prev]
		rivals[prev] = rivals[prev] || have != nil && have.note.Digest() != n.Digest()
		if have == nil || have.notes < e.notes {
			after[prev] = e
		}
	}
	var prev [32]byte
	for e := after[prev]; e != nil; e = e.next {
		forked = forked || rivals[prev]
		run = append(run, e.note)
		prev = e.note.Digest()
	}
	return run, forked
}

// best returns the message of which most was found, nil if all are whole.
func (in *inside) best() *chunk.Partial {
	var best *chunk.Partial
	for i := range in.partial {
		if p := &in.partial[i]; best == nil || p.Seen*best.Count > best.Seen*p.Count {
			best = p
		}
	}
	return best
}
