package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// options are the flags of cqverify itself.
type options struct {
	keys      []string
	seal      string
	also      []string
	state     string
	inOrder   bool
	allowOpen bool
	replay    bool

	mavlinkKey string
	recursive  bool
	folder     bool // an argument is a folder: the report is one of several logs
	reports    *cli.Reports
	page       *pageFlag
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "cqverify -k KEY LOG...",
		Short: "judge flight logs against their seals, offline",
		Long: `Usage:
    cqverify -k KEY... [-s SEAL] LOG...
    cqverify proof -k KEY... PROOF...
    cqverify commands -k KEY... LOG...
    cqverify session -k KEY... FILE...
    cqverify tap -k KEY... LOG...
    cqverify info LOG...

Judges each LOG against its seal, LOG.cqseal: valid, or what is wrong with it,
down to the records that were changed, dropped, inserted, moved or doubled. A
LOG without one is judged by the notes inside it, if there are. A LOG may be a
folder, which stands for the .tlog files in it and for those that are missing
beside their seals; "-" is standard input, whose seal -s names. Signed commands
that a LOG carries are judged, too, as "cqverify commands" does; they change
neither the verdict nor the exit code.

Verdicts:
    valid       the log is what was sealed, to its end
    open        it is so far as the seal goes, but the seal has no end
    altered     it differs from what this signer sealed
    foreign     the seal is of another log
    superseded  a later seal of the same log has been seen (--state)
    unsigned    there is no seal
    untrusted   the seal is by none of the keys given, or by one that does not
                count for it: revoked, or outside its window
    malformed   the seal itself was edited or damaged

Options:
    -k, --key KEY         what counts: a public key made by cqkeygen, a file of
                          several one after another, a trust file, a revocation
                          list, or a folder of these (.pub, .trust, .revoked);
                          can be repeated
    -s, --seal FILE       the seal of a single LOG
        --also SEAL       another log's seal, with its index beside it: inserted
                          records are looked for in it; can be repeated
        --state FILE      remember in FILE which seals were seen, log by log in
                          the order given, and refuse an earlier seal of a log;
                          remember revocation lists, and refuse an older one
        --in-order        refuse, by --state, every seal older than the last one
                          of its key
        --allow-open      exit 0 for open logs, too
        --replay          look for replays and forgeries, too, as "cqverify
                          replay" does; it changes neither the verdict nor the
                          exit code
        --mavlink-key KEY check MAVLink 2 signatures as well; "cqverify replay
                          --help" has the forms of KEY
    -r, --recursive       look into the subfolders of a folder, too
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json, html or junit
        --json            short for --format json
        --html FILE       write a page for browsers to FILE, too: the verdict,
                          the course of the flight with what was changed or
                          replayed drawn on it, and what is in the log
        --force           replace FILE if it is there`,
		Example: `    $ cqverify -k pilot.pub flight.tlog
    $ cqverify -k pilot.pub --html flight.html flight.tlog
    $ cqverify -k keys/ --recursive --format junit -o report.xml logs/
    $ cqverify -k pilot.pub --state seen.state --json flight.tlog
    $ cqverify info flight.tlog`,
		Args:    needLogs,
		PreRunE: func(_ *cobra.Command, args []string) error { return o.check(args) },
		RunE:    func(cmd *cobra.Command, args []string) error { return verifyAll(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.keys, "key", "k", nil, "a public key that counts")
	f.StringVarP(&o.seal, "seal", "s", "", "the seal of a single log")
	f.StringArrayVar(&o.also, "also", nil, "another log's seal")
	f.StringVar(&o.state, "state", "", "remember in this file what was seen")
	f.BoolVar(&o.inOrder, "in-order", false, "refuse every seal older than the last one of its key")
	f.BoolVar(&o.replay, "replay", false, "look for replays and forgeries, too")
	f.StringVar(&o.mavlinkKey, "mavlink-key", "", "check MAVLink 2 signatures with this key")
	f.BoolVar(&o.allowOpen, "allow-open", false, "exit 0 for open logs, too")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "look into subfolders, too")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.HTML, report.JUnit)
	o.page = addPageFlag(cmd, o.reports)
	cli.SetExit(cmd, 1, "judged, and the answer is no: any verdict but valid")
	cmd.AddCommand(infoCommand(), proofCommand(), replayCommand(), commandsCommand(), sessionCommand(), tapCommand())
	return cmd
}

// check checks what the flags and arguments say together.
func (o *options) check(args []string) error {
	if err := needKeys(o.keys); err != nil {
		return err
	}
	if o.inOrder && o.state == "" {
		return cli.Hint(errors.New("--in-order needs --state"), "name a file to remember seals in with --state")
	}
	return logfile.CheckNames(args)
}

func needLogs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cli.Hint(errors.New("no log given"), `name a file, a folder, or "-" for standard input`)
	}
	return nil
}

func verifyAll(cmd *cobra.Command, o *options, args []string) error {
	logs := logfile.FindSealed(args, o.recursive)
	for _, l := range logs {
		o.folder = o.folder || l.InFolder
	}
	if o.seal != "" && (len(logs) != 1 || logs[0].InFolder) {
		return cli.Usagef("--seal names one seal, but %d logs are given", len(logs))
	}
	total, err := logfile.Declare(cmd, logs)
	if err != nil {
		return err
	}
	ring, err := loadRing(cmd, o.keys, o.state)
	if err != nil {
		return err
	}
	keys := sealKeys(ring)
	j := &judge{cmd: cmd, o: o, keys: keys, ring: ring, seeds: tlog.SeedsFrom(mav.Seeds), alone: len(logs) == 1, draws: len(logs) <= drawnLogs}
	if j.mavlinkKey, err = mavlinkKey(cmd, o.mavlinkKey); err != nil {
		return err
	}
	if j.also, err = loadAlso(cmd, o.also, keys); err != nil {
		return err
	}
	if o.state != "" {
		j.state, j.turns = nonce.NewFile(o.state), newTurns(len(logs))
	}
	j.progress = cli.NewProgress(cmd, "judging", "bytes", total)
	defer j.progress.Stop()
	verdicts := make([]*verdict, len(logs))
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.GOMAXPROCS(0), func(i int) {
		verdicts[i] = j.one(i, logs[i])
	}, func(i int) {
		if v := verdicts[i]; v != nil && errors.Is(v.err, context.Canceled) {
			verdicts[i] = nil // as if it had not begun
		} else if v != nil {
			errs = append(errs, v.exit(cmd, o.allowOpen))
		}
	})
	j.progress.Stop()
	errs = append(errs, cmd.Context().Err(), printVerdicts(cmd, o, verdicts))
	return errors.Join(errs...)
}

// loadAlso reads the seals of other logs in which to look for inserted records.
func loadAlso(cmd *cobra.Command, paths []string, keys []seal.Key) ([]*seal.Reference, error) {
	var also []*seal.Reference
	for _, path := range paths {
		data, err := logfile.ReadSeal(cmd, path)
		if err != nil {
			return nil, err
		}
		index, err := openIndex(path)
		if err == nil && index == nil {
			err = cli.Hint(fmt.Errorf("%q does not exist", logfile.IndexPath(path)), "--also needs the index beside the seal")
		}
		if err != nil {
			return nil, err
		}
		ref, err := seal.NewReference(path, data, seal.Log{ReaderAt: index, Size: index.size}, keys)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
		also = append(also, ref)
	}
	return also, nil
}
