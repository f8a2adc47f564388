package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// largeLog is the size in bytes from which a log is hashed on all cores by itself.
const largeLog = 8 << 20

// result is what became of one log.
type result struct {
	Log     string `json:"log"`
	Seal    string `json:"seal,omitempty"`
	Index   string `json:"index,omitempty"`
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
}

// job is what is common to all logs of a run.
type job struct {
	cmd    *cobra.Command
	o      *options
	key    seal.SigningKey
	signer string
	seeds  *tlog.Seeds
	nonces nonce.Source
}

func sealAll(cmd *cobra.Command, o *options, args []string) error {
	key, name, err := loadKey(cmd, o)
	if err != nil {
		return err
	}
	logs := logfile.Find(args, o.recursive)
	if err := checkOutput(o, logs); err != nil {
		return err
	}
	for _, l := range logs {
		if err := cli.Declare(cmd, l.Path); err != nil {
			return err
		}
	}
	j := &job{cmd: cmd, o: o, key: key, signer: name, seeds: tlog.NewSeeds(mav.Seeds())}
	results := make([]*result, len(logs))
	progress := cli.NewProgress(cmd, "sealing", "logs", int64(len(logs)))
	defer progress.Stop()
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.NumCPU(), func(i int) {
		results[i] = j.one(logs[i])
		progress.Add(1)
	}, func(i int) {
		if r := results[i]; r != nil {
			errs = append(errs, j.tell(r))
		}
	})
	if cmd.Context().Err() != nil {
		errs = append(errs, cmd.Context().Err())
	}
	if o.json {
		errs = append(errs, printJSON(cmd.OutOrStdout(), results))
	}
	return errors.Join(errs...)
}

// checkOutput refuses -o where it cannot mean anything.
func checkOutput(o *options, logs []logfile.Found) error {
	stdin := false
	for _, l := range logs {
		stdin = stdin || l.Path == "-"
	}
	switch {
	case o.output != "" && (len(logs) != 1 || logs[0].InFolder):
		return cli.Usagef("--output names one seal, but %d logs are given", len(logs))
	case stdin && o.output == "":
		return cli.Hint(cli.Usagef("no output is given for the seal of standard input"), "name a file with -o")
	case o.json && o.output == "-":
		return cli.Usagef("--json and the seal cannot both go to standard output")
	}
	return nil
}

// one seals one log.
func (j *job) one(l logfile.Found) *result {
	r := &result{Log: l.Path, Warnings: []string{}}
	if r.err = l.Err; r.err != nil {
		return r
	}
	r.Seal = j.o.output
	if r.Seal == "" {
		r.Seal = logfile.SealPath(l.Path)
	}
	out, err := cli.Create(j.cmd, r.Seal, cli.CreateOptions{Force: j.o.force})
	if l.InFolder && err != nil && exists(r.Seal) {
		r.Skipped = true
		return r
	}
	if err != nil {
		r.err = err
		return r
	}
	defer out.Close()
	if r.err = j.write(l.Path, out, r); r.err != nil {
		r.err = fmt.Errorf("%q: %w", l.Path, r.err)
	}
	return r
}

