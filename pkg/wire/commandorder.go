package wire

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// finish decides on all that waits, and then what nonces and times say.
func (m *matcher) finish() *Judgement {
	for len(m.pending) > 0 {
		m.resolve()
	}
	for m.oldest < m.next {
		m.retire()
	}
	m.attach()
	j := &Judgement{Summary: m.summary, Dropped: m.dropped}
	bySeries := make([][]*Finding, len(m.series))
	for i := range m.findings {
		f := &m.findings[i]
		if f.copyCount != nil {
			f.Copies += *f.copyCount
		}
		if f.Verdict == "" {
			bySeries[f.series] = append(bySeries[f.series], f)
		}
	}
	bySigner := map[Fingerprint][][]*Finding{}
	for _, series := range bySeries {
		judgeSeries(series)
		if f := series[0]; f.Logged {
			j.Missing += missing(series)
			bySigner[f.Signer] = append(bySigner[f.Signer], series)
		}
	}
	for _, origins := range bySigner {
		judgeOrigins(origins)
	}
	for _, series := range bySeries {
		for _, f := range series {
			m.summary[f.Verdict]++
			if f.Verdict == Authentic && f.Logged && f.Time != f.SignedTime {
				j.Recaptured++
			}
		}
	}
	for _, v := range Verdicts() {
		if _, ok := m.summary[v]; !ok {
			m.summary[v] = 0
		}
	}
	j.Findings = slices.DeleteFunc(m.findings, func(f Finding) bool { return f.Verdict == gone })
	slices.SortStableFunc(j.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Statement.Index, b.Statement.Index))
	})
	return j
}

// missing returns how many nonces up to the greatest no statement of a series has.
func missing(series []*Finding) int64 {
	seen := make(map[uint64]bool, len(series))
	most := uint64(0)
	for _, f := range series {
		seen[f.Nonce] = true
		most = max(most, f.Nonce)
	}
	return int64(min(most-uint64(len(seen)), math.MaxInt64/2))
}

// gone marks the finding of an unsigned frame that a statement has since taken.
const gone Verdict = "gone"

// attach gives statements that do not count the unsigned frame they stand beside: of
// the same source and message, or else the one directly in front.
func (m *matcher) attach() {
	for _, i := range m.weak {
		f := &m.findings[i]
		at := sort.Search(len(m.unsigned), func(k int) bool { return m.findings[m.unsigned[k]].pos >= f.firstPos-besideRecords })
		best := -1
		for ; at < len(m.unsigned); at++ {
			u := &m.findings[m.unsigned[at]]
			if u.pos >= f.firstPos+besideRecords {
				break
			}
			if u.Verdict != Unsigned || u.Source.System != f.system {
				continue
			}
			inFront := u.pos == f.firstPos-1
			if !inFront && !(f.HasClaims && u.ID == f.ID && u.Source == f.Source) {
				continue
			}
			if best < 0 || away(u.pos, f.firstPos) < away(m.findings[m.unsigned[best]].pos, f.firstPos) {
				best = at
			}
		}
		if best < 0 {
			continue
		}
		u := &m.findings[m.unsigned[best]]
		f.Place, f.HasFrame, f.HasCommand, f.ID, f.Source, f.pos = u.Place, true, true, u.ID, u.Source, u.pos
		f.Number, f.Copies = u.Number, f.Copies+u.Copies
		u.Verdict = gone
		m.summary[Unsigned]--
	}
}

// away is how far a frame is from a statement's first chunk, the one in front first.
func away(pos, first int64) int64 {
	if pos < first {
		return 2 * (first - 1 - pos)
	}
	return 2*(pos-first) + 1
}

// judgeOrigins looks at what one signer vouched for in several signings. The one with
// the most statements is that of the log; those of another one must stand between
// its statements by the times that were signed, or speak of the same frames, or
// they are from another log.
func judgeOrigins(origins [][]*Finding) {
	if len(origins) < 2 {
		return
	}
	var own []*Finding
	most := 0
	for _, series := range origins {
		var authentic []*Finding
		for _, f := range series {
			if f.Verdict == Authentic {
				authentic = append(authentic, f)
			}
		}
		if len(authentic) > most {
			own, most = authentic, len(authentic)
		}
	}
	slices.SortFunc(own, func(a, b *Finding) int { return cmp.Compare(a.pos, b.pos) })
	spoken := map[int64]bool{}
	for _, f := range own {
		spoken[f.pos] = true
	}
	for _, series := range origins {
		for _, f := range series {
			if f.Verdict != Authentic || f.series == own[0].series || spoken[f.pos] {
				continue
			}
			next := sort.Search(len(own), func(i int) bool { return own[i].pos >= f.pos })
			if next > 0 && f.SignedTime < own[next-1].SignedTime-reachMicros || next < len(own) && f.SignedTime > own[next].SignedTime+reachMicros {
				f.Verdict, f.Reason = Replayed, "it was signed in another recording, of another time"
			}
		}
	}
}

