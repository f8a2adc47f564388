package gcra

const prefetches = true

// prefetch asks for the cache lines of two addresses, to be written soon. It does not wait for them, and
// addresses of nothing do no harm.
func prefetch(a, b uintptr)
