// Package aead seals and opens packets with ChaCha20-Poly1305 (RFC 8439, Section 2.8),
// whose nonces are counters.
//
// A nonce has 12 bytes: a prefix that belongs to the key's use, then the packet's
// counter, both little-endian. One counter must never seal two packets under one key
// and prefix: whoever sees both learns the difference of their contents and can forge
// others. The package keeps no count; package nonce gives out numbers that do not
// repeat and refuses those that come again.
//
// The library underneath leaves the vector registers as it found them, and so needs
// no bracket of package avx; TestVectorStateIsClean notices if that changes.
package aead

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	KeySize   = chacha20poly1305.KeySize   // bytes of a key: 32
	NonceSize = chacha20poly1305.NonceSize // bytes of a nonce: 12
	Overhead  = chacha20poly1305.Overhead  // bytes a packet grows by, its tag: 16
)

// MaxPlaintextSize is how many bytes one counter can seal (RFC 8439, Section 2.8). The
// number is a uint64 because a 32-bit int cannot hold it.
const MaxPlaintextSize uint64 = 1<<38 - 64

// ErrOpen is returned for every ciphertext that [Key.Open] refuses, whatever is wrong
// with it: the key, the counter, the additional data or a byte of it.
var ErrOpen = errors.New("packet does not open under this key and counter")

// A Key seals and opens packets. It is safe for concurrent use. The zero Key is not
// usable. Printing a Key, with any verb, shows its algorithm and nothing else.
type Key struct {
	cipher cipher.AEAD
	prefix uint32
}

// New returns the key for the given prefix. It copies key; wiping it is up to the
// caller. The copy cannot be wiped, it goes when the garbage collector reuses it.
func New(key *[KeySize]byte, prefix uint32) *Key {
	c, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	return &Key{cipher: c, prefix: prefix}
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (k Key) Format(s fmt.State, _ rune) { io.WriteString(s, "ChaCha20-Poly1305 key") }

// Seal appends the ciphertext of plaintext, len(plaintext) + [Overhead] bytes, to dst and
// returns the extended slice. The tag covers aad, which is not sealed, and the
// counter. Where dst has room nothing is allocated. plaintext and what is appended
// must overlap exactly (dst = plaintext[:0]) or not at all. It panics for a plaintext
// longer than [MaxPlaintextSize].
func (k *Key) Seal(dst []byte, counter uint64, aad, plaintext []byte) []byte {
	n := k.nonce(counter)
	defer nonces.Put(n)
	return k.SealNonce(dst, n[:], aad, plaintext)
}

// Open appends the plaintext of ciphertext to dst and returns the extended slice, or
// nil and [ErrOpen]. What stands in dst's room is then undefined, and nothing of the
// plaintext. The rules for dst are those of [Key.Seal].
func (k *Key) Open(dst []byte, counter uint64, aad, ciphertext []byte) ([]byte, error) {
	n := k.nonce(counter)
	defer nonces.Put(n)
	return k.OpenNonce(dst, n[:], aad, ciphertext)
}

// SealNonce is [Key.Seal] with a nonce that stands in memory already, such as in the head of a
// packet: prefix and counter, [NonceSize] bytes, little-endian. The key's own prefix does not count. It
// panics for a nonce of another length.
func (k *Key) SealNonce(dst, nonce, aad, plaintext []byte) []byte {
	return k.cipher.Seal(dst, nonce, plaintext, aad)
}

// OpenNonce is [Key.Open] with a nonce that stands in memory already; see
// [Key.SealNonce].
func (k *Key) OpenNonce(dst, nonce, aad, ciphertext []byte) ([]byte, error) {
	out, err := k.cipher.Open(dst, nonce, ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}

// nonces keeps the arrays of nonces, which the cipher behind its interface would
// otherwise cause to be allocated for each packet.
var nonces = sync.Pool{New: func() any { return new([NonceSize]byte) }}

func (k *Key) nonce(counter uint64) *[NonceSize]byte {
	n := nonces.Get().(*[NonceSize]byte)
	binary.LittleEndian.PutUint32(n[:], k.prefix)
	binary.LittleEndian.PutUint64(n[4:], counter)
	return n
}
