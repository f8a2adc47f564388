package tlog

import "encoding/binary"

// Sizes in bytes.
const (
	TimeSize      = 8                   // the time in front of a frame
	MaxFrame      = 10 + 255 + 2 + 13   // MAVLink 2 with full payload and signature
	MaxRecord     = TimeSize + MaxFrame // a record is never longer
	SignatureSize = 13                  // link id, 48-bit timestamp, 48-bit signature
)

const (
	magicV1    = 0xFE
	magicV2    = 0xFD
	flagSigned = 0x01
	headerV1   = 6
	headerV2   = 10
	crcSize    = 2
)

// Frame is one well-formed MAVLink frame as captured: header, payload, checksum
// and, if signed, signature. It is a view: it is valid as long as the segment it
// came from.
type Frame []byte

// Version returns 1 or 2.
func (f Frame) Version() int {
	if f[0] == magicV1 {
		return 1
	}
	return 2
}

// ID returns the message id: 8 bits in MAVLink 1, 24 in MAVLink 2.
func (f Frame) ID() uint32 {
	if f[0] == magicV1 {
		return uint32(f[5])
	}
	return uint32(f[7]) | uint32(f[8])<<8 | uint32(f[9])<<16
}

// Sequence returns the sender's 8-bit sequence number.
func (f Frame) Sequence() uint8 {
	if f[0] == magicV1 {
		return f[2]
	}
	return f[4]
}

// System returns the sender's system id.
func (f Frame) System() uint8 {
	if f[0] == magicV1 {
		return f[3]
	}
	return f[5]
}

// Component returns the sender's component id.
func (f Frame) Component() uint8 {
	if f[0] == magicV1 {
		return f[4]
	}
	return f[6]
}

// Payload returns the payload as sent: MAVLink 2 cuts trailing zeros off.
func (f Frame) Payload() []byte {
	if f[0] == magicV1 {
		return f[headerV1 : headerV1+int(f[1])]
	}
	return f[headerV2 : headerV2+int(f[1])]
}

// Checksum returns the frame's checksum field.
func (f Frame) Checksum() uint16 {
	if f[0] == magicV1 {
		return binary.LittleEndian.Uint16(f[headerV1+int(f[1]):])
	}
	return binary.LittleEndian.Uint16(f[headerV2+int(f[1]):])
}

// Signed reports whether the frame carries a MAVLink 2 signature.
func (f Frame) Signed() bool { return f[0] == magicV2 && f[2]&flagSigned != 0 }

// Signature returns the 13 signature bytes (link id, 48-bit little-endian
// timestamp in 10 µs since 2015, first 6 bytes of the SHA-256), or nil.
func (f Frame) Signature() []byte {
	if !f.Signed() {
		return nil
	}
	return f[len(f)-SignatureSize:]
}

// frameLen returns the length of the well-formed frame that b begins with, 0 if
// there is none. It does not check the checksum.
func frameLen(b []byte) int {
	if len(b) < headerV1+crcSize {
		return 0
	}
	var n int
	switch b[0] {
	case magicV1:
		n = headerV1 + int(b[1]) + crcSize
	case magicV2:
		if b[2]&^flagSigned != 0 {
			return 0
		}
		n = headerV2 + int(b[1]) + crcSize + int(b[2])*SignatureSize
	default:
		return 0
	}
	if n > len(b) {
		return 0
	}
	return n
}

// RecordLen returns the length of the record that b begins with, as its own
// header states it: the time and one well-formed frame. It looks neither at the
// time nor at the checksum. It returns 0 if b does not begin with a whole record.
func RecordLen(b []byte) int {
	if len(b) < TimeSize {
		return 0
	}
	n := frameLen(b[TimeSize:])
	if n == 0 {
		return 0
	}
	return TimeSize + n
}

// Time returns the time in front of a record in microseconds since 1970 UTC, as
// the recorder wrote it. b must hold at least [TimeSize] bytes.
func Time(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// Times a record can bear: the years 2000 to 2099, in microseconds since 1970.
const (
	minTime = 946_684_800_000_000
	maxTime = 4_102_444_800_000_000
)

func plausible(us uint64) bool { return us-minTime < maxTime-minTime }
