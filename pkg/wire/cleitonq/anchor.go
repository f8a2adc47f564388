package cleitonq

import (
	"bytes"
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"math"

	"cqkit/pkg/keccak"
	"cqkit/pkg/pqsig"
)

const (
	anchorDomain = "cleitonq-anchor-v1"
	tapDomain    = "CLEITONQ-TAP-ANCHOR-v1"

	anchorPayload = len(anchorDomain) + 3*8 + 4 + keccak.Size
	tapPayload    = len(tapDomain) + 3*8 + 2 + keccak.Size

	// TagSize is the length of a tag in an archive, in bytes.
	TagSize = keccak.Size
	// AnchorSize is the length of an anchor, in bytes.
	AnchorSize = anchorPayload + PacketOverhead
	// TAPAnchorSize is the length of an anchor of TAP, in bytes.
	TAPAnchorSize = tapPayload + signatureSize
)

// Anchor states which packets there were, by their tags.
type Anchor struct {
	Nonce      uint64 // rises from anchor to anchor of a key
	Start, End uint64 // the nonces of the first and last packet, as the signer says
	Count      uint32 // of the packets, as the signer says; at most 65535 in one of TAP
	Commitment [keccak.Size]byte
}

// Commit returns the commitment of a tag archive and how many tags it has. The error is
// [ErrMalformed] for one that is empty or ends inside a tag.
func Commit(archive []byte) (commitment [keccak.Size]byte, count uint32, err error) {
	if len(archive) == 0 || len(archive)%TagSize != 0 || uint64(len(archive)/TagSize) > math.MaxUint32 {
		return commitment, 0, fmt.Errorf("%w: tag archive of %d bytes is no positive multiple of %d", ErrMalformed, len(archive), TagSize)
	}
	return sha3.Sum256(archive), uint32(len(archive) / TagSize), nil
}

// Sign makes the anchor. The errors are the signer's.
func (a *Anchor) Sign(key Signer) ([]byte, error) {
	b := append(make([]byte, 0, AnchorSize), anchorDomain...)
	b = a.appendWindow(b)
	b = binary.LittleEndian.AppendUint32(b, a.Count)
	return SignPacket(key, append(b, a.Commitment[:]...), a.Nonce)
}

// SignTAP makes the anchor of TAP. It fails for a count of more than 65535 and with the
// signer's errors.
func (a *Anchor) SignTAP(key Signer) ([]byte, error) {
	if a.Count > math.MaxUint16 {
		return nil, fmt.Errorf("an anchor of TAP counts to %d, not to %d", math.MaxUint16, a.Count)
	}
	b := append(make([]byte, 0, TAPAnchorSize), tapDomain...)
	b = a.appendWindow(b)
	b = binary.LittleEndian.AppendUint16(b, uint16(a.Count))
	return sign(key, append(b, a.Commitment[:]...))
}

func (a *Anchor) appendWindow(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, a.Nonce)
	b = binary.LittleEndian.AppendUint64(b, a.Start)
	return binary.LittleEndian.AppendUint64(b, a.End)
}

// OpenAnchor verifies an anchor of either kind and returns what it states. last is the
// nonce of the anchor accepted last, 0 at first. The error is [ErrMalformed],
// [ErrForged] or, with the anchor, [ErrReplayed].
//
// It reads anchors more strictly than CleitonQ; see docs/wire-v1.md.
func OpenAnchor(key *pqsig.PublicKey, packet []byte, last uint64) (a *Anchor, err error) {
	var fields []byte
	switch {
	case len(packet) == AnchorSize && bytes.HasPrefix(packet, []byte(anchorDomain)):
		fields = packet[len(anchorDomain) : anchorPayload+nonceSize]
		a = &Anchor{Count: binary.LittleEndian.Uint32(fields[24:])}
		copy(a.Commitment[:], fields[28:])
		if !bytes.Equal(fields[:nonceSize], fields[28+keccak.Size:]) {
			return nil, fmt.Errorf("%w: an anchor with two nonces", ErrMalformed)
		}
	case len(packet) == TAPAnchorSize && bytes.HasPrefix(packet, []byte(tapDomain)):
		fields = packet[len(tapDomain):tapPayload]
		a = &Anchor{Count: uint32(binary.LittleEndian.Uint16(fields[24:]))}
		copy(a.Commitment[:], fields[26:])
	default:
		return nil, fmt.Errorf("%w: no anchor", ErrMalformed)
	}
	a.Nonce = binary.LittleEndian.Uint64(fields)
	a.Start = binary.LittleEndian.Uint64(fields[8:])
	a.End = binary.LittleEndian.Uint64(fields[16:])
	if _, err := split(key, packet); err != nil {
		return nil, err
	}
	if a.Nonce <= last {
		return a, ErrReplayed
	}
	return a, nil
}

// Commits reports whether the anchor is about the tags of this archive: whether the
// commitments are equal, which is all that CleitonQ compares.
func (a *Anchor) Commits(archive []byte) bool {
	commitment, _, err := Commit(archive)
	return err == nil && commitment == a.Commitment
}

// Counts reports whether the anchor's count is that of the archive, and its window has room
// for as many nonces. CleitonQ does not ask.
func (a *Anchor) Counts(archive []byte) bool {
	_, count, err := Commit(archive)
	return err == nil && count == a.Count && a.Start <= a.End && a.End-a.Start >= uint64(count)-1
}
