package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/report"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// commandsOptions are the flags of cqverify commands.
type commandsOptions struct {
	keys          []string
	state         string
	requireSigned bool
	v1            bool
	messages      []string
	from          []string
	recursive     bool
	reports       *cli.Reports
	page          *pageFlag

	wanted func(tlog.Frame) bool
}

func commandsCommand() *cobra.Command {
	var o commandsOptions
	cmd := &cobra.Command{
		Use:   "commands -k KEY LOG...",
		Short: "judge the signed commands that flight logs carry",
		Long: `Usage:
    cqverify commands -k KEY... LOG...

Finds the signed statements in each LOG, made by "cqsign commands" or recorded
live, and gives each command of the flight one verdict. A LOG may be a folder,
which stands for the .tlog files in it; "-" is standard input.

Verdicts:
    authentic   the statement verifies, and the frame it speaks of is there
    replayed    it verifies, but was there before, or is out of order
    forged      it is complete, but not signed by a key that counts
    altered     it verifies, but the frame beside it is another one
    orphaned    it verifies, but its frame is gone
    incomplete  some of its parts are missing
    unsigned    a frame that changes the state of the vehicle, and that no
                statement speaks of

Options:
    -k, --key KEY         a public key, a folder of keys or a trust file;
                          can be repeated
        --state FILE      refuse revocation lists older than FILE remembers
        --require-signed  exit 1 for unsigned, incomplete and missing ones, too
        --v1              let statements of CleitonQ's format count, too; they
                          bind neither the message nor its target
        --message NAME    count frames of this message as commands instead of
                          all that change the state; can be repeated
        --from SOURCE     count only frames from this system, or system and
                          component, such as 255/190; can be repeated
    -r, --recursive       look into the subfolders of a folder, too
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json, html or junit
        --json            short for --format json
        --html FILE       write a page for browsers to FILE, too, with the
                          commands drawn over the course of the flight
        --force           replace FILE if it is there`,
		Example: `    $ cqverify commands -k pilot.pub flight.tlog
    $ cqverify commands -k pilot.pub --require-signed --from 255 flight.tlog
    $ cqverify commands -k keys/ --format junit -o report.xml logs/`,
		Args: needLogs,
		PreRunE: func(_ *cobra.Command, args []string) (err error) {
			if err := needKeys(o.keys); err != nil {
				return err
			}
			if o.wanted, err = wire.Filter(o.messages, o.from); err != nil {
				return err
			}
			return logfile.CheckNames(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return judgeCommands(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.keys, "key", "k", nil, "a public key that counts")
	f.StringVar(&o.state, "state", "", "refuse revocation lists older than this file remembers")
	f.BoolVar(&o.requireSigned, "require-signed", false, "exit 1 for unsigned and incomplete commands, too")
	f.BoolVar(&o.v1, "v1", false, "let statements of CleitonQ's format count, too")
	f.StringSliceVar(&o.messages, "message", nil, "count frames of this message as commands")
	f.StringSliceVar(&o.from, "from", nil, "count only frames from this source")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "look into subfolders, too")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.HTML, report.JUnit)
	o.page = addPageFlag(cmd, o.reports)
	cli.SetExit(cmd, 1, "a command is replayed, forged, altered or orphaned")
	return cmd
}

// commandsLog is what was found in a log in the form that scripts rely on.
type commandsLog struct {
	Log        string           `json:"log"`
	Format     string           `json:"format"`
	Bytes      int64            `json:"bytes"`
	Records    int64            `json:"records"`
	FirstUS    *int64           `json:"first_us,omitempty"`
	LastUS     *int64           `json:"last_us,omitempty"`
	Chunks     int64            `json:"chunk_frames"`
	Commands   []command        `json:"commands"`
	Dropped    int64            `json:"commands_dropped"`
	Recaptured int64            `json:"recaptured"`
	Missing    int64            `json:"missing"`
	Summary    map[string]int64 `json:"summary"`
	Warnings   []string         `json:"warnings"`

	err     error
	labels  map[string]string // of the signers, by fingerprint
	drawing *drawing          // what a page shows beside it, nil if no page is wanted
}

// command is one of them.
type command struct {
	Index     int64  `json:"index"`
	Offset    int64  `json:"offset"`
	TimeUS    *int64 `json:"time_us,omitempty"`
	Message   string `json:"message,omitempty"`
	System    *uint8 `json:"system,omitempty"`
	Component *uint8 `json:"component,omitempty"`
	Command   uint16 `json:"command,omitempty"`
	Verdict   string `json:"verdict"`
	Reason    string `json:"reason,omitempty"`

	HasFrame       bool    `json:"has_frame"`
	StatementIndex *int64  `json:"statement_index,omitempty"`
	Made           string  `json:"made,omitempty"`
	Wire           string  `json:"wire,omitempty"`
	Nonce          string  `json:"nonce,omitempty"`
	Signer         string  `json:"signer,omitempty"`
	Receiver       string  `json:"receiver,omitempty"`
	Session        string  `json:"session,omitempty"`
	Origin         string  `json:"origin,omitempty"`
	SignedIndex    *uint64 `json:"signed_index,omitempty"`
	SignedTimeUS   *int64  `json:"signed_time_us,omitempty"`
	Chunks         *int    `json:"chunks,omitempty"`
	ChunksSeen     *int    `json:"chunks_seen,omitempty"`
	Copies         int     `json:"copies,omitempty"`
}

func judgeCommands(cmd *cobra.Command, o *commandsOptions, args []string) error {
	logs := logfile.Find(args, o.recursive)
	total, err := logfile.Declare(cmd, logs)
	if err != nil {
		return err
	}
	ring, err := loadRing(cmd, o.keys, o.state)
	if err != nil {
		return err
	}
	j := &commandJudge{cmd: cmd, ring: ring, wanted: o.wanted, v1: o.v1, seeds: wire.Seeds(), workers: 1}
	if len(logs) == 1 {
		j.workers = runtime.GOMAXPROCS(0)
	}
	j.draws = o.page.wanted() && len(logs) <= drawnLogs
	j.progress = cli.NewProgress(cmd, "judging", "bytes", total)
	defer j.progress.Stop()
	results := make([]*commandsLog, len(logs))
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.GOMAXPROCS(0), func(i int) {
		results[i] = j.one(logs[i])
	}, func(i int) {
		if l := results[i]; l != nil {
			errs = append(errs, l.exit(cmd, o.requireSigned))
		}
	})
	j.progress.Stop()
	several := len(logs) != 1 || logs[0].InFolder
	errs = append(errs, cmd.Context().Err(), printCommands(cmd, o, several, results))
	return errors.Join(errs...)
}

