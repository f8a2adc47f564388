// Package avx leaves the vector registers as the rest of a program needs them.
//
// circl's AVX2 code returns without VZEROUPPER and so leaves the upper halves of the
// vector registers dirty. On Intel processors since Skylake every SSE instruction
// then has to merge with those halves, and SHA-256 with SHA-NI, all SSE, ran 88
// times slower. Every call of such code stands between Enter and Leave.
//
// The state belongs to the thread, not to the goroutine. Were the goroutine
// preempted between the library's instructions and VZEROUPPER, it could go on upon
// another thread and clear that one, while its old thread hashed at a crawl for
// somebody else: the runtime saves only the lower halves when it preempts
// (runtime/preempt_amd64.s) and clears nothing. Enter locks the goroutine to its
// thread, which closes this gap: a preempted goroutine that is locked leaves its
// thread parked, no other goroutine runs there, and new threads are cloned from a
// clean one. The pair costs some nanoseconds.
//
// On other architectures nothing here does anything.
package avx

import "runtime"

// Enter begins a call of code that may leave the registers dirty. Each needs its
// Leave, by the same goroutine. Pairs may nest.
func Enter() {
	if Present {
		runtime.LockOSThread()
	}
}

// Leave ends what Enter began. It belongs in a defer, so that a panic inside leaves
// a clean thread too.
func Leave() {
	if Present {
		clearUpper()
		runtime.UnlockOSThread()
	}
}
