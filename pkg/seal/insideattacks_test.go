package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/tlog"
)

// piece is a record, a gap or a carrier of a file with its seal inside.
type piece struct {
	segment
	carrier bool
	note    int // of a carrier, from 0; its tiles count as one more
}

// pieces takes a file apart.
func (e embedded) pieces(t testing.TB) []piece {
	t.Helper()
	p, err := Parse(e.seal)
	if err != nil {
		t.Fatal(err)
	}
	of := carriersOf(p)
	var pieces []piece
	for _, s := range cutWith(e.file, chunkSeeds) {
		next := piece{segment: s}
		if !s.gap && tlog.Frame(s.data[tlog.TimeSize:]).ID() == chunk.MessageID {
			if c, ok := asCarrier(s.data); ok && of.are(s.data, c) {
				own := of.parts[chunk.Digest(c.Data)]
				next.carrier, next.note = true, int(own.number)+int(own.kind)
			}
		}
		pieces = append(pieces, next)
	}
	return pieces
}

func joinPieces(pieces []piece) []byte {
	var b bytes.Buffer
	for _, p := range pieces {
		b.Write(p.data)
	}
	return b.Bytes()
}

// reframe changes a carrier and mends its checksum.
func reframe(p piece, change func(record []byte)) piece {
	p.data = bytes.Clone(p.data)
	change(p.data)
	frame := tlog.Frame(p.data[tlog.TimeSize:])
	c, err := chunk.Parse(frame.Payload())
	if err != nil {
		panic(err)
	}
	p.data = c.AppendFrame(p.data[:tlog.TimeSize:tlog.TimeSize], frame.Sequence(), frame.System(), frame.Component())
	return p
}

