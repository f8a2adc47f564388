package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
)

// smallLogs makes a folder of n logs with their seals: links to the real log that ships
// with the module, 269 kB, and to its seal.
func smallLogs(tb testing.TB, n int) (dir string) {
	tb.Helper()
	root, err := clitest.Root()
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(root, "testdata", "logs", "copter.tlog"))
	if err != nil {
		tb.Fatal(err)
	}
	s := newSealer(tb)
	dir = tb.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(tb, at("one"), log)
	s.seal(log, at("one.cqseal"), "-", 0, true) // as from a pipe: links have other names
	put(tb, at("pilot.pub"), publicKey(tb, s.key, "pilot-7"))
	for i := range n {
		name := fmt.Sprintf("logs/%04d.tlog", i)
		if err := os.MkdirAll(at("logs"), 0o755); err != nil {
			tb.Fatal(err)
		}
		for _, end := range []string{"", ".cqseal", ".cqidx"} {
			if err := os.Link(at("one"+end), at(name+end)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return dir
}

// BenchmarkFolder judges and surveys a folder of 1,000 small logs, in turn on one core
// and on all. The bound of speedup is the number of cores; it is that of the fastest
// runs, which the neighbours disturbed least.
func BenchmarkFolder(b *testing.B) {
	b.Chdir(smallLogs(b, 1000))
	all := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(all)
	for _, bench := range []struct {
		name string
		args []string
	}{
		{"verify", []string{"-k", "pilot.pub", "-o", os.DevNull, "logs"}},
		{"info", []string{"info", "-o", os.DevNull, "logs"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			best := make(map[int]time.Duration)
			for b.Loop() {
				for _, cores := range []int{1, all} {
					runtime.GOMAXPROCS(cores)
					start := time.Now()
					if code, _, stderr := run(context.Background(), nil, bench.args...); code != 0 {
						b.Fatalf("exit code %d\n%s", code, stderr)
					}
					if took := time.Since(start); best[cores] == 0 || took < best[cores] {
						best[cores] = took
					}
				}
			}
			b.ReportMetric(best[1].Seconds(), "one-core-s")
			b.ReportMetric(best[all].Seconds(), "all-cores-s")
			b.ReportMetric(best[1].Seconds()/best[all].Seconds(), "speedup")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// peakMain runs a program and prints its peak resident size on standard error.
func peakMain(args []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stderr, peakBytes(cmd.ProcessState))
	return 0
}

// TestManyLogs judges more logs than a process may have files open. Memory is that of a
// few logs, whatever their number: what is said of a log stays to the end of the run,
// and must not keep the log's own tables.
func TestManyLogs(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and judges 1,200 logs")
	}
	schemas := compileSchemas(t)
	cqverify := filepath.Join(clitest.Build(t, "cqverify"), "cqverify")
	t.Chdir(smallLogs(t, 1200))
	for _, tt := range []struct {
		schema string
		args   []string
	}{
		{"cqverify-verdicts", []string{"-k", "pilot.pub", "--json", "logs"}},
		{"cqverify-infos", []string{"info", "--json", "logs"}},
	} {
		// A process's peak begins with that of the process it was forked from, and that of
		// the tests is whatever they needed: so a small one stands between.
		cmd := exec.Command("peak", append([]string{cqverify}, tt.args...)...)
		var peak strings.Builder
		cmd.Stderr = &peak
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", tt.args, err, &peak)
		}
		validate(t, schemas[tt.schema], string(out))
		size, err := strconv.ParseInt(strings.TrimSpace(peak.String()), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		const most = 120_000_000 // it takes 50
		if size > most {
			t.Errorf("%q: peak of %d MB", tt.args, size/1e6)
		}
	}
}
