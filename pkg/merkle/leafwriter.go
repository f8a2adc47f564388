package merkle

import (
	"crypto/sha256"
	"hash"
)

// LeafWriter computes the leaf hash of a segment that is written to it piece by
// piece, however large. The zero LeafWriter has been given nothing yet. It must not
// be used by two goroutines at once, nor copied after the first Write.
type LeafWriter struct {
	sha hash.Hash // nil until the first Write; has been given the prefix from then on
	sum Hash      // where sha writes its result, so that none is allocated
}

// Write appends p to the segment. It returns len(p) and never an error, and does not
// retain p.
func (w *LeafWriter) Write(p []byte) (int, error) {
	if w.sha == nil {
		w.sha = sha256.New()
		w.Reset()
	}
	return w.sha.Write(p)
}

// Sum returns the leaf hash of all that was written since the last Reset. More may be
// written afterwards.
func (w *LeafWriter) Sum() Hash {
	if w.sha == nil {
		return LeafHash(nil)
	}
	w.sha.Sum(w.sum[:0])
	return w.sum
}

// Reset begins a new segment.
func (w *LeafWriter) Reset() {
	if w.sha != nil {
		w.sha.Reset()
		w.sum[0] = leafPrefix
		w.sha.Write(w.sum[:1])
	}
}
