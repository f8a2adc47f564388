package merkle

import (
	"math/rand/v2"
	"syscall"
	"testing"
)

// TestGuardMixed hashes segments of mixed lengths that lie between two pages that must
// not be touched, also where short ones stand beside long ones at the very beginning.
func TestGuardMixed(t *testing.T) {
	const page = 4096
	m, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(m)
	for _, guard := range [][]byte{m[:page], m[2*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	data := m[page : 2*page : 2*page]
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	var h Hasher
	for range 20_000 {
		ends := make([]int, 1+r.IntN(40))
		total := 0
		for i := range ends {
			total += r.IntN(page / len(ends))
			ends[i] = total
		}
		for _, part := range [][]byte{data[:total:total], data[page-total:]} {
			got, want := make([]Hash, len(ends)), make([]Hash, len(ends))
			h.Leaves(got, part, ends)
			h.leavesPortable(want, part, ends)
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("segment %d of %v differs", i, ends)
				}
			}
		}
	}
}
