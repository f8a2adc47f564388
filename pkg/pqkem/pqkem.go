// Package pqkem establishes shared secrets with ML-KEM-1024 (FIPS 203), alone
// or together with X25519 (RFC 7748).
//
// A receiver publishes a [PublicKey]; a sender calls [PublicKey.Encapsulate] and
// transmits the ciphertext; the receiver's [PrivateKey.Decapsulate] gives the
// same secret. Nothing is authenticated: whoever knows the public key can do
// this. Package wire puts signatures around it.
//
// The hybrid runs X25519 and ML-KEM-1024 side by side and returns both secrets,
// X25519's first, concatenated. It combines nothing: a protocol must put them
// through a key derivation that also covers the transcript (public keys and
// ciphertexts), since X25519 alone does not bind them. So do CleitonQ's v1 and
// cqkit's v2 sessions, each in its own way. Everywhere else, too, X25519's
// part comes first: in seeds, public keys and ciphertexts.
//
// Private keys are made from seeds. ML-KEM never fails on a forged ciphertext
// of the right length: decapsulation gives an unpredictable secret instead
// (implicit rejection, FIPS 203, Algorithm 18).
//
// Like pqsig, each call clears the upper halves of the AVX registers, which the
// library underneath leaves dirty; see avx_amd64.go.
package pqkem

import (
	"errors"
	"fmt"
)

// Sizes in bytes (FIPS 203, Table 3; RFC 7748).
const (
	MLKEM1024SeedSize       = 64   // d ‖ z of FIPS 203, Algorithm 19
	MLKEM1024ExpandedSize   = 3168 // dk of FIPS 203, Algorithm 16
	MLKEM1024PublicKeySize  = 1568
	MLKEM1024CiphertextSize = 1568
	MLKEM1024SecretSize     = 32

	X25519Size = 32 // private key, public key and secret alike
)

// ErrRefused is returned when X25519 yields the all-zero secret, which only a
// public key or ciphertext made to do so can cause (RFC 7748, Section 6.1).
var ErrRefused = errors.New("X25519 value of low order")

// An Algorithm is a key encapsulation mechanism. The zero value is none.
type Algorithm uint8

const (
	// MLKEM1024 is ML-KEM-1024, NIST security category 5 (FIPS 203).
	MLKEM1024 Algorithm = iota + 1
	// X25519MLKEM1024 is X25519 and ML-KEM-1024 side by side. It stays secure
	// while either of them is.
	X25519MLKEM1024
)

type sizes struct {
	name                             string
	seed, public, ciphertext, secret int
}

var algorithms = [...]sizes{
	MLKEM1024: {"ML-KEM-1024", MLKEM1024SeedSize, MLKEM1024PublicKeySize,
		MLKEM1024CiphertextSize, MLKEM1024SecretSize},
	X25519MLKEM1024: {"X25519+ML-KEM-1024", X25519Size + MLKEM1024SeedSize, X25519Size + MLKEM1024PublicKeySize,
		X25519Size + MLKEM1024CiphertextSize, X25519Size + MLKEM1024SecretSize},
}

func (a Algorithm) info() sizes {
	if !a.Valid() {
		return sizes{}
	}
	return algorithms[a]
}

// Valid reports whether a is one of the algorithms of this package.
func (a Algorithm) Valid() bool { return a == MLKEM1024 || a == X25519MLKEM1024 }

// String returns the name of the algorithm.
func (a Algorithm) String() string {
	if !a.Valid() {
		return fmt.Sprintf("Algorithm(%d)", uint8(a))
	}
	return a.info().name
}

// SeedSize is the length in bytes of the seed a private key is made from: 64,
// or 96 for the hybrid. It is 0 for an invalid algorithm.
func (a Algorithm) SeedSize() int { return a.info().seed }

// PublicKeySize is the length in bytes of an encoded public key: 1,568, or
// 1,600 for the hybrid. It is 0 for an invalid algorithm.
func (a Algorithm) PublicKeySize() int { return a.info().public }

// CiphertextSize is the length in bytes of a ciphertext: 1,568, or 1,600 for
// the hybrid. It is 0 for an invalid algorithm.
func (a Algorithm) CiphertextSize() int { return a.info().ciphertext }

// SecretSize is the length in bytes of the shared secret: 32, or 64 for the
// hybrid. It is 0 for an invalid algorithm.
func (a Algorithm) SecretSize() int { return a.info().secret }

func (a Algorithm) check() error {
	if !a.Valid() {
		return fmt.Errorf("no key encapsulation algorithm %d", uint8(a))
	}
	return nil
}