// TestInsideAttacks does to a file with its seal inside what somebody might.
func TestInsideAttacks(t *testing.T) {
	t.Parallel()
	segs := segments(testLog(t))
	// A record, two, a gap, more records, a torn one at the end.
	log := bytes.Join([][]byte{bytes.Join(segs[:350], nil), []byte("MANUAL> link 1 down\r\n"), bytes.Join(segs[350:1000], nil), segs[1000][:20]}, nil)
	every := func(o *Options) { o.EveryRecords = 300 }
	e := embedLog(t, log, every)
	other := embedLog(t, bytes.Join(segs[2000:2400], nil), nil)
	all := e.pieces(t)
	var own, of []piece // carriers, and the rest
	for _, p := range all {
		if p.carrier {
			own = append(own, p)
		} else {
			of = append(of, p)
		}
	}
	notes := e.sum.Notes
	count := func(note int) (n int) {
		for _, p := range own {
			if p.note == note {
				n++
			}
		}
		return n
	}
	first := func(match func(p piece) bool) int { return slices.IndexFunc(all, match) }
	without := func(drop func(p piece) bool) []piece { return slices.DeleteFunc(slices.Clone(all), drop) }
	gapAt := first(func(p piece) bool { return p.gap })
	final := first(func(p piece) bool { return p.carrier && p.note == notes-1 })
	withCopy := func(change func(p *piece)) []piece { // one carrier changed; the note is there once more
		again := slices.Clone(own)
		change(&again[3])
		return append(slices.Clone(all), again...)
	}

	tests := []struct {
		name    string
		file    []byte
		outcome Outcome
		reason  string // part of the reason or a warning
		found   string // kinds of the findings
	}{
		{"untouched", e.file, Valid, "", ""},
		{"one carrier of the final note dropped", joinPieces(slices.Delete(slices.Clone(all), final, final+1)), Open, "of 3", ""},
		{"the final note dropped", joinPieces(without(func(p piece) bool { return p.carrier && p.note >= notes-1 })), Open, "no final note", ""},
		{"one carrier of the first note dropped", joinPieces(without(func(p piece) bool { return p.carrier && &p.data[0] == &own[0].data[0] })), Unsigned,
			describePartial(count(0)-1, count(0)), ""},
		{"all carriers dropped", joinPieces(of), Unsigned, "neither beside the log nor inside", ""},
		{"the tiles dropped", joinPieces(without(func(p piece) bool { return p.carrier && p.note == notes })), Valid, "lost its tiles", ""},
		{"a note in the middle dropped", joinPieces(without(func(p piece) bool { return p.carrier && p.note == 1 })), Open, "no final note", ""},
		{"carriers moved to the front", joinPieces(append(slices.Clone(own), of...)), Valid, "", ""},
		{"carriers shuffled", joinPieces(append(slices.Clone(of), reversed(own)...)), Valid, "", ""},
		{"carriers doubled", joinPieces(append(slices.Clone(all), own...)), Valid, "", ""},
		{"carriers around a gap", joinPieces(slices.Concat(of[:350], own[:5], of[350:351], own[5:], of[351:])), Valid, "", ""},
		{"a carrier inside a record", within(all, 5, own[0].data), Altered, "", "changed"},
		{"a carrier inside a gap", within(all, gapAt, own[0].data), Altered, "", "changed"},
		{"a carrier inside the last, torn record", within(all, lastGap(all), own[0].data), Altered, "", "changed"},
		{"another time", joinPieces(withCopy(func(p *piece) {
			p.data = bytes.Clone(p.data)
			p.data[7]++
		})), Altered, "", "appended"},
		{"another sequence number", joinPieces(withCopy(func(p *piece) { *p = reframe(*p, func(r []byte) { r[12]++ }) })), Altered, "", "appended"},
		{"another sender", joinPieces(withCopy(func(p *piece) { *p = reframe(*p, func(r []byte) { r[13]-- }) })), Altered, "", "appended"},
		{"another token", joinPieces(withCopy(func(p *piece) { *p = reframe(*p, func(r []byte) { r[18]++ }) })), Altered, "", "appended"},
		{"another byte of the note", joinPieces(withCopy(func(p *piece) { *p = reframe(*p, func(r []byte) { r[60]++ }) })), Altered, "", "appended"},
		{"a flag", joinPieces(withCopy(func(p *piece) {
			p.data = bytes.Clone(p.data)
			p.data[11] = 1
		})), Altered, "", "appended"},
		{"notes of another log spliced in", joinPieces(slices.Concat(all[:100], carriersOnly(other.pieces(t)), all[100:])), Altered, "", "inserted"},
		{"another log with these notes", joinPieces(slices.Concat(plain(other.pieces(t)), own)), Foreign, "another log", "*"},
		{"another log with both notes", joinPieces(slices.Concat(other.pieces(t), own)), Altered, "", "*"},
		{"records cut, all notes kept", joinPieces(slices.Concat(of[:700], own)), Altered, "", "truncated"},
		{"a record dropped in front of a note", joinPieces(slices.Delete(slices.Clone(all), 299, 300)), Altered, "", "dropped"},
		{"cut behind the second note", joinPieces(all[:first(func(p piece) bool { return p.carrier && p.note == 2 })]), Open, "no final note", ""},
		{"appended to", append(bytes.Clone(e.file), segs[0]...), Altered, "", "doubled"},
	}
	for _, tt := range tests {
		v := judge(t, e.request(t, tt.file))
		var kinds []string
		for _, f := range v.Findings {
			kinds = append(kinds, string(f.Kind))
		}
		found := strings.Join(kinds, " ")
		said := v.Reason + "\n" + strings.Join(v.Warnings, "\n")
		if v.Outcome != tt.outcome || !strings.Contains(said, tt.reason) || tt.found != "*" && found != tt.found {
			t.Errorf("%s: %s (%s), %q, findings %q; want %s, %q, %q", tt.name, v.Outcome, v.Reason, v.Warnings, found, tt.outcome, tt.reason, tt.found)
		}
		checkPlaces(t, tt.name, tt.file, v)
	}
}

func reversed(p []piece) []piece {
	p = slices.Clone(p)
	slices.Reverse(p)
	return p
}

func carriersOnly(pieces []piece) []piece {
	return slices.DeleteFunc(slices.Clone(pieces), func(p piece) bool { return !p.carrier })
}

func plain(pieces []piece) []piece {
	return slices.DeleteFunc(slices.Clone(pieces), func(p piece) bool { return p.carrier })
}

func lastGap(pieces []piece) int {
	for i := len(pieces) - 1; ; i-- {
		if pieces[i].gap {
			return i
		}
	}
}

