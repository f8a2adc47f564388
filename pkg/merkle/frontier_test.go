package merkle_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"cqkit/pkg/merkle"
)

// TestFrontierTiles follows a log in tiles, as a seal does, and asks for the root
// after every single leaf.
func TestFrontierTiles(t *testing.T) {
	for _, tile := range []int{1, 2, 8, 256} {
		t.Run(fmt.Sprint(tile), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(8, uint64(tile)))
			data, ends := segments(rng, 5*tile+tile/2, func(int) int { return rng.IntN(60) })
			leaves := wantLeaves(data, ends)
			var tree stored
			var h merkle.Hasher
			var f merkle.Frontier
			for n, leaf := range leaves {
				tree.add(t, leaf)
				want := tree.root(t)
				whole := n / tile * tile
				root := h.Root(append([]merkle.Hash(nil), leaves[whole:n+1]...))
				before := f
				got, err := f.RootWith(root, uint64(n+1-whole))
				if err != nil || got != want {
					t.Fatalf("RootWith at leaf %d = %x, %v, want %x", n, got, err, want)
				}
				if f != before {
					t.Fatalf("RootWith at leaf %d changed the frontier", n)
				}
				if (n+1)%tile == 0 {
					if err := f.Append(root, uint64(tile)); err != nil {
						t.Fatal(err)
					}
					if got := f.Root(); got != want {
						t.Fatalf("Root at leaf %d = %x, want %x", n, got, want)
					}
				}
			}
		})
	}
}

// TestFrontierMixed appends subtrees of random sizes, wherever they fit.
func TestFrontierMixed(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	data, ends := segments(rng, 1500, func(int) int { return rng.IntN(60) })
	leaves := wantLeaves(data, ends)
	for range 50 {
		var tree stored
		var h merkle.Hasher
		var f merkle.Frontier
		for n := 0; n < len(leaves); {
			size := 1 << rng.IntN(9)
			for n%size != 0 || n+size > len(leaves) {
				size /= 2
			}
			root := h.Root(append([]merkle.Hash(nil), leaves[n:n+size]...))
			if err := f.Append(root, uint64(size)); err != nil {
				t.Fatal(err)
			}
			for _, leaf := range leaves[n : n+size] {
				tree.add(t, leaf)
			}
			n += size
			if got, want := f.Root(), tree.root(t); got != want {
				t.Fatalf("Root of %d leaves = %x, want %x", n, got, want)
			}
		}
	}
}

func TestFrontierRefuses(t *testing.T) {
	var h merkle.Hash
	at := func(sizes ...uint64) (f merkle.Frontier) {
		for _, n := range sizes {
			if err := f.Append(h, n); err != nil {
				t.Fatal(err)
			}
		}
		return f
	}
	for _, test := range []struct {
		name   string
		f      merkle.Frontier
		leaves uint64
		with   bool // by RootWith, else by Append
	}{
		{"no leaves", at(4), 0, false},
		{"not a power", at(4), 3, false},
		{"not aligned", at(4, 2), 4, false},
		{"overflow", at(1<<63, 1<<62), 1 << 63, false},
		{"overflow by carry", at(1 << 63), 1 << 63, false},
		{"no leaves", at(4), 0, true},
		{"more than last", at(4, 2), 3, true},
		{"overflow", at(1 << 63), 1 << 63, true},
	} {
		before := test.f
		var err error
		if test.with {
			_, err = test.f.RootWith(h, test.leaves)
		} else {
			err = test.f.Append(h, test.leaves)
		}
		if err == nil {
			t.Errorf("%s: %d leaves after %d accepted (with=%v)", test.name, test.leaves, before.Leaves(), test.with)
		}
		if test.f != before {
			t.Errorf("%s: frontier changed", test.name)
		}
	}
}
