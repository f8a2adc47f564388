package tlog_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	gomavlog "github.com/bluenviron/gomavlib/v3/pkg/tlog"

	"cqkit/pkg/tlog"
)

// BenchmarkWalk reads one large log record by record: ours with the checksum checked,
// from memory and through a reader, beside gomavlib's reader without a dialect, which
// checks none and stops at the first stray byte, and beside the bound, one pass of
// copying the bytes.
func BenchmarkWalk(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(logs, "big-append-chronological-2012-2021.tlog"))
	if err != nil {
		b.Skip("no shared logs beside the repository")
	}
	// gomavlib ends at the first gap: every reader walks what it can walk.
	data = data[:5_585_683]
	ours := func(s *tlog.Scanner) (n int) {
		for {
			seg, err := s.Next()
			if err == io.EOF {
				return n
			}
			if err != nil {
				b.Fatal(err)
			}
			if seg.Check == tlog.OK {
				n++
			}
		}
	}
	records := ours(tlog.NewSliceScanner(data, seeds, tlog.Timed))
	check := func(b *testing.B, n int) {
		if n != records {
			b.Fatalf("%d records, want %d", n, records)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
	}
	b.Run("slice", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n = ours(tlog.NewSliceScanner(data, seeds, tlog.Timed))
		}
		check(b, n)
	})
	b.Run("reader", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n = ours(tlog.NewScanner(bytes.NewReader(data), seeds, tlog.Timed))
		}
		check(b, n)
	})
	b.Run("gomavlib", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			r := &gomavlog.Reader{ByteReader: bytes.NewReader(data)}
			if err := r.Initialize(); err != nil {
				b.Fatal(err)
			}
			for n = 0; ; n++ {
				if _, err := r.Read(); err != nil {
					break
				}
			}
		}
		check(b, n)
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		to := make([]byte, len(data))
		for b.Loop() {
			copy(to, data)
		}
	})
}