// within puts a carrier into the middle of a piece.
func within(pieces []piece, at int, carrier []byte) []byte {
	pieces = slices.Clone(pieces)
	d := pieces[at].data
	pieces[at].data = slices.Concat(d[:len(d)/2], carrier, d[len(d)/2:])
	return joinPieces(pieces)
}

// checkPlaces checks that the records of findings are those that stand in the file where
// the finding says.
func checkPlaces(t *testing.T, name string, file []byte, v *Verdict) {
	t.Helper()
	for _, f := range v.Findings {
		if f.First == nil {
			continue
		}
		if f.Offset+f.Bytes > int64(len(file)) || !bytes.Contains(file[f.Offset:f.Offset+f.Bytes], f.First) {
			t.Errorf("%s: the first record of %s is not at byte %d", name, f.Kind, f.Offset)
		}
		records := int64(0)
		for _, s := range cutWith(file[:f.Offset], chunkSeeds) {
			if !s.gap {
				records++
			}
		}
		if f.CountNow == f.LeavesNow && records != f.Index {
			t.Errorf("%s: %s at record %d, counted %d", name, f.Kind, f.Index, records)
		}
	}
}

// TestInsideSuperseded checks that who has seen the whole is not deceived by its beginning.
func TestInsideSuperseded(t *testing.T) {
	t.Parallel()
	e := embedLog(t, bytes.Join(segments(testLog(t))[:900], nil), func(o *Options) { o.EveryRecords = 300 })
	v := judge(t, e.request(t, e.file))
	q := e.request(t, e.file[:len(e.file)*2/3])
	q.Known = func(n *Note) (bool, error) { return n.Leaves < v.Note.Leaves && n.ID == v.Note.ID, nil }
	if v := judge(t, q); v.Outcome != Superseded {
		t.Errorf("%s: %s", v.Outcome, v.Reason)
	}
}

// TestInsideForked checks a seal beside that contradicts the notes inside: both by the same
// key, of the same log, from different ends of it.
func TestInsideForked(t *testing.T) {
	t.Parallel()
	log := bytes.Join(segments(testLog(t))[:700], nil)
	e := embedLog(t, log, func(o *Options) { o.EveryRecords = 300 })
	p, err := Parse(e.seal)
	if err != nil {
		t.Fatal(err)
	}
	// The same first note, and another second one.
	first := p.Notes[0]
	key, _ := testKey(t, 1)
	n := *p.Notes[1]
	n.Nonce++
	n.Time = n.Time.AddDate(0, 0, 1)
	signed, err := n.sign(key)
	if err != nil {
		t.Fatal(err)
	}
	q := e.sealed.request(t, e.file)
	q.Seal = slices.Concat(first.encode(), []byte("\n"), signed)
	if v := judge(t, q); v.Outcome != Malformed || !strings.Contains(v.Reason, "contradict") {
		t.Errorf("a fork beside: %s (%s)", v.Outcome, v.Reason)
	}
	// Inside, the longer run counts, and it is said that there is another.
	file := bytes.Clone(e.file)
	for _, part := range cutParts(notePart, &n, 1, signed, 31) {
		file = part.appendCarriers(file)
	}
	v := judge(t, e.request(t, file))
	if v.Outcome != Altered || !slices.ContainsFunc(v.Warnings, func(w string) bool { return strings.Contains(w, "follow the same one") }) {
		t.Errorf("a fork inside: %s (%s) %q", v.Outcome, v.Reason, v.Warnings)
	}
}

