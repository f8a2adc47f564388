package cleitonq

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"cqkit/pkg/keccak"
)

// TAPOverhead is what a TAP packet has over its payload, in bytes.
const TAPOverhead = nonceSize + 2 + keccak.Size

// ErrLong: a TAP packet cannot carry more than 65,535 bytes.
var ErrLong = errors.New("payload is longer than 65535 bytes")

// TAP tags packets as the draft of the Telemetry Authentication Protocol says. It is safe
// for concurrent use.
type TAP struct{ mac *keccak.HMAC }

// NewTAP returns the TAP of a session key.
func NewTAP(session *[KeySize]byte) *TAP {
	key := derive(session, "cleitonq-tap-hmac-v1")
	return &TAP{keccak.NewHMAC(key[:])}
}

// Append appends the packet of a payload to b and returns the extended slice. The error is
// [ErrLong].
func (t *TAP) Append(b, payload []byte, nonce uint64) ([]byte, error) {
	if len(payload) > math.MaxUint16 {
		return nil, ErrLong
	}
	b = slices.Grow(b, len(payload)+TAPOverhead)
	b = binary.LittleEndian.AppendUint64(b, nonce)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, payload...)
	tag := t.mac.Tag(tapMessage(nonce, payload))
	return append(b, tag[:]...), nil
}

// tapMessage is what a tag covers: the length is not.
func tapMessage(nonce uint64, payload []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(make([]byte, 0, nonceSize+len(payload)), nonce), payload...)
}

// Open verifies a packet; see [Channel.Open].
func (t *TAP) Open(packet []byte, last uint64) (payload []byte, nonce uint64, err error) {
	var one [1]Opened
	t.OpenAll(one[:], [][]byte{packet})
	if one[0].Err != nil {
		return nil, 0, one[0].Err
	}
	return fresh(one[0].Payload, one[0].Nonce, last)
}

// OpenAll verifies packets, four at a time where the processor can; see
// [Channel.OpenAll].
func (t *TAP) OpenAll(opened []Opened, packets [][]byte) {
	openAll(t.mac, opened, packets, func(packet []byte) (message, tag, payload []byte, nonce uint64, ok bool) {
		n := len(packet) - TAPOverhead
		if n < 0 || int(binary.LittleEndian.Uint16(packet[nonceSize:])) != n {
			return nil, nil, nil, 0, false
		}
		nonce = binary.LittleEndian.Uint64(packet)
		payload = packet[nonceSize+2 : nonceSize+2+n : nonceSize+2+n]
		return tapMessage(nonce, payload), packet[nonceSize+2+n:], payload, nonce, true
	})
}
