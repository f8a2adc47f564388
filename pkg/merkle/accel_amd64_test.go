//go:build !purego

package merkle

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func needSHA(tb testing.TB) {
	tb.Helper()
	if !hasSHA {
		tb.Skip("this processor has no SHA extensions; there is only the portable code to test")
	}
}

// TestSecondBlock checks every row of the table of second blocks.
func TestSecondBlock(t *testing.T) {
	needSHA(t)
	var h Hasher
	for b := range 256 {
		var src [8]Hash
		for i := range src {
			for j := range src[i] {
				src[i][j] = byte(i + j + b)
			}
			src[i][Size-1] = byte(b)
		}
		var got, want [4]Hash
		nodes4(&got[0], &src[0], 1, secondBlock())
		h.nodesPortable(want[:], src[:])
		if got != want {
			t.Fatalf("last byte %#02x: nodes = %x, want %x", b, got, want)
		}
	}
}

// TestBatchMixes puts unlike segments side by side.
func TestBatchMixes(t *testing.T) {
	needSHA(t)
	rng := rand.New(rand.NewPCG(10, 0))
	var h Hasher
	for range 2000 {
		// One group of four, of any lengths in any order: lanes end at different
		// blocks.
		data := make([]byte, 3000)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		var ends []int
		end := 0
		for range 1 + rng.IntN(6) {
			end += rng.IntN(510)
			if end < len(data) {
				ends = append(ends, end)
			}
		}
		got, want := make([]Hash, len(ends)), make([]Hash, len(ends))
		h.Leaves(got, data, ends)
		h.leavesPortable(want, data, ends)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("ends %v: leaf %d = %x, want %x", ends, i, got[i], want[i])
			}
		}
	}
}

// BenchmarkBlocks measures the bound: four lanes, always full, eight blocks each.
func BenchmarkBlocks(b *testing.B) {
	needSHA(b)
	data := make([]byte, 64*maxBlocks)
	jobs := make([]job, 64)
	for i := range jobs {
		jobs[i] = job{size: 64*maxBlocks - 9, index: uint32(i)}
	}
	dst := make([]Hash, len(jobs))
	b.Run("lanes=4", func(b *testing.B) {
		for b.Loop() {
			leaves4(&dst[0], unsafe.SliceData(data), &jobs[0], len(jobs)/4)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(jobs)*maxBlocks), "ns/block")
	})
	b.Run("nodes", func(b *testing.B) {
		src := make([]Hash, 128)
		dst := make([]Hash, 64)
		for b.Loop() {
			nodes4(&dst[0], &src[0], len(dst)/4, secondBlock())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/node")
	})
	b.Run("lanes=1", func(b *testing.B) {
		data := make([]byte, 1<<16)
		for b.Loop() {
			sha256.Sum256(data)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(data)/64), "ns/block")
	})
}
