package align

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
)

// A piece is a presented run outside the kept ones with its place in sealed:
// moved from there or a copy of it.
type piece struct {
	block
	moved bool
}

// A matching says which sealed element each presented element is.
type matching struct {
	sealed, presented []uint64
	index             *index  // of sealed; nil if all is kept
	kept              []block // ascending in both
	pieces            []piece // ascending in t, between the kept blocks
	used              bitset  // sealed elements kept or moved
	gaps              []gap   // one before each kept block and one after the last
}

// A gap counts the runs of sealed that are nowhere and those of presented that
// are from nowhere between two kept blocks. The larger number is how many
// findings they make.
type gap struct{ gone, loose int }

// orderedPieces is how many pieces are settled with care.
const orderedPieces = 1 << 18

// resolve makes pieces of all that blocks have outside the kept ones. A
// sealed element can move once; what wants it again is a copy. The longest
// come first, so that a copy of a part does not break a moved whole; those
// that could be from several places come last, when it is known which places
// are left over.
func (m *matching) resolve(blocks []block) {
	m.used = make(bitset, len(m.sealed)/64+1)
	for _, b := range m.kept {
		m.used.set(b.s, b.n)
	}
	if len(blocks)-len(m.kept) > orderedPieces {
		m.pieces = make([]piece, 0, len(blocks)-len(m.kept))
		m.outside(blocks, m.place)
		return
	}
	var rest []block
	m.outside(blocks, func(b block) { rest = append(rest, b) })
	m.countGaps(rest)
	slices.SortStableFunc(rest, func(a, b block) int { return cmp.Compare(b.n, a.n) })
	var open []block
	for _, b := range rest {
		if m.index != nil && len(m.index.lookup(m.presented[b.t])) > 1 {
			open = append(open, b)
		} else {
			m.place(b)
		}
	}
	for _, b := range open {
		m.choose(b)
	}
	pieces := m.pieces
	m.pieces = nil
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.t, b.t) })
	for _, p := range pieces {
		if k := len(m.pieces); k > 0 && m.pieces[k-1].join(p) {
			continue
		}
		m.pieces = append(m.pieces, p)
	}
}

// outside calls f for the parts of blocks that lie between the kept ones, in
// presented order.
func (m *matching) outside(blocks []block, f func(block)) {
	next := 0 // first kept block that ends after t
	for _, b := range blocks {
		for t := b.t; t < b.tEnd(); {
			for next < len(m.kept) && m.kept[next].tEnd() <= t {
				next++
			}
			to := b.tEnd()
			if next < len(m.kept) {
				to = min(to, m.kept[next].t)
			}
			if t < to {
				f(block{b.s + t - b.t, t, to - t})
				t = to
			} else {
				t = min(m.kept[next].tEnd(), b.tEnd())
			}
		}
	}
}

// countGaps fills gaps for the time before anything was moved, with rest
// the parts of blocks between the kept ones.
func (m *matching) countGaps(rest []block) {
	m.gaps = make([]gap, len(m.kept)+1)
	end := block{s: uint32(len(m.sealed)), t: uint32(len(m.presented))}
	var s, t uint32
	for i := range m.gaps {
		next := end
		if i < len(m.kept) {
			next = m.kept[i]
		}
		if next.s > s {
			m.gaps[i].gone = 1
		}
		for ; len(rest) > 0 && rest[0].t < next.t; rest = rest[1:] {
			if rest[0].t > t {
				m.gaps[i].loose++
			}
			t = rest[0].tEnd()
		}
		if next.t > t {
			m.gaps[i].loose++
		}
		s, t = next.sEnd(), next.tEnd()
	}
}

// split returns the gap in which the sealed elements of b, not in use, lie, and
// by how much taking them away changes its number of runs that are gone.
func (m *matching) split(b block) (g *gap, change int) {
	i, _ := slices.BinarySearchFunc(m.kept, b.s, func(k block, s uint32) int { return cmp.Compare(k.s, s) })
	change = -1
	if b.s > 0 && !m.used.get(b.s-1) {
		change++
	}
	if int(b.sEnd()) < len(m.sealed) && !m.used.get(b.sEnd()) {
		change++
	}
	return &m.gaps[i], change
}

// add makes b a piece and keeps account.
func (m *matching) add(b block, moved bool) {
	if moved {
		if m.gaps != nil {
			g, change := m.split(b)
			g.gone += change
		}
		m.used.set(b.s, b.n)
	}
	p := piece{b, moved}
	if k := len(m.pieces); k > 0 && m.pieces[k-1].join(p) {
		return
	}
	m.pieces = append(m.pieces, p)
}

// join appends q to p if it continues it.
func (p *piece) join(q piece) bool {
	if p.moved != q.moved || p.sEnd() != q.s || p.tEnd() != q.t {
		return false
	}
	p.n += q.n
	return true
}

