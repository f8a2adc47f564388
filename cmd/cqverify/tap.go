package main

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/report"
	"cqkit/pkg/tlog"
)

// tapOptions are the flags of cqverify tap.
type tapOptions struct {
	keys      []string
	state     string
	anchors   string
	tags      string
	allowOpen bool
	v1        bool
	session   string // file
	lastNonce uint64
	recursive bool
	reports   *cli.Reports
}

func tapCommand() *cobra.Command {
	var o tapOptions
	cmd := &cobra.Command{
		Use:   "tap -k KEY LOG...",
		Short: "judge logs against their anchors, window by window",
		Long: `Usage:
    cqverify tap -k KEY... LOG...
    cqverify tap -k KEY... --anchors FILE --tags FILE
    cqverify tap --v1 --session-key FILE -k KEY... LOG...

Judges each LOG against its anchors, LOG.cqtap, which "cqsign tap" made: whether
the records are those that were anchored, all of them, in order. With the tag
archive, LOG.cqtags, it names the records that are not; without it, the windows.
Where there are no anchors beside a LOG, those are judged that it carries
itself, sent over the link, against the frames of who sent them. Without a LOG
the archive is judged alone. A LOG may be a folder, which stands for the .tlog
files in it; "-" is standard input.

Verdicts:
    valid      the records are those that were anchored, to the end
    open       they are so far as the anchors go, but the series has no end
    altered    records or anchors are missing, or not what they were
    unsigned   there are no anchors, neither beside the log nor in it
    untrusted  the anchors are by none of the keys given, or by one that does
               not count for them
    malformed  the anchors were edited or damaged, or contradict each other

With --v1 the files are CleitonQ's. Its anchors cover tags, which only the
session key connects with records: give it, or judge an archive alone. The
report says what version 1 does not protect.

Options:
    -k, --key KEY           a public key, folder of keys or trust file that
                            counts; can be repeated
        --state FILE        refuse revocation lists older than FILE remembers
        --anchors FILE      the anchors of a single LOG
        --tags FILE         its tag archive
        --allow-open        exit 0 for open series, too
        --v1                judge CleitonQ's formats
        --session-key FILE  the session's key for --v1: 32 bytes, or 64
                            hexadecimal digits
        --last-nonce N      with --v1, refuse anchors whose nonce is not above N
    -r, --recursive         look into the subfolders of a folder, too
    -o, --output FILE       write the report to FILE
        --format FORM       table, markdown, csv, json, html or junit
        --json              short for --format json
        --force             replace FILE if it is there`,
		Example: `    $ cqsign tap -k pilot.key flight.tlog
    $ cqverify tap -k pilot.pub flight.tlog
    $ cqsign tap -k pilot.key -o copy flight.tlog
    $ cqverify tap -k pilot.pub --anchors copy.cqtap --tags copy.cqtags`,
		PreRunE: func(_ *cobra.Command, args []string) error { return o.check(args) },
		Args:    cobra.ArbitraryArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return tapAll(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.keys, "key", "k", nil, "a public key that counts")
	f.StringVar(&o.state, "state", "", "refuse revocation lists older than this file remembers")
	f.StringVar(&o.anchors, "anchors", "", "the anchors of a single log")
	f.StringVar(&o.tags, "tags", "", "the tag archive of a single log")
	f.BoolVar(&o.allowOpen, "allow-open", false, "exit 0 for open series, too")
	f.BoolVar(&o.v1, "v1", false, "judge CleitonQ's formats")
	f.StringVar(&o.session, "session-key", "", "the session's key")
	f.Uint64Var(&o.lastNonce, "last-nonce", 0, "refuse anchors whose nonce is not above this")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "look into subfolders, too")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.HTML, report.JUnit)
	cli.SetExit(cmd, 1, "judged, and the answer is no: any verdict but valid")
	return cmd
}

// check checks what the flags and arguments say together.
func (o *tapOptions) check(args []string) error {
	if err := needKeys(o.keys); err != nil {
		return err
	}
	switch {
	case len(args) == 0 && (o.anchors == "" || o.tags == ""):
		return cli.Hint(errors.New("no log given"), "name one, or an archive and its anchors with --tags and --anchors")
	case len(args) == 1 && args[0] == "-" && o.anchors == "":
		return cli.Hint(errors.New("standard input has no anchors beside it"), "name them with --anchors")
	case !o.v1 && (o.session != "" || o.lastNonce != 0):
		return errors.New("--session-key and --last-nonce are for --v1 only")
	case o.v1 && len(args) > 0 && o.session == "":
		return cli.Hint(errors.New("without the session key nobody can tell whether tags of version 1 are those of a log"),
			"give it with --session-key, or judge the archive alone with --anchors and --tags")
	case o.v1 && len(args) == 0 && o.session != "":
		return errors.New("--session-key without a log has nothing to tag")
	}
	return logfile.CheckNames(args)
}

