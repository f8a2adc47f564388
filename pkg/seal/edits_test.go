package seal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cqkit/pkg/tlog"
)

// edit is one thing done to a run of segments, sealed ones from at to end.
type edit struct {
	kind    Kind
	at, end int
	to      int // where moved and doubled runs go: before which sealed segment
	with    []segment
}

// editor makes random edits that do not overlap.
type editor struct {
	*rand.Rand
	sealed []segment
	fresh  int64
}

// unseen returns a record like s that is nowhere else: with another time, so that it
// stays sound.
func (e *editor) unseen(s segment) segment {
	s.data = bytes.Clone(s.data)
	e.fresh++
	if !s.gap {
		binary.BigEndian.PutUint64(s.data, uint64(tlog.Time(s.data)+1+e.fresh*7919))
	} else {
		s.data[e.IntN(len(s.data))] ^= byte(1 + e.IntN(254))
	}
	return s
}

func (e *editor) edits(count, longest int) []edit {
	n := len(e.sealed)
	// Twice as many cuts as edits divide the log; between two of them is an edit or none.
	cuts := make([]int, 2*count)
	for i := range cuts {
		cuts[i] = e.IntN(n + 1)
	}
	slices.Sort(cuts)
	var edits []edit
	for i := range count {
		ed := edit{at: cuts[2*i], end: cuts[2*i+1]}
		if size := e.IntN(longest) + 1; ed.end-ed.at > size {
			ed.end = ed.at + size
		}
		ed.to = cuts[2*e.IntN(count)] // the edge of an edit, never inside one
		ed.kind = []Kind{Changed, Changed, Dropped, Inserted, Moved, Doubled}[e.IntN(6)]
		switch run := e.sealed[ed.at:ed.end]; {
		case ed.kind == Inserted:
			for range e.IntN(longest) + 1 {
				ed.with = append(ed.with, e.unseen(e.record()))
			}
			ed.end = ed.at
		case ed.kind == Changed:
			for _, s := range run {
				ed.with = append(ed.with, e.unseen(s))
			}
		case ed.kind == Doubled:
			ed.with = run
		}
		edits = append(edits, ed)
	}
	switch e.IntN(6) {
	case 0: // cut the head
		edits = append(edits, edit{kind: Dropped, at: 0, end: e.IntN(cuts[0] + 1)})
	case 1: // and the tail
		last := cuts[len(cuts)-1]
		edits = append(edits, edit{kind: Dropped, at: last + e.IntN(n-last+1), end: n})
	}
	return edits
}

func (e *editor) record() segment {
	for {
		if s := e.sealed[e.IntN(len(e.sealed))]; !s.gap {
			return s
		}
	}
}

// edited returns the sealed segments after the edits.
func edited(sealed []segment, edits []edit) []segment {
	before := make(map[int][]segment) // what is put in before a sealed segment
	gone := make([]bool, len(sealed))
	for _, ed := range edits {
		switch run := sealed[ed.at:ed.end]; ed.kind {
		case Changed, Inserted:
			before[ed.at] = append(before[ed.at], ed.with...)
		case Moved:
			before[ed.to] = append(before[ed.to], run...)
		case Doubled:
			before[ed.to] = append(before[ed.to], run...)
			continue
		}
		for i := ed.at; i < ed.end; i++ {
			gone[i] = true
		}
	}
	var out []segment
	for i := range len(sealed) + 1 {
		out = append(out, before[i]...)
		if i < len(sealed) && !gone[i] {
			out = append(out, sealed[i])
		}
	}
	return out
}

// editLogs are the logs that edit scripts work on, with how many scripts each.
func editLogs() map[string]int {
	logs := map[string]int{
		"copter.tlog":                         60,
		"ardusub-qgc-v2-2023.tlog":            6,
		"multi-vehicle-interleaved-2025.tlog": 4,
		"copter-kresge01-v1-2015.tlog":        20,
		"rover-serialnoise-2022.tlog":         20,
	}
	if raceEnabled || testing.Short() {
		for name, count := range logs {
			if count < 20 { // the long ones
				delete(logs, name)
			}
		}
	}
	return logs
}