// exit returns the error that stands for the log's exit code, nil for 0.
func (l *commandsLog) exit(cmd *cobra.Command, requireSigned bool) error {
	switch {
	case l.err != nil:
		return cli.Report(cmd, l.err)
	case l.rejected(requireSigned):
		return cli.Rejected(nil)
	}
	return nil
}

// rejected reports whether the answer is no.
func (l *commandsLog) rejected(requireSigned bool) bool {
	for v, n := range l.Summary {
		if n > 0 && bad(wire.Verdict(v), requireSigned) {
			return true
		}
	}
	return requireSigned && l.Missing > 0
}

// bad reports whether one such command makes the answer a no.
func bad(v wire.Verdict, requireSigned bool) bool {
	switch v {
	case wire.Replayed, wire.Forged, wire.Altered, wire.Orphaned:
		return true
	case wire.Unsigned, wire.Incomplete:
		return requireSigned
	}
	return false
}

// fill takes over what was judged.
func (l *commandsLog) fill(j *wire.Judgement) {
	l.Format, l.Bytes, l.Records, l.Chunks, l.Dropped, l.Recaptured = "tlog", j.Bytes, j.Records, j.Chunks, j.Dropped, j.Recaptured
	l.Missing = j.Missing
	if j.Format == tlog.Raw {
		l.Format = "raw"
	} else if j.Records > 0 {
		l.FirstUS, l.LastUS = new(j.First), new(j.Last)
	}
	l.Summary = map[string]int64{}
	for _, v := range wire.Verdicts() {
		l.Summary[string(v)] = j.Summary[v]
	}
	l.Commands = make([]command, len(j.Findings))
	for i := range j.Findings {
		l.Commands[i] = newCommandOf(&j.Findings[i])
	}
	l.Warnings = []string{}
	warn := func(format string, args ...any) { l.Warnings = append(l.Warnings, fmt.Sprintf(format, args...)) }
	switch {
	case j.Bytes == 0:
		warn("the file is empty")
	case j.Records == 0:
		warn("no record: this is no flight log")
	}
	if j.Recaptured > 0 {
		warn("%s signed after capture at other times than their records have: this log was captured anew, "+
			"from a signed one that was played back; the signed times are the ones that are vouched for", counted(j.Recaptured, "command was", "commands were"))
	}
	v1 := 0
	for i := range j.Findings {
		if f := &j.Findings[i]; f.V1 && f.Verdict == wire.Authentic {
			v1++
		}
	}
	if j.Missing > 0 {
		warn("%s missing, by their numbers: taken out of the log with their commands, or not whole", counted(j.Missing, "statement made after capture is", "statements made after capture are"))
	}
	if v1 > 0 {
		warn("%s signed in CleitonQ's format, which binds neither the message nor its target nor the sender, "+
			"and of which a signed packet of any other use can be made", counted(int64(v1), "command is", "commands are"))
	}
	if j.Dropped > 0 {
		warn("%s counted, but not listed", counted(j.Dropped, "command is", "commands are"))
	}
}

// counted is a number of things with a verb.
func counted(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return cli.Thousands(n) + " " + more
}

func newCommandOf(f *wire.Finding) command {
	c := command{
		Index: f.Index, Offset: f.Offset, TimeUS: known(f.Time), Verdict: string(f.Verdict), Reason: f.Reason,
		HasFrame: f.HasFrame, Copies: f.Copies,
	}
	if f.HasCommand {
		c.Message, c.System, c.Component, c.Command = mav.Name(f.ID), new(f.Source.System), new(f.Source.Component), f.Number
	}
	if !f.HasStatement {
		return c
	}
	c.StatementIndex, c.Chunks, c.ChunksSeen, c.Wire = new(f.Statement.Index), new(f.Chunks), new(f.Seen), "v2"
	if f.V1 {
		c.Wire = "v1"
	}
	if !f.HasClaims {
		return c
	}
	c.Made, c.Nonce = "live", strconv.FormatUint(f.Nonce, 10)
	if f.Signer != (wire.Fingerprint{}) {
		c.Signer = f.Signer.String()
	}
	if f.Receiver != (wire.Fingerprint{}) {
		c.Receiver = f.Receiver.String()
	}
	if f.Session != (wire.SessionID{}) {
		c.Session = fmt.Sprintf("%x", f.Session)
	}
	if f.Logged {
		c.Made, c.Origin, c.SignedIndex, c.SignedTimeUS = "after_capture", fmt.Sprintf("%x", f.Origin), new(f.Record), new(f.SignedTime)
	}
	return c
}
