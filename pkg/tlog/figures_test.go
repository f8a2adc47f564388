package tlog_test

import (
	"testing"

	"cqkit/pkg/bench/figures"
)

// BenchmarkFigures times what cqbench times of this package, see docs/bench.md.
func BenchmarkFigures(b *testing.B) {
	set, err := figures.Seal(figures.GeneratedLog(20_000), []int{1})
	if err != nil {
		b.Fatal(err)
	}
	figures.Benchmark(b, set, "seal/cut", "bound/hash")
}
