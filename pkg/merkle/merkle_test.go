package merkle_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"cqkit/pkg/merkle"

	"golang.org/x/mod/sumdb/tlog"
)

// boundary lists lengths around those at which a leaf (one prefix byte, at least nine
// bytes of padding) needs one more block of 64 bytes, and some in between.
var boundary = []int{
	0, 1, 2, 14, 15, 16, 17, 31, 32, 33, 47, 48, 49, 53, 54, 55, 56, 57, 61, 62, 63, 64, 65,
	117, 118, 119, 120, 126, 127, 128, 129, 181, 182, 183, 184, 190, 191, 192, 246, 247, 288,
	510, 511, 512, 513, 1000, 4095, 4096, 4097, 70000,
}

// segments returns n segments cut from one random slice, and their ends. length
// chooses the length of segment i.
func segments(rng *rand.Rand, n int, length func(i int) int) (data []byte, ends []int) {
	for i := range n {
		for range length(i) {
			data = append(data, byte(rng.Uint32()))
		}
		ends = append(ends, len(data))
	}
	return data, ends
}

// wantLeaves computes leaf hashes with x/mod/sumdb/tlog.
func wantLeaves(data []byte, ends []int) []merkle.Hash {
	var hashes []merkle.Hash
	start := 0
	for _, end := range ends {
		hashes = append(hashes, merkle.Hash(tlog.RecordHash(data[start:end])))
		start = end
	}
	return hashes
}

// stored is a tree of x/mod/sumdb/tlog, to which leaves are added one by one.
type stored struct {
	n      int64
	hashes []tlog.Hash
}

func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var list []tlog.Hash
	for _, i := range indexes {
		list = append(list, s.hashes[i])
	}
	return list, nil
}

func (s *stored) add(t testing.TB, leaf merkle.Hash) {
	t.Helper()
	more, err := tlog.StoredHashesForRecordHash(s.n, tlog.Hash(leaf), s)
	if err != nil {
		t.Fatal(err)
	}
	s.hashes = append(s.hashes, more...)
	s.n++
}

func (s *stored) root(t testing.TB) merkle.Hash {
	t.Helper()
	root, err := tlog.TreeHash(s.n, s)
	if err != nil {
		t.Fatal(err)
	}
	return merkle.Hash(root)
}

func TestKnownAnswers(t *testing.T) {
	// RFC 9162 gives no vectors; these are those of certificate-transparency-go's
	// and Trillian's tests, made by the reference implementation.
	leaves := []string{
		"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
	}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var data []byte
	var ends []int
	var h merkle.Hasher
	for n, want := range roots {
		hashes := make([]merkle.Hash, n)
		h.Leaves(hashes, data, ends)
		root := h.Root(hashes)
		if got := hex.EncodeToString(root[:]); got != want {
			t.Errorf("root of %d leaves = %s, want %s", n, got, want)
		}
		if n < len(leaves) {
			leaf, err := hex.DecodeString(leaves[n])
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, leaf...)
			ends = append(ends, len(data))
		}
	}
}

func TestLeafAndNodeHash(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for _, n := range boundary {
		data, ends := segments(rng, 1, func(int) int { return n })
		if got, want := merkle.LeafHash(data), wantLeaves(data, ends)[0]; got != want {
			t.Errorf("LeafHash of %d bytes = %x, want %x", n, got, want)
		}
	}
	for range 100 {
		var l, r merkle.Hash
		for i := range l {
			l[i], r[i] = byte(rng.Uint32()), byte(rng.Uint32())
		}
		if got, want := merkle.NodeHash(l, r), merkle.Hash(tlog.NodeHash(tlog.Hash(l), tlog.Hash(r))); got != want {
			t.Errorf("NodeHash(%x, %x) = %x, want %x", l, r, got, want)
		}
	}
}

// TestLeavesBoundaries puts every two boundary lengths side by side, in batches of
// several sizes, so that each meets each in whatever is hashed at the same time.
func TestLeavesBoundaries(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	var lengths []int
	for _, a := range boundary[:len(boundary)-1] {
		for _, b := range boundary[:len(boundary)-1] {
			lengths = append(lengths, a, b)
		}
	}
	data, ends := segments(rng, len(lengths), func(i int) int { return lengths[i] })
	want := wantLeaves(data, ends)
	for _, batch := range []int{1, 2, 3, 4, 7, 64, 256, 1000, len(lengths)} {
		var h merkle.Hasher
		got := make([]merkle.Hash, len(ends))
		for lo := 0; lo < len(ends); lo += batch {
			hi, start := min(lo+batch, len(ends)), 0
			if lo > 0 {
				start = ends[lo-1]
			}
			var local []int
			for _, end := range ends[lo:hi] {
				local = append(local, end-start)
			}
			h.Leaves(got[lo:hi], data[start:], local)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("batches of %d: leaf %d of %d bytes = %x, want %x", batch, i, lengths[i], got[i], want[i])
			}
		}
	}
}

func TestLeavesHuge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	lengths := []int{40, 3 << 20, 41, 0, 1<<20 + 7, 30, 30, 70000, 2 << 20}
	data, ends := segments(rng, len(lengths), func(i int) int { return lengths[i] })
	got := make([]merkle.Hash, len(ends))
	var h merkle.Hasher
	h.Leaves(got, data, ends)
	for i, want := range wantLeaves(data, ends) {
		if got[i] != want {
			t.Errorf("leaf %d of %d bytes = %x, want %x", i, lengths[i], got[i], want)
		}
	}
}

