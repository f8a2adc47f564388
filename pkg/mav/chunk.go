package mav

// IDChunk is CLEITONQ_CHUNK, which carries a part of a message longer than a frame. Package
// chunk says what is in it.
const IDChunk = 50000

// MessageCleitonqChunk defines CLEITONQ_CHUNK as gomavlib's dialects define messages: by
// the names and types of its fields, from which name, layout and seed follow. It is
// exported because gomavlib asks for the name.
type MessageCleitonqChunk struct {
	TargetSystem    uint8
	TargetComponent uint8
	SessionToken    uint16
	FrameType       uint8
	ChunkSeq        uint8
	ChunkCount      uint8
	DataLen         uint8
	Data            [245]uint8
}

// GetID returns the id of the message.
func (*MessageCleitonqChunk) GetID() uint32 { return IDChunk }
