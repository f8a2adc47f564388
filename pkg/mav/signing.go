package mav

import (
	"crypto/sha256"
	"crypto/subtle"
)

// SigningKey is the secret key of MAVLink 2 message signing.
type SigningKey [32]byte

// PassphraseKey returns the key that Mission Planner and MAVProxy make of a
// passphrase: its SHA-256.
func PassphraseKey(passphrase string) SigningKey { return sha256.Sum256([]byte(passphrase)) }

// String hides the key, so that it cannot be printed by mistake.
func (SigningKey) String() string { return "(signing key)" }

// GoString hides the key.
func (SigningKey) GoString() string { return "(signing key)" }

const (
	signatureSize = 13 // link id, 48-bit timestamp, 48-bit signature
	signatureHash = 6
	headerV2      = 10
)

// SigningTicks is how many units of a signature's timestamp are a second.
const SigningTicks = 100_000

// Signature is what a signed frame carries behind its checksum.
type Signature struct {
	Link  uint8
	Stamp uint64 // 48 bits, units of 10 µs since 2015-01-01 UTC
}

// ParseSignature returns the parts of the 13 signature bytes of a frame.
func ParseSignature(sig []byte) Signature {
	_ = sig[signatureSize-1]
	return Signature{sig[0], uint64(sig[1]) | uint64(sig[2])<<8 | uint64(sig[3])<<16 |
		uint64(sig[4])<<24 | uint64(sig[5])<<32 | uint64(sig[6])<<40}
}

// Verifier checks signatures with one key. It is not safe for concurrent use.
type Verifier struct {
	buf [32 + 10 + 255 + 2 + signatureSize]byte
}

// NewVerifier returns a verifier with the given key.
func NewVerifier(key *SigningKey) *Verifier {
	v := new(Verifier)
	copy(v.buf[:], key[:])
	return v
}

// Verify reports whether a whole signed MAVLink 2 frame, from its magic byte to the
// end of its signature, was signed with the key: whether the last 6 bytes are the
// first 6 of SHA-256(key ‖ the frame before them) (MAVLink guide, "Message Signing",
// "Signature"). It allocates nothing.
func (v *Verifier) Verify(frame []byte) bool {
	if len(frame) < headerV2+2+signatureSize || len(frame) > len(v.buf)-32 || frame[0] != 0xFD || frame[2]&1 == 0 {
		return false
	}
	n := copy(v.buf[32:], frame[:len(frame)-signatureHash])
	sum := sha256.Sum256(v.buf[:32+n])
	return subtle.ConstantTimeCompare(sum[:signatureHash], frame[len(frame)-signatureHash:]) == 1
}

// Sign writes the signature into a whole frame whose signature bytes already hold
// link id and timestamp. It panics if the frame is no signed MAVLink 2 frame.
func (v *Verifier) Sign(frame []byte) {
	if len(frame) < headerV2+2+signatureSize || frame[0] != 0xFD || frame[2]&1 == 0 {
		panic("mav: not a signed MAVLink 2 frame")
	}
	n := copy(v.buf[32:], frame[:len(frame)-signatureHash])
	sum := sha256.Sum256(v.buf[:32+n])
	copy(frame[len(frame)-signatureHash:], sum[:signatureHash])
}
