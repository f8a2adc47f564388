package wire_test

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cqkit/pkg/chunk"
)

// definition is what the dialect file says of a message.
type definition struct {
	ID     uint32 `xml:"id,attr"`
	Name   string `xml:"name,attr"`
	Fields []struct {
		Type string `xml:"type,attr"`
		Name string `xml:"name,attr"`
	} `xml:"field"`
}

// dialect reads docs/dialect.
func dialect(t *testing.T) (message definition, types map[string]int) {
	t.Helper()
	data, err := os.ReadFile("../../docs/dialect/cleitonq.xml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Enums []struct {
			Name    string `xml:"name,attr"`
			Entries []struct {
				Value int    `xml:"value,attr"`
				Name  string `xml:"name,attr"`
			} `xml:"entry"`
		} `xml:"enums>enum"`
		Messages []definition `xml:"messages>message"`
	}
	if err := xml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Messages) != 1 || len(file.Enums) != 1 {
		t.Fatalf("%d messages and %d enums, want one each", len(file.Messages), len(file.Enums))
	}
	types = map[string]int{}
	for _, e := range file.Enums[0].Entries {
		types[strings.TrimPrefix(e.Name, file.Enums[0].Name+"_")] = e.Value
	}
	return file.Messages[0], types
}

// field is a field on the wire.
type field struct {
	typ, name    string
	size, length int // of an element; elements, 0 for none
}

// layout returns the fields in the order of the wire: mavgen puts the larger ones first
// and leaves the rest as it is.
func (d definition) layout(t *testing.T) []field {
	t.Helper()
	var fields []field
	for _, f := range d.Fields {
		g := field{name: f.Name}
		base, length, array := strings.Cut(strings.TrimSuffix(f.Type, "]"), "[")
		if array {
			var err error
			if g.length, err = strconv.Atoi(length); err != nil {
				t.Fatal(err)
			}
		}
		g.typ = base
		g.size = map[string]int{"uint8_t": 1, "uint16_t": 2}[base]
		if g.size == 0 {
			t.Fatalf("field %s is of type %q", f.Name, f.Type)
		}
		fields = append(fields, g)
	}
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(b.size, a.size) })
	return fields
}

// TestDialect compares the dialect file with package chunk: id, checksum seed, place of
// each field, names of the types.
func TestDialect(t *testing.T) {
	message, types := dialect(t)
	if message.ID != chunk.MessageID {
		t.Errorf("message id %d", message.ID)
	}

	seed := message.Name + " "
	offsets := map[string]int{}
	size := 0
	for _, f := range message.layout(t) {
		seed += f.typ + " " + f.name + " "
		if f.length > 0 {
			seed += string([]byte{byte(f.length)})
		}
		offsets[f.name] = size
		size += f.size * max(1, f.length)
	}
	if size != chunk.PayloadSize {
		t.Errorf("%d bytes, want %d", size, chunk.PayloadSize)
	}
	crc := mcrf4xx([]byte(seed))
	if extra := byte(crc) ^ byte(crc>>8); extra != chunk.CRCExtra {
		t.Errorf("checksum seed %d, want %d", extra, chunk.CRCExtra)
	}

	c := chunk.Chunk{Token: 0x0201, TargetSystem: 3, TargetComponent: 4, Type: 5, Seq: 6, Count: 7, Data: bytes.Repeat([]byte{9}, 20)}
	payload := c.AppendPayload(nil)
	for name, want := range map[string][]byte{
		"session_token": {1, 2}, "target_system": {3}, "target_component": {4}, "frame_type": {5},
		"chunk_seq": {6}, "chunk_count": {7}, "data_len": {20}, "data": {9, 9},
	} {
		at, ok := offsets[name]
		if got := payload[at : at+len(want)]; !ok || !bytes.Equal(got, want) {
			t.Errorf("%s at %d is %v, want %v", name, at, got, want)
		}
		delete(offsets, name)
	}
	if len(offsets) > 0 {
		t.Errorf("fields that chunks do not have: %v", offsets)
	}

	for name, typ := range map[string]chunk.Type{
		"SIGNED_CMD": chunk.SignedCommand, "SESSION_INIT": chunk.SessionInit, "COMMAND": chunk.Command, "NOTE": chunk.Note,
		"OFFER": chunk.Offer, "ANSWER": chunk.Answer, "CONFIRM": chunk.Confirm, "ANCHOR": chunk.Anchor,
	} {
		if v, ok := types[name]; !ok || v != int(typ) {
			t.Errorf("type %s is %d, want %d", name, v, typ)
		}
		delete(types, name)
	}
	if len(types) > 0 || chunk.Type(8).Known() {
		t.Errorf("types that differ: %v, %v", types, chunk.Type(8))
	}

	whole := c.AppendFrame(nil, 0, 1, 1)
	n := len(whole) - 2
	crc = mcrf4xx(append(slices.Clone(whole[1:n]), chunk.CRCExtra))
	if got := uint16(whole[n]) | uint16(whole[n+1])<<8; got != crc {
		t.Errorf("a frame's checksum is %#x, want %#x", got, crc)
	}
}

// mcrf4xx is CRC-16/MCRF4XX from its definition: polynomial 0x1021 reflected, begun with ones.
func mcrf4xx(b []byte) uint16 {
	crc, table := uint16(0xFFFF), mcrf4xxTable()
	for _, v := range b {
		crc = crc>>8 ^ table[byte(crc)^v]
	}
	return crc
}

var mcrf4xxTable = sync.OnceValue(func() *[256]uint16 {
	var table [256]uint16
	for i := range table {
		crc := uint16(i)
		for range 8 {
			if crc&1 == 1 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
		table[i] = crc
	}
	return &table
})
