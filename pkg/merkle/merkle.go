// Package merkle hashes many small segments into a Merkle tree, fast.
//
// The tree is the one of RFC 6962, Section 2.1 (and RFC 9162, Section 2.1.1) with
// SHA-256, as used by Certificate Transparency, Go's checksum database and C2SP
// checkpoints:
//
//	leaf  = SHA-256(0x00 || segment)
//	node  = SHA-256(0x01 || left || right)
//	empty = SHA-256()
//
// A tree over n > 1 leaves splits at the largest power of two smaller than n.
//
// The parts, from the bottom up:
//
//   - [LeafHash] and [NodeHash] hash one leaf and one node.
//   - [Hasher] hashes batches: [Hasher.Leaves] many segments at once, [Hasher.Root]
//     a slice of hashes to its root. On amd64 with the SHA extensions it computes
//     four at a time; see docs/merkle.md.
//   - [LeafWriter] hashes a segment too large to hold in memory.
//   - [Frontier] joins the roots of batches into the root of everything so far.
//
// To hash a long log with several goroutines, cut it into batches of 256 leaves, let
// each goroutine turn batches into batch roots with a Hasher of its own, and append
// the batch roots in order to one Frontier.
//
// The package makes and checks no proofs; golang.org/x/mod/sumdb/tlog does, over the
// same hashes.
package merkle

import (
	"crypto/sha256"
	"fmt"
)

// Size is the length of a [Hash] in bytes.
const Size = sha256.Size

// Hash is a SHA-256 value: of a leaf, of a node, or of a whole tree, which is that
// of its topmost node. The zero Hash is the hash of no known input. Hash converts to
// and from the Hash of golang.org/x/mod/sumdb/tlog.
type Hash [Size]byte

// The prefixes keep leaves and nodes apart, so that no node can be passed off as a
// segment (RFC 6962, Section 2.1).
const (
	leafPrefix = 0
	nodePrefix = 1
)

// EmptyRoot returns the root of the tree without leaves, SHA-256 of nothing
// (RFC 9162, Section 2.1.1).
func EmptyRoot() Hash { return sha256.Sum256(nil) }

// LeafHash returns the leaf hash of segment. To hash many segments, use
// [Hasher.Leaves].
func LeafHash(segment []byte) Hash {
	var h leafHasher
	return h.leaf(segment)
}

// NodeHash returns the hash of the node over left and right.
func NodeHash(left, right Hash) Hash {
	var buf [1 + 2*Size]byte
	buf[0] = nodePrefix
	copy(buf[1:], left[:])
	copy(buf[1+Size:], right[:])
	return sha256.Sum256(buf[:])
}

// Hasher hashes batches of segments and folds hashes into roots. It is the scratch
// space for that: no result depends on what it hashed before. The zero Hasher is
// ready. A Hasher must not be used by two goroutines at once; several Hashers may be.
// Its methods do not allocate, except that the first segment longer than about 500
// bytes allocates a SHA-256 state, which the Hasher keeps.
type Hasher struct {
	leafHasher
	lanes
}

// Leaves writes the leaf hash of segment i, data[ends[i-1]:ends[i]], to dst[i], for
// every i in ends; the first segment begins at 0. Segments may be empty. What lies
// beyond the last end is ignored. The result does not refer to data.
//
// Leaves panics if ends decreases, if it leaves data, or if dst is shorter than ends.
//
// ends are ints, not int32s, because data may be a mapped file, and its one segment
// a hole of several gigabytes; a batch's ends stay in the first-level cache anyway.
//
// Leaves may read, and ignore, up to 64 bytes of data's capacity beyond its length.
// It is fastest if that many follow, so pass a subslice of the mapping or buffer and
// do not clip its capacity.
func (h *Hasher) Leaves(dst []Hash, data []byte, ends []int) {
	if len(dst) < len(ends) {
		panic(fmt.Sprintf("merkle: room for %d hashes, have %d segments", len(dst), len(ends)))
	}
	prev := 0
	for i, end := range ends {
		if end < prev || end > len(data) {
			panic(fmt.Sprintf("merkle: end of segment %d is %d, want %d to %d", i, end, prev, len(data)))
		}
		prev = end
	}
	h.leaves(dst[:len(ends)], data, ends)
}

// Root returns the root of the tree whose leaf hashes are hashes, and overwrites
// hashes with intermediate values. The hashes may also be those of complete subtrees
// of one and the same power of two of leaves, except that the last may stand for
// fewer; the result is then the root over all their leaves. The root of no hashes is
// [EmptyRoot].
//
// Root goes level by level: it replaces neighbours 2i, 2i+1 by their node, and a last
// one without a neighbour moves up as it is. RFC 6962 defines the tree top down
// instead: MTH(n) = node(MTH(first k), MTH(other n-k)), k the largest power of two
// smaller than n. Both give the same root. By induction over the levels: let P(n) be
// the result of pairing. For n = 1 both are the one hash. For n = 2, k is 1 and both
// are its node. For n > 2, k is even, so no pair straddles k, and one round of pairing
// turns the first k hashes into k/2 and the others into ⌈(n-k)/2⌉, separately. Now
// k/2 is the largest power of two smaller than ⌈n/2⌉: k < n <= 2k gives
// k/2 < ⌈n/2⌉ <= k. So after the round the induction hypothesis for ⌈n/2⌉ hashes
// splits at k/2, that is, exactly between the two parts, and its halves are, by the
// same hypothesis for smaller n, what pairing makes of the first k and of the others:
// P(n) = node(P(first k), P(other n-k)), which is MTH's recursion.
func (h *Hasher) Root(hashes []Hash) Hash {
	if len(hashes) == 0 {
		return EmptyRoot()
	}
	for n := len(hashes); n > 1; n = (n + 1) / 2 {
		h.nodes(hashes[:n/2], hashes[:n/2*2])
		if n%2 == 1 {
			hashes[n/2] = hashes[n-1]
		}
	}
	return hashes[0]
}
