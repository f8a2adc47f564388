package align

import "slices"

// A block is n elements that are equal in sealed from s on and in presented
// from t on. Its diagonal is s - t.
type block struct{ s, t, n uint32 }

func (b block) sEnd() uint32 { return b.s + b.n }
func (b block) tEnd() uint32 { return b.t + b.n }

const (
	recentDiagonals = 4    // remembered for choosing among equal values
	lookahead       = 1024 // how far candidates are compared
	probesPerValue  = 64   // comparisons allowed per element of the inputs
)

// A parser cuts presented into blocks, greedily from left to right: each goes on
// as long as the sequences agree. What stands between blocks occurs nowhere in
// sealed. Where a value occurs once in sealed there is no choice; where it occurs
// several times, the place that agrees longest is taken, and among those the one
// nearest to a diagonal used lately or to that of the common end.
type parser struct {
	sealed, presented []uint64
	limit             int // presented is parsed up to here
	index             *index
	recent            [recentDiagonals]int64
	last              int64 // diagonal of the common end
	budget            int64 // comparisons left; then the nearest candidate is taken unseen
	candidates        []uint32
}

// parse returns the blocks in ascending, disjoint order of t. The common
// beginning and the common end are blocks, or parts of blocks. The index
// has the values between the ends; it is nil if nothing is there.
func parse(sealed, presented []uint64) (blocks []block, x *index) {
	pre, suf := commonEnds(sealed, presented)
	add := func(b block) {
		if k := len(blocks); k > 0 && blocks[k-1].sEnd() == b.s && blocks[k-1].tEnd() == b.t {
			blocks[k-1].n += b.n
			return
		}
		blocks = append(blocks, b)
	}
	if pre > 0 {
		add(block{0, 0, uint32(pre)})
	}
	middle := presented[pre : len(presented)-suf]
	if len(middle) > 0 && len(sealed) > 0 {
		x = indexOf(sealed, middle)
		p := &parser{
			sealed: sealed, presented: presented, limit: len(presented) - suf,
			index:  x,
			last:   int64(len(sealed)) - int64(len(presented)),
			budget: probesPerValue * (int64(len(sealed)) + int64(len(presented))),
		}
		for t := pre; t < p.limit; {
			s, ok := p.pick(t)
			if !ok {
				t++
				continue
			}
			n := p.agree(int(s), t, 1, p.limit-t)
			add(block{s, uint32(t), uint32(n)})
			p.remember(int64(s) - int64(t))
			t += n
		}
	}
	if suf > 0 {
		add(block{uint32(len(sealed) - suf), uint32(len(presented) - suf), uint32(suf)})
	}
	return blocks, x
}

// commonEnds returns the lengths of the common beginning and, of what is left,
// of the common end.
func commonEnds(a, b []uint64) (pre, suf int) {
	n := min(len(a), len(b))
	for pre < n && a[pre] == b[pre] {
		pre++
	}
	for suf < n-pre && a[len(a)-1-suf] == b[len(b)-1-suf] {
		suf++
	}
	return pre, suf
}

// agree returns how far the sequences agree from s and t on, at most to limit,
// where the first n elements are known to agree.
func (p *parser) agree(s, t, n, limit int) int {
	limit = min(limit, len(p.sealed)-s)
	if n >= limit {
		return limit
	}
	a, b := p.sealed[s+n:s+limit], p.presented[t+n:t+limit]
	for i, v := range a {
		if v != b[i] {
			return n + i
		}
	}
	return limit
}

func (p *parser) remember(diagonal int64) {
	k := slices.Index(p.recent[:], diagonal)
	if k < 0 {
		k = len(p.recent) - 1
	}
	copy(p.recent[1:k+1], p.recent[:k])
	p.recent[0] = diagonal
}

// pick chooses the place in sealed for the block that begins at t.
func (p *parser) pick(t int) (uint32, bool) {
	places := p.index.lookup(p.presented[t])
	switch len(places) {
	case 0:
		return 0, false
	case 1:
		return places[0], true
	}
	if p.budget <= 0 {
		at, _ := slices.BinarySearch(places, clampPosition(int64(t)+p.recent[0]))
		return places[min(at, len(places)-1)], true
	}
	p.gather(places, t)
	p.longest(t)
	best, bestDistance := p.candidates[0], p.distance(p.candidates[0], t)
	for _, c := range p.candidates[1:] {
		if d := p.distance(c, t); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best, true
}

// gather collects candidates: the places next to each diagonal, and at growing
// steps from the latest one. In a long run of one value the places are the run,
// and the steps find one from which enough of it is left.
func (p *parser) gather(places []uint32, t int) {
	c := append(p.candidates[:0], places[0], places[len(places)-1])
	add := func(i int) {
		if i >= 0 && i < len(places) {
			c = append(c, places[i])
		}
	}
	for k, d := range append(p.recent[:], p.last) {
		at, _ := slices.BinarySearch(places, clampPosition(int64(t)+d))
		add(at)
		add(at - 1)
		if k > 0 {
			continue
		}
		for step := 1; step < len(places); step *= 2 {
			add(at - 1 - step)
			add(at + step)
		}
	}
	slices.Sort(c)
	p.candidates = slices.Compact(c)
}

// longest leaves only the candidates that agree longest, as far as one looks.
func (p *parser) longest(t int) {
	limit := min(p.limit-t, lookahead)
	known := 1
	for reach := 16; len(p.candidates) > 1; reach *= 4 {
		reach = min(reach, limit)
		best := 0
		left := p.candidates[:0]
		for _, s := range p.candidates {
			n := p.agree(int(s), t, known, reach)
			p.budget -= int64(n - known + 1)
			if n > best {
				best = n
				left = left[:0]
			}
			if n == best {
				left = append(left, s)
			}
		}
		p.candidates = left
		if best < reach || reach == limit {
			return
		}
		known = reach
	}
}

// distance returns how far the diagonal of s and t is from the nearest of those
// it might continue.
func (p *parser) distance(s uint32, t int) int64 {
	d := int64(s) - int64(t)
	best := abs(d - p.last)
	for _, r := range p.recent {
		best = min(best, abs(d-r))
	}
	return best
}

func abs(x int64) int64 { return max(x, -x) }

func clampPosition(x int64) uint32 { return uint32(min(max(x, 0), 1<<32-1)) }
