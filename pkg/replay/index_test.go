package replay

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
)

// printsOf returns prints with hashes from to to, one a record, at times from start.
func printsOf(from, to int, start int64) *Prints {
	p := &Prints{Records: int64(to - from), First: start, Last: start + int64(to-from)*1e6}
	for i := from; i < to; i++ {
		p.List = append(p.List, Print{uint64(i) * printEvery * 0x9E3779B1, Place{int64(i - from), int64(i-from) * 40, start + int64(i-from)*1e6}})
	}
	return p
}

func join(parts ...*Prints) *Prints {
	all := new(Prints)
	for _, p := range parts {
		for _, q := range p.List {
			q.Index += all.Records
			q.Offset += all.Records * 40
			all.List = append(all.List, q)
		}
		all.Records += p.Records
	}
	all.First, all.Last = parts[0].First, parts[len(parts)-1].Last
	return all
}

func TestCompare(t *testing.T) {
	const day = 86_400_000_000
	a, b := printsOf(1, 1001, 20_000*day), printsOf(5001, 6001, 20_001*day)
	later := func(p *Prints, by int64) *Prints {
		q := &Prints{Records: p.Records, First: p.First + by, Last: p.Last + by, List: slices.Clone(p.List)}
		for i := range q.List {
			q.List[i].Time += by
		}
		return q
	}
	x := new(Index)
	for name, p := range map[string]*Prints{"a": a, "b": b} {
		if err := x.Add(name, p); err != nil {
			t.Fatal(err)
		}
	}
	piece := func(p *Prints, from, to int) *Prints {
		return &Prints{Records: int64(to - from), First: p.First, Last: p.Last, List: p.List[from:to]}
	}
	for _, c := range []struct {
		name string
		log  *Prints
		want []string // severity, other log, and a part of the detail
	}{
		{"strange", printsOf(9001, 9500, 20_000*day), nil},
		{"the same", a, []string{"medium a the same log once more; their times agree"}},
		{"the same, a day later", later(a, day), []string{"high a the same log once more; by their times these are 24h0m0s younger"}},
		{"the same, a day earlier", later(b, -day), []string{"high b the same log once more; by their times these are 24h0m0s older"}},
		{"a part", piece(a, 100, 200), []string{"medium a the whole of this log is part of another"}},
		{"more than a", join(printsOf(7001, 7101, 20_000*day), a), []string{"medium a the whole of another log is part of this one"}},
		{"two flights joined", join(a, b), []string{"medium a the whole of another log", "medium b the whole of another log"}},
		{"a splice", join(printsOf(7001, 7101, 20_000*day), later(piece(b, 10, 40), -day), printsOf(7101, 7201, 20_000*day)), []string{"high b about 30 records of another log stand here; by"}},
		{"two in common", join(printsOf(7001, 7101, 20_000*day), piece(b, 10, 12)), nil},
		{"few among many", join(piece(a, 1, 2), printsOf(7001, 7010, 1), piece(a, 3, 4), printsOf(7101, 7110, 1), piece(a, 5, 6)), nil},
	} {
		got := x.Compare("new", c.log)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			continue
		}
		for i, f := range got {
			if s := f.Severity.String() + " " + f.OriginalLog + " " + f.Detail; !strings.HasPrefix(s, c.want[i]) {
				t.Errorf("%s: got %q, want %q", c.name, s, c.want[i])
			}
		}
	}
	if got := x.Compare("a", a); len(got) > 0 {
		t.Errorf("a log compared with itself: %v", got)
	}
}

func testIndex(t testing.TB) []byte {
	x := new(Index)
	for i, name := range []string{"a.tlog", "", "c/ü.tlog"} {
		if err := x.Add(name, printsOf(1+100*i, 30+100*i, 1e15)); err != nil {
			t.Fatal(err)
		}
	}
	return x.Marshal()
}

// TestIndexFile checks that an index survives its file, and that nothing else does.
func TestIndexFile(t *testing.T) {
	file := testIndex(t)
	x, err := ParseIndex(file)
	if err != nil || x.Logs() != 3 || !x.Has("c/ü.tlog") || x.Has("b") || !bytes.Equal(x.Marshal(), file) {
		t.Fatalf("got %v, %v", x, err)
	}
	if got := x.Compare("new", printsOf(101, 130, 1e15)); len(got) != 1 {
		t.Errorf("an index from a file finds %v", got)
	}
	for n := range file {
		if _, err := ParseIndex(file[:n]); err == nil {
			t.Errorf("cut to %d bytes: accepted", n)
		}
		changed := bytes.Clone(file)
		changed[n] ^= 0x10
		if _, err := ParseIndex(changed); err == nil {
			t.Errorf("byte %d changed: accepted", n)
		}
		// with a fitting checksum nothing may panic, and what is accepted is written the same
		sum := sha256.Sum256(changed[:len(changed)-32])
		copy(changed[len(changed)-32:], sum[:])
		if x, err := ParseIndex(changed); err == nil && !bytes.Equal(x.Marshal(), changed) {
			t.Errorf("byte %d changed: written otherwise", n)
		}
	}
	if _, err := ParseIndex(append(file, 0)); err == nil {
		t.Error("a byte more: accepted")
	}
}

func FuzzParseIndex(f *testing.F) {
	file := testIndex(f)
	f.Add(file[:len(file)-32])
	f.Add(new(Index).Marshal()[:len(indexMagic)+8])
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		data := append(bytes.Clone(body), sum[:]...)
		x, err := ParseIndex(data)
		if err == nil && !bytes.Equal(x.Marshal(), data) {
			t.Error("written otherwise")
		}
	})
}
