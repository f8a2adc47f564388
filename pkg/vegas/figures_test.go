package vegas_test

import (
	"testing"

	"cqkit/pkg/bench/figures"
)

// BenchmarkFigures times what cqbench times of this package, see docs/bench.md.
func BenchmarkFigures(b *testing.B) {
	figures.Benchmark(b, figures.Limits([]int{1, 2}), "vegas/", "bound/gate")
}
