package align

import (
	"cmp"
	"slices"
)

// exactBlocks is how many blocks are put in order by comparing all pairs:
// 128 million steps, a few tenths of a second.
const exactBlocks = 16384

// chain chooses the blocks to keep: ascending in both sequences, so that the
// fewest findings result, and of these choices the one that keeps the most elements. It
// returns them cut so that they are disjoint in sealed too, and extended to the
// left over what agrees by coincidence.
//
// overlap is what chainExact counts for an overlap.
func chain(sealed, presented []uint64, blocks []block, overlap int64) []block {
	var kept []block
	if len(blocks) <= exactBlocks {
		kept = chainExact(blocks, len(sealed), len(presented), overlap)
	} else {
		kept = chainLong(blocks, len(sealed))
	}
	var s, t uint32 // end of the one before
	for i := range kept {
		b := &kept[i]
		if b.s < s { // chainExact lets them overlap; the later copy is the extra one
			cut := s - b.s
			b.s, b.t, b.n = b.s+cut, b.t+cut, b.n-cut
		}
		for b.s > s && b.t > t && sealed[b.s-1] == presented[b.t-1] {
			b.s, b.t, b.n = b.s-1, b.t-1, b.n+1
		}
		s, t = b.sEnd(), b.tEnd()
	}
	return kept
}

// The ways of counting overlaps.
const (
	overlapFree  = 0
	overlapCosts = 1
)

// chainExact minimises the number of findings, where that number is taken to be
//
//	blocks not kept
//	+ overlap for each pair of kept neighbours that overlap in sealed
//	+ for each kept block the ends at which a larger block goes on in sealed
//	  that holds all of it (the larger one falls into parts)
//	+ the sum over kept neighbours of max(Δp, Δq),
//
// with Δp the runs of sealed between the two that are in no block, and Δq the
// runs of presented: of those, min(Δp, Δq) pairs are one change each.
// Two blocks that overlap without one holding the other make one finding more
// if both are kept; if one is kept, mostly too, which is not known here.
// So overlap counts the first as 1, or as 0 for its difference to the second.
// It is dynamic programming over all pairs of blocks.
func chainExact(blocks []block, n, m int, overlap int64) []block {
	// Nodes 0 and k+1 stand for the beginning and the end of both sequences.
	k := len(blocks)
	type node struct {
		s, e, p, q  int32
		left, right bool // torn
	}
	nodes := make([]node, k+2)
	p, torn := surroundings(blocks, n)
	q, t := int32(0), uint32(0)
	for i, b := range blocks {
		if b.t > t {
			q++
		}
		t = b.tEnd()
		nodes[i+1] = node{int32(b.s), int32(b.sEnd()), p[i], q, torn[i].left, torn[i].right}
	}
	if int(t) < m {
		q++
	}
	nodes[0] = node{s: -1, e: -1}
	nodes[k+1] = node{s: int32(n), e: int32(n) + 1, p: p[k], q: q}

	// score: findings saved, then elements kept.
	const finding = 1 << 32
	score := make([]int64, k+2)
	from := make([]int32, k+2)
	for j := 1; j <= k+1; j++ {
		b := nodes[j]
		best, at := int64(-1<<62), 0
		for i := j - 1; i >= 0; i-- {
			a := nodes[i]
			if a.s >= b.s || a.e >= b.e {
				continue
			}
			v := score[i] - finding*int64(max(b.p-a.p, b.q-a.q))
			if over := a.e - b.s; over > 0 {
				v -= finding*overlap + int64(over)
			} else if over == 0 && a.right && b.left {
				v += 2 * finding // together they tear nothing there
			}
			if v > best {
				best, at = v, i
			}
		}
		score[j] = best + finding + int64(b.e-b.s)
		if b.left {
			score[j] -= finding
		}
		if b.right {
			score[j] -= finding
		}
		from[j] = int32(at)
	}
	var kept []block
	for j := from[k+1]; j > 0; j = from[j] {
		kept = append(kept, blocks[j-1])
	}
	slices.Reverse(kept)
	return kept
}

// sides says something of the two ends of a block.
type sides struct{ left, right bool }

// surroundings returns for each block, and for the end of sealed, how many runs
// of sealed before it are in no block; and for each block at which of its ends
// the largest block that holds it goes on.
func surroundings(blocks []block, n int) (loose []int32, torn []sides) {
	order := make([]int32, len(blocks))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(cmp.Compare(blocks[i].s, blocks[j].s), cmp.Compare(blocks[j].n, blocks[i].n))
	})
	loose = make([]int32, len(blocks)+1)
	torn = make([]sides, len(blocks))
	count := int32(0)
	var far block // of those so far the one that reaches farthest, and of these the longest
	for _, i := range order {
		b := blocks[i]
		if b.s > far.sEnd() {
			count++
		}
		loose[i] = count
		switch {
		case b.sEnd() > far.sEnd():
			far = b
		case b.sEnd() == far.sEnd():
			torn[i] = sides{left: b.s > far.s}
		default:
			torn[i] = sides{left: b.s > far.s, right: true}
		}
	}
	if int(far.sEnd()) < n {
		count++
	}
	loose[len(blocks)] = count
	return loose, torn
}

// chainLong keeps the most blocks, then the most elements, of more blocks
// than chainExact can take: a longest increasing subsequence in O(k log n) steps
// with a Fenwick tree over the ends of blocks in sealed. It does not look at
// what lies between blocks and allows no overlap.
func chainLong(blocks []block, n int) []block {
	blocks = splitOverlaps(blocks)
	scores := make([]uint64, n+1) // blocks << 32 | elements, of blocks that end at 1 to n
	lasts := make([]uint32, n+1)  // the last block of the chain with that score, its index + 1
	upTo := func(s uint32) (score uint64, last uint32) {
		for i := s; i > 0; i &= i - 1 {
			if scores[i] > score {
				score, last = scores[i], lasts[i]
			}
		}
		return score, last
	}
	from := make([]uint32, len(blocks))
	for j, b := range blocks {
		score, last := upTo(b.s)
		from[j] = last
		score += 1<<32 + uint64(b.n)
		for i := int(b.sEnd()); i <= n; i += i & -i {
			if score > scores[i] {
				scores[i], lasts[i] = score, uint32(j)+1
			}
		}
	}
	var kept []block
	_, j := upTo(uint32(n))
	for ; j > 0; j = from[j-1] {
		kept = append(kept, blocks[j-1])
	}
	slices.Reverse(kept)
	return kept
}

// splitOverlaps cuts a block in two where it repeats the end of the one before,
// as happens when a run is doubled in place, so that both can be kept.
func splitOverlaps(blocks []block) []block {
	overlaps := func(i int) bool {
		if i == 0 {
			return false
		}
		a, b := blocks[i-1], blocks[i]
		return a.s < b.s && b.s < a.sEnd() && a.sEnd() < b.sEnd()
	}
	count := 0
	for i := range blocks {
		if overlaps(i) {
			count++
		}
	}
	if count == 0 {
		return blocks
	}
	out := make([]block, 0, len(blocks)+count)
	for i, b := range blocks {
		if overlaps(i) {
			over := blocks[i-1].sEnd() - b.s
			out = append(out, block{b.s, b.t, over})
			b.s, b.t, b.n = b.s+over, b.t+over, b.n-over
		}
		out = append(out, b)
	}
	return out
}
