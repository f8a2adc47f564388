package chunk_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// seed computes a message's CRC_EXTRA as mavgen does: fields sorted by the size of
// their type, then a CRC over names and types (pymavlink, generator/mavparse.py,
// message_checksum).
func seed(name string, fields []string) byte {
	size := func(typ string) int {
		switch base, _, _ := strings.Cut(typ, "["); base {
		case "uint32_t":
			return 4
		case "uint16_t":
			return 2
		}
		return 1
	}
	var sorted []string
	for want := 8; want > 0; want /= 2 {
		for _, f := range fields {
			if typ, _, _ := strings.Cut(f, " "); size(typ) == want {
				sorted = append(sorted, f)
			}
		}
	}
	text := []byte(name + " ")
	for _, f := range sorted {
		typ, field, _ := strings.Cut(f, " ")
		base, length, array := strings.Cut(typ, "[")
		text = append(text, base+" "+field+" "...)
		if array {
			n := 0
			for _, d := range strings.TrimSuffix(length, "]") {
				n = n*10 + int(d-'0')
			}
			text = append(text, byte(n))
		}
	}
	crc := uint16(0xFFFF)
	for _, b := range text { // bit by bit, unlike the package
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return byte(crc) ^ byte(crc>>8)
}

func TestCRCExtra(t *testing.T) {
	// The computation is right if it gives what MAVLink publishes for HEARTBEAT.
	if got := seed("HEARTBEAT", []string{"uint8_t type", "uint8_t autopilot", "uint8_t base_mode",
		"uint32_t custom_mode", "uint8_t system_status", "uint8_t mavlink_version"}); got != 50 {
		t.Fatalf("seed of HEARTBEAT: got %d, want 50", got)
	}
	if got := seed("CLEITONQ_CHUNK", []string{"uint8_t target_system", "uint8_t target_component", "uint16_t session_token",
		"uint8_t frame_type", "uint8_t chunk_seq", "uint8_t chunk_count", "uint8_t data_len", "uint8_t[245] data"}); got != chunk.CRCExtra {
		t.Errorf("seed of CLEITONQ_CHUNK: got %d, want %d", got, chunk.CRCExtra)
	}
	if got := mav.Seeds()[chunk.MessageID]; got != chunk.CRCExtra {
		t.Errorf("package mav has %d", got)
	}
	if got := mav.Name(chunk.MessageID); got != "CLEITONQ_CHUNK" {
		t.Errorf("package mav calls it %s", got)
	}
}

// TestLayout reads a frame with the definition of package mav, which knows nothing of
// this package.
func TestLayout(t *testing.T) {
	c := chunk.Chunk{Token: 0x1234, TargetSystem: 7, TargetComponent: 8, Type: chunk.SessionInit, Seq: 2, Count: 3, Data: []byte{9, 0, 10, 0}}
	raw := c.AppendFrame(nil, 77, 5, 6)
	if got, want := hex.EncodeToString(raw[:21]), "fd0b00004d050650c30034120708010203040900"+"0a"; got != want {
		t.Errorf("frame: got %s, want %s", got, want)
	}
	frame := tlog.Frame(raw)
	seeds := tlog.NewSeeds(mav.Seeds())
	if seeds.Check(frame) != tlog.OK || frame.ID() != chunk.MessageID || frame.Sequence() != 77 || frame.System() != 5 || frame.Component() != 6 {
		t.Errorf("frame %x: id %d, seq %d, from %d/%d, %v", raw, frame.ID(), frame.Sequence(), frame.System(), frame.Component(), seeds.Check(frame))
	}
	var got []string
	for _, f := range mav.Fields(chunk.MessageID, 2, frame.Payload())[:7] {
		got = append(got, f.Name+"="+f.Value)
	}
	want := "target_system=7 target_component=8 session_token=4660 frame_type=1 chunk_seq=2 chunk_count=3 data_len=4"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		typ          chunk.Type
		size, chunks int
	}{
		{chunk.SignedCommand, 1, 1},
		{chunk.SignedCommand, 245, 1},
		{chunk.SignedCommand, 246, 2},
		{chunk.SignedCommand, 14 + 40 + 4627, 20}, // the draft's COMMAND_LONG
		{chunk.SignedCommand, 14 + 9 + 4627, 19},  // and HEARTBEAT
		{chunk.SessionInit, 1577, 7},
		{chunk.SignedCommand, 62475, 255},
		{chunk.SignedCommand, 62476, 0},
		{chunk.SignedCommand, 0, 0},
		{chunk.Command, 1, 1},
		{chunk.Command, 229, 1},
		{chunk.Command, 230, 2},
		{chunk.Note, 58395, 255},
		{chunk.Note, 58396, 0},
		{chunk.Anchor, 0, 0},
		{8, 10, 0},
	} {
		message := random(c.size, 1)
		chunks, err := chunk.Cut(chunk.Chunk{Type: c.typ, Token: 9, TargetSystem: 1}, message)
		if (err != nil) != (c.chunks == 0) || len(chunks) != c.chunks {
			t.Errorf("%v of %d bytes: got %d chunks and %v, want %d", c.typ, c.size, len(chunks), err, c.chunks)
		}
		var joined []byte
		for i, part := range chunks {
			back, err := chunk.Parse(part.AppendPayload(nil))
			if err != nil || back.Token != 9 || back.TargetSystem != 1 || back.Type != c.typ || int(back.Seq) != i || int(back.Count) != len(chunks) || !bytes.Equal(back.Data, part.Data) {
				t.Fatalf("%v of %d bytes: chunk %d came back as %v, %v", c.typ, c.size, i, back, err)
			}
			if !c.typ.V1() {
				if digest := chunk.DigestOf(message); !bytes.HasPrefix(back.Data, digest[:]) {
					t.Errorf("chunk %d begins with %x", i, back.Data[:16])
				}
				back.Data = back.Data[chunk.DigestSize:]
			}
			joined = append(joined, back.Data...)
		}
		if c.chunks > 0 && !bytes.Equal(joined, message) {
			t.Errorf("%v of %d bytes: the chunks are another message", c.typ, c.size)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	v1 := func(typ, seq, count, size byte, data int) []byte {
		return append([]byte{0, 0, 0, 0, typ, seq, count, size}, bytes.Repeat([]byte{7}, data)...)
	}
	for _, c := range []struct {
		name    string
		payload []byte
		err     error
	}{
		{"nothing", nil, chunk.ErrMalformed},
		{"too long", append(v1(0, 0, 1, 245, 245), 0), chunk.ErrMalformed},
		{"no chunks", v1(0, 0, 0, 5, 5), chunk.ErrMalformed},
		{"number beyond the count", v1(0, 2, 2, 5, 5), chunk.ErrMalformed},
		{"no data", v1(0, 0, 1, 0, 0), chunk.ErrMalformed},
		{"more data than fits", v1(0, 0, 1, 246, 245), chunk.ErrMalformed},
		{"short before the last", v1(0, 0, 2, 244, 244), chunk.ErrMalformed},
		{"only a digest", v1(2, 0, 1, 16, 16), chunk.ErrMalformed},
		{"bytes behind the data", v1(2, 0, 1, 17, 18), chunk.ErrMalformed},
		{"unknown type", v1(8, 0, 1, 17, 17), chunk.ErrType},
		{"unknown type, highest", v1(255, 0, 1, 17, 17), chunk.ErrType},
		{"fine", v1(2, 0, 1, 17, 17), nil},
		{"bytes behind the data of v1", v1(0, 0, 1, 17, 18), nil},
		{"zeros cut off", v1(0, 0, 1, 17, 0), nil},
		{"full", v1(7, 254, 255, 245, 245), nil},
	} {
		got, err := chunk.Parse(c.payload)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: got %v and %v, want %v", c.name, got, err, c.err)
		}
		if err != nil {
			continue
		}
		if _, err := chunk.NewAssembler(chunk.Limits{}).Add(chunk.Source{}, got, 0, 0); err != nil {
			t.Errorf("%s: parsed, but not taken: %v", c.name, err)
		}
	}
}

func TestTypes(t *testing.T) {
	for typ := range chunk.Type(10) {
		if known := typ.Known(); known != (typ <= 7) || typ.V1() != (typ <= 1) || strings.HasPrefix(typ.String(), "type ") == known {
			t.Errorf("type %d: known %v, v1 %v, %q", uint8(typ), known, typ.V1(), typ)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, typ := range []chunk.Type{chunk.SignedCommand, chunk.Command, chunk.Anchor} {
		for _, size := range []int{1, 300, 4700} {
			chunks, err := chunk.Cut(chunk.Chunk{Type: typ, Token: 0xBEEF}, random(size, uint64(size)))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(chunks[0].AppendPayload(nil))
			f.Add(chunks[len(chunks)-1].AppendPayload(nil))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := chunk.Parse(payload)
		if err != nil {
			return
		}
		again := c.AppendPayload(nil)
		want := payload
		if c.Type.V1() {
			want = want[:min(len(want), chunk.HeadSize+len(c.Data))] // the rest is ignored
		}
		want = bytes.TrimRight(want[1:], "\x00")
		if !bytes.Equal(bytes.TrimRight(again[1:], "\x00"), want) || again[0] != payload[0] {
			t.Errorf("%x was read and written back as %x", payload, again)
		}
	})
}

// random returns n bytes that depend on seed.
func random(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
