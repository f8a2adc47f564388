package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/atomicfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/replay"
	"cqkit/pkg/report"
	"cqkit/pkg/tlog"
)

// replayOptions are the flags of cqverify replay.
type replayOptions struct {
	key       string
	failOn    string
	index     string
	recursive bool
	reports   *cli.Reports
	page      *pageFlag

	least replay.Severity // from which on a finding is a "no"; 0 is never
}

func replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay LOG...",
		Short: "find replays, forgeries and second transmitters in flight logs",
		Long: `Usage:
    cqverify replay [--mavlink-key KEY] [--index FILE] LOG...

Says which frames of each LOG were replayed, forged or sent by someone else
under a borrowed id, in which record, and what they repeat; and whether parts of
one LOG stand in another. No public key and no seal is needed. A LOG may be a
folder, which stands for the .tlog files in it; "-" is standard input.

Findings:
    signed_replay       a signature that is not newer than one accepted before
    forged_signature    a signature that fails, or is missing among signed ones
    key_exposed         the secret signing key stands in the log
    replayed_stretch    frames that stood before, out of the sender's order
    replayed_command    the same, of a single command
    second_transmitter  two sequence counters under one id
    flood               far more frames than this link had; a late stranger
    clock               boot time, time of day or record time that runs back
    copied              frames that stand in another log
    loss                frames that the link lost; no attack

Severities are high (hard to explain without an attack or an edited log), medium
(an attack, or an unusual but honest set-up) and low. docs/replay.md says how
each finding is made and what cannot be seen.

Options:
        --mavlink-key KEY check MAVLink 2 signatures. KEY is pass:TEXT, or TEXT
                          alone, for a passphrase; hex:DIGITS; base64:TEXT; or
                          file:NAME of 32 bytes or 64 digits. Other users of
                          this machine can see arguments, but not the file
        --fail-on LEVEL   exit 1 from this severity on: high (the default),
                          medium, low or never
        --index FILE      compare with the logs in FILE, too, and add these to
                          it; FILE is made if it is not there
    -r, --recursive       look into the subfolders of a folder, too
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json, html or junit
        --json            short for --format json
        --html FILE       write a page for browsers to FILE, too, with the
                          findings drawn over the course of the flight
        --force           replace FILE if it is there`,
		Example: `    $ cqverify replay flight.tlog
    $ cqverify replay --mavlink-key file:link.key --fail-on medium flight.tlog
    $ cqverify replay --index fleet.cqidx --json --recursive logs/`,
		Args: needLogs,
		PreRunE: func(_ *cobra.Command, args []string) (err error) {
			if o.failOn == "never" {
				return nil
			}
			if o.least, err = replay.ParseSeverity(o.failOn); err != nil {
				return cli.Usagef("--fail-on: %q is not one of high, medium, low, never", o.failOn)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return replayAll(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.key, "mavlink-key", "", "check MAVLink 2 signatures with this key")
	f.StringVar(&o.failOn, "fail-on", "high", "exit 1 from this severity on")
	f.StringVar(&o.index, "index", "", "compare with the logs in this file and add these to it")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "look into subfolders, too")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.HTML, report.JUnit)
	o.page = addPageFlag(cmd, o.reports)
	cli.SetExit(cmd, 1, "a finding of the severity of --fail-on or above")
	return cmd
}

// replayLog is what was found in a log in the form that scripts rely on.
type replayLog struct {
	Log      string         `json:"log"`
	Error    string         `json:"error,omitempty"`
	Format   string         `json:"format,omitempty"`
	Bytes    int64          `json:"bytes"`
	Records  int64          `json:"records"`
	FirstUS  *int64         `json:"first_us,omitempty"`
	LastUS   *int64         `json:"last_us,omitempty"`
	Signed   int64          `json:"signed"`
	Verified *int64         `json:"verified,omitempty"`
	WrongKey bool           `json:"wrong_key"`
	Dropped  int64          `json:"findings_dropped"`
	Warnings []string       `json:"warnings"`
	Summary  *replaySummary `json:"summary,omitempty"`
	findings []replayFinding
	worst    replay.Severity
	prints   *replay.Prints
	err      error
	withKey  bool
	drawing  *drawing // what a page shows beside it, nil if no page is wanted
}

type replaySummary struct {
	High   int `json:"high"`
	Medium int `json:"medium"`
	Low    int `json:"low"`
}

type replayFinding struct {
	Kind      string        `json:"kind"`
	Severity  string        `json:"severity"`
	Log       string        `json:"log"`
	Index     int64         `json:"index"`
	LastIndex int64         `json:"last_index"`
	Count     int64         `json:"count"`
	Offset    int64         `json:"offset"`
	TimeUS    *int64        `json:"time_us,omitempty"`
	Message   string        `json:"message,omitempty"`
	System    *uint8        `json:"system,omitempty"`
	Component *uint8        `json:"component,omitempty"`
	Original  *replayOrigin `json:"original,omitempty"`
	Detail    string        `json:"detail"`
}

// replayOrigin is what a finding repeats.
type replayOrigin struct {
	Log    string `json:"log"`
	Index  int64  `json:"index"`
	Offset int64  `json:"offset"`
	TimeUS *int64 `json:"time_us,omitempty"`
}

