package pqkem

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
)

// A PublicKey makes ciphertexts. It is immutable and safe for concurrent use.
type PublicKey struct {
	alg Algorithm
	raw []byte

	mlkem *mlkem1024.PublicKey
	ecdh  *ecdh.PublicKey // hybrid only
}

// ParsePublicKey decodes a public key of alg.PublicKeySize() bytes. It refuses
// ML-KEM keys with coefficients out of range, the modulus check of FIPS 203, Section 7.2.
// It does not retain raw.
func ParsePublicKey(alg Algorithm, raw []byte) (*PublicKey, error) {
	if err := alg.check(); err != nil {
		return nil, err
	}
	if len(raw) != alg.PublicKeySize() {
		return nil, fmt.Errorf("%v public key has %d bytes, want %d", alg, len(raw), alg.PublicKeySize())
	}
	p := &PublicKey{alg: alg, raw: bytes.Clone(raw)}
	if alg == X25519MLKEM1024 {
		var err error
		if p.ecdh, err = ecdh.X25519().NewPublicKey(raw[:X25519Size]); err != nil {
			return nil, fmt.Errorf("%v public key: %w", alg, err)
		}
		raw = raw[X25519Size:]
	}
	var err error
	if p.mlkem, err = parseMLKEM(raw); err != nil {
		return nil, fmt.Errorf("%v public key has a coefficient that is not reduced modulo 3329", alg)
	}
	return p, nil
}

// Algorithm returns the algorithm of the key.
func (p *PublicKey) Algorithm() Algorithm { return p.alg }

// Bytes returns a copy of the encoded key.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.raw) }

// Equal reports whether two keys have the same algorithm and the same bytes.
func (p *PublicKey) Equal(other *PublicKey) bool {
	return other != nil && p.alg == other.alg && bytes.Equal(p.raw, other.raw)
}

// Encapsulate draws a fresh secret of alg.SecretSize() bytes and the ciphertext
// of alg.CiphertextSize() bytes that carries it (FIPS 203, Algorithm 20). For
// the hybrid it fails with [ErrRefused] on an X25519 public key of low order.
func (p *PublicKey) Encapsulate() (secret, ciphertext []byte, err error) {
	var m [32]byte
	defer clear(m[:])
	if _, err := rand.Read(m[:]); err != nil {
		return nil, nil, err
	}
	if p.ecdh != nil {
		ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		if secret, err = ephemeral.ECDH(p.ecdh); err != nil {
			return nil, nil, ErrRefused
		}
		ciphertext = ephemeral.PublicKey().Bytes()
	}
	s, c := encapsulateMLKEM(p.mlkem, &m)
	return append(secret, s...), append(ciphertext, c...), nil
}
