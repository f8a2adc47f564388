package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/report"
	"cqkit/pkg/survey"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// commandsOptions are the flags of cqsign commands.
type commandsOptions struct {
	key        string
	passphrase string // file
	output     string
	messages   []string
	from       []string
	force      bool
	json       bool

	wanted func(tlog.Frame) bool
}

func commandsCommand() *cobra.Command {
	var o commandsOptions
	cmd := &cobra.Command{
		Use:   "commands -k KEY LOG -o LOG2",
		Short: "put a signed statement beside each command in a log",
		Long: `Usage:
    cqsign commands -k NAME.key LOG -o LOG2

Copies LOG to LOG2 and puts, behind each frame that changes the state of the
vehicle (arming, modes, missions, parameters, set-points), a statement signed
with the key: which command it is, from whom to whom, at which time, in which
order. "cqverify commands" judges them. The frames themselves stay as they are,
and what does not know the statements, cut into frames of MAVLink message 50000,
passes them on or ignores them.

A statement made here vouches for what was recorded; it does not say that its
signer sent the command, and no vehicle obeys it. LOG itself is never touched;
"-" is standard input.

Options:
    -k, --key FILE              the key to sign with, made by cqkeygen
        --passphrase-file FILE  read the key's passphrase from FILE; without it,
                                the terminal is asked
    -o, --output LOG2           where the signed log goes
        --message NAME          sign frames of this message instead, such as
                                COMMAND_LONG; can be repeated
        --from SOURCE           sign only what comes from this system, or system
                                and component, such as 255/190; can be repeated
        --force                 replace LOG2 if it is there
        --json                  print a JSON object instead of a line`,
		Example: `    $ cqkeygen -o pilot
    $ cqsign commands -k pilot.key flight.tlog -o signed.tlog
    $ cqverify commands -k pilot.pub signed.tlog`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one log, not %d", len(args))
			}
			return logfile.CheckNames(args)
		},
		PreRunE: func(*cobra.Command, []string) error { return o.parse() },
		RunE:    func(cmd *cobra.Command, args []string) error { return signCommands(cmd, &o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.key, "key", "k", "", "the key to sign with")
	f.StringVar(&o.passphrase, "passphrase-file", "", "read the key's passphrase from this file")
	f.StringVarP(&o.output, "output", "o", "", "where the signed log goes")
	f.StringSliceVar(&o.messages, "message", nil, "sign frames of this message instead")
	f.StringSliceVar(&o.from, "from", nil, "sign only what comes from this source")
	f.BoolVar(&o.force, "force", false, "replace the output if it is there")
	f.BoolVar(&o.json, "json", false, "print a JSON object")
	return cmd
}

// parse checks what the flags say together.
func (o *commandsOptions) parse() (err error) {
	switch {
	case o.key == "":
		return cli.Hint(errors.New("no key given"), "make one with %q and give it with -k", "cqkeygen -o NAME")
	case o.output == "":
		return cli.Hint(errors.New("no output given"), "name the signed log with -o; LOG stays as it is")
	case o.json && o.output == "-":
		return errors.New("--json and the log cannot both go to standard output")
	}
	o.wanted, err = wire.Filter(o.messages, o.from)
	return err
}

// commandsResult is what became of a log, as --json prints it.
type commandsResult struct {
	Log      string           `json:"log"`
	Output   string           `json:"output"`
	Signer   string           `json:"signer"`
	Origin   string           `json:"origin"`
	Commands int64            `json:"commands"`
	Messages map[string]int64 `json:"messages"`
	Chunks   int64            `json:"chunks"`
	Records  int64            `json:"records"`
	GapBytes int64            `json:"gap_bytes"`
	Bytes    int64            `json:"bytes"`
	Written  int64            `json:"written_bytes"`
	Warnings []string         `json:"warnings"`
}