// judgeSeries gives each statement of a series its verdict.
func judgeSeries(series []*Finding) {
	logged := series[0].Logged
	recording := false // the one that was signed: something is at the time its statement says
	for _, f := range series {
		recording = recording || logged && f.exact && (f.Time == f.SignedTime || f.Statement.Time == f.SignedTime)
	}
	var inOrder []*Finding
	for _, f := range series {
		if f.exact && (!recording || f.Time == f.SignedTime) {
			inOrder = append(inOrder, f)
		}
	}
	if !logged {
		straighten(inOrder)
	}
	slices.SortStableFunc(inOrder, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(a.pos, b.pos), cmp.Compare(a.Statement.Index, b.Statement.Index))
	})
	accepted := map[uint64]bool{}
	for i, ok := range rising(inOrder) {
		f := inOrder[i]
		if !ok {
			f.Verdict, f.Reason = Replayed, "its nonce is not above those before it"
			continue
		}
		f.Verdict, f.Reason = Authentic, ""
		accepted[f.Nonce] = true
	}
	for _, f := range series {
		switch {
		case f.Verdict != "":
			if f.Verdict == Replayed && accepted[f.Nonce] {
				f.Reason = "the same statement was accepted elsewhere in the log"
			}
		case accepted[f.Nonce]:
			f.Verdict, f.Reason = Replayed, "the same statement was accepted elsewhere in the log"
		case f.exact:
			f.Verdict, f.Reason = Altered, "its record is at another time than was signed"
		case f.HasFrame:
			f.Verdict, f.Reason = Altered, "the frame beside the statement is not the one it speaks of"
		default:
			f.Verdict, f.Reason = Orphaned, "the frame it speaks of is gone"
		}
	}
}

// straighten exchanges frames of equal contents between statements, so that they are in
// the order of the nonces: which of several equal frames a live statement speaks of,
// nobody can tell.
func straighten(series []*Finding) {
	groups := map[uint64][]*Finding{}
	used := map[uint64]bool{}
	byStatement := slices.Clone(series)
	slices.SortStableFunc(byStatement, func(a, b *Finding) int { return cmp.Compare(a.Statement.Index, b.Statement.Index) })
	for _, f := range byStatement {
		if !used[f.Nonce] { // a replayed statement keeps its frame
			used[f.Nonce] = true
			groups[f.content] = append(groups[f.content], f)
		}
	}
	for _, g := range groups {
		if len(g) == 1 {
			continue
		}
		frames := make([]Finding, len(g))
		for i, f := range g {
			frames[i] = *f
		}
		slices.SortFunc(frames, func(a, b Finding) int { return cmp.Compare(a.pos, b.pos) })
		slices.SortFunc(g, func(a, b *Finding) int { return cmp.Compare(a.Nonce, b.Nonce) })
		for i, f := range g {
			f.Place, f.pos, f.Copies = frames[i].Place, frames[i].pos, frames[i].Copies
		}
	}
}

// rising reports which findings belong to the longest run of rising nonces, of several
// the one that begins with the earliest. Those outside are the fewest that can be out
// of order. A nonce of 0, which CleitonQ's format allows, belongs to none.
func rising(series []*Finding) []bool {
	n := len(series)
	from := make([]int, n) // the length of the longest run that begins here
	var tops []uint64      // tops[k]: the greatest nonce that begins a run of length k+1, further on
	for i := n - 1; i >= 0; i-- {
		nonce := series[i].Nonce
		if nonce == 0 {
			continue
		}
		k := sort.Search(len(tops), func(k int) bool { return tops[k] <= nonce })
		if from[i] = k + 1; k == len(tops) {
			tops = append(tops, nonce)
		} else {
			tops[k] = nonce
		}
	}
	member := make([]bool, n)
	left, last := len(tops), uint64(0)
	for i, f := range series {
		if from[i] == left && left > 0 && f.Nonce > last {
			member[i], last = true, f.Nonce
			left--
		}
	}
	return member
}