// TestTreeSizes compares leaves, root and frontier with x/mod/sumdb/tlog for every
// number of leaves.
func TestTreeSizes(t *testing.T) {
	most := 2000
	if testing.Short() {
		most = 600
	}
	rng := rand.New(rand.NewPCG(4, 0))
	data, ends := segments(rng, most, func(int) int {
		if rng.IntN(20) == 0 {
			return boundary[rng.IntN(len(boundary)-6)]
		}
		return rng.IntN(100)
	})
	leaves := wantLeaves(data, ends)
	var tree stored
	var h merkle.Hasher
	var each, pairs merkle.Frontier // by single leaves, by subtrees of 2
	hashes := make([]merkle.Hash, most)
	for n := 0; ; n++ {
		want := tree.root(t)
		h.Leaves(hashes, data, ends[:n])
		for i := range n {
			if hashes[i] != leaves[i] {
				t.Fatalf("%d leaves: leaf %d = %x, want %x", n, i, hashes[i], leaves[i])
			}
		}
		if got := h.Root(hashes[:n]); got != want {
			t.Fatalf("Root of %d leaves = %x, want %x", n, got, want)
		}
		if got := each.Root(); got != want || each.Leaves() != uint64(n) {
			t.Fatalf("Frontier of %d leaves = %x (%d), want %x", n, got, each.Leaves(), want)
		}
		if n == most {
			return
		}
		tree.add(t, leaves[n])
		if err := each.Append(leaves[n], 1); err != nil {
			t.Fatal(err)
		}
		if n%2 == 1 {
			if err := pairs.Append(merkle.NodeHash(leaves[n-1], leaves[n]), 2); err != nil {
				t.Fatal(err)
			}
			if got := pairs.Root(); got != tree.root(t) {
				t.Fatalf("Frontier of %d pairs differs", (n+1)/2)
			}
		}
	}
}

func TestLeavesChecksArguments(t *testing.T) {
	data := make([]byte, 100, 200)
	for _, test := range []struct {
		name string
		room int
		ends []int
	}{
		{"no room", 1, []int{10, 20}},
		{"negative", 2, []int{-1, 20}},
		{"decreasing", 3, []int{10, 9, 20}},
		{"beyond length", 2, []int{10, 101}},
		{"beyond, then back", 3, []int{10, 1000, 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("Leaves of %v over %d bytes did not panic", test.ends, len(data))
				}
			}()
			var h merkle.Hasher
			h.Leaves(make([]merkle.Hash, test.room), data, test.ends)
		})
	}
}

func TestLeavesWritesOnlyItsHashes(t *testing.T) {
	var h merkle.Hasher
	data := bytes.Repeat([]byte("segment "), 100)
	for n := range 20 {
		var ends []int
		for i := range n {
			ends = append(ends, 37*(i+1))
		}
		dst := make([]merkle.Hash, n+5)
		h.Leaves(dst, data, ends)
		for i, got := range dst[n:] {
			if got != (merkle.Hash{}) {
				t.Errorf("%d segments: hash %d was written", n, n+i)
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	data, ends := segments(rng, 256, func(i int) int { return 20 + i })
	large, largeEnds := segments(rng, 3, func(int) int { return 5000 })
	hashes := make([]merkle.Hash, 256)
	var h merkle.Hasher
	allocs := testing.AllocsPerRun(10, func() {
		h.Leaves(hashes, data, ends)
		h.Root(hashes)
		h.Leaves(hashes, large, largeEnds)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch, want none", allocs)
	}
}

func TestManyHashers(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 0))
	data, ends := segments(rng, 1000, func(int) int { return rng.IntN(80) })
	want := wantLeaves(data, ends)
	var h merkle.Hasher
	root := h.Root(append([]merkle.Hash(nil), want...))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var h merkle.Hasher
			got := make([]merkle.Hash, len(ends))
			for range 20 {
				h.Leaves(got, data, ends)
				for i := range got {
					if got[i] != want[i] {
						t.Errorf("leaf %d differs", i)
						return
					}
				}
				if h.Root(got) != root {
					t.Error("root differs")
				}
			}
		})
	}
	wg.Wait()
}

func TestLeafWriter(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	var w merkle.LeafWriter
	for _, n := range boundary {
		data, _ := segments(rng, 1, func(int) int { return n })
		w.Reset()
		for rest := data; len(rest) > 0; {
			k := 1 + rng.IntN(len(rest))
			if wrote, err := w.Write(rest[:k]); wrote != k || err != nil {
				t.Fatalf("Write of %d bytes = %d, %v", k, wrote, err)
			}
			rest = rest[k:]
			if done := data[:n-len(rest)]; w.Sum() != merkle.LeafHash(done) {
				t.Fatalf("after %d of %d bytes: Sum = %x, want %x", len(done), n, w.Sum(), merkle.LeafHash(done))
			}
		}
		if w.Sum() != merkle.LeafHash(data) {
			t.Errorf("%d bytes: Sum = %x, want %x", n, w.Sum(), merkle.LeafHash(data))
		}
	}
	var zero merkle.LeafWriter
	if zero.Sum() != merkle.Hash(sha256.Sum256([]byte{0})) {
		t.Error("the zero LeafWriter is not the empty segment")
	}
}

func ExampleHasher() {
	log := []byte("takeoffcruiseland")
	ends := []int{7, 13, 17}
	var h merkle.Hasher
	hashes := make([]merkle.Hash, len(ends))
	h.Leaves(hashes, log, ends)
	root := h.Root(hashes)
	fmt.Printf("%x\n", root[:8])
	left := merkle.NodeHash(merkle.LeafHash([]byte("takeoff")), merkle.LeafHash([]byte("cruise")))
	same := merkle.NodeHash(left, merkle.LeafHash([]byte("land")))
	fmt.Printf("%x\n", same[:8])
	// Output:
	// f842e08bb0763234
	// f842e08bb0763234
}