// write seals a log to out. Nothing appears unless everything does, the index first.
func (j *job) write(path string, out *cli.Output, r *result) error {
	var index *cli.Output
	o := seal.Options{
		Signer: j.signer, Name: filepath.Base(path),
		EveryRecords: j.o.everyRecords, EverySpan: j.o.everySpan,
		Clock: time.Now, Nonces: &j.nonces, Workers: 1,
	}
	var buffered *bufio.Writer
	if !j.o.noIndex && out.Name != "-" {
		r.Index = logfile.IndexPath(out.Name)
		var err error
		// An index without a seal is a leftover; with --force it goes with its seal.
		if index, err = cli.Create(j.cmd, r.Index, cli.CreateOptions{Force: true}); err != nil {
			return err
		}
		defer index.Close()
		buffered = bufio.NewWriterSize(index, 64<<10)
		o.Index = buffered
	}
	data, sum, err := j.read(path, &o, r)
	if err != nil {
		return err
	}
	r.sum = describe(sum)
	j.warn(sum, r)
	if index != nil {
		if err := errors.Join(buffered.Flush(), index.Commit()); err != nil {
			return err
		}
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.Commit()
}

// read reads a log once, to its end, and seals it.
func (j *job) read(path string, o *seal.Options, r *result) ([]byte, *seal.Summary, error) {
	if path == "-" {
		in, err := cli.Open(j.cmd, path)
		if err != nil {
			return nil, nil, err
		}
		defer in.Close()
		o.Name, o.Workers = "-", runtime.NumCPU()
		head := bufio.NewReaderSize(in, tlog.HeadSize)
		first, _ := head.Peek(tlog.HeadSize)
		j.look(first, r)
		return seal.Sign(head, j.seeds, j.key, *o)
	}
	l, err := logfile.Open(j.cmd, path)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if l.Size >= largeLog {
		o.Workers = runtime.NumCPU()
	}
	head := make([]byte, min(l.Size, tlog.HeadSize))
	if n, err := l.ReadAt(head, 0); err == nil || err == io.EOF {
		j.look(head[:n], r)
	}
	data, sum, err := seal.Sign(l.Reader(), j.seeds, j.key, *o)
	if err == nil {
		err = l.Unchanged()
	}
	return data, sum, err
}

// look warns of what is no log of timed records.
func (j *job) look(head []byte, r *result) {
	switch look := tlog.Detect(head, j.seeds); {
	case bytes.HasPrefix(head, []byte("cqkit/flight-log/")):
		r.warn("this is a seal, not a log")
	case look.Format == tlog.Raw:
		r.warn("a raw link capture without times: it is sealed as one piece, and no record in it can be named")
	case look.LittleEndian:
		r.warn("its times look little-endian: it is sealed as one piece, and no record in it can be named")
	}
}

func (r *result) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

func (j *job) warn(s *seal.Summary, r *result) {
	if s.SigningSecrets > 0 {
		r.warn("it contains %s with a secret MAVLink signing key: do not pass it on before that key is changed",
			cli.Count(int64(s.SigningSecrets), "SETUP_SIGNING frame"))
	}
	if s.Records == 0 && len(r.Warnings) == 0 {
		r.warn("it has no record")
	}
	if !j.o.noIndex && r.Index == "" {
		r.warn("no index is written beside a seal on standard output")
	}
}

func describe(s *seal.Summary) *sum {
	d := &sum{Origin: s.Origin, Notes: s.Notes, Records: s.Records, Gaps: s.Gaps, GapBytes: s.GapBytes, Bytes: s.Bytes}
	if s.HasSpan {
		d.FirstUS, d.LastUS = &s.First, &s.Last
	}
	return d
}

// tell prints what became of a log, and returns an error that carries its exit code.
func (j *job) tell(r *result) error {
	if r.err != nil {
		r.Error = r.err.Error()
		r.Seal, r.Index, r.sum = "", "", nil
		return cli.Report(j.cmd, r.err)
	}
	for _, w := range r.Warnings {
		cli.Warn(j.cmd, "%q: %s", r.Log, w)
	}
	switch {
	case j.o.json || j.o.output == "-":
		return nil
	case r.Skipped:
		_, err := fmt.Fprintf(j.cmd.OutOrStdout(), "%s: has a seal already\n", report.Clean(r.Log))
		return err
	}
	_, err := fmt.Fprintf(j.cmd.OutOrStdout(), "%s: sealed as %s, %s\n", report.Clean(r.Log), report.Clean(r.Seal), r.sum)
	return err
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
	page.Logs = []*result{}
	for _, r := range results {
		switch {
		case r == nil: // not begun: interrupted
			continue
		case r.err != nil:
			page.Summary.Failed++
		case r.Skipped:
			page.Summary.Skipped++
		default:
			page.Summary.Sealed++
		}
		page.Logs = append(page.Logs, r)
	}
	return report.WriteJSON(w, &page)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
