package tlog_test

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"

	"cqkit/pkg/tlog"
)

func TestFrame(t *testing.T) {
	signed := append([]byte{0xFD, 2, 1, 0, 7, 8, 9, 0x4C, 0x01, 0x02, 0xAA, 0xBB, 0x34, 0x12}, bytes.Repeat([]byte{0xCC}, 13)...)
	for _, tt := range []struct {
		name                   string
		frame                  tlog.Frame
		version                int
		id                     uint32
		sequence, system, comp uint8
		payload                int
		checksum               uint16
		signed                 bool
	}{
		{"MAVLink 1", []byte{0xFE, 2, 7, 8, 9, 33, 0xAA, 0xBB, 0x34, 0x12}, 1, 33, 7, 8, 9, 2, 0x1234, false},
		{"MAVLink 2", []byte{0xFD, 2, 0, 0, 7, 8, 9, 0x4C, 0x01, 0x02, 0xAA, 0xBB, 0x34, 0x12}, 2, 0x02014C, 7, 8, 9, 2, 0x1234, false},
		{"MAVLink 2 signed", signed, 2, 0x02014C, 7, 8, 9, 2, 0x1234, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.frame
			if f.Version() != tt.version || f.ID() != tt.id || f.Sequence() != tt.sequence || f.System() != tt.system ||
				f.Component() != tt.comp || len(f.Payload()) != tt.payload || f.Checksum() != tt.checksum || f.Signed() != tt.signed {
				t.Errorf("got %d %d %d %d/%d payload %x checksum %x signed %v", f.Version(), f.ID(), f.Sequence(),
					f.System(), f.Component(), f.Payload(), f.Checksum(), f.Signed())
			}
			if (len(f.Signature()) == tlog.SignatureSize) != tt.signed {
				t.Errorf("signature %x", f.Signature())
			}
			if n := tlog.RecordLen(append(make([]byte, tlog.TimeSize), f...)); n != tlog.TimeSize+len(f) {
				t.Errorf("record of %d bytes, want %d", n, tlog.TimeSize+len(f))
			}
			for cut := range len(f) {
				if n := tlog.RecordLen(append(make([]byte, tlog.TimeSize), f[:cut]...)); n != 0 {
					t.Errorf("cut to %d bytes: a record of %d", cut, n)
				}
			}
		})
	}
}

