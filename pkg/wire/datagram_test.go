package wire_test

import (
	"bytes"
	"slices"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/wire"
)

// heartbeat is a MAVLink 1 frame, commandLong a MAVLink 2 one, both with the seeds of
// MAVLink's message definitions (50 and 152).
func heartbeat() []byte {
	return seal(append([]byte{0xFE, 9, 7, 1, 1, 0}, 0, 0, 0, 0, 2, 3, 81, 4, 3), 50)
}

// commandLong is the frame of a ground station's command to system 1.
func commandLong(sequence byte, command uint16, param1 byte) []byte {
	payload := make([]byte, 33)
	payload[2], payload[3] = 0x80&-param1, 0x3F&-param1 // 1.0 or 0.0
	payload[28], payload[29], payload[30], payload[31], payload[32] = byte(command), byte(command>>8), 1, 1, 1
	return seal(append([]byte{0xFD, 33, 0, 0, sequence, 255, 190, 76, 0, 0}, payload...), 152)
}

// seal appends a frame's checksum.
func seal(b []byte, seed byte) []byte {
	crc := mcrf4xx(append(slices.Clone(b[1:]), seed))
	return append(b, byte(crc), byte(crc>>8))
}

func TestFrames(t *testing.T) {
	seeds := wire.Seeds()
	long := commandLong(1, 400, 1)
	c := chunk.Chunk{Type: chunk.Confirm, Count: 1, Data: make([]byte, 69)}
	part := c.AppendFrame(nil, 1, 255, 190)
	signed := slices.Clone(long)
	signed[2] = 1
	signed = append(seal(signed[:len(signed)-2], 152), make([]byte, 13)...)
	bad := slices.Clone(long)
	bad[20] ^= 1
	strange := seal([]byte{0xFD, 1, 0, 0, 1, 255, 190, 0xEE, 0xEE, 0xEE, 1}, 1)
	for _, test := range []struct {
		name     string
		datagram []byte
		want     [][]byte
	}{
		{"nothing", nil, nil},
		{"one", long, [][]byte{long}},
		{"several", slices.Concat(heartbeat(), long, part, signed), [][]byte{heartbeat(), long, part, signed}},
		{"a bad checksum among them", slices.Concat(long, bad, part), [][]byte{long, part}},
		{"an unknown message among them", slices.Concat(long, strange, part), [][]byte{long, part}},
		{"a torn one behind", slices.Concat(long, part[:len(part)-1]), [][]byte{long}},
		{"a torn signature", signed[:len(signed)-1], nil},
		{"flags unknown", append([]byte{0xFD, 33, 2}, long[3:]...), nil},
		{"text", []byte("no frame at all, but a line of text"), nil},
		{"text between", slices.Concat(long, []byte("x"), part), [][]byte{long}},
	} {
		var got [][]byte
		for f := range wire.Frames(test.datagram, seeds) {
			got = append(got, f)
		}
		if !slices.EqualFunc(got, test.want, bytes.Equal) {
			t.Errorf("%s: got %x, want %x", test.name, got, test.want)
		}
	}
	for n := range len(long) {
		for f := range wire.Frames(long[:n], seeds) {
			t.Errorf("of %d bytes: %x", n, []byte(f))
		}
	}
	for f := range wire.Frames(slices.Concat(long, part), seeds) {
		if f.ID() != 76 {
			t.Error("went on after a break")
		}
		break
	}
}
