package merkle

import (
	"fmt"
	"math/bits"
)

// Frontier joins the roots of consecutive subtrees into the root of the tree over all
// of them. It keeps one hash for each binary digit 1 of its number of leaves: the
// complete subtrees into which RFC 6962 divides the tree, the largest first.
//
// The zero Frontier is the empty tree. A Frontier is a value: to remember a state,
// copy it. A Frontier must not be changed by one goroutine while another uses it.
type Frontier struct {
	leaves uint64
	// subtrees[k] is the root of the complete subtree of 1<<k leaves; it means
	// something only where digit k of leaves is 1.
	subtrees [64]Hash
}

// Leaves returns the number of leaves appended.
func (f *Frontier) Leaves() uint64 { return f.leaves }

// Append adds the complete subtree with the given root and number of leaves at the
// end. leaves must be a power of two that divides the number of leaves before it, as
// is the case if all subtrees have the same number of leaves, or if smaller ones
// follow larger ones. It returns an error otherwise, or if the number of leaves would
// exceed 2⁶⁴-1, and f is then as it was.
func (f *Frontier) Append(root Hash, leaves uint64) error {
	if bits.OnesCount64(leaves) != 1 {
		return fmt.Errorf("subtree of %d leaves, want a power of two", leaves)
	}
	if f.leaves%leaves != 0 {
		return fmt.Errorf("subtree of %d leaves cannot begin at leaf %d", leaves, f.leaves)
	}
	sum, carry := bits.Add64(f.leaves, leaves, 0)
	if carry != 0 {
		return fmt.Errorf("no room for %d leaves after %d", leaves, f.leaves)
	}
	// Adding 1<<k carries past every digit 1 from k on, and so do the subtrees.
	k := bits.TrailingZeros64(leaves)
	for ; f.leaves>>k&1 == 1; k++ {
		root = NodeHash(f.subtrees[k], root)
	}
	f.subtrees[k] = root
	f.leaves = sum
	return nil
}

// Root returns the root of the tree over all leaves so far; without any, [EmptyRoot].
func (f *Frontier) Root() Hash {
	if f.leaves == 0 {
		return EmptyRoot()
	}
	k := bits.TrailingZeros64(f.leaves)
	return f.fold(f.subtrees[k], k+1)
}

// RootWith returns the root that the tree would have with a last subtree, complete or
// not, of the given number of leaves after those so far. leaves must be at least 1 and
// at most the size of the last complete subtree: at most 256 after subtrees of 256
// leaves. It returns an error otherwise, because the root of the tree is then no
// function of the subtrees' roots. f is unchanged.
func (f *Frontier) RootWith(root Hash, leaves uint64) (Hash, error) {
	if leaves == 0 {
		return Hash{}, fmt.Errorf("last subtree has no leaves")
	}
	if f.leaves == 0 {
		return root, nil
	}
	k := bits.TrailingZeros64(f.leaves)
	if leaves > 1<<k {
		return Hash{}, fmt.Errorf("last subtree of %d leaves after leaf %d, want at most %d", leaves, f.leaves, uint64(1)<<k)
	}
	if _, carry := bits.Add64(f.leaves, leaves, 0); carry != 0 {
		return Hash{}, fmt.Errorf("no room for %d leaves after %d", leaves, f.leaves)
	}
	return f.fold(root, k), nil
}

// fold joins the subtrees from digit k up, which lie to the left of root, to it.
func (f *Frontier) fold(root Hash, k int) Hash {
	for ; k < 64; k++ {
		if f.leaves>>k&1 == 1 {
			root = NodeHash(f.subtrees[k], root)
		}
	}
	return root
}
