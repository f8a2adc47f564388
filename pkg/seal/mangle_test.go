package seal

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// otherBytes are the values that a byte is changed to: each single bit flipped, its
// neighbours, and bytes that mean something to a parser of text.
func otherBytes(b byte) []byte {
	values := []byte{b + 1, b - 1, '\n', ' ', 0, 0xff, '-', '0', '='}
	for i := range 8 {
		values = append(values, b^1<<i)
	}
	slices.Sort(values)
	return slices.DeleteFunc(slices.Compact(values), func(v byte) bool { return v == b })
}

// smallLog is a log with gaps at its beginning, in its middle and at its end.
func smallLog(t testing.TB) []byte {
	recs := segments(testLog(t))
	return slices.Concat([]byte("boot\r\n"), bytes.Join(recs[:20], nil), make([]byte, 300), bytes.Join(recs[20:30], nil), []byte{0, 6})
}

// notesOf returns the length of the notes of a seal, without tiles.
func notesOf(seal []byte) int {
	if i := bytes.Index(seal, []byte(tilesBegin)); i >= 0 {
		return i
	}
	return len(seal)
}

// TestMangledNotes changes every byte of the notes and cuts them everywhere.
func TestMangledNotes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"one note": nil, "several": func(o *Options) { o.EveryRecords = 12 },
	} {
		s := sealLog(t, smallLog(t), change)
		p, err := Parse(s.seal)
		if err != nil {
			t.Fatal(err)
		}
		q := s.request(t, s.log)
		end := notesOf(s.seal)
		verdict := func(seal []byte, what string, at int) Outcome {
			q.Seal = seal
			v := judge(t, q)
			if v.Outcome == Valid || v.Reason == "" {
				t.Fatalf("%s: %s at %d of %d: %s (%s)", name, what, at, end, v.Outcome, v.Reason)
			}
			return v.Outcome
		}
		for at := range end {
			values := otherBytes(s.seal[at])
			if n := len(s.seal[:at]) - bytes.LastIndex(s.seal[:at], []byte("\n")); n > 200 {
				values = []byte{values[at%len(values)]} // inside a signature
				if at%scaleDown(180) != 0 {
					continue
				}
			} else if scaleDown(2) > 1 {
				values = []byte{values[at%len(values)]}
			}
			for _, b := range values {
				mangled := bytes.Clone(s.seal)
				mangled[at] = b
				// The last byte of all notes but the last may look like the end of the seal;
				// nothing else makes a seal count in part.
				if o := verdict(mangled, "changed byte", at); o != Malformed && o != Untrusted {
					t.Fatalf("%s: byte %d changed to %q: %s", name, at, b, o)
				}
			}
		}
		for at := range end {
			if at > 3 && at%scaleDown(200) != 0 && s.seal[at] != '\n' && s.seal[at-1] != '\n' {
				continue
			}
			want := Malformed
			if first := len(p.Notes[0].encode()); len(p.Notes) > 1 && at >= first {
				want = Open
			}
			if o := verdict(s.seal[:at], "cut", at); o != want {
				t.Fatalf("%s: cut at %d of %d: %s, want %s", name, at, end, o, want)
			}
			if at%5 != 0 && s.seal[at] != '\n' {
				continue
			}
			for _, dropped := range [][]byte{slices.Delete(bytes.Clone(s.seal), at, at+1), slices.Insert(bytes.Clone(s.seal), at, s.seal[at])} {
				// An empty line behind the notes counts as damage to the tiles.
				if !bytes.Equal(dropped, s.seal) && at < end-1 {
					if o := verdict(dropped, "one byte less or more", at); o != Malformed && o != Untrusted {
						t.Fatalf("%s: one byte less or more at %d: %s", name, at, o)
					}
				}
			}
		}
	}
}

// scaleDown returns n where the machinery is slow and 1 otherwise.
func scaleDown(n int) int {
	if raceEnabled || testing.Short() {
		return n
	}
	return 1
}

