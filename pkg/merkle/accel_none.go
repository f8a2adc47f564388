//go:build !amd64 || purego

package merkle

// lanes is nothing here: the standard library does one hash at a time, with assembly
// of its own.
type lanes struct{}

func (h *Hasher) leaves(dst []Hash, data []byte, ends []int) { h.leavesPortable(dst, data, ends) }

func (h *Hasher) nodes(dst, src []Hash) { h.nodesPortable(dst, src) }
