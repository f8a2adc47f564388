package main

import (
	"errors"
	"io"
	"testing"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// TestGeneratedLog cuts a generated log: each record is one, with a checksum that is right.
func TestGeneratedLog(t *testing.T) {
	const n = 700
	s := tlog.NewSliceScanner(generatedLog(n), tlog.NewSeeds(mav.Seeds()), tlog.Timed)
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

func TestSealFiguresWork(t *testing.T) {
	list, err := sealFigures(&options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Items != 20_000 {
			t.Errorf("%s: %v records", f.Name, f.Items)
		}
		f.Func(1)
	}
}
