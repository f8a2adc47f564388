package pqkem_test

import (
	"testing"

	"cqkit/pkg/bench/figures"
)

// BenchmarkFigures times what cqbench times of this package, see docs/bench.md.
func BenchmarkFigures(b *testing.B) {
	figures.Benchmark(b, figures.Keys(figures.CCTV()), "mlkem1024/", "hybrid/")
}