// TestCheck compares the checksum with the one that mavgen's code computes byte by byte,
// for every length of payload, and finds each flipped bit.
func TestCheck(t *testing.T) {
	for n := range 256 {
		for _, version := range []int{1, 2} {
			f := make([]byte, 0, 300)
			if version == 1 {
				f = append(f, 0xFE, byte(n), 1, 2, 3, 200)
			} else {
				f = append(f, 0xFD, byte(n), 0, 0, 1, 2, 3, 200, 0, 0)
			}
			for i := range n {
				f = append(f, byte(i*7+n))
			}
			const seed = 0x9D
			crc := uint16(0xFFFF)
			for _, b := range append(bytes.Clone(f[1:]), seed) {
				x := b ^ byte(crc)
				x ^= x << 4
				crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
			}
			f = binary.LittleEndian.AppendUint16(f, crc)
			seeds := tlog.NewSeeds(map[uint32]byte{200: seed, 1 << 20: 1})
			if got := seeds.Check(f); got != tlog.OK {
				t.Fatalf("MAVLink %d, %d bytes: %v", version, n, got)
			}
			for bit := 8 * 3; bit < 8*len(f); bit += 5 {
				if version == 2 && bit/8 >= 7 && bit/8 < 10 || version == 1 && bit/8 == 5 {
					continue // the message id
				}
				f[bit/8] ^= 1 << (bit % 8)
				if got := seeds.Check(f); got != tlog.Bad {
					t.Fatalf("MAVLink %d, %d bytes, bit %d flipped: %v", version, n, bit, got)
				}
				f[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
	high := tlog.NewSeeds(map[uint32]byte{1 << 20: 50})
	if got := high.Check([]byte{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0}); got != tlog.Bad {
		t.Errorf("known id above 65,535: %v", got)
	}
	if got := high.Check([]byte{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0}); got != tlog.Unknown {
		t.Errorf("unknown id above 65,535: %v", got)
	}
	if tlog.OK.String() != "ok" || tlog.Bad.String() != "bad checksum" || tlog.Unknown.String() != "unknown id" ||
		tlog.Gap.String() != "gap" || tlog.Record.String() != "record" {
		t.Error("names are wrong")
	}
}

// TestDetect looks at heads of every kind.
func TestDetect(t *testing.T) {
	var timed, raw, swapped, torn []byte
	for i := range 200 {
		r := heartbeat(1+i%2, uint8(i), t0+int64(i)*1000)
		timed = append(timed, r...)
		raw = append(raw, r[tlog.TimeSize:]...)
		swapped = binary.LittleEndian.AppendUint64(swapped, uint64(tlog.Time(r)))
		torn = append(swapped[len(swapped)-8:len(swapped):len(swapped)], append(bytes.Clone(r[tlog.TimeSize:len(r)-8]), torn...)...)
		swapped = append(swapped, r[tlog.TimeSize:]...)
	}
	for _, tt := range []struct {
		name string
		head []byte
		want tlog.Look
	}{
		{"timed", timed, tlog.Look{}},
		{"timed behind dirt", append(make([]byte, 5000), timed...), tlog.Look{}},
		{"raw", raw, tlog.Look{Format: tlog.Raw}},
		{"raw with dirt", append([]byte("hello"), raw...), tlog.Look{Format: tlog.Raw}},
		{"little-endian times", swapped, tlog.Look{LittleEndian: true}},
		{"little-endian times and cut frames", torn, tlog.Look{LittleEndian: true}},
		{"little-endian times and one record", append(swapped[:len(swapped):len(swapped)], timed[:25]...), tlog.Look{LittleEndian: true}},
		{"one frame", raw[:17], tlog.Look{}},
		{"text", bytes.Repeat([]byte("no log at all "), 500), tlog.Look{}},
		{"empty", nil, tlog.Look{}},
	} {
		if got := tlog.Detect(tt.head, seeds); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
	raw = raw[:170]
	s := tlog.NewSliceScanner(raw, seeds, tlog.Raw)
	seg, err := s.Next()
	if err != nil || seg.Time() != 0 || seg.Frame().ID() != 0 {
		t.Errorf("first raw record: %+v, %v", seg, err)
	}
}

// TestSeedsFrom loads seeds when they are first needed, and once.
func TestSeedsFrom(t *testing.T) {
	loads := 0
	load := func() map[uint32]byte {
		loads++
		return map[uint32]byte{0: 50, 1 << 20: 7}
	}
	heartbeat := tlog.Frame{0xFE, 9, 0, 1, 1, 0, 4, 0, 0, 0, 6, 8, 0, 0, 3, 0, 0}
	high := tlog.Frame{0xFD, 1, 0, 0, 0, 1, 1, 0, 0, 0x10, 9, 0, 0}
	want := tlog.NewSeeds(load())
	for range 2 { // whoever comes first
		loads = 0
		seeds := tlog.SeedsFrom(load)
		if loads != 0 {
			t.Error("loaded before they are needed")
		}
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				if i%2 == 0 {
					tlog.NewSliceScanner(nil, seeds, tlog.Timed)
				}
				for _, f := range []tlog.Frame{heartbeat, high} {
					if got := seeds.Check(f); got != want.Check(f) || got == tlog.Unknown {
						t.Errorf("% x: %v, want %v", f, got, want.Check(f))
					}
				}
			})
		}
		group.Wait()
		if loads != 1 {
			t.Errorf("loaded %d times", loads)
		}
	}
}
