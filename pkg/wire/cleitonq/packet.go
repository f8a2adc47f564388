package cleitonq

import (
	"encoding/binary"
	"fmt"

	"cqkit/pkg/pqsig"
)

const (
	nonceSize     = 8
	signatureSize = pqsig.MLDSA87SignatureSize

	// PacketOverhead is what a signed packet has over its payload, in bytes.
	PacketOverhead = nonceSize + signatureSize
	// RotatingOverhead is the same of a packet with a key id.
	RotatingOverhead = 4 + PacketOverhead
)

// Signer makes ML-DSA-87 signatures under a context string, which is always empty here. A
// *pqsig.PrivateKey is one, whose signatures are hedged.
type Signer interface {
	Sign(message []byte, context string) ([]byte, error)
}

// Deterministic returns a signer that signs as CleitonQ does, without fresh randomness, so
// that packets come out with the very bytes that CleitonQ makes. Signatures need not be
// made so to be accepted.
func Deterministic(key *pqsig.PrivateKey) Signer { return deterministic{key} }

type deterministic struct{ key *pqsig.PrivateKey }

func (d deterministic) Sign(message []byte, context string) ([]byte, error) {
	return d.key.SignDeterministic(message, context)
}

// sign appends the signature over b to it.
func sign(key Signer, b []byte) ([]byte, error) {
	sig, err := key.Sign(b, "")
	if err != nil {
		return nil, err
	}
	if len(sig) != signatureSize {
		return nil, fmt.Errorf("signature of %d bytes is not one of ML-DSA-87", len(sig))
	}
	return append(b, sig...), nil
}

// split verifies the signature that b ends with and returns what it covers.
func split(key *pqsig.PublicKey, b []byte) ([]byte, error) {
	n := len(b) - signatureSize
	if n < 0 {
		return nil, ErrMalformed
	}
	if key.Verify(b[:n], "", b[n:]) != nil {
		return nil, ErrForged
	}
	return b[:n], nil
}

// SignPacket makes a signed packet. Nonces must rise from packet to packet of a key; one
// with nonce 0 is made but never accepted. The errors are the signer's.
func SignPacket(key Signer, payload []byte, nonce uint64) ([]byte, error) {
	packet := append(make([]byte, 0, len(payload)+PacketOverhead), payload...)
	return sign(key, binary.LittleEndian.AppendUint64(packet, nonce))
}

// OpenPacket verifies a signed packet and returns its payload, a view, and its nonce. last
// is the nonce accepted last, 0 at first. The error is [ErrMalformed], [ErrForged] or,
// with payload and nonce, [ErrReplayed].
func OpenPacket(key *pqsig.PublicKey, packet []byte, last uint64) (payload []byte, nonce uint64, err error) {
	if len(packet) < PacketOverhead {
		return nil, 0, ErrMalformed
	}
	signed, err := split(key, packet)
	if err != nil {
		return nil, 0, err
	}
	n := len(signed) - nonceSize
	return fresh(signed[:n:n], binary.LittleEndian.Uint64(signed[n:]), last)
}

// fresh ends the opening of a packet that is authentic.
func fresh(payload []byte, nonce, last uint64) ([]byte, uint64, error) {
	if nonce <= last {
		return payload, nonce, ErrReplayed
	}
	return payload, nonce, nil
}

// SignRotating makes a signed packet with a key id in front, which nothing signs.
func SignRotating(key Signer, id uint32, payload []byte, nonce uint64) ([]byte, error) {
	packet, err := SignPacket(key, payload, nonce)
	if err != nil {
		return nil, err
	}
	return append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(packet)), id), packet...), nil
}

// Registry is the verifying keys by id. The zero Registry has none. It is not safe for
// concurrent use while it is changed.
type Registry struct {
	keys    map[uint32]*pqsig.PublicKey
	revoked map[uint32]bool
}

// Register sets the key of an id. It does not bring back a revoked one.
func (r *Registry) Register(id uint32, key *pqsig.PublicKey) {
	if r.keys == nil {
		r.keys = map[uint32]*pqsig.PublicKey{}
	}
	r.keys[id] = key
}

// Revoke refuses an id for good.
func (r *Registry) Revoke(id uint32) {
	if r.revoked == nil {
		r.revoked = map[uint32]bool{}
	}
	r.revoked[id] = true
}

// Open verifies a rotating packet with the key of its id; see [OpenPacket]. An id that is
// revoked or has no key is [ErrForged].
func (r *Registry) Open(packet []byte, last uint64) (id uint32, payload []byte, nonce uint64, err error) {
	if len(packet) < RotatingOverhead {
		return 0, nil, 0, ErrMalformed
	}
	id = binary.LittleEndian.Uint32(packet)
	key := r.keys[id]
	if key == nil || r.revoked[id] {
		return id, nil, 0, fmt.Errorf("%w: key id %d is not trusted", ErrForged, id)
	}
	payload, nonce, err = OpenPacket(key, packet[4:], last)
	return id, payload, nonce, err
}
