package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"fmt"

	"cqkit/pkg/chunk"
	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
)

// A seal inside its log is cut into messages, each message into chunks, and each chunk
// is a record of the log, a carrier (docs/seal-format.md, "In-band"). Nothing about a
// carrier is left to choose: all of its bytes follow from the seal.
const (
	partVersion = 1
	partHead    = 1 + 1 + 16 + chunk.DigestSize + 4 + 4 + 4
	partSize    = chunk.MaxPiece*chunk.MaxCount - partHead // of a part that is full

	carrierSystem    = 255
	carrierComponent = 155 // MAV_COMP_ID_LOG
	maxCarrier       = tlog.TimeSize + chunk.MaxFrame
)

type partKind byte

const (
	notePart  partKind = 0
	tilesPart partKind = 1
)

// part is one message: a piece of a note, or of the tiles.
type part struct {
	kind          partKind
	id            [16]byte     // of the log
	whole         chunk.Digest // of the joined parts
	number        uint32       // of the note
	index, parts  uint32
	data          []byte
	first         uint64 // how many carriers of the seal come before its first one
	time          uint64 // of its carriers, µs since 1970 UTC
	message       []byte
	messageDigest chunk.Digest
}

// cutParts cuts a note, or the tiles, into parts. first is how many carriers come before.
func cutParts(kind partKind, n *Note, number uint32, whole []byte, first uint64) []*part {
	parts := make([]*part, max(1, (len(whole)+partSize-1)/partSize))
	digest := chunk.DigestOf(whole)
	for i := range parts {
		p := &part{
			kind: kind, id: n.ID, whole: digest, number: number, index: uint32(i), parts: uint32(len(parts)),
			data: whole[i*partSize : min((i+1)*partSize, len(whole))], first: first, time: n.carrierTime(),
		}
		p.message = p.appendMessage(make([]byte, 0, partHead+len(p.data)))
		p.messageDigest = chunk.DigestOf(p.message)
		first += p.carriers()
		parts[i] = p
	}
	return parts
}

// carrierTime is the time of a note's carriers.
func (n *Note) carrierTime() uint64 {
	if n.HasSpan {
		return uint64(n.Last)
	}
	return uint64(n.Time.UnixMicro())
}

func (p *part) appendMessage(b []byte) []byte {
	b = append(b, partVersion, byte(p.kind))
	b = append(b, p.id[:]...)
	b = append(b, p.whole[:]...)
	b = binary.LittleEndian.AppendUint32(b, p.number)
	b = binary.LittleEndian.AppendUint32(b, p.index)
	b = binary.LittleEndian.AppendUint32(b, p.parts)
	return append(b, p.data...)
}

// maxParts is how many parts the largest seal has.
const maxParts = (MaxSealBytes + partSize - 1) / partSize

// parsePart reads a message. It returns nil for what is none.
func parsePart(message []byte) *part {
	if len(message) <= partHead || message[0] != partVersion || message[1] > byte(tilesPart) {
		return nil
	}
	numbers := message[partHead-12:]
	p := &part{
		kind: partKind(message[1]), id: [16]byte(message[2:]), whole: chunk.Digest(message[18:]),
		number: binary.LittleEndian.Uint32(numbers), index: binary.LittleEndian.Uint32(numbers[4:]),
		parts: binary.LittleEndian.Uint32(numbers[8:]), data: message[partHead:],
	}
	if p.index >= p.parts || p.parts > maxParts || p.index < p.parts-1 && len(p.data) != partSize {
		return nil
	}
	return p
}

// carriers returns how many carriers the part has.
func (p *part) carriers() uint64 {
	return uint64((len(p.message) + chunk.MaxPiece - 1) / chunk.MaxPiece)
}