func replayAll(cmd *cobra.Command, o *replayOptions, args []string) error {
	key, err := mavlinkKey(cmd, o.key)
	if err != nil {
		return err
	}
	logs := logfile.Find(args, o.recursive)
	if _, err := logfile.Declare(cmd, logs); err != nil {
		return err
	}
	index, err := loadIndex(o.index)
	if err != nil {
		return err
	}
	several := len(logs) != 1 || logs[0].InFolder
	opts := replay.Options{Key: key, Prints: several || o.index != ""}
	seeds := tlog.SeedsFrom(mav.Seeds)
	results := make([]*replayLog, len(logs))
	progress := cli.NewProgress(cmd, "reading", "logs", int64(len(logs)))
	defer progress.Stop()
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.NumCPU(), func(i int) {
		results[i] = oneReplay(cmd, logs[i], seeds, opts, o.page.wanted() && len(logs) <= drawnLogs)
		progress.Add(1)
	}, func(i int) {
		l := results[i]
		if l == nil {
			return
		}
		if l.err == nil && opts.Prints {
			l.err = l.compare(index)
		}
		errs = append(errs, cli.Report(cmd, l.err))
		if l.err == nil && o.least > 0 && l.worst >= o.least {
			errs = append(errs, cli.Rejected(nil))
		}
	})
	progress.Stop()
	if cmd.Context().Err() != nil {
		errs = append(errs, cmd.Context().Err())
	} else if o.index != "" {
		errs = append(errs, atomicfile.WriteFile(o.index, index.Marshal(), 0o666, true))
	}
	errs = append(errs, printReplays(cmd, o, several, results))
	return errors.Join(errs...)
}

// loadIndex reads an index; one that is not there is empty.
func loadIndex(path string) (*replay.Index, error) {
	if path == "" {
		return new(replay.Index), nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(replay.Index), nil
	}
	if err != nil {
		return nil, err
	}
	x, err := replay.ParseIndex(data)
	if err != nil {
		return nil, cli.Hint(fmt.Errorf("%q: %w", path, err), "name another file, or make it anew from the logs")
	}
	return x, nil
}

func oneReplay(cmd *cobra.Command, found logfile.Found, seeds *tlog.Seeds, opts replay.Options, drawn bool) *replayLog {
	l := &replayLog{Log: found.Path, withKey: opts.Key != nil}
	switch l.err = found.Err; {
	case l.err != nil:
	case drawn:
		l.err = l.scanAndDraw(cmd, seeds, opts)
	default:
		l.err = l.scan(cmd, seeds, opts)
	}
	if l.err != nil {
		l.Error = l.err.Error()
	}
	return l
}

func (l *replayLog) scan(cmd *cobra.Command, seeds *tlog.Seeds, opts replay.Options) error {
	in, err := cli.Open(cmd, l.Log)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := replay.Scan(io.Reader(in), seeds, opts)
	if err != nil {
		return fmt.Errorf("%q: %w", l.Log, err)
	}
	l.fill(r)
	return nil
}

// fill takes over what was found.
func (l *replayLog) fill(r *replay.Result) {
	l.Format, l.Bytes, l.Records = "tlog", r.Bytes, r.Records
	if r.Format == tlog.Raw {
		l.Format = "raw"
	} else if r.Records > 0 {
		l.FirstUS, l.LastUS = new(r.First), new(r.Last)
	}
	l.Signed, l.WrongKey, l.Dropped, l.prints = r.Signed, r.WrongKey, r.Dropped, r.Prints
	if l.withKey {
		l.Verified = &r.Verified
	}
	l.add(r.Findings)
	l.warn(r)
}

// warn says what keeps the result from meaning as much as it could.
func (l *replayLog) warn(r *replay.Result) {
	l.Warnings = []string{}
	switch {
	case r.Bytes == 0:
		l.Warnings = append(l.Warnings, "the file is empty")
	case r.Records == 0:
		l.Warnings = append(l.Warnings, "no record: this is no flight log")
	case r.Format == tlog.Raw:
		l.Warnings = append(l.Warnings, "a raw link capture: without times, rates and delays cannot be judged")
	}
	if r.WrongKey {
		l.Warnings = append(l.Warnings, "the key given fits no signed frame: it may be the wrong one")
	}
}

// compare looks the log up in the index and enters it.
func (l *replayLog) compare(index *replay.Index) error {
	l.add(index.Compare(l.Log, l.prints))
	var err error
	if !index.Has(l.Log) {
		err = index.Add(l.Log, l.prints)
	}
	l.prints = nil
	return err
}

func (l *replayLog) add(findings []replay.Finding) {
	if l.Summary == nil {
		l.Summary = new(replaySummary)
	}
	for i := range findings {
		f := &findings[i]
		l.worst = max(l.worst, f.Severity)
		switch f.Severity {
		case replay.High:
			l.Summary.High++
		case replay.Medium:
			l.Summary.Medium++
		default:
			l.Summary.Low++
		}
		l.findings = append(l.findings, l.finding(f))
	}
}

func (l *replayLog) finding(f *replay.Finding) replayFinding {
	g := replayFinding{
		Kind: string(f.Kind), Severity: f.Severity.String(), Log: l.Log, Index: f.First.Index, LastIndex: f.Last.Index,
		Count: f.Count, Offset: f.First.Offset, TimeUS: known(f.First.Time), Message: f.Message, Detail: f.Detail,
	}
	if f.HasSource {
		g.System, g.Component = &f.Source.System, &f.Source.Component
	}
	if p := f.Original; p != nil {
		g.Original = &replayOrigin{Log: f.OriginalLog, Index: p.Index, Offset: p.Offset, TimeUS: known(p.Time)}
		if f.OriginalLog == "" {
			g.Original.Log = l.Log
		}
	}
	return g
}

// known returns nil for 0, the time of a record without one.
func known(us int64) *int64 {
	if us == 0 {
		return nil
	}
	return &us
}