func eachEditLog(t *testing.T, f func(t *testing.T, log []byte, count int)) {
	for name, count := range editLogs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "copter.tlog" {
				f(t, testLog(t), scale(count))
			} else {
				f(t, sharedLog(t, name), scale(count))
			}
		})
	}
}

// TestEditScripts checks that findings reproduce the presented log, and are not more
// than what was done to it.
func TestEditScripts(t *testing.T) {
	eachEditLog(t, func(t *testing.T, log []byte, count int) {
		s := sealLog(t, log, nil)
		sealed := cutAll(log)
		for i := range count {
			e := &editor{Rand: rand.New(rand.NewPCG(uint64(i), uint64(len(log)))), sealed: sealed}
			number := 1
			if i%3 > 0 {
				number = 1 + e.IntN(200)
			}
			longest := []int{1, 3, 40, 5000}[e.IntN(4)]
			edits := e.edits(number, longest)
			want := edited(sealed, edits)
			data := joined(want)
			presented := cutAll(data)
			if bytes.Equal(data, log) {
				continue
			}
			v := judge(t, s.request(t, data))
			if v.Outcome != Altered && v.Outcome != Foreign {
				t.Fatalf("script %d: %s", i, v.Outcome)
			}
			if len(v.Warnings) > 0 {
				t.Errorf("script %d: %q", i, v.Warnings)
			}
			checkFindings(t, sealed, presented, v.Findings)
			if slices.EqualFunc(want, presented, sameData) && len(v.Findings) > len(edits) {
				t.Errorf("script %d: %d findings for %d edits of up to %d", i, len(v.Findings), len(edits), longest)
			}
			q := s.request(t, data)
			q.Index = nil
			v = judge(t, q)
			if v.Outcome != Altered || len(v.Findings) == 0 {
				t.Fatalf("script %d without an index: %s, %d findings", i, v.Outcome, len(v.Findings))
			}
			checkFindings(t, sealed, presented, v.Findings)
		}
	})
}

// TestSingleEditNarrowed checks that without an index one edit damages only the tiles
// it touches.
func TestSingleEditNarrowed(t *testing.T) {
	t.Parallel()
	log := testLog(t)
	s := sealLog(t, log, nil)
	sealed := cutAll(log)
	n := len(sealed)
	for i := range scale(120) {
		e := &editor{Rand: rand.New(rand.NewPCG(uint64(i), 9)), sealed: sealed}
		ed := edit{kind: []Kind{Changed, Dropped, Inserted}[i%3], at: e.IntN(n)}
		if i%5 == 0 {
			ed.at = ed.at / tileLeaves * tileLeaves
		}
		size := 1 + e.IntN([]int{1, 300, 3000}[e.IntN(3)])
		if ed.end = min(ed.at+size, n); ed.kind == Inserted {
			ed.end = ed.at
			for range size {
				ed.with = append(ed.with, e.unseen(e.record()))
			}
		} else if ed.kind == Changed {
			for _, s := range sealed[ed.at:ed.end] {
				ed.with = append(ed.with, e.unseen(s))
			}
		}
		data := joined(edited(sealed, []edit{ed}))
		q := s.request(t, data)
		q.Index = nil
		v := judge(t, q)
		what := fmt.Sprintf("%s %d to %d of %d (%d)", ed.kind, ed.at, ed.end, n, size)
		if len(v.Findings) == 0 || len(v.Findings) > 2 {
			t.Fatalf("%s: %d findings", what, len(v.Findings))
		}
		checkFindings(t, sealed, cutAll(data), v.Findings)
		first, end := int64(n), int64(0)
		for _, f := range v.Findings {
			if f.Leaves > 0 {
				first, end = min(first, f.SealedLeaf), max(end, f.SealedLeaf+int64(f.Leaves))
			}
		}
		low := int64(ed.at / tileLeaves * tileLeaves)
		high := int64(min((ed.end+tileLeaves-1)/tileLeaves*tileLeaves, n))
		if end > 0 && (first < low || end > high) {
			t.Errorf("%s: damage from %d to %d", what, first, end)
		}
	}
}

