// Package keccak computes SHA3-256 (FIPS 202) and HMAC-SHA3-256 (RFC 2104, with
// SHA3-256 and its block of 136 bytes) of many messages, four at a time where the
// processor has AVX2.
//
// Four Keccak-f[1600] permutations in the lanes of vector registers cost little
// more than one alone, so a receiver that checks the tags of a burst of packets is
// bounded by the permutations: an HMAC of up to 135 bytes takes two, because the
// key's two blocks are absorbed once, when the key is made. Everywhere else, and for what
// is left over, it is crypto/sha3, with the same results.
//
// The package keeps no state between calls but the key's.
package keccak

const (
	// Size is the length of a SHA3-256 digest and of a tag in bytes.
	Size = 32
	// BlockSize is the rate of SHA3-256 in bytes, and the block of the HMAC.
	BlockSize = 136

	words = BlockSize / 8 // of a state, that a block is added to
)
