package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
)

// options are the flags of cqkeygen itself.
type options struct {
	output         string
	label          string
	labelGiven     bool
	passphrase     bool
	passphraseFile string
	encoding       string
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "cqkeygen [sign|kem|hybrid|root] -o NAME",
		Short: "make, inspect, convert, protect and revoke post-quantum keys",
		Long: `Usage:
    cqkeygen [sign|kem|hybrid|root] -o NAME
    cqkeygen inspect FILE...
    cqkeygen convert FILE -o FILE
    cqkeygen public FILE
    cqkeygen trust add|remove|update|show FILE...
    cqkeygen revoke -k ROOT.key --key KEY

Makes a key: writes NAME.key, the private half, which only its owner may read,
and NAME.pub, the public half for everyone else, and prints the fingerprint.
Nothing is ever overwritten. The kinds of key are

    sign        ML-DSA-87, for seals and signed commands; the default
    kem         ML-KEM-1024, for sessions
    hybrid      X25519 and ML-KEM-1024, for sessions
    root        SLH-DSA-SHA2-256s, slow and cautious, for revoking other keys

Options:
    -o, --output NAME           the name of the two files without .key and .pub;
                                "-" prints the private key to standard output,
                                and pkcs11:token=T;object=NAME keeps its seed in
                                a PKCS#11 token instead
        --label TEXT            a name for people, kept in both files; the last
                                part of NAME without it, none with ""
        --passphrase            ask for a passphrase and protect the key with it
        --passphrase-file FILE  protect it with the passphrase in FILE
        --encoding pem|raw      pem is PKCS#8 and SPKI, which OpenSSL 3.5 reads;
                                raw is CleitonQ's files (sign and kem only)`,
		Example: `    $ cqkeygen -o pilot-7
    $ cqkeygen kem -o drone-3 --label "drone 3, session key"
    $ cqkeygen inspect pilot-7.pub

    with a passphrase, which the terminal is asked for:
        $ cqkeygen root -o fleet-root --passphrase`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if err := checkKind(cmd, args[0]); err != nil {
				return err
			}
			if len(args) > 1 {
				return fmt.Errorf("unexpected argument %q", args[1])
			}
			return nil
		},
		ValidArgs: kindNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := keyfile.Sign
			if len(args) == 1 {
				kind, _ = keyfile.ParseKind(args[0])
			}
			o.labelGiven = cmd.Flags().Changed("label")
			return generate(cmd, kind, &o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "the name of the two files")
	f.StringVar(&o.label, "label", "", "a name for people")
	f.BoolVar(&o.passphrase, "passphrase", false, "ask for a passphrase and protect the key with it")
	f.StringVar(&o.passphraseFile, "passphrase-file", "", "protect the key with the passphrase in this file")
	f.StringVar(&o.encoding, "encoding", "pem", "pem or raw")
	cmd.RegisterFlagCompletionFunc("encoding", completeEncoding)
	cli.SetExit(cmd, 0, "done")
	cli.SetExit(cmd, 3, "could not do it: a file, a passphrase, a key that does not parse")
	cli.SetExit(cmd, 130, "interrupted; no file is left half-written")
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(inspectCommand(), convertCommand(), publicCommand(), trustCommand(), revokeCommand())
	return cmd
}

func kindNames() (names []string) {
	for _, k := range keyfile.Kinds() {
		names = append(names, k.String())
	}
	return names
}

func completeEncoding(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"pem", "raw"}, cobra.ShellCompDirectiveNoFileComp
}

// checkKind refuses an argument that is no kind of key. It may have been meant
// as the file to make, or as a subcommand.
func checkKind(cmd *cobra.Command, arg string) error {
	_, err := keyfile.ParseKind(arg)
	if err == nil {
		return nil
	}
	for _, sub := range cmd.SuggestionsFor(arg) {
		return cli.Hint(err, "did you mean %q?", cmd.CommandPath()+" "+sub)
	}
	return cli.Hint(err, "the kinds are %s; the name of the files is given with -o", strings.Join(kindNames(), ", "))
}

// check says what of the flags does not go together. It completes the label.
func (o *options) check(kind keyfile.Kind) (keyfile.Encoding, error) {
	e, err := keyfile.ParseEncoding(o.encoding)
	if err != nil {
		return 0, cli.Usage(cli.Hint(err, "the encodings are pem and raw"))
	}
	switch ext := filepath.Ext(o.output); {
	case keyfile.IsTokenURI(o.output):
		return e, o.checkToken(kind, e)
	case o.output == "":
		return 0, cli.Usage(cli.Hint(errors.New("no name given"), "name the files with -o NAME, or print the private key with -o -"))
	case ext == ".key" || ext == ".pub":
		return 0, cli.Usage(cli.Hint(fmt.Errorf("name %q ends in %s, which is added", o.output, ext),
			"give -o %s", strings.TrimSuffix(o.output, ext)))
	case o.output != "-" && (strings.HasSuffix(o.output, "/") || strings.HasSuffix(o.output, string(filepath.Separator))):
		return 0, cli.Usagef("name %q is a folder", o.output)
	case o.passphrase && o.passphraseFile != "":
		return 0, cli.Usagef("--passphrase and --passphrase-file contradict each other")
	}
	if e == keyfile.Raw {
		switch {
		case kind == keyfile.Hybrid || kind == keyfile.Root:
			return 0, cli.Usage(cli.Hint(fmt.Errorf("%s: %w", kind, keyfile.ErrNoRaw), "leave out --encoding raw"))
		case o.passphrase || o.passphraseFile != "":
			return 0, cli.Usagef("a raw key cannot be protected by a passphrase")
		case o.label != "":
			return 0, cli.Usagef("a raw key cannot carry a label")
		}
	}
	if err := keyfile.CheckLabel(o.label); err != nil {
		return 0, cli.Usage(err)
	}
	if base := filepath.Base(o.output); !o.labelGiven && o.output != "-" && keyfile.CheckLabel(base) == nil {
		o.label = base
	}
	return e, nil
}

func generate(cmd *cobra.Command, kind keyfile.Kind, o *options) error {
	encoding, err := o.check(kind)
	if err != nil {
		return err
	}
	pass, err := newPassphrase(cmd, o.passphrase, o.passphraseFile)
	if err != nil {
		return err
	}
	defer clear(pass)
	key, err := keyfile.Generate(kind, keyfile.Comments{Label: o.label, Created: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	defer key.Wipe()
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	switch {
	case o.output == "-":
		return printPrivate(cmd, key, encoding, pass)
	case keyfile.IsTokenURI(o.output):
		return storeToken(cmd, key, o.output)
	}
	if err := keyfile.WritePair(o.output, key, encoding, pass); err != nil {
		return hinted(err)
	}
	cli.Say(cmd, "wrote %s, the private key, and %s for everyone else", o.output+".key", o.output+".pub")
	_, err = fmt.Fprintln(cmd.OutOrStdout(), key.Fingerprint())
	return err
}

// printPrivate is generate for standard output.
func printPrivate(cmd *cobra.Command, key *keyfile.Private, e keyfile.Encoding, pass []byte) error {
	data, err := key.Marshal(e, pass)
	if err != nil {
		return err
	}
	defer clear(data)
	if err := write(cmd, "-", data, cli.CreateOptions{Binary: e == keyfile.Raw}); err != nil {
		return err
	}
	cli.Say(cmd, "the key is %s", key.Fingerprint())
	return nil
}
