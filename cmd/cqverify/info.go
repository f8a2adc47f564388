package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/report"
	"cqkit/pkg/survey"
	"cqkit/pkg/tlog"
)

func infoCommand() *cobra.Command {
	var reports *cli.Reports
	var page *pageFlag
	var recursive bool
	cmd := &cobra.Command{
		Use:   "info LOG...",
		Short: "say what is in flight logs",
		Long: `Usage:
    cqverify info LOG...

Says what is in each LOG: records by version, checksum, sender and message, the
bytes that are no record, frames lost on the link, and what to beware of. No key
and no seal is needed. A LOG may be a folder, which stands for the .tlog files
in it; "-" is standard input.

A gap is a run of bytes that is no record. Raw link captures (.rlog, .raw) have
frames without times; they are recognised and their frames counted as records.

Options:
    -r, --recursive       look into the subfolders of a folder, too
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json or html
        --json            short for --format json
        --html FILE       write a page for browsers to FILE, too, with pictures
        --force           replace FILE if it is there`,
		Example: `    $ cqverify info flight.tlog
    $ cqverify info --json flight.tlog
    $ cqverify info --html flight.html flight.tlog`,
		Args: needLogs,
		RunE: func(cmd *cobra.Command, args []string) error { return infoAll(cmd, page, recursive, args) },
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "look into subfolders, too")
	reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.HTML)
	page = addPageFlag(cmd, reports)
	cli.SetExit(cmd, 1, "")
	return cmd
}

// info is what is in a log in the form that scripts rely on.
type info struct {
	Log          string            `json:"log"`
	Format       string            `json:"format"`
	Bytes        int64             `json:"bytes"`
	Records      uint64            `json:"records"`
	V1           uint64            `json:"v1"`
	V2           uint64            `json:"v2"`
	Signed       uint64            `json:"signed"`
	CRCOK        uint64            `json:"crc_ok"`
	CRCBad       uint64            `json:"crc_bad"`
	UnknownID    uint64            `json:"unknown_id"`
	Gaps         uint64            `json:"gaps"`
	GapBytes     int64             `json:"gap_bytes"`
	TimeBackward uint64            `json:"time_backward"`
	FirstUS      *int64            `json:"first_us,omitempty"`
	LastUS       *int64            `json:"last_us,omitempty"`
	Sources      map[string]uint64 `json:"sources"`
	Messages     map[string]uint64 `json:"messages"`
	SequenceGaps uint64            `json:"sequence_gaps"`
	SequenceLost uint64            `json:"sequence_lost"`
	Warnings     []string          `json:"warnings"`

	drawing *drawing // what a page shows beside it, nil if no page is wanted
	err     error
}

func newInfo(log string) *info {
	return &info{Log: log, Format: "tlog", Warnings: []string{}, Sources: map[string]uint64{}, Messages: map[string]uint64{}}
}

func infoAll(cmd *cobra.Command, page *pageFlag, recursive bool, args []string) error {
	go mav.Seeds() // while the folders are listed; they are kept
	logs := logfile.Find(args, recursive)
	total, err := logfile.Declare(cmd, logs)
	if err != nil {
		return err
	}
	seeds := tlog.SeedsFrom(mav.Seeds)
	progress := cli.NewProgress(cmd, "reading", "bytes", total)
	defer progress.Stop()
	infos := make([]*info, len(logs))
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.GOMAXPROCS(0), func(i int) {
		infos[i] = oneInfo(cmd, logs[i], seeds, progress, page.wanted() && len(logs) <= drawnLogs)
	}, func(i int) {
		if n := infos[i]; n != nil && errors.Is(n.err, context.Canceled) {
			infos[i] = nil // as if it had not begun
		} else if n != nil {
			errs = append(errs, cli.Report(cmd, n.err))
		}
	})
	progress.Stop()
	several := len(logs) != 1 || logs[0].InFolder
	errs = append(errs, cmd.Context().Err(), printInfos(cmd, page, several, infos))
	return errors.Join(errs...)
}

