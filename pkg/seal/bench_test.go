package seal

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"testing"

	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
)

// benchLog is a large real log, or the one in testdata a hundred times over.
func benchLog(b *testing.B) []byte {
	b.Helper()
	data, err := os.ReadFile("../../../shared/data/tlogs/big-append-chronological-2012-2021.tlog")
	if err != nil {
		return bytes.Repeat(testLog(b), 100)
	}
	return data
}

// BenchmarkSeal seals and verifies a log in memory, on one worker and on all cores,
// beside what bounds both: reading it once, cutting it, and hashing its segments
// and nodes in one goroutine.
func BenchmarkSeal(b *testing.B) {
	log := benchLog(b)
	s := sealLog(b, log, nil)
	records := s.sum.Records + s.sum.Gaps
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				f(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
		})
	}
	key, _ := testKey(b, 1)
	for _, workers := range []int{1, runtime.NumCPU()} {
		name := map[bool]string{true: "1 worker", false: "all cores"}[workers == 1]
		run("sign/"+name, func(b *testing.B) {
			o := testOptions()
			o.Index, o.Workers = io.Discard, workers
			if _, _, err := Sign(bytes.NewReader(log), seeds, key, o); err != nil {
				b.Fatal(err)
			}
		})
		run("verify/"+name, func(b *testing.B) {
			q := s.request(b, log)
			q.Workers = workers
			if v := judge(b, q); v.Outcome != Valid {
				b.Fatal(v.Reason)
			}
		})
	}
	run("bound/copy", func(b *testing.B) { io.Copy(io.Discard, struct{ io.Reader }{bytes.NewReader(log)}) })
	run("bound/cut", func(b *testing.B) {
		scan := tlog.NewSliceScanner(log, seeds, tlog.Timed)
		for {
			if _, err := scan.Next(); err != nil {
				return
			}
		}
	})
	ends := make([]int, 0, records)
	at := 0
	for _, seg := range segments(log) {
		at += len(seg)
		ends = append(ends, at)
	}
	hashes := make([]merkle.Hash, len(ends))
	var h merkle.Hasher
	run("bound/hash", func(b *testing.B) {
		h.Leaves(hashes, log, ends)
		h.Root(hashes)
	})
}

// BenchmarkInside verifies a log with its seal beside it and inside it, and takes the two
// apart, on one worker.
func BenchmarkInside(b *testing.B) {
	log := benchLog(b)
	e := embedLog(b, log, func(o *Options) { o.EveryRecords = 10_000 })
	for _, bench := range []struct {
		name string
		f    func(b *testing.B)
	}{
		{"beside", func(b *testing.B) {
			q := e.sealed.request(b, log)
			if q.Workers = 1; judge(b, q).Outcome != Valid {
				b.Fatal("not valid")
			}
		}},
		{"inside", func(b *testing.B) {
			q := e.request(b, e.file)
			if q.Workers = 1; judge(b, q).Outcome != Valid {
				b.Fatal("not valid")
			}
		}},
		{"find", func(b *testing.B) {
			if in, err := findInside(asLog(log)); err != nil || in.frames > 0 {
				b.Fatal("something was found")
			}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			for b.Loop() {
				bench.f(b)
			}
		})
	}
}