// appendCarrier appends the carrier with the given number to b.
func (p *part) appendCarrier(b []byte, seq uint8) []byte {
	piece := p.message[int(seq)*chunk.MaxPiece:]
	data := make([]byte, 0, chunk.MaxData)
	data = append(append(data, p.messageDigest[:]...), piece[:min(len(piece), chunk.MaxPiece)]...)
	c := chunk.Chunk{
		Token: binary.LittleEndian.Uint16(p.id[:]), Type: chunk.Note,
		Seq: seq, Count: uint8(p.carriers()), Data: data,
	}
	b = binary.BigEndian.AppendUint64(b, p.time)
	return c.AppendFrame(b, uint8(p.first+uint64(seq)), carrierSystem, carrierComponent)
}

// appendCarriers appends all carriers of the part to b.
func (p *part) appendCarriers(b []byte) []byte {
	for seq := range p.carriers() {
		b = p.appendCarrier(b, uint8(seq))
	}
	return b
}

// eachFrame calls f for the frame of each carrier of the part.
func (p *part) eachFrame(f func(frame []byte)) {
	var buf []byte
	for seq := range p.carriers() {
		buf = p.appendCarrier(buf[:0], uint8(seq))
		f(buf[tlog.TimeSize:])
	}
}

// carriers knows the carriers of one seal.
type carriers struct {
	parts map[chunk.Digest]*part
	count uint64 // each counted once
	buf   []byte
}

// carriersOf returns the carriers of a seal whose notes verify.
func carriersOf(p *Parsed) *carriers {
	c := &carriers{parts: make(map[chunk.Digest]*part)}
	for i, n := range p.Notes {
		c.add(cutParts(notePart, n, uint32(i), n.encode(), c.count))
	}
	if p.Tiles != nil {
		c.add(cutParts(tilesPart, p.Last(), uint32(len(p.Notes)-1), joinTiles(p.Tiles), c.count))
	}
	return c
}

func (c *carriers) add(parts []*part) {
	for _, p := range parts {
		c.parts[p.messageDigest] = p
		c.count += p.carriers()
	}
}

// are reports whether a record with a chunk frame is a carrier of the seal.
func (c *carriers) are(record []byte, as chunk.Chunk) bool {
	p := c.parts[chunk.Digest(as.Data)]
	if p == nil || uint64(as.Seq) >= p.carriers() {
		return false
	}
	c.buf = p.appendCarrier(c.buf[:0], as.Seq)
	return bytes.Equal(c.buf, record)
}

// joinTiles returns the tiles' bytes, nil if there are none.
func joinTiles(tiles []merkle.Hash) []byte {
	var raw []byte
	for _, t := range tiles {
		raw = append(raw, t[:]...)
	}
	return raw
}

// splitTiles undoes joinTiles.
func splitTiles(raw []byte) []merkle.Hash {
	tiles := make([]merkle.Hash, len(raw)/merkle.Size)
	for i := range tiles {
		copy(tiles[i][:], raw[i*merkle.Size:])
	}
	return tiles
}

// pemTiles returns the tiles as they stand in a seal.
func pemTiles(raw []byte) []byte {
	if len(raw) == 0 {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: tilesType, Bytes: raw})
}

// carrierMark is what the frames of all carriers have in common, from the sender on.
var carrierMark = []byte{carrierSystem, carrierComponent, chunk.MessageID & 0xFF, chunk.MessageID >> 8, 0}

// markAt is where the mark stands in a carrier.
const markAt = tlog.TimeSize + 5

// asCarrier returns the chunk in a record that looks like a carrier of some seal.
func asCarrier(record []byte) (chunk.Chunk, bool) {
	frame := tlog.Frame(record[tlog.TimeSize:])
	if frame[2] != 0 || frame[3] != 0 { // flags that carriers do not have
		return chunk.Chunk{}, false
	}
	c, err := chunk.Parse(frame.Payload())
	if err != nil || c.Type != chunk.Note {
		return chunk.Chunk{}, false
	}
	return c, bytes.Equal(c.AppendFrame(nil, frame.Sequence(), carrierSystem, carrierComponent), frame)
}

// describePartial says how much of a note was seen: "24 of 25 chunks".
func describePartial(seen, count int) string {
	return fmt.Sprintf("%d of %d chunks", seen, count)
}
