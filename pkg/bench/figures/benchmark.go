package figures

import (
	"strings"
	"time"
)

// B is what [Benchmark] needs of a *testing.B.
type B[T any] interface {
	Run(name string, f func(T)) bool
	Loop() bool
	Elapsed() time.Duration
	ReportAllocs()
	ReportMetric(n float64, unit string)
	Fatal(args ...any)
}

// Benchmark runs the figures of set whose names begin with one of the prefixes, or all without any, as benchmarks of
// their names. Times are reported a figure's operation, whatever a turn of the loop is, and bytes and items a second.
func Benchmark[T B[T]](b T, set Set, prefixes ...string) {
	for _, f := range set.Figures {
		if len(prefixes) == 0 || hasPrefix(f.Name, prefixes) {
			b.Run(f.Name, func(b T) { benchmark(b, f) })
		}
	}
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func benchmark[T B[T]](b T, f Figure) {
	if f.Setup != nil {
		if err := f.Setup(); err != nil {
			b.Fatal(err)
		}
	}
	// A turn takes half a millisecond, beside which the loop, and starting goroutines, is nothing.
	turn := max(1, f.Passes, f.Cycle)
	for f.Cycle <= 1 {
		start := time.Now()
		f.Func(turn)
		if time.Since(start) > 500*time.Microsecond || turn >= 1<<20 {
			break
		}
		turn *= 2
	}
	if turn <= max(1, f.Passes) { // allocations are counted a turn
		b.ReportAllocs()
	}
	n := 0
	for b.Loop() {
		f.Func(turn)
		n += turn
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(seconds*1e9/float64(n), "ns/op")
	if f.Bytes > 0 {
		b.ReportMetric(f.Bytes*float64(n)/1e6/seconds, "MB/s")
	}
	if f.Items > 1 {
		b.ReportMetric(f.Items*float64(n)/seconds, "items/s")
	}
}
