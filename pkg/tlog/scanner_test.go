package tlog_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

var seeds = tlog.NewSeeds(mav.Seeds())

const logs = "../../../shared/data/tlogs"

// sharedLogs returns the shared logs by name; the test is skipped without them.
func sharedLogs(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(logs, "*"))
	byName := make(map[string][]byte)
	for _, f := range files {
		if filepath.Ext(f) == ".md" {
			continue
		}
		if data, err := os.ReadFile(f); err == nil {
			byName[filepath.Base(f)] = data
		}
	}
	if len(byName) == 0 {
		t.Skip("no shared logs beside the repository")
	}
	return byName
}

type segment struct {
	offset int64
	bytes  int
	kind   tlog.Kind
	check  tlog.Check
}

// cut scans all of s, joining the pieces of long gaps, and checks that the segments
// partition data.
func cut(t testing.TB, s *tlog.Scanner, data []byte) []segment {
	t.Helper()
	var segs []segment
	at, more := int64(0), false
	for {
		seg, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if seg.Offset != at || len(seg.Data) == 0 || !bytes.Equal(seg.Data, data[at:at+int64(len(seg.Data))]) {
			t.Fatalf("segment at %d of %d bytes does not continue at %d", seg.Offset, len(seg.Data), at)
		}
		at += int64(len(seg.Data))
		if more {
			segs[len(segs)-1].bytes += len(seg.Data)
		} else {
			segs = append(segs, segment{seg.Offset, len(seg.Data), seg.Kind, seg.Check})
		}
		more = seg.More
	}
	if at != int64(len(data)) || more {
		t.Fatalf("segments end at %d (more: %v), input at %d", at, more, len(data))
	}
	for i := 1; i < len(segs); i++ {
		if segs[i].kind == tlog.Gap && segs[i-1].kind == tlog.Gap {
			t.Fatalf("two gaps touch at %d", segs[i].offset)
		}
	}
	if _, err := s.Next(); err != io.EOF {
		t.Fatalf("after the end: %v, want EOF", err)
	}
	return segs
}

func equal(a, b []segment) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestReaderEqualsSlice cuts every shared log both ways, the reader also with short
// and failing reads.
func TestReaderEqualsSlice(t *testing.T) {
	for name, data := range sharedLogs(t) {
		format := tlog.Detect(data[:min(len(data), tlog.HeadSize)], seeds).Format
		if wantRaw := filepath.Ext(name) == ".rlog"; wantRaw != (format == tlog.Raw) {
			t.Errorf("%s: detected format %d", name, format)
		}
		want := cut(t, tlog.NewSliceScanner(data, seeds, format), data)
		if got := cut(t, tlog.NewScanner(bytes.NewReader(data), seeds, format), data); !equal(got, want) {
			t.Errorf("%s: the reader cuts differently", name)
		}
		if got := cut(t, tlog.NewScanner(iotest.HalfReader(bytes.NewReader(data)), seeds, format), data); !equal(got, want) {
			t.Errorf("%s: short reads cut differently", name)
		}
		if len(data) < 500_000 {
			r := iotest.DataErrReader(iotest.OneByteReader(bytes.NewReader(data)))
			if got := cut(t, tlog.NewScanner(r, seeds, format), data); !equal(got, want) {
				t.Errorf("%s: single bytes cut differently", name)
			}
		}
	}
}

