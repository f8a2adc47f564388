//go:build !amd64 || purego

package merkle

// Elsewhere the standard library's own assembly does one hash at a time.
type lanes struct{}

func (h *Hasher) leaves(dst []Hash, data []byte, ends []int) { h.leavesPortable(dst, data, ends) }

func (h *Hasher) nodes(dst, src []Hash) { h.nodesPortable(dst, src) }
