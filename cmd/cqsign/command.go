package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/seal"
)

// options are the flags of cqsign itself.
type options struct {
	key        string
	passphrase string // file
	output     string
	name       string
	every      string
	noIndex    bool
	recursive  bool
	force      bool
	json       bool
	embed      bool
	follow     bool
	record     string
	idle       time.Duration
	emit       string

	everyRecords uint64
	everySpan    time.Duration
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "cqsign -k KEY LOG...",
		Short: "seal flight logs so that no one can change them unseen",
		Long: `Usage:
    cqsign -k NAME.key LOG...
    cqsign -k NAME.key -o SEAL -
    cqsign -k NAME.key --embed -o LOG2 LOG
    cqsign -k NAME.key --follow LOG
    cqsign -k NAME.key --follow --record LOG udp:PORT
    cqsign prove --record N LOG
    cqsign attest LOG ANSWER...
    cqsign cosign -w WITNESS.pem --name NAME -k KEY SEAL...
    cqsign commands -k NAME.key -o LOG2 LOG
    cqsign session STEP
    cqsign tap -k NAME.key LOG...

Seals each LOG: writes LOG.cqseal, a signed statement of what is in it, and
LOG.cqidx, the index that lets cqverify name every changed record. The log
itself is never touched. A LOG may be a folder, which stands for the .tlog files
in it that have no seal yet; "-" is standard input.

Options:
    -k, --key FILE              the key to sign with, made by cqkeygen; a seed
                                in a token is pkcs11:token=T;object=NAME
        --passphrase-file FILE  read the key's passphrase from FILE; without it,
                                the terminal is asked
    -o, --output FILE           where the seal of a single LOG goes; the index
                                goes beside it
        --embed                 write to FILE a copy of the LOG with its seal
                                inside: one file that is recording and evidence;
                                "cqsign extract" gives the LOG back
        --follow                seal the LOG while it is written: a note every
                                30s, or as --every says by the clock, and the
                                closing one at the end of standard input, on
                                Ctrl-C or SIGTERM. LOG may be udp:PORT or
                                udp:HOST:PORT, a link with MAVLink frames.
                                After a crash the same command goes on
        --record FILE           write what is followed to FILE, a log, with its
                                seal beside it; with --embed, -o does that
        --idle DUR              end when nothing has come in for so long
        --emit udp:HOST:PORT    with --embed, send the frames that carry the
                                notes over a link, too, slowly and twice
        --name TEXT             the signer's name in the seal; without it, the
                                key's label or its file name
        --every N|DUR           add a signed note every N records, or every DUR
                                of flight (90s, 10m), besides the closing one
        --no-index              make no index: damage can then be narrowed down
                                to 256 records only
    -r, --recursive             look into the subfolders of a folder, too
        --force                 replace seals that are there
        --json                  print one JSON object instead of a line a log`,
		Example: `    $ cqkeygen -o pilot --label pilot-7
    $ cqsign -k pilot.key flight.tlog
    $ cqsign -k pilot.key --recursive --every 10m logs/
    $ cqsign -k pilot.key --embed -o sealed.tlog flight.tlog
    $ cat flight.tlog | cqsign -k pilot.key -o copy.cqseal -
    $ cqsign -k pilot.key --follow --idle 2s flight.tlog --force`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Hint(fmt.Errorf("no log given"), `name a file, a folder, or "-" for standard input`)
			}
			return logfile.CheckNames(args)
		},
		PreRunE: func(_ *cobra.Command, args []string) error {
			if err := o.parse(); err != nil {
				return err
			}
			return o.checkFollow(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.follow {
				return follow(cmd, &o, args[0])
			}
			return sealAll(cmd, &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.key, "key", "k", "", "the key to sign with")
	f.StringVar(&o.passphrase, "passphrase-file", "", "read the key's passphrase from this file")
	f.StringVarP(&o.output, "output", "o", "", "where the seal goes")
	f.StringVar(&o.name, "name", "", "the signer's name in the seal")
	f.StringVar(&o.every, "every", "", "add a note every so many records, or so much time")
	f.BoolVar(&o.embed, "embed", false, "write the log with its seal inside")
	f.BoolVar(&o.follow, "follow", false, "seal the log while it is written")
	f.StringVar(&o.record, "record", "", "write what is followed to this log")
	f.StringVar(&o.emit, "emit", "", "send the frames that carry notes to this link, too")
	f.DurationVar(&o.idle, "idle", 0, "end when nothing has come in for so long")
	f.BoolVar(&o.noIndex, "no-index", false, "make no index")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "look into subfolders, too")
	f.BoolVar(&o.force, "force", false, "replace seals that are there")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	cmd.AddCommand(proveCommand(), extractCommand(), commandsCommand(), attestCommand(), cosignCommand(), sessionCommand(), tapCommand())
	return cmd
}

// parse checks what the flags say together.
func (o *options) parse() error {
	if o.key == "" {
		return cli.Hint(fmt.Errorf("no key given"), "make one with %q and give it with -k", "cqkeygen -o NAME")
	}
	if o.name != "" {
		if err := seal.CheckSignerName(o.name); err != nil {
			return err
		}
	}
	if o.every == "" {
		return nil
	}
	if n, err := strconv.ParseUint(o.every, 10, 63); err == nil && n > 0 {
		o.everyRecords = n
		return nil
	}
	d, err := time.ParseDuration(o.every)
	if err != nil || d < time.Millisecond {
		return cli.Hint(fmt.Errorf("--every %q is neither a number of records nor a time", o.every), "write 1000, or 90s, or 10m")
	}
	o.everySpan = d
	return nil
}
