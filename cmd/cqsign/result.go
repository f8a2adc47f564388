package main

import (
	"fmt"
	"io"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// result is what became of one log.
type result struct {
	Log     string `json:"log"`
	Seal    string `json:"seal,omitempty"`
	Index   string `json:"index,omitempty"`
	Inside  bool   `json:"inside,omitempty"`  // Seal is a copy of the log with the seal inside
	Skipped bool   `json:"skipped,omitempty"` // had a seal already
	Error   string `json:"error,omitempty"`
	*sum
	Warnings []string `json:"warnings"`

	err error
}

type sum struct {
	Origin   string `json:"origin"`
	Notes    int    `json:"notes"`
	Records  uint64 `json:"records"`
	Gaps     uint64 `json:"gaps"`
	GapBytes int64  `json:"gap_bytes"`
	Bytes    int64  `json:"bytes"`
	FirstUS  *int64 `json:"first_us,omitempty"`
	LastUS   *int64 `json:"last_us,omitempty"`

	Carriers     uint64 `json:"carriers,omitempty"` // records that carry the seal inside the copy
	CarrierBytes int64  `json:"carrier_bytes,omitempty"`
}

func (r *result) failure() error { return r.err }
func (r *result) skipped() bool  { return r.Skipped }

func (r *result) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// describe takes over what was sealed, and nothing that would keep more in memory.
func describe(s *seal.Summary) *sum {
	d := &sum{Origin: strings.Clone(s.Origin), Notes: s.Notes, Records: s.Records, Gaps: s.Gaps, GapBytes: s.GapBytes, Bytes: s.Bytes}
	d.Carriers, d.CarrierBytes = s.Carriers, s.CarrierBytes
	if s.HasSpan {
		d.FirstUS, d.LastUS = new(s.First), new(s.Last)
	}
	return d
}

// tell prints what became of a log, and returns an error that carries its exit code.
func (j *job) tell(r *result) error {
	if r.err != nil {
		r.Error = r.err.Error()
		r.Seal, r.Index, r.Inside, r.sum = "", "", false, nil
		return cli.Report(j.cmd, r.err)
	}
	for _, w := range r.Warnings {
		cli.Warn(j.cmd, "%s: %s", quoted(r.Log), w)
	}
	// A write that fails is remembered by package cli, and said once.
	switch out := j.cmd.OutOrStdout(); {
	case j.o.json || j.o.output == "-":
	case r.Skipped:
		fmt.Fprintf(out, "%s: has a seal already\n", called(r.Log))
	case r.Inside:
		fmt.Fprintf(out, "%s: sealed inside %s, %s\n", called(r.Log), report.Clean(r.Seal), r.sum)
	default:
		fmt.Fprintf(out, "%s: sealed as %s, %s\n", called(r.Log), report.Clean(r.Seal), r.sum)
	}
	return nil
}

// called is how a line of the result names a log.
func called(log string) string {
	if log == "-" {
		return "standard input"
	}
	return report.Clean(log)
}

// quoted is how a message names a log.
func quoted(log string) string {
	if log == "-" {
		return "standard input"
	}
	return fmt.Sprintf("%q", log)
}

// String is the sum in a line: "6,123 records, 2 gaps, 268 kB".
func (s *sum) String() string {
	text := cli.Count(int64(s.Records), "record") + ", "
	if s.Gaps > 0 {
		text += cli.Count(int64(s.Gaps), "gap") + ", "
	}
	if s.Notes > 1 {
		text += cli.Count(int64(s.Notes), "note") + ", "
	}
	if s.Carriers > 0 {
		return text + fmt.Sprintf("%s and %s for the seal", cli.Size(s.Bytes), cli.Size(s.CarrierBytes))
	}
	return text + cli.Size(s.Bytes)
}

func printJSON(w io.Writer, results []*result) error {
	var page struct {
		Logs    []*result `json:"logs"`
		Summary struct {
			Sealed  int `json:"sealed"`
			Skipped int `json:"skipped"`
			Failed  int `json:"failed"`
		} `json:"summary"`
	}
	page.Logs = append([]*result{}, results...)
	page.Summary.Sealed, page.Summary.Skipped, page.Summary.Failed = counted(results)
	return report.WriteJSON(w, &page)
}
