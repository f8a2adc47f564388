package avx

import "golang.org/x/sys/cpu"

// Present tells whether there are registers to clear: VZEROUPPER faults on
// processors without AVX and where the operating system does not save the AVX state.
var Present = cpu.X86.HasAVX

// clearUpper clears the upper halves of this thread's vector registers (avx_amd64.s).
func clearUpper()

// inUse returns which parts of the register state of this thread differ from their
// initial value, as XGETBV reports it; bit 2 stands for the upper halves. ok is
// false on processors that do not tell. It needs Present.
func inUse() (bitmap uint32, ok bool)

// Dirty tells whether call leaves the upper halves of the vector registers in use.
// ok is false where that cannot be told. It is for tests: AMD processors hash as
// fast with dirty registers, so no benchmark there can tell.
func Dirty(call func()) (dirty, ok bool) {
	if !Present {
		return false, false
	}
	if _, ok := inUse(); !ok {
		return false, false
	}
	Enter()
	defer Leave()
	clearUpper()
	call()
	state, _ := inUse()
	return state&(1<<2) != 0, true
}
