package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pageCarriers makes the carriers of a seal from docs/seal-format.md and docs/chunk.md alone.
func pageCarriers(t *testing.T, seal []byte) (carriers [][]byte) {
	t.Helper()
	whole := func(kind byte, number int, note string, content []byte) {
		lines := strings.Split(note, "\n")
		id, err := hex.DecodeString(strings.TrimPrefix(lines[0], "cqkit/flight-log/v1/"))
		if err != nil {
			t.Fatal(err)
		}
		var us uint64
		for _, line := range lines {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "span" && f[2] != "-" {
				us, _ = strconv.ParseUint(f[2], 10, 64)
			} else if len(f) == 2 && f[0] == "time" && us == 0 {
				at, _ := time.Parse(time.RFC3339, f[1])
				us = uint64(at.Unix()) * 1_000_000
			}
		}
		sum := sha256.Sum256(content)
		parts := slices.Collect(slices.Chunk(content, 58_349))
		for i, part := range parts {
			message := append([]byte{1, kind}, id...)
			message = append(message, sum[:16]...)
			for _, n := range []int{number, i, len(parts)} {
				message = binary.LittleEndian.AppendUint32(message, uint32(n))
			}
			message = append(message, part...)
			tag := sha256.Sum256(message)
			pieces := slices.Collect(slices.Chunk(message, 229))
			for seq, piece := range pieces {
				payload := []byte{id[0], id[1], 0, 0, 3, byte(seq), byte(len(pieces)), byte(16 + len(piece))}
				payload = append(append(payload, tag[:16]...), piece...)
				payload = bytes.TrimRight(payload, "\x00")
				frame := []byte{0xFD, byte(len(payload)), 0, 0, byte(len(carriers)), 255, 155, 0x50, 0xC3, 0x00}
				frame = append(frame, payload...)
				crc := pageCRC(append(bytes.Clone(frame[1:]), 206))
				record := binary.BigEndian.AppendUint64(nil, us)
				carriers = append(carriers, append(append(record, frame...), byte(crc), byte(crc>>8)))
			}
		}
	}
	notes := pageNotes(string(seal))
	for i, text := range notes {
		whole(0, i, text, []byte(text))
	}
	if _, rest, ok := bytes.Cut(seal, []byte("-----BEGIN CQKIT FLIGHT LOG TILES-----")); ok {
		block, _ := pem.Decode(append([]byte("-----BEGIN CQKIT FLIGHT LOG TILES-----"), rest...))
		whole(1, len(notes)-1, notes[len(notes)-1], block.Bytes)
	}
	return carriers
}

