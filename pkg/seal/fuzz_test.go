package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seedFiles returns the vectors with a suffix; a target without seeds fails.
func seedFiles(f *testing.F, suffix string) [][]byte {
	f.Helper()
	files, _ := filepath.Glob(filepath.Join(vectors, "*"+suffix))
	if len(files) == 0 {
		f.Fatalf("no seeds: %s has no %s", vectors, suffix)
	}
	var seeds [][]byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, data)
	}
	return seeds
}

// longSigs lets a fuzzer reach what lies behind a signature: it writes one for each
// line "— NAME !".
func longSigs(data []byte) []byte {
	return bytes.ReplaceAll(data, []byte(" !\n"), []byte(" "+strings.Repeat("A", 6176)+"\n"))
}

// FuzzParse checks that a seal that is accepted is the one spelling of what it says.
func FuzzParse(f *testing.F) {
	for _, data := range seedFiles(f, ".cqseal") {
		for _, line := range bytes.Split(data, []byte("\n")) {
			if bytes.HasPrefix(line, []byte(sigPrefix)) && len(line) > 1000 {
				i := bytes.LastIndexByte(line, ' ')
				data = bytes.ReplaceAll(data, line[i:], []byte(" !"))
			}
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = longSigs(data)
		p, err := Parse(data)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		var again []byte
		for i, n := range p.Notes {
			if !bytes.Equal(n.format(), n.text) {
				t.Errorf("note %d is written %q", i, n.format())
			}
			if i > 0 {
				again = append(again, '\n')
			}
			again = append(again, n.encode()...)
		}
		switch {
		case p.Torn || p.TilesErr != nil:
			if !bytes.HasPrefix(data, again) || p.Torn && p.Last().Final {
				t.Error("the notes are not the beginning of the seal")
			}
		case !bytes.Equal(append(again, pemTiles(joinTiles(p.Tiles))...), data):
			t.Errorf("written %q", again)
		}
	})
}

// FuzzProof checks that proofs that hold are exactly those that were made.
func FuzzProof(f *testing.F) {
	key := vectorKey(f)
	good := map[string]bool{}
	for _, data := range seedFiles(f, ".tlog-proof") {
		f.Add(data)
		if VerifyProof(data, []Key{key}).Outcome == Valid {
			good[string(data)] = true
		}
	}
	// From files, so that each of the fuzzer's processes makes the same.
	p := newProver(f, sealed{log: vectorFile(f, "small.tlog"), seal: vectorFile(f, "valid-several-notes.cqseal")})
	for _, i := range []uint64{0, 20, 29} {
		data := proofOf(f, p, i)
		good[string(data)] = true
		f.Add(data)
	}
	between, err := p.Consistency(0, 2)
	if err != nil {
		f.Fatal(err)
	}
	good[string(between)] = true
	f.Add(between)
	f.Fuzz(func(t *testing.T, data []byte) {
		v := VerifyProof(data, []Key{key})
		if (v.Outcome == Valid) != good[string(data)] {
			t.Errorf("%s (%s)", v.Outcome, v.Reason)
		}
		if v.Outcome != Valid && (v.Record != nil || v.Reason == "") {
			t.Errorf("%s: record %x, reason %q", v.Outcome, v.Record, v.Reason)
		}
		if v.Outcome == Valid {
			if !IsProof(data) {
				t.Error("is not taken for a proof")
			}
		}
	})
}

// FuzzIndex checks that no index changes a verdict, and that only the right one is
// used.
func FuzzIndex(f *testing.F) {
	s := sealLog(f, smallLog(f), nil)
	for _, data := range append(seedFiles(f, ".cqidx"), s.index) {
		f.Add(data)
	}
	altered := bytes.Clone(s.log)
	altered[700] ^= 1
	f.Fuzz(func(t *testing.T, data []byte) {
		index := asLog(data)
		right := bytes.Equal(data, s.index)
		for _, log := range [][]byte{s.log, altered} {
			q := s.request(t, log)
			q.Index = &index
			v := judge(t, q)
			if want := map[bool]Outcome{true: Valid, false: Altered}[bytes.Equal(log, s.log)]; v.Outcome != want || right != (len(v.Warnings) == 0) {
				t.Errorf("%s, warnings %q", v.Outcome, v.Warnings)
			}
		}
	})
}

// FuzzLog checks that only the sealed log is valid, and that the findings make any
// other one.
func FuzzLog(f *testing.F) {
	s := sealLog(f, smallLog(f), nil)
	sealed := cutAll(s.log)
	for _, data := range seedFiles(f, ".tlog") {
		if len(data) < 5000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		presented := cutAll(data)
		for _, index := range []bool{true, false} {
			q := s.request(t, data)
			if !index {
				q.Index = nil
			}
			v := judge(t, q)
			if (v.Outcome == Valid) != bytes.Equal(data, s.log) {
				t.Fatalf("%s (%s)", v.Outcome, v.Reason)
			}
			if v.Outcome != Valid {
				checkFindings(t, sealed, presented, v.Findings)
			}
		}
	})
}
