package merkle

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// The bound is the rate at which the machine does SHA-256 blocks; BenchmarkBlocks
// measures it with full lanes and nothing else to do. A record costs at least one
// block for its leaf and two for its node, the second without a message schedule.

// sizes is for machines without big-append-chronological-2012-2021.tlog: the lengths of
// that log's records at its 0.5th, 1.5th ... 99.5th percentile, and how often each of
// them occurs there. Their mean is 37.4 bytes, as the log's; its longest has 145.
var sizes = []struct{ length, percent int }{
	{18, 4}, {19, 3}, {20, 4}, {21, 1}, {22, 2}, {23, 1}, {24, 2}, {25, 2}, {26, 1},
	{28, 4}, {29, 1}, {30, 4}, {31, 1}, {32, 1}, {34, 1}, {36, 5}, {37, 4}, {38, 12},
	{40, 3}, {41, 2}, {42, 8}, {44, 14}, {45, 1}, {46, 3}, {47, 4}, {48, 4}, {49, 1},
	{51, 1}, {56, 1}, {58, 2}, {60, 1}, {62, 1}, {63, 1},
}

// benchLog returns a real log, or segments of the lengths above in a fixed order that
// looks random, and where its records end.
func benchLog(b *testing.B) (data []byte, ends []int) {
	b.Helper()
	name := filepath.Join("..", "..", "..", "shared", "data", "tlogs", "big-append-chronological-2012-2021.tlog")
	data, err := os.ReadFile(name)
	if err == nil {
		return data, cut(data)
	}
	b.Logf("measuring an invented log: %v", err)
	var lengths [100]int
	i := 0
	for _, s := range sizes {
		for range s.percent {
			lengths[i*37%100] = s.length
			i++
		}
	}
	end := 0
	for i := range 100_000 {
		end += lengths[(i*7+i/100*13)%100]
		ends = append(ends, end)
	}
	data = make([]byte, end)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	return data, ends
}

// cut finds records well enough to have their lengths.
func cut(data []byte) (ends []int) {
	at := 0
	for at+8+12 < len(data) {
		size := 0
		switch frame := data[at+8:]; {
		case binary.BigEndian.Uint64(data[at:])>>52 != 0:
		case frame[0] == 0xfe:
			size = 8 + 8 + int(frame[1])
		case frame[0] == 0xfd:
			size = 8 + 12 + int(frame[1]) + 13*int(frame[2]&1)
		}
		if size == 0 {
			at++
			continue
		}
		at = min(at+size, len(data))
		ends = append(ends, at)
	}
	return ends
}

// benchTree hashes the log in batches of 256 leaves.
func benchTree(b *testing.B, leaves func(dst []Hash, data []byte, ends []int), root func([]Hash) Hash) {
	data, ends := benchLog(b)
	var hashes [256]Hash
	local := make([]int, 0, 256)
	b.SetBytes(int64(ends[len(ends)-1]))
	for b.Loop() {
		start := 0
		for rest := ends; len(rest) > 0; {
			n := min(len(rest), 256)
			local = local[:0]
			for _, end := range rest[:n] {
				local = append(local, end-start)
			}
			leaves(hashes[:n], data[start:], local)
			if root != nil {
				root(hashes[:n])
			}
			start = rest[n-1]
			rest = rest[n:]
		}
	}
	perRecord(b, len(ends))
}

func perRecord(b *testing.B, records int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
}

// BenchmarkTree measures leaves and nodes of a log.
func BenchmarkTree(b *testing.B) {
	b.Run("this", func(b *testing.B) {
		var h Hasher
		benchTree(b, h.Leaves, h.Root)
	})
	b.Run("portable", func(b *testing.B) {
		var h Hasher
		benchTree(b, h.leavesPortable, func(hashes []Hash) Hash {
			for n := len(hashes); n > 1; n = (n + 1) / 2 {
				h.nodesPortable(hashes[:n/2], hashes[:n/2*2])
				if n%2 == 1 {
					hashes[n/2] = hashes[n-1]
				}
			}
			return hashes[0]
		})
	})
	// One SHA-256 call of the standard library a hash, and no copying: the leaves
	// lack their prefix, the nodes have theirs already.
	b.Run("sha256", func(b *testing.B) {
		var node [65]byte
		benchTree(b, func(dst []Hash, data []byte, ends []int) {
			start := 0
			for i, end := range ends {
				dst[i] = sha256.Sum256(data[start:end])
				start = end
			}
		}, func(hashes []Hash) Hash {
			var sum Hash
			for range len(hashes) - 1 {
				sum = sha256.Sum256(node[:])
			}
			return sum
		})
	})
}

// BenchmarkLeaves measures the leaves of a log alone.
func BenchmarkLeaves(b *testing.B) {
	var h Hasher
	b.Run("this", func(b *testing.B) { benchTree(b, h.Leaves, nil) })
	b.Run("portable", func(b *testing.B) { benchTree(b, h.leavesPortable, nil) })
}

// BenchmarkNodes measures the root of 4096 hashes, as nanoseconds a node.
func BenchmarkNodes(b *testing.B) {
	var h Hasher
	hashes := make([]Hash, 4096)
	for b.Loop() {
		h.Root(hashes)
	}
	perRecord(b, len(hashes))
}

// BenchmarkFrontier measures one more tile of 256 leaves.
func BenchmarkFrontier(b *testing.B) {
	var f Frontier
	var root Hash
	for b.Loop() {
		if err := f.Append(root, 256); err != nil {
			b.Fatal(err)
		}
	}
}