// heartbeat returns a record of a sound HEARTBEAT.
func heartbeat(version int, seq uint8, us int64) []byte {
	r := binary.BigEndian.AppendUint64(nil, uint64(us))
	if version == 1 {
		r = append(r, 0xFE, 9, seq, 1, 1, 0)
	} else {
		r = append(r, 0xFD, 9, 0, 0, seq, 1, 1, 0, 0, 0)
	}
	r = append(r, 0, 0, 0, 0, 2, 3, 0x51, 4, 3)
	crc := uint16(0xFFFF)
	for _, b := range append(r[tlog.TimeSize+1:len(r):len(r)], 50) {
		x := b ^ byte(crc)
		x ^= x << 4
		crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	return binary.LittleEndian.AppendUint16(r, crc)
}

const t0 = 1_700_000_000_000_000

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestDirt(t *testing.T) {
	a, b, c := heartbeat(2, 1, t0), heartbeat(1, 2, t0+1000), heartbeat(2, 3, t0+2000)
	bad := bytes.Clone(b)
	bad[20] ^= 1
	unknownID := bytes.Clone(a)
	unknownID[8+7], unknownID[8+8], unknownID[8+9] = 0xF1, 0xF2, 0xF3
	flags := bytes.Clone(a)
	flags[8+2] = 0x02
	early := heartbeat(1, 1, 1000)
	late := heartbeat(1, 1, 5_000_000_000_000_000)
	R, G := tlog.Record, tlog.Gap
	type want struct {
		kind  tlog.Kind
		bytes int
		check tlog.Check
	}
	good := func(r []byte) want { return want{R, len(r), tlog.OK} }
	gap := func(n int) want { return want{G, n, 0} }
	for _, tt := range []struct {
		name string
		data []byte
		want []want
	}{
		{"empty", nil, nil},
		{"clean", join(a, b, c), []want{good(a), good(b), good(c)}},
		{"leading garbage", join([]byte("garbage"), a, b), []want{gap(7), good(a), good(b)}},
		{"hole of zeros", join(a, make([]byte, 4096), b), []want{good(a), gap(4096), good(b)}},
		{"console text", join(a, []byte("MAV> arm throttle\n"), b), []want{good(a), gap(18), good(b)}},
		{"torn tail", join(a, b[:12]), []want{good(a), gap(12)}},
		{"lone time at the end", join(a, b[:8]), []want{good(a), gap(8)}},
		{"lone time only", b[:8], []want{gap(8)}},
		{"torn record, then a good one", join(a, b[:15], c), []want{good(a), gap(15), good(c)}},
		{"bad checksum in step", join(a, bad, c), []want{good(a), {R, len(bad), tlog.Bad}, good(c)}},
		{"bad checksum at the end", join(a, bad), []want{good(a), {R, len(bad), tlog.Bad}}},
		{"bad checksum before dirt", join(a, bad, []byte("dirt"), c), []want{good(a), gap(len(bad) + 4), good(c)}},
		{"unknown id in step", join(a, unknownID, b), []want{good(a), {R, len(unknownID), tlog.Unknown}, good(b)}},
		{"unknown id first", join(unknownID, b), []want{{R, len(unknownID), tlog.Unknown}, good(b)}},
		{"unknown incompatibility flag", join(a, flags, b), []want{good(a), gap(len(flags)), good(b)}},
		{"time before 2000", join(a, early, b), []want{good(a), gap(len(early)), good(b)}},
		{"time after 2100", join(a, late, b), []want{good(a), gap(len(late)), good(b)}},
		{"frames without times", join(a[8:], b[8:], c[8:]), []want{gap(len(a) + len(b) + len(c) - 24)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := cut(t, tlog.NewSliceScanner(tt.data, seeds, tlog.Timed), tt.data)
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			for i, w := range tt.want {
				if g := got[i]; g.kind != w.kind || g.bytes != w.bytes || g.check != w.check {
					t.Errorf("segment %d: got %v, want %v", i, g, w)
				}
			}
		})
	}
}

// TestTearAnywhere tears a record at every place, also where the length it states ends
// just with the record behind: the records behind must all be found.
func TestTearAnywhere(t *testing.T) {
	long := heartbeat(2, 1, t0)
	long[8+1] = 200 // states more payload than is there
	for pad := range 200 {
		first := append(bytes.Clone(long), make([]byte, pad)...)
		behind := [][]byte{heartbeat(1, 2, t0+1), heartbeat(2, 3, t0+2), heartbeat(1, 4, t0+3)}
		for cutAt := 1; cutAt <= len(first); cutAt += 7 {
			data := join(first[:cutAt], join(behind...))
			found := 0
			for _, s := range cut(t, tlog.NewSliceScanner(data, seeds, tlog.Timed), data) {
				if s.kind == tlog.Record && s.check == tlog.OK {
					found++
				}
			}
			if found != len(behind) {
				t.Fatalf("pad %d, torn at %d: found %d of %d records behind", pad, cutAt, found, len(behind))
			}
		}
	}
}

// TestTruncation cuts a clean log at every offset: only record boundaries end cleanly.
func TestTruncation(t *testing.T) {
	var log []byte
	boundary := map[int]bool{0: true}
	for i := range 20 {
		log = append(log, heartbeat(1+i%2, uint8(i), t0+int64(i))...)
		boundary[len(log)] = true
	}
	for n := range len(log) + 1 {
		segs := cut(t, tlog.NewSliceScanner(log[:n], seeds, tlog.Timed), log[:n])
		clean := len(segs) == 0 || segs[len(segs)-1].kind == tlog.Record
		if clean != boundary[n] {
			t.Errorf("cut at %d: ends cleanly: %v, want %v", n, clean, boundary[n])
		}
	}
}

// TestChangedByte changes every byte of a log: at most the record it lies in and, if it
// is a length, what that swallows up to the next sound record is lost.
func TestChangedByte(t *testing.T) {
	var log []byte
	const records = 30
	for i := range records {
		log = append(log, heartbeat(1+i%2, uint8(i), t0+int64(i))...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range log {
		changed := bytes.Clone(log)
		changed[i] ^= byte(1 + r.IntN(255))
		sound := 0
		for _, s := range cut(t, tlog.NewSliceScanner(changed, seeds, tlog.Timed), changed) {
			if s.check == tlog.OK && s.kind == tlog.Record {
				sound++
			}
		}
		inTime := i%54 < 8 || i%54 >= 25 && i%54 < 33 // such a record stays sound
		if sound < records-1 || sound == records && !inTime {
			t.Fatalf("byte %d changed: %d of %d records are sound", i, sound, records)
		}
	}
}

// TestLongGaps has gaps that end near where a reader's buffer makes it cut them.
func TestLongGaps(t *testing.T) {
	const records = 40 // behind the gap, more than the scanner looks ahead
	behind := bytes.Repeat(heartbeat(1, 1, t0), records)
	for n := bufferSize - 600; n < bufferSize+100; n++ {
		data := join(make([]byte, n), behind)
		got := cut(t, tlog.NewScanner(bytes.NewReader(data), seeds, tlog.Timed), data)
		if len(got) != 1+records || got[0].bytes != n {
			t.Fatalf("gap of %d bytes: got %v", n, got)
		}
	}
}

// bufferSize is that of a scanner over a reader.
const bufferSize = 256 << 10

func TestReadError(t *testing.T) {
	a := heartbeat(1, 1, t0)
	s := tlog.NewScanner(io.MultiReader(bytes.NewReader(a), iotest.ErrReader(io.ErrClosedPipe)), seeds, tlog.Timed)
	if seg, err := s.Next(); err != nil || seg.Kind != tlog.Record {
		t.Fatalf("got %v, %v before the error", seg, err)
	}
	if _, err := s.Next(); err != io.ErrClosedPipe {
		t.Fatalf("got %v, want the reader's error", err)
	}
}

func TestNoAllocation(t *testing.T) {
	var log []byte
	for i := range 2000 {
		log = append(log, heartbeat(1+i%2, uint8(i), t0+int64(i))...)
	}
	r := bytes.NewReader(log)
	s := tlog.NewScanner(r, seeds, tlog.Timed)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func FuzzScanner(f *testing.F) {
	f.Add(join(heartbeat(1, 1, t0), heartbeat(2, 2, t0+1)), uint8(0))
	f.Add(join([]byte("text"), heartbeat(1, 1, t0), make([]byte, 64), heartbeat(2, 2, t0+1)[:20]), uint8(1))
	f.Add(join(heartbeat(2, 1, t0)[8:], heartbeat(1, 1, t0)[8:]), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		format := tlog.Format(mode % 2)
		want := cut(t, tlog.NewSliceScanner(data, seeds, format), data)
		got := cut(t, tlog.NewScanner(iotest.OneByteReader(bytes.NewReader(data)), seeds, format), data)
		if !equal(got, want) {
			t.Fatalf("reader and slice cut differently: %v, %v", got, want)
		}
		// A gap holds no sound record whole.
		for _, s := range want {
			if s.kind == tlog.Record {
				continue
			}
			inside := tlog.NewSliceScanner(data[s.offset:s.offset+int64(s.bytes)], seeds, format)
			for {
				seg, err := inside.Next()
				if err != nil {
					break
				}
				if seg.Kind == tlog.Record && seg.Check == tlog.OK {
					t.Fatalf("gap at %d of %d bytes holds a sound record", s.offset, s.bytes)
				}
			}
		}
		tlog.Detect(data, seeds)
	})
}