// TestInsideBeside checks a seal beside a file that has notes inside.
func TestInsideBeside(t *testing.T) {
	t.Parallel()
	log := bytes.Join(segments(testLog(t))[:900], nil)
	e := embedLog(t, log, func(o *Options) { o.EveryRecords = 300 })
	ends := bytes.Split(e.seal, []byte("\n\ncqkit/"))

	q := e.sealed.request(t, e.file)
	q.Seal = append(bytes.Join(ends[:2], []byte("\n\ncqkit/")), '\n')
	if v := judge(t, q); v.Outcome != Valid || !v.Inside || v.Notes != len(ends) {
		t.Errorf("an earlier seal beside: %s (%s), %d notes", v.Outcome, v.Reason, v.Notes)
	}
	// Of a file that lost its last note, the seal beside knows more.
	cut := e.file[:len(e.file)-5000]
	if v := judge(t, e.sealed.request(t, cut)); v.Outcome != Altered && v.Outcome != Valid || v.Notes != len(ends) {
		t.Errorf("a whole seal beside a file that was cut: %s (%s), %d notes", v.Outcome, v.Reason, v.Notes)
	}
	// A seal of the file as it is, by another key.
	rival, rivalKey := testKey(t, 2)
	outer, _, err := Sign(bytes.NewReader(e.file), chunkSeeds, rival, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q = e.sealed.request(t, e.file)
	q.Seal, q.Index, q.Keys = outer, nil, append(q.Keys, rivalKey)
	if v := judge(t, q); v.Outcome != Valid || v.Inside || len(v.Agrees) != 1 || v.Agrees[0].Signer != "pilot-7" {
		t.Errorf("sealed by another: %s (%s), %d agree", v.Outcome, v.Reason, len(v.Agrees))
	}
	// The same of a file that was changed before: the one inside no longer holds.
	changed := bytes.Clone(e.file)
	changed[40] ^= 1
	outer, _, err = Sign(bytes.NewReader(changed), chunkSeeds, rival, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	q.Seal, q.Log = outer, asLog(changed)
	if v := judge(t, q); v.Outcome != Valid || len(v.Agrees) != 0 || len(v.Warnings) == 0 {
		t.Errorf("changed, then sealed by another: %s (%s), %d agree, %q", v.Outcome, v.Reason, len(v.Agrees), v.Warnings)
	}
}

// TestInsideFlood fills a log with parts of notes that will never be whole, and with notes
// that nobody signed.
func TestInsideFlood(t *testing.T) {
	t.Parallel()
	log := bytes.Join(segments(testLog(t))[:300], nil)
	e := embedLog(t, log, nil)
	junk := func(count int, message func() []byte, seqs int) []byte {
		var out []byte
		for range count {
			chunks, err := chunk.Cut(chunk.Chunk{Type: chunk.Note}, message())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range chunks[:min(len(chunks), seqs)] {
				out = binary.BigEndian.AppendUint64(out, uint64(1_700_000_000_000_000))
				out = c.AppendFrame(out, 0, carrierSystem, carrierComponent)
			}
		}
		return out
	}
	random := func(n int) func() []byte {
		return func() []byte {
			b := make([]byte, n)
			rand.Read(b)
			return b
		}
	}
	p, _ := Parse(e.seal)
	unsigned := func() []byte {
		n := *p.Last()
		rand.Read(n.ID[:])
		n.text = n.format()
		return cutParts(notePart, &n, 0, n.encode(), 0)[0].message
	}
	flood := slices.Concat(junk(scale(600), random(30_000), 2), junk(scale(600), random(100), 1), junk(scale(300), unsigned, 255))
	v := judge(t, e.request(t, append(bytes.Clone(e.file), flood...)))
	if v.Outcome != Altered {
		t.Errorf("%s: %s", v.Outcome, v.Reason)
	}
	if v := judge(t, e.request(t, append(flood, e.file...))); v.Outcome != Altered {
		t.Errorf("in front: %s: %s", v.Outcome, v.Reason)
	}
}

// TestInsideParts puts a note of several parts into its log: one with thousands of gaps.
func TestInsideParts(t *testing.T) {
	t.Parallel()
	var log []byte
	for i, s := range segments(testLog(t))[:4500] {
		log = append(append(log, s...), "x\n"[:1+i%2]...)
	}
	e := embedLog(t, log, nil)
	if e.sum.Gaps < 4000 || e.sum.Carriers < 300 {
		t.Fatalf("%d gaps, %d carriers", e.sum.Gaps, e.sum.Carriers)
	}
	if v := judge(t, e.request(t, e.file)); v.Outcome != Valid || v.Carriers != e.sum.Carriers {
		t.Errorf("%s: %s", v.Outcome, v.Reason)
	}
	all := e.carriers(t)
	for _, drop := range []int{0, 254, 255, len(all) - 40} {
		c := all[drop]
		file := slices.Concat(e.file[:c.offset], e.file[c.offset+c.size:])
		if v := judge(t, e.request(t, file)); v.Outcome != Unsigned {
			t.Errorf("without carrier %d: %s (%s)", drop, v.Outcome, v.Reason)
		}
	}
}
