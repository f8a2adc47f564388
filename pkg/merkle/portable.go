package merkle

import "crypto/sha256"

// leafHasher hashes one segment at a time with the standard library.
type leafHasher struct {
	// buf holds a prefix and what it prefixes. 512 bytes hold any record of a
	// flight log (8 + 280).
	buf   [512]byte
	large LeafWriter
}

func (h *leafHasher) leaf(segment []byte) Hash {
	if len(segment) < len(h.buf) {
		h.buf[0] = leafPrefix
		n := 1 + copy(h.buf[1:], segment)
		return sha256.Sum256(h.buf[:n])
	}
	h.large.Reset()
	h.large.Write(segment)
	return h.large.Sum()
}

// leavesPortable is [Hasher.Leaves] for any machine. The caller has checked the
// arguments, and dst is as long as ends.
func (h *Hasher) leavesPortable(dst []Hash, data []byte, ends []int) {
	start := 0
	for i, end := range ends {
		dst[i] = h.leaf(data[start:end])
		start = end
	}
}

// nodesPortable writes the node over src[2i] and src[2i+1] to dst[i]. dst is half as
// long as src and may be its beginning.
func (h *Hasher) nodesPortable(dst, src []Hash) {
	h.buf[0] = nodePrefix
	for i := range dst {
		copy(h.buf[1:], src[2*i][:])
		copy(h.buf[1+Size:], src[2*i+1][:])
		dst[i] = sha256.Sum256(h.buf[:1+2*Size])
	}
}
