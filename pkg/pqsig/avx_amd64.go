package pqsig

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// hasAVX guards VZEROUPPER, which faults on processors without AVX and where
// the operating system does not save the AVX state.
var hasAVX = cpu.X86.HasAVX

// enterVector and leaveVector bracket a call into the library, whose AVX2 code
// returns without VZEROUPPER and so leaves the upper halves of the vector
// registers dirty. On Intel processors since Skylake every SSE instruction then
// has to merge with those halves, and SHA-256 with SHA-NI, all SSE, ran 88 times
// slower.
//
// The state belongs to the thread, not to the goroutine. Were the goroutine
// preempted between the library's instructions and VZEROUPPER, it could go on
// upon another thread and clear that one, while its old thread hashed at a
// crawl for somebody else: the runtime saves only the lower halves when it
// preempts (runtime/preempt_amd64.s) and clears nothing. LockOSThread closes
// this gap. A preempted goroutine that is locked leaves its thread parked, no
// other goroutine runs there, and new threads are cloned from a clean one. The
// pair costs some nanoseconds, each call tens of microseconds or more.
func enterVector() {
	if hasAVX {
		runtime.LockOSThread()
	}
}

// leaveVector ends what enterVector began. It is deferred, so that a panic
// inside leaves a clean thread too.
func leaveVector() {
	if hasAVX {
		vzeroupper()
		runtime.UnlockOSThread()
	}
}

// vzeroupper clears the upper halves of the vector registers (avx_amd64.s).
func vzeroupper()

// xinuse returns which parts of the register state of this thread differ from
// their initial value, as XGETBV reports it; bit 2 stands for the upper halves.
// ok is false on processors that do not tell. It needs hasAVX. Tests use it.
func xinuse() (bitmap uint32, ok bool)
