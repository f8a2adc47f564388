package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// tapJob is what is common to all logs of a run.
type tapJob struct {
	cmd      *cobra.Command
	o        *tapOptions
	key      seal.SigningKey
	session  [32]byte // of version 1
	seeds    *tlog.Seeds
	nonces   nonce.Source // of version 1
	progress *cli.Progress
}

// tapResult is what became of one log, as --json prints it.
type tapResult struct {
	Log     string `json:"log"`
	Anchors string `json:"anchors,omitempty"` // file
	Tags    string `json:"tags,omitempty"`    // file
	Skipped bool   `json:"skipped,omitempty"` // had anchors already
	Error   string `json:"error,omitempty"`
	*tapSum
	Warnings []string `json:"warnings"`

	err error
}

type tapSum struct {
	Wire     string `json:"wire"` // v1 or v2
	Signer   string `json:"signer"`
	Origin   string `json:"origin,omitempty"`      // of v2
	Frames   bool   `json:"frames,omitempty"`      // of v2: without times
	First    uint64 `json:"first_nonce,omitempty"` // of v1's anchors
	Last     uint64 `json:"last_nonce,omitempty"`  // likewise
	Windows  int64  `json:"windows"`
	Records  int64  `json:"records"`
	Gaps     int64  `json:"gaps"`
	GapBytes int64  `json:"gap_bytes"`
	Bytes    int64  `json:"bytes"`
	FirstUS  *int64 `json:"first_us,omitempty"`
	LastUS   *int64 `json:"last_us,omitempty"`
}

func tapAll(cmd *cobra.Command, o *tapOptions, args []string) error {
	logs := logfile.Find(args, o.recursive)
	for _, l := range logs {
		switch {
		case o.output != "" && (len(logs) != 1 || l.InFolder):
			return cli.Usagef("--output names the anchors of one log, but %d logs are given", len(logs))
		case l.Path == "-" && o.output == "":
			return cli.Hint(cli.Usagef("no output is given for the anchors of standard input"), "name them with -o")
		}
	}
	total, err := logfile.Declare(cmd, logs)
	if err != nil {
		return err
	}
	j := &tapJob{cmd: cmd, o: o, seeds: tlog.SeedsFrom(mav.Seeds)}
	if j.key, _, err = loadKey(cmd, &options{key: o.key, passphrase: o.passphrase, name: "-"}); err != nil {
		return err
	}
	if o.v1 {
		if j.session, err = readSessionKey(o.session); err != nil {
			return err
		}
		defer clear(j.session[:])
	}
	j.progress = cli.NewProgress(cmd, "anchoring", "bytes", total)
	defer j.progress.Stop()
	results, err := eachLog(cmd, logs, j.one, j.tell)
	j.progress.Stop()
	if o.json {
		err = errors.Join(err, printTapJSON(cmd.OutOrStdout(), results))
	}
	return err
}

// one anchors one log.
func (j *tapJob) one(l logfile.Found) *tapResult {
	r := &tapResult{Log: l.Path, Warnings: []string{}}
	if r.err = l.Err; r.err != nil {
		return r
	}
	name := j.o.output
	if name == "" {
		name = l.Path
	}
	r.Anchors, r.Tags = name+".cqtap", name+".cqtags"
	if l.InFolder && !j.o.force && exists(r.Anchors) {
		r.Skipped = true
		return r
	}
	r.err = j.write(l.Path, r)
	return r
}

// write makes both files, the archive first: anchors without it say less, it says nothing
// without them.
func (j *tapJob) write(path string, r *tapResult) error {
	anchors, err := cli.Create(j.cmd, r.Anchors, cli.CreateOptions{Force: j.o.force, Binary: true})
	if err != nil {
		return err
	}
	defer anchors.Close()
	var archive io.Writer
	var tags *cli.Output
	if j.o.noTags {
		r.Tags = ""
	} else {
		if tags, err = cli.Create(j.cmd, r.Tags, cli.CreateOptions{Force: j.o.force, Binary: true}); err != nil {
			return err
		}
		defer tags.Close()
		archive = tags
	}
	in, err := cli.Open(j.cmd, path)
	if err != nil {
		return err
	}
	defer in.Close()
	out := bufio.NewWriter(anchors)
	anchor := j.makeV2
	if j.o.v1 {
		anchor = j.makeV1
	}
	if err := anchor(j.progress.Reader(in), out, archive, r); err != nil {
		return fmt.Errorf("%s: %w", quoted(path), err)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if tags != nil {
		if err := tags.Commit(); err != nil {
			return err
		}
	}
	return anchors.Commit()
}

// makeV2 anchors a log in cqkit's own format.
func (j *tapJob) makeV2(in io.Reader, anchors, tags io.Writer, r *tapResult) error {
	signer := wire.FingerprintOf(j.key.Private.Public())
	sum, err := wire.AnchorLog(in, anchors, tags, j.seeds, j.key.Private, signer, j.o.windows)
	if err != nil {
		return err
	}
	r.tapSum = &tapSum{Wire: "v2", Signer: j.key.Fingerprint, Origin: hex.EncodeToString(sum.Origin[:]), Frames: j.o.frames, Windows: sum.Anchors}
	r.contents(sum)
	return nil
}

// contents takes over what is in the log.
func (r *tapResult) contents(sum *wire.AnchorSummary) {
	r.Records, r.Gaps, r.GapBytes, r.Bytes = sum.Records, sum.Gaps, sum.GapBytes, sum.Bytes
	if sum.Records > 0 && sum.Format == tlog.Timed {
		r.FirstUS, r.LastUS = &sum.First, &sum.Last
	}
	switch {
	case sum.Records == 0:
		r.warn("it has no record")
	case sum.Gaps > 0:
		r.warn("%s that are no records have no anchor: seal the log to cover them", cli.Count(sum.GapBytes, "byte"))
	}
}

func (r *tapResult) failure() error { return r.err }
func (r *tapResult) skipped() bool  { return r.Skipped }

func (r *tapResult) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// tell prints what became of a log, and returns an error that carries its exit code.
func (j *tapJob) tell(r *tapResult) error {
	if r.err != nil {
		r.Error = r.err.Error()
		r.Anchors, r.Tags, r.tapSum = "", "", nil
		return cli.Report(j.cmd, r.err)
	}
	for _, w := range r.Warnings {
		cli.Warn(j.cmd, "%s: %s", quoted(r.Log), w)
	}
	switch out := j.cmd.OutOrStdout(); {
	case j.o.json:
	case r.Skipped:
		fmt.Fprintf(out, "%s: has anchors already\n", called(r.Log))
	default:
		fmt.Fprintf(out, "%s: anchored as %s, %s, %s, %s\n", called(r.Log), report.Clean(r.Anchors),
			cli.Count(r.Windows, "window"), cli.Count(r.Records, "record"), cli.Size(r.Bytes))
	}
	return nil
}

func printTapJSON(w io.Writer, results []*tapResult) error {
	var page struct {
		Logs    []*tapResult `json:"logs"`
		Summary struct {
			Anchored int `json:"anchored"`
			Skipped  int `json:"skipped"`
			Failed   int `json:"failed"`
		} `json:"summary"`
	}
	page.Logs = append([]*tapResult{}, results...)
	page.Summary.Anchored, page.Summary.Skipped, page.Summary.Failed = counted(results)
	return report.WriteJSON(w, &page)
}
