package chunk

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// MessageID is the id of CLEITONQ_CHUNK.
const MessageID = 50000

// CRCExtra ends the checksum of each CLEITONQ_CHUNK frame; docs/chunk.md says how it
// follows from the message's definition.
const CRCExtra = 206

// Sizes in bytes.
const (
	HeadSize    = 8                    // the fields before the data
	MaxData     = 245                  // the data of a chunk
	PayloadSize = HeadSize + MaxData   // a whole payload, before its zeros are cut off
	DigestSize  = 16                   // the tag in front of each chunk's data, of v2
	MaxPiece    = MaxData - DigestSize // of the message, in a chunk of v2
	MaxCount    = 255                  // chunks of a message
)

// Type says what the message is that a chunk is a part of.
type Type uint8

// The types. The first two are CleitonQ's, the others cqkit's own.
const (
	SignedCommand Type = iota
	SessionInit
	Command
	Note
	Offer
	Answer
	Confirm
	Anchor

	types = iota
)

// Known reports whether t is one of the types of this package.
func (t Type) Known() bool { return t < types }

// V1 reports whether t is one of CleitonQ's, whose chunks carry no digest.
func (t Type) V1() bool { return t <= SessionInit }

// piece returns how much of a message of type t a full chunk carries.
func (t Type) piece() int {
	if t.V1() {
		return MaxData
	}
	return MaxPiece
}

// MaxMessage returns how long a message of type t can be, in bytes.
func (t Type) MaxMessage() int { return t.piece() * MaxCount }

