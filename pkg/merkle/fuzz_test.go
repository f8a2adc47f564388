package merkle

import (
	"bytes"
	"testing"
)

// FuzzLeaves cuts data into segments as cuts says, with and without capacity to
// spare, and compares the machine's code with the portable one, up to the root.
func FuzzLeaves(f *testing.F) {
	f.Add([]byte{}, []byte{}, uint8(0))
	f.Add([]byte("one segment"), []byte{11}, uint8(0))
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 60), []byte{54, 55, 56, 63, 64, 118, 119, 120, 0, 0, 31}, uint8(70))
	f.Add(bytes.Repeat([]byte{0xff}, 5000), []byte{37, 25, 255, 254, 1, 17, 44, 44, 30, 22, 60}, uint8(1))
	f.Fuzz(func(t *testing.T, data, cuts []byte, spare uint8) {
		padded := make([]byte, len(data)+int(spare))
		for i := range padded {
			padded[i] = 0xa5
		}
		copy(padded, data)
		data = padded[:len(data)]
		var ends []int
		end := 0
		for _, cut := range cuts {
			step := int(cut)
			if cut >= 250 { // so that long segments occur, too
				step = (int(cut) - 249) * 120
			}
			end = min(end+step, len(data))
			ends = append(ends, end)
		}
		var h Hasher
		got, want := make([]Hash, len(ends)), make([]Hash, len(ends))
		h.Leaves(got, data, ends)
		h.leavesPortable(want, data, ends)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("ends %v: leaf %d = %x, want %x", ends, i, got[i], want[i])
			}
		}
		root := EmptyRoot()
		for n := len(want); n > 0; n = (n + 1) / 2 {
			if n == 1 {
				root = want[0]
				break
			}
			h.nodesPortable(want[:n/2], want[:n/2*2])
			if n%2 == 1 {
				want[n/2] = want[n-1]
			}
		}
		if got := h.Root(got); got != root {
			t.Fatalf("root of %d leaves = %x, want %x", len(ends), got, root)
		}
	})
}
