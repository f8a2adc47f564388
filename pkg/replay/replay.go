// Package replay finds replays and forgeries in flight logs: signed frames sent
// again, signatures that fail, stretches and commands that stood before, second
// transmitters under a borrowed id, floods, clocks that run back, stretches of other
// logs, and, kept apart, losses. docs/replay.md says what each finding means, how it is
// computed and what cannot be seen.
//
// [Scan] looks at a log in one pass and bounded memory. [Index] compares logs with one
// another. Findings are values; the package prints nothing and judges no seal.
package replay

import (
	"bufio"
	"errors"
	"io"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// Result is what was found in a log.
type Result struct {
	Format  tlog.Format
	Bytes   int64
	Records int64
	First   int64 // recorder's time of the first and last record in file order,
	Last    int64 // µs since 1970 UTC; 0 in raw captures and without records

	Signed   int64 // frames that carry a signature
	Verified int64 // of those, how many the key fits; 0 without a key
	Failed   int64 // of those, how many it does not
	WrongKey bool  // a key was given, signed frames are there, and it fits none

	// Findings are sorted by the place of their first record.
	Findings []Finding
	// Dropped is how many findings beyond MaxFindings were left out.
	Dropped int64

	// Prints are there if Options asked for them.
	Prints *Prints
}

// MaxFindings is how many findings of one kind a result holds at most.
const MaxFindings = 10_000

// Worst returns the highest severity among the findings, 0 if there are none.
func (r *Result) Worst() Severity {
	var worst Severity
	for i := range r.Findings {
		worst = max(worst, r.Findings[i].Severity)
	}
	return worst
}

// Scan looks at the log that r holds, to its end. It returns r's error if reading
// failed. It may be called concurrently.
func Scan(r io.Reader, seeds *tlog.Seeds, opts Options) (*Result, error) {
	b := bufio.NewReaderSize(r, tlog.HeadSize)
	head, err := b.Peek(tlog.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	format := tlog.Detect(head, seeds).Format
	d := New(format, opts)
	scan := tlog.NewScanner(b, seeds, format)
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			return d.Finish(), nil
		}
		if err != nil {
			return nil, err
		}
		d.Add(seg)
	}
}

// Seeds returns what Scan needs to check checksums, made of all messages that
// package mav knows. It takes some milliseconds; share it.
func Seeds() *tlog.Seeds { return tlog.NewSeeds(mav.Seeds()) }