func oneInfo(cmd *cobra.Command, l logfile.Found, seeds *tlog.Seeds, progress *cli.Progress, drawn bool) *info {
	n := newInfo(l.Path)
	switch n.err = l.Err; {
	case n.err != nil:
	case drawn:
		n.err = n.draw(cmd, seeds, progress)
	default:
		n.err = n.read(cmd, seeds, progress)
	}
	return n
}

func (n *info) read(cmd *cobra.Command, seeds *tlog.Seeds, progress *cli.Progress) error {
	in, err := cli.Open(cmd, n.Log)
	if err != nil {
		return err
	}
	defer in.Close()
	return n.survey(progress.Reader(in), func(r io.Reader, head []byte) (*survey.Survey, error) {
		return survey.Of(r, head, seeds)
	})
}

// heads are buffers for what logs begin with.
var heads = sync.Pool{New: func() any { return new([tlog.HeadSize]byte) }}

// survey takes over what of finds in a log, which it is given with what it begins with.
func (n *info) survey(r io.Reader, of func(r io.Reader, head []byte) (*survey.Survey, error)) error {
	buf := heads.Get().(*[tlog.HeadSize]byte)
	defer heads.Put(buf)
	size, err := io.ReadFull(r, buf[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("%q: %w", n.Log, err)
	}
	head := buf[:size]
	s, err := of(io.MultiReader(bytes.NewReader(head), r), head)
	if err != nil {
		return fmt.Errorf("%q: %w", n.Log, err)
	}
	if s.Records == 0 && s.Kind == "" {
		s.Kind = kind(n.Log, head)
	}
	n.fill(s)
	return nil
}

// kind tells by more than its first bytes what a file without records looks like.
func kind(name string, head []byte) string {
	switch {
	case bytes.Contains(head, []byte("\n-----BEGIN ")):
		return "a PEM file, such as a key"
	case strings.HasSuffix(name, ".cqidx"):
		return "the index of a seal"
	}
	return ""
}

// fill takes over what was found, and nothing that would keep the survey in memory.
func (n *info) fill(s *survey.Survey) {
	n.Bytes, n.Records, n.V1, n.V2, n.Signed = s.Bytes, s.Records, s.V1, s.V2, s.Signed
	n.CRCOK, n.CRCBad, n.UnknownID = s.OK, s.Bad, s.Unknown
	n.Gaps, n.GapBytes, n.TimeBackward = s.Gaps, s.GapBytes, s.TimeBackward
	n.SequenceGaps, n.SequenceLost = s.SequenceGaps, s.SequenceLost
	if s.HasTime {
		n.FirstUS, n.LastUS = new(s.First), new(s.Last)
	}
	for source, count := range s.Sources {
		n.Sources[source.String()] = count
	}
	for message, count := range s.Messages {
		n.Messages[message] = count
	}
	if s.Format == tlog.Raw {
		n.Format = "raw"
		n.warn("a raw link capture: its frames have no times; a seal can only cover it as one piece")
	}
	switch {
	case s.Kind != "":
		n.warn("no flight log: it looks like %s", s.Kind)
	case s.LittleEndian:
		n.warn("hardly a whole record, but times that look little-endian: a recorder defect; it cannot be read as a log")
	case s.Bytes == 0:
		n.warn("the file is empty")
	case s.Records == 0:
		n.warn("no record: this is no flight log")
	}
	if s.SetupSigning > 0 {
		n.warn("%s: a secret MAVLink signing key is in this log; do not pass it on before that key is changed",
			cli.Count(int64(s.SetupSigning), "SETUP_SIGNING frame"))
	}
	if z := s.ClockOffset; z != 0 {
		n.warn("times look like local time, not UTC: they are %s off the vehicle's GPS time", zone(z))
	}
}

// zone formats an offset like "+05:30".
func zone(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%02d", sign, d/time.Hour, d%time.Hour/time.Minute)
}

func (n *info) warn(format string, args ...any) {
	n.Warnings = append(n.Warnings, fmt.Sprintf(format, args...))
}
