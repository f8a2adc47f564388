package seal

import (
	"slices"

	"cqkit/pkg/merkle"
)

// Without an index, damage is narrowed down by the tiles: a tile that holds somewhere
// in the presented log is kept, and what lies between two kept tiles was changed.
// Where records were dropped or inserted, the tiles behind stand shifted by as many
// leaves; the shift is searched for.
const (
	maxShift   = 1024 // leaves up to which one edit may shift the next tile
	lookTiles  = 8    // tiles ahead in which to look for it
	maxWindows = 4096 // searches in all, about a millisecond each
)

type narrower struct {
	tiles   []merkle.Hash // of the seal
	leaves  uint64        // of the seal
	p       *presented
	hasher  merkle.Hasher
	windows int
	runs    []run
}

// narrow returns what was changed, to within a tile.
func narrow(tiles []merkle.Hash, leaves uint64, p *presented) ([]run, error) {
	n := &narrower{tiles: tiles, leaves: leaves, p: p}
	var shift int64
	tail, err := n.tail()
	if err != nil {
		return nil, err
	}
	for t := 0; t < len(tiles); {
		if ok, err := n.holds(t, shift); err != nil {
			return nil, err
		} else if ok {
			t++
			continue
		}
		next, nextShift, err := n.resume(t, shift, tail)
		if err != nil {
			return nil, err
		}
		n.changed(t, next, shift, nextShift)
		t, shift = next, nextShift
	}
	if end := int64(leaves) + shift; end < int64(p.leaves) {
		n.runs = append(n.runs, run{kind: Appended, sealed: leaves, sealedEnd: leaves, at: uint64(end), end: p.leaves})
	}
	return n.runs, nil
}

// start returns the sealed leaf with which tile t begins; t may be one past the last.
func (n *narrower) start(t int) uint64 { return min(uint64(t)*tileLeaves, n.leaves) }

// holds reports whether tile t stands in the presented log, shifted.
func (n *narrower) holds(t int, shift int64) (bool, error) {
	first, end := int64(n.start(t))+shift, int64(n.start(t+1))+shift
	if first < 0 || end > int64(n.p.leaves) {
		return false, nil
	}
	if shift == 0 && (end-first == tileLeaves || end == int64(n.p.leaves)) {
		return n.p.tiles[t] == n.tiles[t], nil
	}
	hashes, err := n.p.hashes(uint64(first), uint64(end))
	return err == nil && n.hasher.Root(hashes) == n.tiles[t], err
}

// tail returns the first of the tiles that all hold when counted from the end.
func (n *narrower) tail() (int, error) {
	shift := int64(n.p.leaves) - int64(n.leaves)
	t := len(n.tiles)
	for t > 0 {
		ok, err := n.holds(t-1, shift)
		if err != nil || !ok {
			return t, err
		}
		t--
	}
	return t, nil
}

// resume returns the next tile, t or one behind it, that holds behind the tiles before
// t, and its shift. If there is none, that is the end of the tiles, with the end of the
// presented log.
func (n *narrower) resume(t int, shift int64, tail int) (int, int64, error) {
	// Most often it was changed in place; that is cheap to see.
	if t+1 < len(n.tiles) {
		if ok, err := n.holds(t+1, shift); err != nil || ok {
			return t + 1, shift, err
		}
	}
	floor := int64(n.start(t)) + shift // what stands before is taken
	for next := t; next < len(n.tiles) && next <= t+lookTiles; next++ {
		found, at, err := n.search(next, shift, floor)
		if err != nil || found {
			return next, at, err
		}
	}
	next, end := max(t, tail), int64(n.p.leaves)-int64(n.leaves)
	for int64(n.start(next))+end < floor {
		next++
	}
	return next, end, nil
}

// search looks for tile t from the leaf floor on at shifts near the given one, the
// nearest first.
func (n *narrower) search(t int, shift, floor int64) (bool, int64, error) {
	if n.windows++; n.windows > maxWindows {
		return false, 0, nil
	}
	size := int64(n.start(t+1) - n.start(t))
	at := int64(n.start(t)) + shift
	first := max(floor, at-maxShift)
	end := min(int64(n.p.leaves), at+size+maxShift)
	if end-first < size {
		return false, 0, nil
	}
	hashes, err := n.p.hashes(uint64(first), uint64(end))
	if err != nil {
		return false, 0, err
	}
	roots := n.roots(hashes, int(size))
	best, found := int64(0), false
	for i, root := range roots {
		if s := first + int64(i) - int64(n.start(t)); root == n.tiles[t] && (!found || abs(s-shift) < abs(best-shift)) {
			best, found = s, true
		}
	}
	return found, best, nil
}

// roots returns the root over each stretch of size hashes.
func (n *narrower) roots(hashes []merkle.Hash, size int) []merkle.Hash {
	if size < tileLeaves {
		var roots []merkle.Hash
		for i := 0; i+size <= len(hashes); i++ {
			roots = append(roots, n.hasher.Root(slices.Clone(hashes[i:i+size])))
		}
		return roots
	}
	// Level by level: the subtree of 2w leaves at i is that of w at i and at i+w.
	for w := 1; w < tileLeaves; w *= 2 {
		for i := 0; i+w < len(hashes); i++ {
			hashes[i] = merkle.NodeHash(hashes[i], hashes[i+w])
		}
		hashes = hashes[:len(hashes)-w]
	}
	return hashes
}

// changed notes that the sealed tiles from t to next stand as the presented leaves
// between their two shifts.
func (n *narrower) changed(t, next int, shift, nextShift int64) {
	r := run{kind: Changed, within: true, sealed: n.start(t), sealedEnd: n.start(next)}
	r.at, r.end = uint64(int64(r.sealed)+shift), uint64(int64(r.sealedEnd)+nextShift)
	atStart, atEnd := t == 0, next == len(n.tiles)
	switch {
	case r.sealed == r.sealedEnd:
		r.kind, r.within = Inserted, false
	case r.at == r.end:
		r.kind, r.within = Dropped, false
		if atStart || atEnd {
			r.kind = Truncated
		}
	case atStart != atEnd:
		n.cutOff(r, atEnd)
		return
	}
	n.runs = append(n.runs, r)
}

// cutOff notes a run at one end of the log. Where it has fewer leaves now, by tiles,
// the log was cut there: what is left stands for the tiles next to those that hold.
func (n *narrower) cutOff(r run, atEnd bool) {
	left := (r.end - r.at + tileLeaves - 1) / tileLeaves * tileLeaves
	if left >= r.sealedEnd-r.sealed {
		n.runs = append(n.runs, r)
		return
	}
	gone := run{kind: Truncated, sealed: r.sealed, sealedEnd: r.sealedEnd}
	if atEnd {
		r.sealedEnd = r.sealed + left
		gone.sealed, gone.at, gone.end = r.sealedEnd, r.end, r.end
		n.runs = append(n.runs, r, gone)
		return
	}
	r.sealed = (r.sealedEnd - left) / tileLeaves * tileLeaves
	gone.sealedEnd, gone.at, gone.end = r.sealed, r.at, r.at
	if gone.sealed < gone.sealedEnd {
		n.runs = append(n.runs, gone)
	}
	n.runs = append(n.runs, r)
}

func abs(n int64) int64 { return max(n, -n) }