// place settles what becomes of b, which is not kept and could be from
// nowhere else.
func (m *matching) place(b block) {
	// Three parts and more, of which two and more are in use: calling it one copy,
	// and the parts not in use dropped, is no more findings and easier to read.
	if m.usedParts(b) > 1 {
		m.add(b, false)
		return
	}
	for b.n > 0 {
		n := m.used.same(b.s, b.n)
		m.add(block{b.s, b.t, n}, !m.used.get(b.s))
		b.s, b.t, b.n = b.s+n, b.t+n, b.n-n
	}
}

// usedParts returns how many runs of b's sealed elements are in use, 2 for
// two and more.
func (m *matching) usedParts(b block) int {
	parts := 0
	for b.n > 0 && parts < 2 {
		if m.used.get(b.s) {
			parts++
		}
		n := m.used.same(b.s, b.n)
		b.s, b.n = b.s+n, b.n-n
	}
	return parts
}

// manyPlaces is how many places of one value choose looks at.
const manyPlaces = 64

// choose settles what becomes of b, which is not kept and could be from
// several places: the one that agrees longest, and among those one that makes the
// fewest findings. A copy adds none to its own; a move adds or saves one where
// it splits or uses up what is gone between two kept blocks.
func (m *matching) choose(b block) {
	for b.n > 0 {
		places := m.index.lookup(m.presented[b.t])
		if len(places) > manyPlaces {
			at, _ := slices.BinarySearch(places, b.s)
			at = min(max(at-manyPlaces/2, 0), len(places)-manyPlaces)
			places = places[at : at+manyPlaces]
		}
		best := block{b.s, b.t, m.used.same(b.s, b.n)}
		bestMoved, bestCost := m.cost(best)
		for _, s := range places {
			c := block{s, b.t, m.agree(s, b)}
			if c.n < best.n {
				continue
			}
			moved, cost := m.cost(c)
			if c.n > best.n || cost < bestCost {
				best, bestMoved, bestCost = c, moved, cost
			}
		}
		m.add(best, bestMoved)
		b.s, b.t, b.n = b.s+best.n, b.t+best.n, b.n-best.n
	}
}

// agree returns how far sealed from s on agrees with b while it is in use or
// not in use as at s.
func (m *matching) agree(s uint32, b block) uint32 {
	n := m.used.same(s, min(b.n, uint32(len(m.sealed))-s))
	for k := range n {
		if m.sealed[s+k] != m.presented[b.t+k] {
			return k
		}
	}
	return n
}

// cost returns whether b would be moved and how many findings that adds to its own.
func (m *matching) cost(b block) (moved bool, findings int) {
	if m.used.get(b.s) {
		return false, 0
	}
	g, change := m.split(b)
	return true, max(g.gone+change, g.loose) - max(g.gone, g.loose)
}

// found returns how many sealed elements are kept or moved.
func (m *matching) found() int { return m.used.count() }

// coarsen leaves out the shortest matches so that at most limit are left, and
// reports whether it had to. Copies go before moved runs and those before kept
// ones of the same length.
func (m *matching) coarsen(limit int) bool {
	if len(m.kept)+len(m.pieces) <= limit {
		return false
	}
	rank := func(n uint32, class int) int { return bits.Len32(n)*3 + class }
	class := func(p piece) int {
		if p.moved {
			return 1
		}
		return 0
	}
	var count [33 * 3]int
	for _, b := range m.kept {
		count[rank(b.n, 2)]++
	}
	for _, p := range m.pieces {
		count[rank(p.n, class(p))]++
	}
	// Whole ranks from the longest down, then as many of the next as fit.
	room, threshold := limit, len(count)
	for threshold > 0 && count[threshold-1] <= room {
		threshold--
		room -= count[threshold]
	}
	stays := func(r int) bool {
		if r >= threshold {
			return true
		}
		if r == threshold-1 && room > 0 {
			room--
			return true
		}
		return false
	}
	kept := m.kept[:0]
	for _, b := range m.kept {
		if stays(rank(b.n, 2)) {
			kept = append(kept, b)
		} else {
			m.used.clear(b.s, b.n)
		}
	}
	pieces := m.pieces[:0]
	for _, p := range m.pieces {
		if stays(rank(p.n, class(p))) {
			pieces = append(pieces, p)
		} else if p.moved {
			m.used.clear(p.s, p.n)
		}
	}
	m.kept, m.pieces = kept, pieces
	return true
}

// piecesBefore returns how many of pieces begin before t.
func piecesBefore(pieces []piece, t uint32) int {
	return sort.Search(len(pieces), func(i int) bool { return pieces[i].t >= t })
}
