package figures_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"cqkit/pkg/bench/figures"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

func all(tb testing.TB) figures.Set {
	s := figures.Keys(figures.CCTV())
	s.Add(figures.Limits([]int{1, 2}))
	sealed, err := figures.Seal(figures.GeneratedLog(2000), []int{1, 2})
	if err != nil {
		tb.Fatal(err)
	}
	s.Add(sealed)
	return s
}

// TestFiguresWork calls each function that is timed, those of SLH-DSA, which take a second, only in long tests.
func TestFiguresWork(t *testing.T) {
	s := all(t)
	seen := map[string]bool{}
	for _, f := range s.Figures {
		if seen[f.Name] {
			t.Errorf("two figures are named %s", f.Name)
		}
		seen[f.Name] = true
		if testing.Short() && (strings.HasPrefix(f.Name, "slhdsa") || strings.HasPrefix(f.Name, "gcra/1M")) {
			continue
		}
		if f.Setup != nil {
			if err := f.Setup(); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		f.Func(max(1, f.Passes))
	}
	for _, f := range s.Figures {
		if f.Bound != "" && !seen[f.Bound] {
			t.Errorf("%s has a bound %s that is none", f.Name, f.Bound)
		}
	}
	for _, name := range figures.Scaled {
		if !seen[name] || !seen[name+"/2"] {
			t.Errorf("%s is not measured both ways", name)
		}
	}
}

// TestSizes has bounds of what is known: docs/gcra.md promises 36 bytes a key.
func TestSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills a million keys, and collects often")
	}
	for _, s := range all(t).Sizes {
		bytes, err := s.Count()
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		least, most := 10e3, 64e6
		if s.Per == "key" {
			least, most = 12, 36
		}
		if bytes < least || bytes > most {
			t.Errorf("%s: %.4g bytes a %s, want %g to %g", s.Name, bytes, s.Per, least, most)
		}
	}
}

// TestGeneratedLog cuts a generated log: each record is one, with a checksum that is right.
func TestGeneratedLog(t *testing.T) {
	const n = 700
	log := figures.GeneratedLog(n)
	if !slices.Equal(log, figures.GeneratedLog(n)) {
		t.Error("two logs differ")
	}
	s := tlog.NewSliceScanner(log, tlog.NewSeeds(mav.Seeds()), tlog.Timed)
	records := 0
	for {
		segment, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if segment.Kind != tlog.Record || segment.Check != tlog.OK {
			t.Fatalf("at %d: kind %v, check %v", segment.Offset, segment.Kind, segment.Check)
		}
		records++
	}
	if records != n {
		t.Errorf("%d records, want %d", records, n)
	}
}

func TestSealRefuses(t *testing.T) {
	if _, err := figures.Seal([]byte("no log"), []int{1}); err == nil {
		t.Error("a log without records")
	}
}

func TestCCTV(t *testing.T) {
	list := figures.CCTV()
	seen := map[string]bool{}
	for _, m := range list {
		seen[string(m)] = true
	}
	if len(list) != 114 || len(seen) != 114 {
		t.Errorf("%d messages, %d of them distinct", len(list), len(seen))
	}
}

// TestBenchmark runs figures as go test -bench does.
func TestBenchmark(t *testing.T) {
	s := figures.Limits([]int{1})
	r := testing.Benchmark(func(b *testing.B) { figures.Benchmark(b, s, "bound/update") })
	if r.N != 1 { // of the benchmark that holds the others
		t.Errorf("ran %d times", r.N)
	}
}

// BenchmarkFigures times everything that cqbench does.
func BenchmarkFigures(b *testing.B) { figures.Benchmark(b, all(b)) }
