// Package chunk carries messages of up to 58 kB in MAVLink 2 frames of at most 245
// bytes of data each, so that relays pass them on.
//
// [Cut] cuts a message into chunks, [Chunk.AppendFrame] makes the frames, [Parse] reads
// the payload of one, and an [Assembler] puts chunks together again, however they were
// lost, repeated, shuffled, delayed and mixed with forged ones on the way. Two
// families of messages share the frame: those of CleitonQ (v1) are known by a token of
// 16 bits alone; those of cqkit (v2) carry a part of their SHA-256 in each chunk, by
// which the genuine one of several variants of a chunk is found.
//
// docs/chunk.md specifies the bytes, the rules and what an attacker can still do.
//
// The package does not know what messages say. What an assembler returns is what
// somebody sent, not what a particular key signed.
package chunk
