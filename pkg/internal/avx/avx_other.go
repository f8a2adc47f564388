//go:build !amd64

package avx

// Present tells whether there are registers to clear: only amd64 mixes two vector
// encodings.
const Present = false

func clearUpper() {}

// Dirty cannot tell on this architecture.
func Dirty(func()) (dirty, ok bool) { return false, false }
