//go:build !amd64

package gcra

const prefetches = false

// prefetch does nothing where there is no assembly for it.
func prefetch(a, b uintptr) {}