func tapAll(cmd *cobra.Command, o *tapOptions, args []string) error {
	logs := logfile.Find(args, o.recursive)
	several := len(logs) > 1
	for _, l := range logs {
		several = several || l.InFolder
	}
	if several && o.anchors+o.tags != "" {
		return cli.Usagef("--anchors and --tags are those of one log, but %d logs are given", len(logs))
	}
	total, err := logfile.Declare(cmd, logs)
	if err != nil {
		return err
	}
	ring, err := loadRing(cmd, o.keys, o.state)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		logs = []logfile.Found{{}} // the archive alone
	}
	j := &tapJudge{cmd: cmd, o: o, keys: &commandJudge{ring: ring}, seeds: tlog.SeedsFrom(mav.Seeds)}
	if o.session != "" {
		if j.session, err = readSessionKey(o.session); err != nil {
			return err
		}
		defer clear(j.session[:])
	}
	j.progress = cli.NewProgress(cmd, "judging", "bytes", total)
	defer j.progress.Stop()
	verdicts := make([]*tapVerdict, len(logs))
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.GOMAXPROCS(0), func(i int) {
		verdicts[i] = j.one(logs[i])
	}, func(i int) {
		switch v := verdicts[i]; {
		case v == nil:
		case cmd.Context().Err() != nil && v.err != nil:
			verdicts[i] = nil // as if it had not begun
		case v.err != nil:
			errs = append(errs, cli.Report(cmd, v.err))
		case !v.accepted(o.allowOpen):
			errs = append(errs, cli.Rejected(nil))
		}
	})
	j.progress.Stop()
	errs = append(errs, cmd.Context().Err(), printTaps(cmd, o, several, verdicts))
	return errors.Join(errs...)
}

// tapVerdict is what a log, or an archive, comes to, in the form that scripts rely on.
type tapVerdict struct {
	Log      string       `json:"log,omitempty"`
	Anchors  string       `json:"anchors,omitempty"`
	Tags     string       `json:"tags,omitempty"`
	Carried  *tapSource   `json:"carried,omitempty"` // the log's own anchors were judged, by whom they were sent
	Wire     string       `json:"wire"`
	Verdict  string       `json:"verdict"`
	Reason   string       `json:"reason,omitempty"`
	Signer   *signer      `json:"signer,omitempty"`
	Origin   string       `json:"origin,omitempty"`
	Frames   bool         `json:"frames,omitempty"` // anchored without times
	Anchored uint64       `json:"anchored_records"`
	Covered  uint64       `json:"covered_records"`
	Records  int64        `json:"records"`
	Gaps     int64        `json:"gaps"`
	GapBytes int64        `json:"gap_bytes"`
	Bytes    int64        `json:"bytes"`
	FirstUS  *int64       `json:"first_us,omitempty"`
	LastUS   *int64       `json:"last_us,omitempty"`
	Missing  uint64       `json:"missing_anchors"`
	Windows  []tapWindow  `json:"windows"`
	Findings []tapFinding `json:"findings"`
	Warnings []string     `json:"warnings"`
	// Unprotected is what version 1 leaves open, whatever the verdict.
	Unprotected []string `json:"not_protected,omitempty"`

	err error
}

// tapSource is who sent anchors.
type tapSource struct {
	System    uint8 `json:"system"`
	Component uint8 `json:"component"`
}

// tapWindow is one anchor.
type tapWindow struct {
	Number  uint64 `json:"number,omitempty"` // of v2
	Nonce   string `json:"nonce,omitempty"`  // of v1
	First   uint64 `json:"first_index"`
	Count   uint64 `json:"count"`
	FromUS  *int64 `json:"from_us,omitempty"`
	UntilUS *int64 `json:"until_us,omitempty"`
	Intact  bool   `json:"intact"`
}

// tapFinding is a run of records that is not as it was anchored.
type tapFinding struct {
	Kind      string `json:"kind"`
	Sealed    *int64 `json:"anchored_index,omitempty"`
	Index     *int64 `json:"index,omitempty"`
	Count     uint64 `json:"count"`
	CountNow  uint64 `json:"count_now"`
	Within    bool   `json:"within,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	TimeUS    *int64 `json:"time_us,omitempty"`
	Message   string `json:"message,omitempty"`
	System    *uint8 `json:"system,omitempty"`
	Component *uint8 `json:"component,omitempty"`
}

func (v *tapVerdict) warn(format string, args ...any) {
	v.Warnings = append(v.Warnings, fmt.Sprintf(format, args...))
}

// accepted reports whether the answer is yes.
func (v *tapVerdict) accepted(allowOpen bool) bool {
	return v.Verdict == tapValid || v.Verdict == tapOpen && allowOpen
}
