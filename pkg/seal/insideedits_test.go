package seal

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// weave puts the carriers of a file, group by group, between the segments of a log at random
// places, in any order and some of them twice. It returns the file and how many carriers, and
// bytes of them, stand before each segment and at the end.
func weave(r *rand.Rand, segs []segment, carriers [][]byte) (file []byte, count, size []int64) {
	at := make(map[int][][]byte)
	place := func(c []byte) {
		i := r.IntN(len(segs) + 1)
		at[i] = append(at[i], c)
	}
	for _, c := range carriers {
		place(c)
		if r.IntN(8) == 0 {
			place(c)
		}
	}
	var n, bytes int64
	for i := range len(segs) + 1 {
		for _, c := range at[i] {
			file = append(file, c...)
			n, bytes = n+1, bytes+int64(len(c))
		}
		count, size = append(count, n), append(size, bytes)
		if i < len(segs) {
			file = append(file, segs[i].data...)
		}
	}
	return file, count, size
}

// TestInsideEdits checks that edits of a log with its seal inside give the verdict and the
// findings that the same edits give with a seal beside, wherever the carriers stand.
func TestInsideEdits(t *testing.T) {
	eachEditLog(t, func(t *testing.T, log []byte, count int) {
		e := embedLog(t, log, func(o *Options) { o.EveryRecords = 2000 })
		var carriers [][]byte
		for _, c := range e.carriers(t) {
			carriers = append(carriers, e.file[c.offset:c.offset+c.size])
		}
		sealed := cutAll(log)
		for i := range max(2, count/6) {
			r := rand.New(rand.NewPCG(uint64(i), 77))
			ed := &editor{Rand: r, sealed: sealed}
			data := log
			if i > 0 {
				data = joined(edited(sealed, ed.edits(1+r.IntN(30), []int{1, 3, 40, 5000}[r.IntN(4)])))
			}
			segs := cutAll(data)
			file, before, size := weave(r, segs, carriers)
			for _, index := range []bool{true, false} {
				beside, in := e.sealed.request(t, data), e.request(t, file)
				if !index {
					beside.Index, in.Index = nil, nil
				}
				want, got := judge(t, beside), judge(t, in)
				if got.Outcome != want.Outcome || got.Covered != want.Covered || got.Beyond != want.Beyond ||
					*got.Presented != *want.Presented || !slices.Equal(got.Warnings, want.Warnings) {
					t.Fatalf("script %d, index %v: %s (%s) %q, want %s (%s) %q", i, index,
						got.Outcome, got.Reason, got.Warnings, want.Outcome, want.Reason, want.Warnings)
				}
				for j := range want.Findings {
					f := &want.Findings[j]
					if f.LeavesNow == 0 {
						continue
					}
					first, last := int(f.Leaf), int(f.Leaf)+int(f.LeavesNow)-1
					f.Bytes += size[last] - size[first]
					f.Offset += size[first]
					f.Leaf += before[first]
					f.Index += before[first]
				}
				if !slices.EqualFunc(got.Findings, want.Findings, sameFinding) {
					t.Fatalf("script %d, index %v: findings differ\n%+v\n%+v", i, index, got.Findings, want.Findings)
				}
			}
		}
	})
}

func sameFinding(a, b Finding) bool {
	first := bytes.Equal(a.First, b.First)
	a.First, b.First = nil, nil
	return first && cmp.Compare(a.Kind, b.Kind) == 0 && a.Gap == b.Gap && a.SealedIndex == b.SealedIndex && a.Index == b.Index &&
		a.Count == b.Count && a.CountNow == b.CountNow && a.SealedLeaf == b.SealedLeaf && a.Leaf == b.Leaf &&
		a.Leaves == b.Leaves && a.LeavesNow == b.LeavesNow && a.Offset == b.Offset && a.Bytes == b.Bytes &&
		a.HasTime == b.HasTime && a.Time == b.Time && a.Until == b.Until && a.Within == b.Within && a.From == b.From
}

// TestBareReads checks the bare log as a reader, at every offset and in pieces of every size.
func TestBareReads(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	for range 200 {
		var file, want []byte
		var runs []carrierRun
		for range r.IntN(6) {
			n := 1 + r.IntN(5)
			if r.IntN(2) == 0 {
				runs = append(runs, carrierRun{offset: int64(len(file)), size: int64(n), count: 1})
				file = append(file, bytes.Repeat([]byte{0xEE}, n)...)
				continue
			}
			for range n {
				want = append(want, byte(r.IntN(200)))
				file = append(file, want[len(want)-1])
			}
		}
		b := newBare(asLog(file), runs)
		if b.Size != int64(len(want)) {
			t.Fatalf("%d bytes, want %d", b.Size, len(want))
		}
		for at := range len(want) + 1 {
			for n := range len(want) + 2 {
				p := make([]byte, n)
				m, err := b.ReadAt(p, int64(at))
				full := at+n <= len(want)
				if full != (err == nil) && n > 0 || !bytes.Equal(p[:m], want[at:min(at+n, len(want))]) {
					t.Fatalf("%d bytes at %d: %d, %v", n, at, m, err)
				}
			}
			if at < len(want) {
				if in, _ := b.inFile(int64(at)); file[in] != want[at] || file[in] == 0xEE {
					t.Fatalf("byte %d is not at %d", at, in)
				}
			}
		}
	}
}

// FuzzInside takes pieces of a file with its seal inside, in any order, with anything between
// them. What is valid must be what was sealed.
func FuzzInside(f *testing.F) {
	log := joined(cutAll(testLog(f))[:20])
	e := embedLog(f, log, nil)
	f.Add([]byte{})
	f.Add([]byte{0, 1, 2})
	f.Add([]byte("\x10\x00\x00\x03some text in between\xff"))
	f.Fuzz(func(t *testing.T, script []byte) {
		data := bytes.Clone(e.file)
		for len(script) >= 4 { // where, how much of the script to write there, how much to leave out
			at := (int(script[0])<<8 | int(script[1])) % (len(data) + 1)
			write, leave := int(script[2]), int(script[3])
			script = script[4:]
			write, leave = min(write, len(script)), min(leave, len(data)-at)
			data = slices.Replace(data, at, at+leave, script[:write]...)
			script = script[write:]
		}
		v := judge(t, e.request(t, data))
		if v.Outcome != Valid {
			return
		}
		var bare bytes.Buffer
		if _, err := Extract(&bare, asLog(data), 1); err != nil || !bytes.Equal(bare.Bytes(), log) {
			t.Fatalf("valid, but not what was sealed: %v", err)
		}
	})
}