// String returns the name of the type, such as "command".
func (t Type) String() string {
	if t.Known() {
		return [types]string{"signed command", "session init", "command", "note", "session offer",
			"session answer", "session confirmation", "anchor"}[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Digest is the tag of a v2 message, which each of its chunks begins with: the first
// bytes of its SHA-256.
type Digest [DigestSize]byte

// DigestOf returns the tag of a message.
func DigestOf(message []byte) Digest {
	sum := sha256.Sum256(message)
	return Digest(sum[:])
}

// Chunk is one part of a message.
type Chunk struct {
	Token                         uint16 // tells the messages of one sender apart
	TargetSystem, TargetComponent uint8  // 0 for all
	Type                          Type
	Seq, Count                    uint8  // which of how many
	Data                          []byte // 1 to 245 bytes; of v2 types the digest and a piece
}

// Why a chunk is refused. Nothing of it was kept.
var (
	ErrMalformed = errors.New("malformed chunk")
	ErrType      = errors.New("chunk of an unknown type")
)

// Parse reads the payload of a CLEITONQ_CHUNK frame. Zeros at its end may have been cut
// off, as MAVLink 2 does. The chunk's data is a view into payload if all of it is there,
// and else a copy. The error is [ErrMalformed] or [ErrType].
func Parse(payload []byte) (Chunk, error) {
	if len(payload) > PayloadSize {
		return Chunk{}, fmt.Errorf("%w: %d bytes of payload", ErrMalformed, len(payload))
	}
	var head [HeadSize]byte
	copy(head[:], payload)
	c := Chunk{
		Token:           uint16(head[0]) | uint16(head[1])<<8,
		TargetSystem:    head[2],
		TargetComponent: head[3],
		Type:            Type(head[4]),
		Seq:             head[5],
		Count:           head[6],
	}
	size := int(head[7])
	if size > MaxData {
		return Chunk{}, fmt.Errorf("%w: %d bytes of data", ErrMalformed, size)
	}
	data := payload[min(HeadSize, len(payload)):]
	if !c.Type.V1() {
		for _, b := range data[min(size, len(data)):] {
			if b != 0 {
				return Chunk{}, fmt.Errorf("%w: bytes behind its data", ErrMalformed)
			}
		}
	}
	if len(data) >= size {
		c.Data = data[:size:size]
	} else {
		c.Data = append(make([]byte, 0, size), data...)[:size]
	}
	if err := c.check(); err != nil {
		return Chunk{}, err
	}
	return c, nil
}

// check refuses what [Cut] cannot have made.
func (c *Chunk) check() error {
	if !c.Type.Known() {
		return fmt.Errorf("%w: %d", ErrType, uint8(c.Type))
	}
	size, least := len(c.Data), 1
	if !c.Type.V1() {
		least += DigestSize
	}
	switch {
	case c.Seq >= c.Count:
		return fmt.Errorf("%w: number %d of %d", ErrMalformed, c.Seq, c.Count)
	case size < least, size > MaxData:
		return fmt.Errorf("%w: %d bytes of data", ErrMalformed, size)
	case c.Seq < c.Count-1 && size != MaxData:
		return fmt.Errorf("%w: %d bytes of data before the last chunk", ErrMalformed, size)
	}
	return nil
}

// AppendPayload appends the payload of the chunk's frame to b and returns the
// extended slice. Zeros at the payload's end are cut off, but for its first byte. It
// panics on more than [MaxData] bytes of data.
func (c *Chunk) AppendPayload(b []byte) []byte {
	if len(c.Data) > MaxData {
		panic("chunk: too much data")
	}
	start := len(b)
	b = append(b, byte(c.Token), byte(c.Token>>8), c.TargetSystem, c.TargetComponent,
		byte(c.Type), c.Seq, c.Count, byte(len(c.Data)))
	b = append(b, c.Data...)
	for len(b) > start+1 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// MaxFrame is the length of a frame with a whole chunk, in bytes.
const MaxFrame = 10 + PayloadSize + 2

// AppendFrame appends the chunk as an unsigned MAVLink 2 frame of the given sender to b and
// returns the extended slice. seq is the sender's running number of frames, which
// receivers use to count losses. It panics on more than [MaxData] bytes of data.
func (c *Chunk) AppendFrame(b []byte, seq, system, component uint8) []byte {
	start := len(b)
	b = append(b, 0xFD, 0, 0, 0, seq, system, component, MessageID&0xFF, MessageID>>8&0xFF, MessageID>>16)
	b = c.AppendPayload(b)
	b[start+1] = byte(len(b) - start - 10)
	crc := checksum(0xFFFF, b[start+1:])
	crc = checksum(crc, []byte{CRCExtra})
	return append(b, byte(crc), byte(crc>>8))
}

// checksum goes on with the CRC-16/MCRF4XX crc over b (MAVLink serialization guide,
// "Checksum").
func checksum(crc uint16, b []byte) uint16 {
	for _, v := range b {
		t := v ^ byte(crc)
		t ^= t << 4
		crc = crc>>8 ^ uint16(t)<<8 ^ uint16(t)<<3 ^ uint16(t)>>4
	}
	return crc
}

// Cut cuts a message into chunks with the token, target and type of head. Each message wants
// a token of its own, drawn at random. The chunks' data of v1 types are views into message. It
// fails for an empty message, one longer than the type's MaxMessage and an unknown
// type.
func Cut(head Chunk, message []byte) ([]Chunk, error) {
	if !head.Type.Known() {
		return nil, fmt.Errorf("%w: %d", ErrType, uint8(head.Type))
	}
	if len(message) == 0 || len(message) > head.Type.MaxMessage() {
		return nil, fmt.Errorf("a %s of %d bytes does not fit in chunks, which carry 1 to %d", head.Type, len(message), head.Type.MaxMessage())
	}
	piece := head.Type.piece()
	digest := DigestOf(message)
	chunks := make([]Chunk, (len(message)+piece-1)/piece)
	for i := range chunks {
		data := message[i*piece : min((i+1)*piece, len(message))]
		c := head
		c.Seq, c.Count, c.Data = uint8(i), uint8(len(chunks)), data
		if !head.Type.V1() {
			c.Data = append(append(make([]byte, 0, DigestSize+len(data)), digest[:]...), data...)
		}
		chunks[i] = c
	}
	return chunks, nil
}