// TestMangledTiles checks that damage to the tiles costs a warning at most.
func TestMangledTiles(t *testing.T) {
	t.Parallel()
	log := bytes.Join(segments(testLog(t))[:1000], nil)
	s := sealLog(t, log, nil)
	start := notesOf(s.seal)
	altered := bytes.Clone(log)
	altered[len(log)/2] ^= 1
	sealed, presented := cutAll(log), cutAll(altered)
	try := func(tiles []byte, what string, at int) {
		t.Helper()
		seal := append(s.seal[:start:start], tiles...)
		for _, index := range []bool{true, false} {
			q := s.request(t, log)
			if q.Seal = seal; !index {
				q.Index = nil
			}
			if v := judge(t, q); v.Outcome != Valid || len(v.Warnings) == 0 || len(v.Findings) > 0 {
				t.Fatalf("%s at %d: %s (%s), warnings %q", what, at, v.Outcome, v.Reason, v.Warnings)
			}
			q.Log = asLog(altered)
			v := judge(t, q)
			if v.Outcome != Altered || len(v.Warnings) == 0 || len(v.Findings) == 0 {
				t.Fatalf("%s at %d, altered: %s (%s), warnings %q", what, at, v.Outcome, v.Reason, v.Warnings)
			}
			if index && (len(v.Findings) != 1 || v.Findings[0].Leaves != 1) {
				t.Fatalf("%s at %d: the index is there, findings %+v", what, at, v.Findings)
			}
			checkFindings(t, sealed, presented, v.Findings)
		}
	}
	tiles := s.seal[start:]
	step := scaleDown(20)
	for at := 0; at < len(tiles); at += step {
		for i, b := range otherBytes(tiles[at]) {
			if i%8 == at%8 {
				mangled := bytes.Clone(tiles)
				mangled[at] = b
				try(mangled, "changed byte", at)
			}
		}
		try(tiles[:at], "cut", at)
	}
	other := sealLog(t, testLog(t)[:50_000], nil)
	try(other.seal[notesOf(other.seal):], "other tiles", 0)
	try(append(bytes.Clone(tiles), tiles...), "twice", 0)
	try(append(bytes.Clone(tiles), '\n'), "an empty line behind", 0)
	try(bytes.ReplaceAll(tiles, []byte("\n"), []byte("\r\n")), "CRLF", 0)
}

// TestMangledIndex checks that damage to the index costs a warning at most.
func TestMangledIndex(t *testing.T) {
	t.Parallel()
	log := bytes.Join(segments(testLog(t))[:600], nil)
	s := sealLog(t, log, nil)
	altered := bytes.Clone(log)
	altered[len(log)/2] ^= 1
	sealed, presented := cutAll(log), cutAll(altered)
	try := func(data []byte, what string, at int) {
		t.Helper()
		index := asLog(data)
		q := s.request(t, log)
		if q.Index = &index; data == nil {
			q.Index = nil
		}
		if v := judge(t, q); v.Outcome != Valid || len(v.Warnings) != 1 || len(v.Findings) > 0 {
			t.Fatalf("%s at %d: %s (%s), warnings %q", what, at, v.Outcome, v.Reason, v.Warnings)
		}
		q.Log = asLog(altered)
		v := judge(t, q)
		if v.Outcome != Altered || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "index") {
			t.Fatalf("%s at %d, altered: %s (%s), warnings %q", what, at, v.Outcome, v.Reason, v.Warnings)
		}
		checkFindings(t, sealed, presented, v.Findings)
	}
	for at := 0; at < len(s.index); at += scaleDown(60) * 5 {
		mangled := bytes.Clone(s.index)
		mangled[at] ^= 1 << (at % 8)
		try(mangled, "changed byte", at)
		try(s.index[:at], "cut", at)
	}
	try(append(bytes.Clone(s.index), 0), "one byte more", 0)
	try(append(bytes.Clone(s.index), s.index[:8]...), "one leaf more", 0)
	try(nil, "no index", 0)
}

// TestMangledLog changes every byte of a small log, drops and doubles it.
func TestMangledLog(t *testing.T) {
	t.Parallel()
	s := sealLog(t, smallLog(t), nil)
	sealed := cutAll(s.log)
	leaf := 0 // that the byte belongs to
	try := func(data []byte, at int, what string) {
		presented := cutAll(data)
		for _, index := range []bool{true, false} {
			q := s.request(t, data)
			if !index {
				q.Index = nil
			}
			v := judge(t, q)
			if v.Outcome != Altered && v.Outcome != Foreign || len(v.Findings) == 0 {
				t.Fatalf("%s byte %d: %s (%s), %d findings", what, at, v.Outcome, v.Reason, len(v.Findings))
			}
			checkFindings(t, sealed, presented, v.Findings)
			named := false
			for _, f := range v.Findings {
				named = named || f.SealedLeaf <= int64(leaf) && int64(leaf) < f.SealedLeaf+int64(f.Leaves)
			}
			if !named && what == "changed" {
				t.Fatalf("%s byte %d of leaf %d: findings %+v", what, at, leaf, v.Findings)
			}
		}
	}
	for at := range s.log {
		for leaf+1 < len(sealed) && int64(at) >= sealed[leaf+1].offset {
			leaf++
		}
		values := otherBytes(s.log[at])
		for i, b := range values {
			if i == at%len(values) && at%scaleDown(9) == 0 {
				data := bytes.Clone(s.log)
				data[at] = b
				try(data, at, "changed")
			}
		}
		if at%(scaleDown(9)*17) == 0 {
			try(slices.Delete(bytes.Clone(s.log), at, at+1), at, "dropped")
			try(slices.Insert(bytes.Clone(s.log), at, s.log[at]), at, "doubled")
			try(s.log[:at], at, "cut before")
			if at > 0 {
				try(s.log[at:], at, "cut off")
			}
		}
	}
}