func signCommands(cmd *cobra.Command, o *commandsOptions, path string) error {
	total, err := logfile.Declare(cmd, []logfile.Found{{Path: path}})
	if err != nil {
		return err
	}
	key, _, err := loadKey(cmd, &options{key: o.key, passphrase: o.passphrase, name: "-"})
	if err != nil {
		return err
	}
	in, err := logfile.Open(cmd, path)
	if err != nil {
		return err
	}
	defer in.Close()
	carrier, err := freeComponent(in)
	if err != nil {
		return fmt.Errorf("%s: %w", quoted(path), err)
	}
	out, err := cli.Create(cmd, o.output, cli.CreateOptions{Force: o.force, Binary: true})
	if err != nil {
		return err
	}
	defer out.Close()
	progress := cli.NewProgress(cmd, "signing", "bytes", total)
	defer progress.Stop()
	signer := wire.FingerprintOf(key.Private.Public())
	in.Progress = progress
	sum, err := wire.SignLog(out, in.Reader(), wire.Seeds(), key.Private, signer, wire.SignOptions{Wanted: o.wanted, Component: carrier})
	if err == nil {
		err = in.Unchanged()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", quoted(path), err)
	}
	if err := out.Commit(); err != nil {
		return err
	}
	progress.Stop()
	r := commandsResult{
		Log: path, Output: o.output, Signer: signer.String(), Origin: fmt.Sprintf("%x", sum.Origin), Commands: sum.Commands,
		Messages: map[string]int64{}, Chunks: sum.Chunks, Records: sum.Records, GapBytes: sum.GapBytes, Bytes: sum.Bytes, Written: sum.Written,
		Warnings: []string{},
	}
	for id, n := range sum.ByMessage {
		r.Messages[mav.Name(id)] = n
	}
	r.warn(sum)
	return r.print(cmd, o)
}

// freeComponent returns a component that has no frames in the log, for the chunks: the
// usual one, unless statements were put there before.
func freeComponent(l *logfile.Log) (uint8, error) {
	head, err := io.ReadAll(io.LimitReader(l.Reader(), tlog.HeadSize))
	if err != nil {
		return 0, err
	}
	s, err := survey.Of(l.Reader(), head, wire.Seeds())
	if err != nil {
		return 0, err
	}
	taken := map[uint8]bool{}
	for source := range s.Sources {
		taken[source.Component] = true
	}
	const firstUser, lastUser = 25, 99 // MAV_COMP_ID_USER1 and USER75
	if taken[wire.CarrierComponent] {
		for c := uint8(lastUser); c >= firstUser; c-- {
			if !taken[c] {
				return c, nil
			}
		}
	}
	return wire.CarrierComponent, nil
}

func (r *commandsResult) warn(s *wire.SignSummary) {
	add := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	switch {
	case s.Records == 0:
		add("it has no record")
	case s.Commands == 0:
		add("it has no command that was to be signed")
	}
	if s.Signed > 0 {
		add("it carries %s already: these stay, and the frames beside them have been signed once more", cli.Count(s.Signed, "signed statement"))
	}
	if s.Notes > 0 {
		add("it carries a seal inside, which does not hold for the signed log: sign the commands first, then seal")
	}
	if s.ByMessage[mav.IDSetupSigning] > 0 {
		add("it contains a secret MAVLink signing key, and so does the signed log: do not pass it on before that key is changed")
	}
}

func (r *commandsResult) print(cmd *cobra.Command, o *commandsOptions) error {
	for _, w := range r.Warnings {
		cli.Warn(cmd, "%s: %s", quoted(r.Log), w)
	}
	if o.json {
		return report.WriteJSON(cmd.OutOrStdout(), r)
	}
	text := "no command"
	if r.Commands > 0 {
		text = cli.Count(r.Commands, "command")
	}
	for i, name := range slices.SortedFunc(maps.Keys(r.Messages), func(a, b string) int {
		if r.Messages[a] != r.Messages[b] {
			return int(r.Messages[b] - r.Messages[a])
		}
		if a < b {
			return -1
		}
		return 1
	}) {
		sep := ", "
		if i == 0 {
			sep = " ("
		}
		text += fmt.Sprintf("%s%s %s", sep, name, cli.Thousands(r.Messages[name]))
	}
	if r.Commands > 0 {
		text += ")"
	}
	if o.output == "-" {
		cli.Say(cmd, "%s: signed %s", called(r.Log), text)
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: signed %s as %s, %s\n", called(r.Log), text, report.Clean(filepath.Clean(o.output)), cli.Size(r.Written))
	return nil
}
