package cleitonq

import (
	"encoding/binary"
	"fmt"
	"math"

	"cqkit/pkg/pqsig"
)

const commandHead = 2 + 1 + 1 + 8 + 2

// CommandOverhead is what a signed command has over its payload, in bytes.
const CommandOverhead = commandHead + signatureSize

// MaxCommandPayload is the longest payload of a signed command, in bytes.
const MaxCommandPayload = math.MaxUint8

// SignedCommand is a MAVLink message with a signature over its payload and nonce. Message
// id and target are beside the signature: anyone can change them.
type SignedCommand struct {
	MessageID                     uint16
	TargetSystem, TargetComponent uint8
	Nonce                         uint64
	Payload                       []byte
	Signature                     []byte
}

// Sign sets the signature. The errors are the signer's.
func (c *SignedCommand) Sign(key Signer) error {
	packet, err := SignPacket(key, c.Payload, c.Nonce)
	if err != nil {
		return err
	}
	c.Signature = packet[len(packet)-signatureSize:]
	return nil
}

// Append appends the encoding of c to b and returns the extended slice. It fails for a
// payload that is too long and for a command without signature.
func (c *SignedCommand) Append(b []byte) ([]byte, error) {
	if len(c.Payload) > MaxCommandPayload {
		return nil, fmt.Errorf("payload of %d bytes is longer than %d", len(c.Payload), MaxCommandPayload)
	}
	if len(c.Signature) != signatureSize {
		return nil, fmt.Errorf("signature of %d bytes is not one of ML-DSA-87", len(c.Signature))
	}
	b = binary.LittleEndian.AppendUint16(b, c.MessageID)
	b = append(b, c.TargetSystem, c.TargetComponent)
	b = binary.LittleEndian.AppendUint64(b, c.Nonce)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.Payload)))
	b = append(b, c.Payload...)
	return append(b, c.Signature...), nil
}

// ParseSignedCommand reads a signed command, and does not verify it. Its payload and
// signature are views into b. The error is [ErrMalformed].
func ParseSignedCommand(b []byte) (*SignedCommand, error) {
	n := len(b) - CommandOverhead
	if n < 0 || n > MaxCommandPayload || int(binary.LittleEndian.Uint16(b[12:])) != n {
		return nil, fmt.Errorf("%w: signed command of %d bytes", ErrMalformed, len(b))
	}
	return &SignedCommand{
		MessageID:       binary.LittleEndian.Uint16(b),
		TargetSystem:    b[2],
		TargetComponent: b[3],
		Nonce:           binary.LittleEndian.Uint64(b[4:]),
		Payload:         b[commandHead : commandHead+n : commandHead+n],
		Signature:       b[commandHead+n:],
	}, nil
}

// Verify tells whether the signature over payload and nonce is of the key; the error is
// [ErrForged]. Whether the nonce is above the last one is the caller's to compare.
func (c *SignedCommand) Verify(key *pqsig.PublicKey) error {
	signed := append(make([]byte, 0, len(c.Payload)+nonceSize), c.Payload...)
	signed = binary.LittleEndian.AppendUint64(signed, c.Nonce)
	if key.Verify(signed, "", c.Signature) != nil {
		return ErrForged
	}
	return nil
}
