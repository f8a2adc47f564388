package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/wire"
)

// tapOptions are the flags of cqsign tap.
type tapOptions struct {
	key        string
	passphrase string // file
	output     string
	every      string
	frames     bool
	noTags     bool
	v1         bool
	draft      bool
	session    string // file
	recursive  bool
	force      bool
	json       bool

	windows wire.AnchorOptions
}

func tapCommand() *cobra.Command {
	var o tapOptions
	cmd := &cobra.Command{
		Use:   "tap -k KEY LOG...",
		Short: "anchor the records of logs, window by window",
		Long: `Usage:
    cqsign tap -k NAME.key LOG...
    cqsign tap -k NAME.key -o NAME -
    cqsign tap --v1 --session-key FILE -k NAME.key LOG...

Writes, beside each LOG, LOG.cqtap, a series of anchors: for every 256 records,
or 10 s of flight, one signed hash over what they were. And LOG.cqtags, the tag
archive: 32 bytes for each record, by which "cqverify tap" names the records
that are not what they were. A window can be checked without the rest of the
log, by whoever has its records and the public key. A seal, which "cqsign"
makes, says more about a file, but only about all of it. The log is never
touched. A LOG may be a folder, which stands for the .tlog files in it that have
no anchors yet.

With --v1 both files are CleitonQ's: the tag of a record is the HMAC that its
frame would have on the telemetry channel of a session, with nonces 1, 2, 3 and
so on. CleitonQ's own auditor accepts them; nobody without the session key can
tell whether they are those of the log.

Options:
    -k, --key FILE              the key to sign with, made by cqkeygen
        --passphrase-file FILE  read the key's passphrase from FILE; without it,
                                the terminal is asked
    -o, --output NAME           write NAME.cqtap and NAME.cqtags, for a single
                                LOG
        --every N|DUR|N,DUR     how long a window is: so many records, so much
                                time of flight, or what is over first (256,10s);
                                "all" is one window for the whole log
        --frames                anchor frames without the recorder's times: what
                                other recorders of the link have, too
        --no-tags               write no tag archive
        --v1                    write CleitonQ's formats, not cqkit's own
        --session-key FILE      the session's key for --v1: 32 bytes, or 64
                                hexadecimal digits
        --draft                 with --v1, anchors as CleitonQ's TAP draft has
                                them
    -r, --recursive             look into the subfolders of a folder, too
        --force                 replace anchors that are there
        --json                  print one JSON object instead of a line a log`,
		Example: `    $ cqkeygen -o pilot
    $ cqsign tap -k pilot.key flight.tlog
    $ cqverify tap -k pilot.pub flight.tlog
    $ cqsign tap -k pilot.key --every 1000 --frames -o link flight.tlog`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Hint(errors.New("no log given"), `name a file, a folder, or "-" for standard input`)
			}
			return logfile.CheckNames(args)
		},
		PreRunE: func(*cobra.Command, []string) error { return o.parse() },
		RunE:    func(cmd *cobra.Command, args []string) error { return tapAll(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.key, "key", "k", "", "the key to sign with")
	f.StringVar(&o.passphrase, "passphrase-file", "", "read the key's passphrase from this file")
	f.StringVarP(&o.output, "output", "o", "", "the name of what is written")
	f.StringVar(&o.every, "every", "256,10s", "how long a window is")
	f.BoolVar(&o.frames, "frames", false, "anchor frames without times")
	f.BoolVar(&o.noTags, "no-tags", false, "write no tag archive")
	f.BoolVar(&o.v1, "v1", false, "write CleitonQ's formats")
	f.BoolVar(&o.draft, "draft", false, "anchors as CleitonQ's TAP draft has them")
	f.StringVar(&o.session, "session-key", "", "the session's key")
	f.BoolVarP(&o.recursive, "recursive", "r", false, "look into subfolders, too")
	f.BoolVar(&o.force, "force", false, "replace anchors that are there")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

// parse checks what the flags say together.
func (o *tapOptions) parse() (err error) {
	switch {
	case o.key == "":
		return cli.Hint(errors.New("no key given"), "make one with %q and give it with -k", "cqkeygen -o NAME")
	case o.v1 && o.session == "":
		return cli.Hint(errors.New("--v1 needs the key of a session"), "give it with --session-key; without --v1 no session is needed")
	case !o.v1 && (o.session != "" || o.draft):
		return errors.New("--session-key and --draft are for --v1 only")
	case o.v1 && o.frames:
		return errors.New("--v1 has frames without times anyway")
	case o.v1 && o.noTags:
		return errors.New("--v1 without a tag archive proves nothing")
	case o.output == "-":
		return errors.New("two files are written, and cannot both go to standard output")
	}
	o.windows, err = parseWindows(o.every)
	o.windows.Frames = o.frames
	if err == nil && o.draft && o.windows.Count > maxDraftCount {
		err = fmt.Errorf("--draft anchors count to %d, not to %d", maxDraftCount, o.windows.Count)
	}
	return err
}

// maxDraftCount is how many tags an anchor of the TAP draft counts.
const maxDraftCount = 1<<16 - 1

// parseWindows reads a number of records, a time, both with a comma between them, or
// "all".
func parseWindows(every string) (o wire.AnchorOptions, err error) {
	if every == "all" {
		return wire.AnchorOptions{Count: wire.MaxAnchorCount, Span: -1}, nil
	}
	count, span, both := strings.Cut(every, ",")
	n, errN := strconv.ParseUint(count, 10, 32)
	if errN != nil && !both {
		count, span = "", count
	}
	switch {
	case count == "" && !both:
		o.Count = wire.MaxAnchorCount
	case errN != nil || n == 0 || n > wire.MaxAnchorCount:
		return o, cli.Hint(fmt.Errorf("--every %q: a window has 1 to %s records", every, cli.Thousands(wire.MaxAnchorCount)), "write 256, or 10s, or 256,10s")
	default:
		o.Count = int(n)
	}
	o.Span = -1 // by records alone
	if span != "" || both {
		if o.Span, err = time.ParseDuration(span); err != nil || o.Span < time.Millisecond {
			return o, cli.Hint(fmt.Errorf("--every %q is neither a number of records nor a time", every), "write 256, or 10s, or 256,10s")
		}
	}
	return o, nil
}