// TestRawEdits checks edits that pay no heed to records.
func TestRawEdits(t *testing.T) {
	page := func(r *rand.Rand, d []byte) []byte {
		at := r.IntN(len(d)/4096) * 4096
		clear(d[at : at+4096])
		return d
	}
	kinds := map[string]func(r *rand.Rand, d []byte, segs []segment) []byte{
		"flip a length": func(r *rand.Rand, d []byte, segs []segment) []byte {
			s := segs[r.IntN(len(segs))]
			d[s.offset+min(9, int64(len(s.data)-1))] ^= byte(1 << r.IntN(8))
			return d
		},
		"delete 5 bytes": func(r *rand.Rand, d []byte, _ []segment) []byte {
			at := r.IntN(len(d) - 5)
			return slices.Delete(d, at, at+5)
		},
		"insert text": func(r *rand.Rand, d []byte, _ []segment) []byte {
			return slices.Insert(d, r.IntN(len(d)), []byte("MANUAL> link 1 down\r\n")...)
		},
		"zero a page": func(r *rand.Rand, d []byte, _ []segment) []byte { return page(r, d) },
		"random bytes": func(r *rand.Rand, d []byte, _ []segment) []byte {
			for range 1 + r.IntN(20) {
				d[r.IntN(len(d))] ^= byte(1 + r.IntN(255))
			}
			return d
		},
		"cut anywhere": func(r *rand.Rand, d []byte, _ []segment) []byte {
			at := r.IntN(len(d))
			return d[at : at+r.IntN(len(d)-at)]
		},
	}
	eachEditLog(t, func(t *testing.T, log []byte, count int) {
		s := sealLog(t, log, nil)
		sealed := cutAll(log)
		for name, change := range kinds {
			for i := range max(1, count/6) {
				r := rand.New(rand.NewPCG(uint64(i), 5))
				data := change(r, bytes.Clone(log), sealed)
				if i%4 == 3 {
					data = page(r, append(data, make([]byte, 4096)...))
				}
				if bytes.Equal(data, log) {
					continue
				}
				presented := cutAll(data)
				for _, index := range []bool{true, false} {
					q := s.request(t, data)
					if !index {
						q.Index = nil
					}
					v := judge(t, q)
					if v.Outcome != Altered && v.Outcome != Foreign || len(v.Findings) == 0 {
						t.Fatalf("%s %d: %s, %d findings", name, i, v.Outcome, len(v.Findings))
					}
					checkFindings(t, sealed, presented, v.Findings)
				}
			}
		}
	})
}

// TestRepetitive edits a log most of whose records are equal.
func TestRepetitive(t *testing.T) {
	t.Parallel()
	recs := cutAll(testLog(t))
	var segs []segment
	for i := range 3000 {
		segs = append(segs, recs[[]int{0, 0, 0, 0, 0, 1}[i%6]])
	}
	segs = append(segs, recs[:700]...)
	for range 1000 {
		segs = append(segs, recs[3])
	}
	log := joined(segs)
	s, sealed := sealLog(t, log, nil), cutAll(log)
	for i := range scale(50) {
		e := &editor{Rand: rand.New(rand.NewPCG(uint64(i), 2)), sealed: sealed}
		data := joined(edited(sealed, e.edits(1+e.IntN(12), 900)))
		if bytes.Equal(data, log) {
			continue
		}
		presented := cutAll(data)
		for _, index := range []bool{true, false} {
			q := s.request(t, data)
			if !index {
				q.Index = nil
			}
			v := judge(t, q)
			if v.Outcome != Altered {
				t.Fatalf("script %d: %s", i, v.Outcome)
			}
			checkFindings(t, sealed, presented, v.Findings)
		}
	}
}
