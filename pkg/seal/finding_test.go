package seal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// brief says what findings are about in few words, indices in records.
func brief(findings []Finding) string {
	var out []string
	for _, f := range findings {
		s := fmt.Sprintf("%s %d+%d to %d+%d", f.Kind, f.SealedIndex, f.Count, f.Index, f.CountNow)
		if f.Gap {
			s += " gap"
		}
		if f.Within {
			s += " within"
		}
		if f.From != nil {
			s += fmt.Sprintf(" from %s %d", f.From.Seal, f.FromIndex)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// numbered returns n records of the test log from at on.
func numbered(t testing.TB, at, n int) []segment {
	return cutAll(bytes.Join(segments(testLog(t))[at:at+n], nil))
}

func gapOf(text string) segment { return segment{data: []byte(text), gap: true} }

// TestFindings checks what is said about single edits of a log with gaps: 4 records, a
// gap, 3 records, a gap, 5 records.
func TestFindings(t *testing.T) {
	r := numbered(t, 0, 40)
	sealedSegs := slices.Concat(r[:4], []segment{gapOf("lost link")}, r[4:7], []segment{gapOf("\x00\x00\x00")}, r[7:12])
	log := joined(sealedSegs)
	s := sealLog(t, log, nil)
	end := len(log)
	drop := func(i, n int) []byte { return joined(slices.Concat(sealedSegs[:i], sealedSegs[i+n:])) }
	put := func(i int, segs ...segment) []byte {
		return joined(slices.Insert(slices.Clone(sealedSegs), i, segs...))
	}
	last := len(sealedSegs[13].data)
	for _, c := range []struct {
		name string
		log  []byte
		want string
	}{
		{"drop a record", drop(1, 1), "dropped 1+1 to -1+0"},
		{"drop behind a gap", drop(5, 2), "dropped 4+2 to -1+0"},
		{"drop a gap", drop(4, 1), "dropped 4+0 to -1+0 gap"},
		{"drop over a gap", drop(3, 4), "dropped 3+3 to -1+0"},
		{"insert", put(6, r[20]), "inserted -1+0 to 5+1"},
		{"insert a gap", put(2, gapOf("zzz")), "inserted -1+0 to 2+0 gap"},
		{"insert at the beginning", put(0, r[20], r[21]), "inserted -1+0 to 0+2"},
		{"append", put(14, r[20], r[21]), "appended -1+0 to 12+2"},
		{"append a gap", put(14, gapOf("zzz")), "appended -1+0 to 12+0 gap"},
		{"move", joined(slices.Concat(sealedSegs[:1], sealedSegs[3:10], sealedSegs[1:3], sealedSegs[10:])), "moved 1+2 to 6+2"},
		{"double", put(12, sealedSegs[5], sealedSegs[6]), "doubled 4+2 to 10+2"},
		{"double at the end", put(14, sealedSegs[0]), "doubled 0+1 to 12+1"},
		{"cut the tail", joined(sealedSegs[:11]), "truncated 9+3 to -1+0"},
		{"cut the tail with a gap", joined(sealedSegs[:8]), "truncated 7+5 to -1+0"},
		{"cut to a gap", joined(sealedSegs[:9]), "truncated 7+5 to -1+0"},
		{"cut the head", joined(sealedSegs[2:]), "truncated 0+2 to -1+0"},
		{"cut the head to a gap", joined(sealedSegs[4:]), "truncated 0+4 to -1+0"},
		{"cut inside the last record", log[:end-1], "truncated 11+1 to 11+0"},
		{"cut inside a record", log[:end-last-3], "truncated 10+2 to 10+0"},
		{"cut inside the time", log[:end-last+3], "truncated 11+1 to 11+0"},
		{"cut inside the first record", log[5:], "truncated 0+1 to 0+0"},
		{"change a gap", bytes.Replace(log, []byte("lost"), []byte("last"), 1), "changed 4+0 to 4+0 gap"},
		{"empty", nil, "truncated 0+12 to -1+0"},
	} {
		v := judge(t, s.request(t, c.log))
		if got := brief(v.Findings); got != c.want || v.Outcome != Altered {
			t.Errorf("%s: %s, %s; want %s", c.name, v.Outcome, got, c.want)
		}
		checkFindings(t, sealedSegs, cutAll(c.log), v.Findings)
		q := s.request(t, c.log)
		q.Index = nil
		v = judge(t, q)
		checkFindings(t, sealedSegs, cutAll(c.log), v.Findings)
		if strings.HasPrefix(c.name, "append") && brief(v.Findings) != c.want {
			t.Errorf("%s without an index: %s; want %s", c.name, brief(v.Findings), c.want)
		}
	}
}

// TestTilesNamed checks what is said without an index about cuts of several tiles.
func TestTilesNamed(t *testing.T) {
	r := numbered(t, 0, 2000)
	s := sealLog(t, joined(r), nil)
	for _, c := range []struct {
		name string
		segs []segment
		want string
	}{
		{"tail", r[:1100], "changed 1024+256 to 1024+76 within; truncated 1280+720 to -1+0"},
		{"tail at a tile", r[:1024], "truncated 1024+976 to -1+0"},
		{"little tail", r[:1990], "changed 1792+208 to 1792+198 within"},
		{"head", r[600:], "truncated 0+512 to -1+0; changed 512+256 to 0+168 within"},
		{"head at a tile", r[512:], "truncated 0+512 to -1+0"},
		{"insert at a tile", slices.Concat(r[:512], numbered(t, 3000, 1500), r[512:]), "inserted -1+0 to 512+1500"},
		{"drop tiles", slices.Concat(r[:512], r[1024:]), "dropped 512+512 to -1+0"},
		{"drop some", slices.Concat(r[:600], r[610:]), "changed 512+256 to 512+246 within"},
	} {
		q := s.request(t, joined(c.segs))
		q.Index = nil
		if v := judge(t, q); brief(v.Findings) != c.want {
			t.Errorf("%s: %s; want %s", c.name, brief(v.Findings), c.want)
		}
	}
}

// TestOpenEnd checks that what stands behind an open seal is no finding.
func TestOpenEnd(t *testing.T) {
	r := numbered(t, 0, 60)
	s := sealLog(t, joined(r[:50]), func(o *Options) { o.EveryRecords = 20 })
	first := bytes.Index(s.seal, []byte("\n\ncqkit")) + 1
	second := first + 1 + bytes.Index(s.seal[first+1:], []byte("\n\ncqkit")) + 1
	s.seal, s.index = s.seal[:second], nil // 40 records
	for _, c := range []struct {
		name string
		segs []segment
		want Outcome
	}{
		{"grown", r, Open},
		{"grown by itself", slices.Concat(r[:50], r[:7]), Open},
		{"changed", slices.Concat(r[:10], r[55:56], r[11:50]), Altered},
		{"changed at the end", slices.Concat(r[:39], r[55:56], r[41:50]), Altered},
	} {
		v := judge(t, s.request(t, joined(c.segs)))
		if v.Outcome != c.want || len(v.Findings) != map[Outcome]int{Open: 0, Altered: 1}[c.want] {
			t.Errorf("%s: %s, %s", c.name, v.Outcome, brief(v.Findings))
		}
	}
	// With what an index would tell.
	log := joined(slices.Concat(r[:10], r[55:56], r[11:50], r[:3], r[56:58]))
	p, err := cut(asLog(log), seeds, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	prefixes, err := cut(asLog(joined(r[:40])), seeds, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &Verdict{Note: &Note{Leaves: 40}}
	runs := withoutBeyond(v.aligned(prefixes.prefixes, p, nil), 40, p)
	if len(runs) != 1 || runs[0].kind != Changed || runs[0].sealed != 10 {
		t.Errorf("runs %+v", runs)
	}
}

// TestReferences looks for inserted records in other sealed logs.
func TestReferences(t *testing.T) {
	_, key := testKey(t, 1)
	r := numbered(t, 0, 400)
	a := slices.Concat([]segment{gapOf("aaa")}, r[200:250])
	b := slices.Concat(r[240:250], []segment{gapOf("bbb")}, r[250:300])
	base := r[:100]
	s := sealLog(t, joined(base), nil)
	reference := func(name string, segs []segment) *Reference {
		sealed := sealLog(t, joined(segs), nil)
		ref, err := NewReference(name, sealed.seal, asLog(sealed.index), []Key{key})
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	refA, refB := reference("A", a), reference("B", b)
	put := func(i int, segs ...segment) []byte { return joined(slices.Insert(slices.Clone(base), i, segs...)) }
	type test struct {
		name string
		log  []byte
		want string
	}
	for _, c := range []test{
		{"whole", put(50, r[210:220]...), "inserted -1+0 to 50+10 from A 10"},
		{"behind a gap", put(50, r[260:270]...), "inserted -1+0 to 50+10 from B 20"},
		{"mixed", put(50, slices.Concat(r[210:213], r[390:392], r[213:215])...),
			"inserted -1+0 to 50+3 from A 10; inserted -1+0 to 53+2; inserted -1+0 to 55+2 from A 13"},
		{"from both, the longer", put(50, slices.Concat(r[243:250], []segment{gapOf("bbb")}, r[250:253])...), "inserted -1+0 to 50+10 from B 3"},
		{"one after the other", put(50, slices.Concat(r[205:207], r[280:282])...), "inserted -1+0 to 50+2 from A 5; inserted -1+0 to 52+2 from B 40"},
		{"appended", put(100, r[210:212]...), "appended -1+0 to 100+2 from A 10"},
		{"nowhere", put(50, r[390:392]...), "inserted -1+0 to 50+2"},
		{"in place of others", joined(slices.Concat(base[:10], r[220:224], base[14:])), "changed 10+4 to 10+4 from A 20"},
		{"in place of others, in part", joined(slices.Concat(base[:10], r[220:222], r[390:392], base[14:])), "changed 10+4 to 10+4"},
	} {
		var wait sync.WaitGroup
		for range 2 { // references are shared
			wait.Go(func() {
				q := s.request(t, c.log)
				q.Also = []*Reference{refA, refB}
				v, err := Verify(q)
				if err != nil || brief(v.Findings) != c.want {
					t.Errorf("%s: %v, %s; want %s", c.name, err, brief(v.Findings), c.want)
				}
			})
		}
		wait.Wait()
	}
	sealed := sealLog(t, joined(a), nil)
	if _, err := NewReference("A", sealed.seal, asLog(sealed.index[8:]), []Key{key}); err == nil {
		t.Error("a damaged index is a reference")
	}
	if _, err := NewReference("A", sealed.seal, asLog(sealed.index), nil); err == nil {
		t.Error("an unknown key is a reference")
	}
	if _, err := NewReference("A", sealed.seal[:500], asLog(sealed.index), []Key{key}); err == nil {
		t.Error("a torn seal is a reference")
	}
	// An index that fails later.
	f := &faulty{data: sealed.index, after: 2, then: func([]byte, int64) (int, error) { return 0, errDisk }}
	ref, err := NewReference("A", sealed.seal, Log{f, int64(len(sealed.index))}, []Key{key})
	if err != nil {
		t.Fatal(err)
	}
	q := s.request(t, put(50, r[210:220]...))
	q.Also = []*Reference{ref, refA}
	v := judge(t, q)
	if brief(v.Findings) != "inserted -1+0 to 50+10 from A 10" || f.reads.Load() > 2 && len(v.Warnings) == 0 {
		t.Errorf("%s, warnings %q", brief(v.Findings), v.Warnings)
	}
}
