// Package seal seals flight logs and judges them.
//
// [Seal] cuts a log into segments, hashes them into the Merkle tree of RFC 6962 and
// signs its root with ML-DSA-87. [Verify] recomputes the tree of a presented log and
// returns a [Verdict]: valid, or what is wrong, down to the record. [Prove] and
// [VerifyProof] do the same for one record without the rest.
//
// The format of seals, indexes and proofs is docs/seal-format.md. The signed text is a
// C2SP checkpoint in a C2SP signed-note, and golang.org/x/mod/sumdb does what it can
// do for both.
//
// What package seal does not do: it does not know which keys to trust, it takes the
// keys to accept as arguments, each with what package trust knows of when it counts;
// it does not decode messages; it opens no file by name.
// A verdict says that the bytes are those that were sealed, not that they were true
// when they were captured.
package seal
