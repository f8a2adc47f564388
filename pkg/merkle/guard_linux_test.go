package merkle

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// TestGuardPages puts segments against unreadable pages on both sides, as a mapped
// file may lie, and hashes them. Reading a byte too far ends the test process.
func TestGuardPages(t *testing.T) {
	page := os.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	}()
	for _, guard := range [][]byte{mem[:page], mem[2*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	data := mem[page : 2*page : 2*page]
	for i := range data {
		data[i] = byte(i * 7)
	}
	var h Hasher
	check := func(data []byte, ends []int) {
		t.Helper()
		got, want := make([]Hash, len(ends)), make([]Hash, len(ends))
		h.Leaves(got, data, ends)
		h.leavesPortable(want, data, ends)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%d bytes, ends %v: leaf %d = %x, want %x", len(data), ends, i, got[i], want[i])
			}
		}
	}
	for n := 0; n <= 520; n++ {
		check(data[len(data)-n:], []int{n})                               // the last segment
		check(data[:n:n], []int{n})                                       // the first
		check(data[len(data)-n:], []int{n / 2, n / 2, n, n})              // empty ones between and after
		check(data[len(data)-n:], []int{0, n / 3, n / 2, n})              // and before
		check(data, []int{n, 2 * n, 3 * n, len(data) - n})                // all of the page but n bytes
		check(data, []int{n, len(data) - n - 40, len(data)})              // and those, too
		check(data[:len(data)-n], []int{n, len(data) - n, len(data) - n}) // room after the end
	}
	// Hashes as close to both edges as they go.
	hashes := make([]Hash, 64)
	for n := 1; n <= 64; n++ {
		raw := mem[2*page-n*Size : 2*page]
		clear(hashes)
		for i := range n {
			copy(hashes[i][:], raw[i*Size:])
		}
		at := hashesAt(raw)
		if got, want := h.Root(at), h.Root(hashes[:n]); got != want {
			t.Fatalf("root of %d hashes at a page's end = %x, want %x", n, got, want)
		}
		raw = mem[page : page+n*Size]
		for i := range n {
			copy(hashes[i][:], raw[i*Size:])
		}
		if got, want := h.Root(hashesAt(raw)), h.Root(hashes[:n]); got != want {
			t.Fatalf("root of %d hashes at a page's start = %x, want %x", n, got, want)
		}
	}
}

// hashesAt views raw, a multiple of Size long, as hashes.
func hashesAt(raw []byte) []Hash {
	return unsafe.Slice((*Hash)(unsafe.Pointer(&raw[0])), len(raw)/Size)
}