// pageCRC is CRC-16/MCRF4XX, bit by bit.
func pageCRC(data []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range data {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// TestInsideIndependent checks that the carriers of a file are those that the page says, and that
// the log is what stands between them.
func TestInsideIndependent(t *testing.T) {
	t.Parallel()
	var gaps []byte
	for _, s := range segments(testLog(t))[:3000] {
		gaps = append(append(gaps, s...), 'x')
	}
	for name, log := range map[string][]byte{
		"copter": testLog(t), "small": smallLog(t), "empty": nil, "text": []byte("no log"), "gaps": gaps,
	} {
		for _, every := range []uint64{0, 700} {
			e := embedLog(t, log, func(o *Options) { o.EveryRecords = every })
			rest := e.file
			var bare []byte
			for i, c := range pageCarriers(t, e.seal) {
				before, after, ok := bytes.Cut(rest, c)
				if !ok {
					t.Fatalf("%s: carrier %d is not there", name, i)
				}
				bare, rest = append(bare, before...), after
			}
			if !bytes.Equal(append(bare, rest...), log) {
				t.Errorf("%s: what is between the carriers is not the log", name)
			}
		}
	}
}

const insideVectors = "../../testdata/inside"

var updateInside = flag.Bool("update-inside", false, "make the vectors in testdata/inside again")

const insidePage = `# Seals inside their logs

Vectors for docs/seal-format.md, "In-band", under the key ` + "`../seals/pilot-7.pub`" + `. A verifier that is given one of the
files and no seal beside it must come to the verdict in its row, and must find ` + "`bare.tlog`" + ` in those that are valid. The
records are those of ` + "`../seals/small.tlog`" + `. ` + "`go test ./pkg/seal -run InsideVectors -update-inside`" + ` makes all files anew.

| file | verdict | because |
| --- | --- | --- |
`

// TestInsideVectors checks every row of testdata/inside/README.md.
func TestInsideVectors(t *testing.T) {
	if *updateInside {
		updateInsideVectors(t)
	}
	page, err := os.ReadFile(filepath.Join(insideVectors, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(insideVectors, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bare, rows := read("bare.tlog"), 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows++
		name, want := strings.Trim(cells[1], " `"), Outcome(strings.Trim(cells[2], " *"))
		file := read(name)
		v := judge(t, Request{Log: asLog(file), Alone: true, Keys: []Key{vectorKey(t)}, Seeds: seeds, Workers: 1})
		if v.Outcome != want {
			t.Errorf("%s: %s (%s), want %s", name, v.Outcome, v.Reason, want)
		}
		var out bytes.Buffer
		if _, err := Extract(&out, asLog(file), 1); want == Valid && (err != nil || !bytes.Equal(out.Bytes(), bare)) {
			t.Errorf("%s: the log is not in it: %v", name, err)
		}
	}
	files, err := os.ReadDir(insideVectors)
	if err != nil || rows < 12 || len(files) != rows+2 {
		t.Errorf("%d rows for %d files: %v", rows, len(files), err)
	}
}

func updateInsideVectors(t *testing.T) {
	log := smallLog(t)
	e := embedLog(t, log, func(o *Options) { o.Name = "small.tlog" })
	two := embedLog(t, log, func(o *Options) { o.EveryRecords = 12 })
	other := embedLog(t, bytes.Join(segments(testLog(t))[100:110], nil), nil)
	all := e.pieces(t)
	own, of := carriersOnly(all), plain(all)
	record := slices.IndexFunc(of, func(p piece) bool { return !p.gap })
	changed := bytes.Clone(e.file)
	changed[200] ^= 1
	again := func(change func(p *piece)) []byte {
		more := slices.Clone(own)
		change(&more[3])
		return joinPieces(append(slices.Clone(all), more...))
	}
	time := func(p *piece) { p.data = bytes.Clone(p.data); p.data[7]++ }
	sequence := func(p *piece) { *p = reframe(*p, func(r []byte) { r[12]++ }) }
	token := func(p *piece) { *p = reframe(*p, func(r []byte) { r[18]++ }) }
	notes := two.pieces(t)
	third := slices.IndexFunc(notes, func(p piece) bool { return p.carrier && p.note == 2 })
	page := bytes.NewBufferString(insidePage)
	if err := os.MkdirAll(insideVectors, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(insideVectors, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name    string
		file    []byte
		verdict Outcome
		because string
	}{
		{"valid", e.file, Valid, "as cqsign wrote it"},
		{"valid-notes", two.file, Valid, "with notes on the way"},
		{"valid-shuffled", joinPieces(slices.Concat(reversed(own[5:]), of, own[:5])), Valid, "the carriers stand elsewhere, between segments"},
		{"valid-doubled", joinPieces(append(slices.Clone(all), own...)), Valid, "all carriers are there twice"},
		{"open-cut", joinPieces(notes[:third]), Open, "the file was cut behind its second note"},
		{"open-chunk-missing", joinPieces(slices.Delete(slices.Clone(notes), third+2, third+3)), Open, "a carrier of the last note is missing"},
		{"unsigned", joinPieces(of), Unsigned, "there is no carrier"},
		{"unsigned-chunk-missing", joinPieces(slices.Concat(of, own[1:])), Unsigned, "a carrier of the only note is missing"},
		{"altered-record", changed, Altered, "a byte of a record was changed"},
		{"altered-inside-record", within(all, record, own[0].data), Altered, "a copy of a carrier stands inside a record"},
		{"altered-time", again(time), Altered, "a second copy of the note has a carrier with another time"},
		{"altered-sequence", again(sequence), Altered, "one with another sequence number"},
		{"altered-token", again(token), Altered, "one with another token"},
		{"altered-other-notes", joinPieces(slices.Concat(all[:9], carriersOnly(other.pieces(t)), all[9:])), Altered, "the carriers of another log were put in"},
	} {
		write(row.name+".tlog", row.file)
		fmt.Fprintf(page, "| `%s.tlog` | **%s** | %s |\n", row.name, row.verdict, row.because)
	}
	write("bare.tlog", log)
	write("README.md", page.Bytes())
}
