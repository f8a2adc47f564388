// Package cleitonq reads and writes the formats of CleitonQ, byte for byte: packets with
// ML-DSA-87 signatures, HMAC-SHA3-256 tags and ChaCha20-Poly1305 seals, session keys,
// anchors over windows of packets, and what travels in MAVLink chunks.
//
// It is there for what exists. What cqkit makes itself is in package wire, because these
// formats leave things out that a receiver needs; docs/wire-v1.md has the bytes and, with
// a test for each, what they do not protect.
//
//   - [SignPacket] and [OpenPacket] sign and verify, [Registry] chooses the key by an id.
//   - A [Channel] tags packets, a [Sealer] encrypts them, a [TAP] does what the draft
//     of that name says. Their keys follow from a session key, which [Encapsulate] and
//     [EncapsulateHybrid] agree on.
//   - An [Anchor] is a signed statement about the tags of many packets.
//   - [SignedCommand] and [SessionInit] are the messages that package chunk carries.
//
// Nothing here remembers which nonce came last: callers pass it, such as from a
// nonce.Tracker. Functions that verify do so before they look at the nonce, so a replay is
// told from a forgery.
package cleitonq

import "errors"

// Why something is refused.
var (
	// ErrMalformed: it does not have the layout that was asked for.
	ErrMalformed = errors.New("malformed")
	// ErrForged: its signature, tag or seal is not of the key.
	ErrForged = errors.New("not authentic")
	// ErrReplayed: it is authentic, but its nonce is not above the last one.
	ErrReplayed = errors.New("nonce is not above the last")
)
