package cleitonq

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"cqkit/pkg/keccak"
	"cqkit/pkg/pqkem"
)

// errKEM: sessions of CleitonQ know no other KEM.
var errKEM = errors.New("a session wants an ML-KEM-1024 key")

// Encapsulate draws a session key for the holder of a KEM key, and the ciphertext that tells
// it to them. It fails for keys other than ML-KEM-1024's.
func Encapsulate(to *pqkem.PublicKey) (session [KeySize]byte, ciphertext []byte, err error) {
	if to.Algorithm() != pqkem.MLKEM1024 {
		return session, nil, errKEM
	}
	secret, ciphertext, err := to.Encapsulate()
	if err != nil {
		return session, nil, err
	}
	copy(session[:], secret)
	clear(secret)
	return session, ciphertext, nil
}

// Decapsulate returns the session key in a ciphertext. It fails for one of another length
// than 1,568 bytes; one that was changed gives another key.
func Decapsulate(key *pqkem.PrivateKey, ciphertext []byte) (session [KeySize]byte, err error) {
	if key.Algorithm() != pqkem.MLKEM1024 {
		return session, errKEM
	}
	secret, err := key.Decapsulate(ciphertext)
	if err != nil {
		return session, err
	}
	copy(session[:], secret)
	clear(secret)
	return session, nil
}

// HybridKey returns the session key of an X25519 secret and an ML-KEM-1024 secret.
func HybridKey(x25519, mlKEM *[KeySize]byte) [KeySize]byte {
	var both [2 * KeySize]byte
	copy(both[:], x25519[:])
	copy(both[KeySize:], mlKEM[:])
	key := keccak.Sum256(append(both[:], "cleitonq-hybrid-v1"...))
	clear(both[:])
	return key
}

// EncapsulateHybrid is [Encapsulate] with the static X25519 keys of both sides mixed in. It
// also fails for an X25519 key of low order.
func EncapsulateHybrid(own *ecdh.PrivateKey, peer *ecdh.PublicKey, to *pqkem.PublicKey) (session [KeySize]byte, ciphertext []byte, err error) {
	session, ciphertext, err = Encapsulate(to)
	if err != nil {
		return session, nil, err
	}
	session, err = mix(own, peer, &session)
	return session, ciphertext, err
}

// DecapsulateHybrid is the other side of [EncapsulateHybrid].
func DecapsulateHybrid(own *ecdh.PrivateKey, peer *ecdh.PublicKey, key *pqkem.PrivateKey, ciphertext []byte) (session [KeySize]byte, err error) {
	session, err = Decapsulate(key, ciphertext)
	if err != nil {
		return session, err
	}
	return mix(own, peer, &session)
}

func mix(own *ecdh.PrivateKey, peer *ecdh.PublicKey, mlKEM *[KeySize]byte) ([KeySize]byte, error) {
	if own.Curve() != ecdh.X25519() {
		return [KeySize]byte{}, errors.New("a hybrid session wants X25519 keys")
	}
	secret, err := own.ECDH(peer)
	if err != nil {
		return [KeySize]byte{}, fmt.Errorf("X25519: %w", err)
	}
	defer clear(secret)
	return HybridKey((*[KeySize]byte)(secret), mlKEM), nil
}

// SessionInitSize is the length of a session init, in bytes.
const SessionInitSize = 1 + 8 + pqkem.MLKEM1024CiphertextSize

// SessionInit starts a session. Nothing in it is signed.
type SessionInit struct {
	Initiator  uint8  // the system that starts it
	Time       uint64 // microseconds since 1970 UTC
	Ciphertext [pqkem.MLKEM1024CiphertextSize]byte
}

// Append appends the encoding of s to b and returns the extended slice.
func (s *SessionInit) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, s.Initiator), s.Time)
	return append(b, s.Ciphertext[:]...)
}

// ParseSessionInit reads a session init. The error is [ErrMalformed].
func ParseSessionInit(b []byte) (*SessionInit, error) {
	if len(b) != SessionInitSize {
		return nil, fmt.Errorf("%w: session init of %d bytes", ErrMalformed, len(b))
	}
	return &SessionInit{
		Initiator:  b[0],
		Time:       binary.LittleEndian.Uint64(b[1:]),
		Ciphertext: [pqkem.MLKEM1024CiphertextSize]byte(b[9:]),
	}, nil
}

// ParseSessionKey reads a session key from a file: 32 bytes, or 64 hexadecimal digits with
// white space around them.
func ParseSessionKey(data []byte) (session [KeySize]byte, err error) {
	if len(data) == KeySize {
		return [KeySize]byte(data), nil
	}
	text := bytes.TrimSpace(data)
	if len(text) == 2*KeySize {
		if _, err := hex.Decode(session[:], text); err == nil {
			return session, nil
		}
	}
	return [KeySize]byte{}, fmt.Errorf("%w: a session key is %d bytes, or %d hexadecimal digits", ErrMalformed, KeySize, 2*KeySize)
}
