package keccak

import (
	"crypto/sha3"
	"crypto/subtle"
)

// HMAC computes HMAC-SHA3-256 tags under one key. It holds what the key's two blocks
// make of the hash, so that no tag computes it again. It is safe for concurrent
// use, and must not be copied. The zero HMAC is not usable.
type HMAC struct {
	// inner and outer are the states after the key's blocks, as crypto/sha3 keeps
	// them. They are copied by value for each tag.
	inner, outer sha3.SHA3
	// innerState and outerState are the same for lanes.
	innerState, outerState state
}

// NewHMAC returns the HMAC of key, which may have any length; one of more than
// BlockSize bytes is hashed first (RFC 2104, Section 2). It does not retain key.
func NewHMAC(key []byte) *HMAC {
	var block [BlockSize]byte
	if len(key) > BlockSize {
		sum := sha3.Sum256(key)
		copy(block[:], sum[:])
	} else {
		copy(block[:], key)
	}
	h := &HMAC{inner: *sha3.New256(), outer: *sha3.New256()}
	for i := range block {
		block[i] ^= 0x36 // ipad
	}
	h.inner.Write(block[:])
	h.innerState = afterBlock(&block)
	for i := range block {
		block[i] ^= 0x36 ^ 0x5c // opad
	}
	h.outer.Write(block[:])
	h.outerState = afterBlock(&block)
	clear(block[:])
	return h
}

// afterBlock returns the lanes after one whole block in each.
func afterBlock(block *[BlockSize]byte) (s state) {
	if !wide {
		return s
	}
	withLanes(func(l *lanes) {
		l.start(&empty)
		for i := range 4 {
			l.absorb(i, block)
		}
		l.x4.Permute()
		copy(s[:], l.a)
	})
	return s
}

// Tag returns the tag of a message. It allocates nothing.
func (h *HMAC) Tag(message []byte) (tag [Size]byte) {
	s := h.inner
	s.Write(message)
	s.Sum(tag[:0])
	s = h.outer
	s.Write(tag[:])
	s.Sum(tag[:0])
	return tag
}

// Verify tells, in constant time for its length, whether tag is that of a message.
// A tag of another length than Size is not.
func (h *HMAC) Verify(message, tag []byte) bool {
	want := h.Tag(message)
	return subtle.ConstantTimeCompare(want[:], tag) == 1
}

// TagAll writes the tag of messages[i] to tags[i], for all i, four messages at a
// time; see Sum256All.
func (h *HMAC) TagAll(tags [][Size]byte, messages [][]byte) {
	tags = tags[:len(messages)]
	done := 0
	if wide {
		done = inFours(tags, messages, func(l *lanes) {
			l.start(&h.innerState)
			l.hash()
			l.start(&h.outerState)
			l.absorbDigests()
			l.x4.Permute()
			copy(l.digests[:], l.a)
		})
	}
	for i := done; i < len(messages); i++ {
		tags[i] = h.Tag(messages[i])
	}
}

// VerifyAll tells for each message whether its tag is right, four at a time:
// ok[i] becomes true iff tags[i] is the tag of messages[i]. It panics if ok or tags is
// shorter than messages, and allocates nothing.
func (h *HMAC) VerifyAll(ok []bool, messages, tags [][]byte) {
	var want [batch][Size]byte
	for len(messages) > 0 {
		n := min(batch, len(messages))
		h.TagAll(want[:n], messages[:n])
		for i := range n {
			ok[i] = subtle.ConstantTimeCompare(want[i][:], tags[i]) == 1
		}
		messages, tags, ok = messages[n:], tags[n:], ok[n:]
	}
}

// batch is how many tags VerifyAll computes at once.
const batch = 64
