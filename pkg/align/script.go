package align

// A span is n elements from at on.
type span struct{ at, n uint32 }

func (s span) end() uint32 { return s.at + s.n }

// A writer collects runs and joins those that continue one another.
type writer struct{ runs []Run }

func (w *writer) add(r Run) {
	if r.SealedCount == 0 && r.PresentedCount == 0 {
		return
	}
	if k := len(w.runs); k > 0 {
		q := &w.runs[k-1]
		if q.Kind == r.Kind && q.Presented+q.PresentedCount == r.Presented &&
			(r.Kind == Inserted || r.Kind != Changed && q.Sealed+q.SealedCount == r.Sealed) {
			q.SealedCount += r.SealedCount
			q.PresentedCount += r.PresentedCount
			return
		}
	}
	w.runs = append(w.runs, r)
}

// script writes out the matching, gap by gap between kept blocks.
func (m *matching) script() []Run {
	w := &writer{runs: make([]Run, 0, len(m.kept)+len(m.pieces)+16)}
	var s, t uint32
	pieces := m.pieces
	for i := 0; i <= len(m.kept); i++ {
		next := block{uint32(len(m.sealed)), uint32(len(m.presented)), 0}
		if i < len(m.kept) {
			next = m.kept[i]
		}
		n := 0
		if len(pieces) > 0 && pieces[0].t < next.t {
			n = piecesBefore(pieces, next.t)
		}
		m.writeGap(w, span{s, next.s - s}, span{t, next.t - t}, pieces[:n])
		pieces = pieces[n:]
		w.add(Run{Kept, int(next.s), int(next.n), int(next.t), int(next.n)})
		s, t = next.sEnd(), next.tEnd()
	}
	return w.runs
}

// writeGap writes what lies between two kept blocks: the given spans of sealed and
// presented, where the latter has the given pieces in it.
func (m *matching) writeGap(w *writer, sealed, presented span, pieces []piece) {
	var gone []span // sealed elements that are nowhere
	m.used.gaps(sealed.at, sealed.end(), func(i, n uint32) { gone = append(gone, span{i, n}) })
	var loose []span // presented elements that are from nowhere
	at := presented.at
	for _, p := range pieces {
		if p.t > at {
			loose = append(loose, span{at, p.t - at})
		}
		at = p.tEnd()
	}
	if presented.end() > at {
		loose = append(loose, span{at, presented.end() - at})
	}

	// Both lists in one order, each loose run with the gone run it replaced, if any.
	partner := pair(gone, loose)
	place := sealed.at // before which sealed element we are
	g, p := 0, 0
	goneUpTo := func(end int, t uint32) {
		for ; g < end; g++ {
			w.add(Run{Dropped, int(gone[g].at), int(gone[g].n), int(t), 0})
			place = gone[g].end()
		}
	}
	piecesUpTo := func(t uint32) {
		for ; p < len(pieces) && pieces[p].t < t; p++ {
			kind := Doubled
			if pieces[p].moved {
				kind = Moved
			}
			w.add(Run{kind, int(pieces[p].s), int(pieces[p].n), int(pieces[p].t), int(pieces[p].n)})
		}
	}
	for i, l := range loose {
		if partner[i] < 0 {
			piecesUpTo(l.at)
			w.add(Run{Inserted, int(place), 0, int(l.at), int(l.n)})
			continue
		}
		t := presented.at
		if i > 0 {
			t = loose[i-1].end()
		}
		goneUpTo(partner[i], t)
		piecesUpTo(l.at)
		w.add(Run{Changed, int(gone[g].at), int(gone[g].n), int(l.at), int(l.n)})
		place = gone[g].end()
		g++
	}
	if g < len(gone) {
		t := presented.at
		if len(loose) > 0 {
			t = loose[len(loose)-1].end()
		}
		goneUpTo(len(gone), t)
	}
	piecesUpTo(presented.end())
}

// maxPairing is up to how many possible pairs pair looks for the best ones.
const maxPairing = 1 << 16

// pair gives each loose run the gone run that it stands for, or -1: in order, as
// many pairs as there can be, with lengths as near as can be.
func pair(gone, loose []span) []int {
	partner := make([]int, len(loose))
	swap := len(gone) > len(loose) // match the shorter list into the longer
	few, many := gone, loose
	if swap {
		few, many = loose, gone
	}
	link := func(i, j int) {
		if swap {
			partner[i] = j
		} else {
			partner[j] = i
		}
	}
	for i := range partner {
		partner[i] = -1
	}
	if len(few) == 0 {
		return partner
	}
	spare := len(many) - len(few)
	if spare == 0 || len(few)*(spare+1) > maxPairing {
		for i := range few {
			link(i, i)
		}
		return partner
	}
	// cost[i][d]: the first i of few are paired with i of the first i+d of many.
	width := spare + 1
	cost := make([]int64, (len(few)+1)*width)
	for i := 1; i <= len(few); i++ {
		for d := range width {
			c := cost[(i-1)*width+d] + abs(int64(few[i-1].n)-int64(many[i-1+d].n))
			if d > 0 {
				c = min(c, cost[i*width+d-1])
			}
			cost[i*width+d] = c
		}
	}
	for i, d := len(few), spare; i > 0; {
		if d > 0 && cost[i*width+d] == cost[i*width+d-1] {
			d--
			continue
		}
		link(i-1, i-1+d)
		i--
	}
	return partner
}
