// Package pqsig signs and verifies with ML-DSA-87 (FIPS 204) and
// SLH-DSA-SHA2-256s (FIPS 205) behind one small API.
//
// ML-DSA-87 is the everyday algorithm: signing and verifying take a fraction of
// a millisecond. SLH-DSA-SHA2-256s rests on nothing but SHA-2; it takes about a
// second to sign and is meant for root keys that endorse others a few times in
// their life.
//
// Signatures are "pure" (FIPS 204, Section 5.2; FIPS 205, Section 10.2): the
// message itself is signed, not a hash of it, together with a context string of
// at most [MaxContextSize] bytes. Give every use of a key its own context, so
// that a statement of one kind can never be passed off as one of another. Signing is hedged:
// fresh randomness goes into every signature, so the same message signed twice
// gives two signatures, both valid.
//
// Private keys are made from seeds, never from the expanded form in which an
// implementation computes: a seed has no invalid values, and expanded keys that
// no key generation ever produced are a known way to make a signer leak.
//
// What is not here: the pre-hashed variants (HashML-DSA, HashSLH-DSA), external
// μ, other parameter sets, and files. Package keyfile stores keys.
//
// # The upper halves of the AVX registers
//
// The AVX2 code of the library underneath returns with the upper halves of the
// vector registers in use. SHA-256 instructions on the same thread then run
// dozens of times slower, on Intel's processors, until something clears them.
// Each call here clears them, on the thread that ran the call; see avx_amd64.go.
// TestVectorStateIsClean and BenchmarkSHA256After notice if that ever stops
// working.
package pqsig

import (
	"errors"
	"fmt"
)

// MaxContextSize is the greatest length of a context string, in bytes
// (FIPS 204, Section 5.2).
const MaxContextSize = 255

// Sizes in bytes (FIPS 204, Table 2; FIPS 205, Table 2).
const (
	MLDSA87SeedSize      = 32   // ξ of FIPS 204, Algorithm 1
	MLDSA87ExpandedSize  = 4896 // sk of FIPS 204, Algorithm 24
	MLDSA87PublicKeySize = 2592
	MLDSA87SignatureSize = 4627

	SLHDSASHA2256sSeedSize      = 96  // SK.seed ‖ SK.prf ‖ PK.seed
	SLHDSASHA2256sExpandedSize  = 128 // the same ‖ PK.root
	SLHDSASHA2256sPublicKeySize = 64  // PK.seed ‖ PK.root
	SLHDSASHA2256sSignatureSize = 29792
)

// ErrBadSignature is returned by [PublicKey.Verify] for every signature it
// refuses, whatever is wrong with it. It says nothing about the key.
var ErrBadSignature = errors.New("bad signature")

// ErrContextTooLong is returned for a context string of more than
// [MaxContextSize] bytes. Nothing was signed.
var ErrContextTooLong = fmt.Errorf("context string is longer than %d bytes", MaxContextSize)

// An Algorithm is a signature scheme with its parameter set. The zero value is
// none.
type Algorithm uint8

const (
	// MLDSA87 is ML-DSA-87, NIST security category 5 (FIPS 204).
	MLDSA87 Algorithm = iota + 1
	// SLHDSASHA2256s is SLH-DSA-SHA2-256s, NIST security category 5 (FIPS 205).
	SLHDSASHA2256s
)

type sizes struct {
	name                          string
	seed, expanded, public, signs int
}

var algorithms = [...]sizes{
	MLDSA87: {"ML-DSA-87", MLDSA87SeedSize, MLDSA87ExpandedSize,
		MLDSA87PublicKeySize, MLDSA87SignatureSize},
	SLHDSASHA2256s: {"SLH-DSA-SHA2-256s", SLHDSASHA2256sSeedSize, SLHDSASHA2256sExpandedSize,
		SLHDSASHA2256sPublicKeySize, SLHDSASHA2256sSignatureSize},
}

func (a Algorithm) info() sizes {
	if !a.Valid() {
		return sizes{}
	}
	return algorithms[a]
}

// Valid reports whether a is one of the algorithms of this package.
func (a Algorithm) Valid() bool { return a == MLDSA87 || a == SLHDSASHA2256s }

// String returns the name the standard gives the parameter set.
func (a Algorithm) String() string {
	if !a.Valid() {
		return fmt.Sprintf("Algorithm(%d)", uint8(a))
	}
	return a.info().name
}

// SeedSize is the length in bytes of the seed a private key is made from, 0
// for an invalid algorithm.
func (a Algorithm) SeedSize() int { return a.info().seed }

// ExpandedSize is the length in bytes of the private key encoding of the
// standard, 0 for an invalid algorithm.
func (a Algorithm) ExpandedSize() int { return a.info().expanded }

// PublicKeySize is the length in bytes of an encoded public key, 0 for an
// invalid algorithm.
func (a Algorithm) PublicKeySize() int { return a.info().public }

// SignatureSize is the length in bytes of a signature, 0 for an invalid
// algorithm.
func (a Algorithm) SignatureSize() int { return a.info().signs }

func (a Algorithm) check() error {
	if !a.Valid() {
		return fmt.Errorf("no signature algorithm %d", uint8(a))
	}
	return nil
}
