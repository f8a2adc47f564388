package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/seal"
	"cqkit/pkg/trust"
)

type attestOptions struct {
	request string
	keys    []string
	seal    string
	output  string
	force   bool
}

func attestCommand() *cobra.Command {
	var o attestOptions
	cmd := &cobra.Command{
		Use:   "attest LOG ANSWER...",
		Short: "attach what shows how old a seal is",
		Long: `Usage:
    cqsign attest --request timestamp|witness LOG
    cqsign attest [-k TRUSTFILE] LOG ANSWER...

A seal's time is its signer's claim. If the key is revoked one day, the seal
still counts only if somebody else has seen it before: a timestamp authority
(RFC 3161) or a witness (C2SP tlog-witness).

With --request, prints what to send them about the seal of LOG; nothing is sent.
Otherwise attaches each ANSWER that came back to the seal: a timestamp, or a
file of a witness's signature lines; "-" is standard input. The log, the notes
and their signatures stay as they are.

With -k, an answer that the trust file's authorities and witnesses do not stand
by is refused. Without it, cqverify decides later.

Options:
        --request WHAT        timestamp: an RFC 3161 query, to be posted as
                              application/timestamp-query; witness: the body of
                              an add-checkpoint request
    -k, --key FILE            a trust file, as for cqverify; can be repeated
    -s, --seal FILE           the seal; LOG.cqseal without it
    -o, --output FILE         where the request goes, or the seal with what was
                              attached, in place of the seal itself
        --force               replace FILE if it is there`,
		Example: `    $ cqsign -k pilot.key flight.tlog
    $ cqsign attest --request timestamp -o flight.tsq flight.tlog

    with an authority's address, and the tool curl:
        $ curl -H 'Content-Type: application/timestamp-query' \
            --data-binary @flight.tsq -o flight.tsr https://tsa.example/
        $ cqsign attest -k fleet.trust flight.tlog flight.tsr`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no log given")
			}
			return logfile.CheckNames(args[:1])
		},
		PreRunE: func(_ *cobra.Command, args []string) error { return o.check(args) },
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.request, "request", "", "timestamp or witness")
	f.StringArrayVarP(&o.keys, "key", "k", nil, "a trust file")
	f.StringVarP(&o.seal, "seal", "s", "", "the seal")
	f.StringVarP(&o.output, "output", "o", "", "where the request or the seal goes")
	f.BoolVar(&o.force, "force", false, "replace the file if it is there")
	return cmd
}

func (o *attestOptions) check(args []string) error {
	switch {
	case args[0] == "-" && o.seal == "":
		return cli.Hint(errors.New("standard input has no seal beside it"), "name its seal with -s")
	case o.request == "" && len(args) == 1:
		return cli.Hint(errors.New("nothing to attach"), "name the answers of witnesses and authorities, or get something to ask them with --request")
	case o.request == "":
		return nil
	case len(args) > 1 || len(o.keys) > 0:
		return errors.New("--request asks about one seal, and attaches nothing")
	case o.request != "timestamp" && o.request != "witness":
		return cli.Hint(fmt.Errorf("--request %q is neither", o.request), "the requests are timestamp and witness")
	}
	return nil
}

func (o *attestOptions) run(cmd *cobra.Command, args []string) error {
	path := o.seal
	if path == "" {
		path = logfile.SealPath(args[0])
	}
	data, err := readSeal(path)
	if err != nil {
		return err
	}
	parsed, err := seal.Parse(data)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	if o.request != "" {
		return o.ask(cmd, parsed.Last())
	}
	if err := cli.Declare(cmd, args[1:]...); err != nil {
		return err
	}
	var answers []trust.Attestation
	for _, name := range args[1:] {
		some, err := readAnswer(cmd, name, parsed.Last())
		if err != nil {
			return fmt.Errorf("%s: %w", quoted(name), err)
		}
		answers = append(answers, some...)
	}
	if err := o.judge(cmd, parsed.Last(), answers); err != nil {
		return err
	}
	attached, err := seal.Attach(data, answers...)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	force := o.force
	if o.output == "" {
		o.output, force = path, true
	}
	return writeWhole(cmd, o.output, attached, cli.CreateOptions{Force: force})
}

// ask prints a request.
func (o *attestOptions) ask(cmd *cobra.Command, n *seal.Note) error {
	request := trust.TimestampRequest(n.Whole())
	if o.request == "witness" {
		// A log of its own, and the first time a witness hears of it: no proof is needed.
		request = append([]byte("old 0\n\n"), n.Whole()...)
	}
	return writeWhole(cmd, o.output, request, cli.CreateOptions{Force: o.force, Binary: o.request == "timestamp"})
}

// readAnswer reads what an authority or a witness sent back about a note.
func readAnswer(cmd *cobra.Command, name string, n *seal.Note) ([]trust.Attestation, error) {
	data, err := logfile.ReadSeal(cmd, name)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(data, []byte("— ")) {
		token, err := trust.TimestampToken(data)
		if err == nil && !trust.Imprinted(token, n.Whole()) {
			err = errors.New("the timestamp is about something else than this seal")
		}
		return []trust.Attestation{{Timestamp: token}}, err
	}
	var all []trust.Attestation
	for line := range strings.Lines(string(data)) {
		if len(all) == seal.MaxAttestations {
			return nil, fmt.Errorf("more than %d lines", seal.MaxAttestations)
		}
		c, err := trust.ParseCosignature(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, trust.Attestation{Cosignature: c})
	}
	return all, nil
}

// judge checks the answers by what the user trusts, if that was said.
func (o *attestOptions) judge(cmd *cobra.Command, n *seal.Note, answers []trust.Attestation) error {
	if len(o.keys) == 0 {
		cli.Say(cmd, "nothing was checked of who vouches for the seal: that takes a trust file, with -k")
		return nil
	}
	ring, err := keyring.Load(o.keys)
	if err != nil {
		return err
	}
	proof, problems := ring.Registry.Date(n.Text(), n.Whole(), answers)
	if len(problems) > 0 {
		return cli.Hint(errors.Join(problems...), "name witnesses and authorities in the trust file with %q", "cqkeygen trust add")
	}
	cli.Say(cmd, "the seal was there on %s, by %s", proof.Time.Format("2006-01-02 15:04:05 UTC"), proof.By)
	return nil
}

// readSeal reads a seal without declaring it, because it may be replaced.
func readSeal(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, seal.MaxSealBytes+1))
}

// writeWhole writes a file that appears whole or not at all.
func writeWhole(cmd *cobra.Command, name string, data []byte, opts cli.CreateOptions) error {
	out, err := cli.Create(cmd, name, opts)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.Commit()
}

// readSmall reads a key file and says what its permissions are.
func readSmall(path string) ([]byte, os.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, keyfile.MaxFileBytes))
	return data, info.Mode(), err
}
