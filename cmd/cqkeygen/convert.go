package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
)

// conversion are the flags of convert.
type conversion struct {
	output            string
	encoding          string
	label             string
	labelGiven        bool
	passphraseFile    string // of the input
	newPassphrase     bool
	newPassphraseFile string
	noPassphrase      bool
}

func convertCommand() *cobra.Command {
	var c conversion
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "write a key in another form, with another passphrase or label",
		Long: `Usage:
    cqkeygen convert FILE -o FILE [--encoding pem|raw]
    cqkeygen convert FILE -o FILE --new-passphrase | --no-passphrase
    cqkeygen convert FILE -o FILE --label TEXT

Writes the private or public key in FILE again. A private key that is protected
by a passphrase stays so, under the same one, unless another is given or it is
taken off; the terminal is asked for what is not given. FILE stays as it is. "-"
is standard input or output.

Options:
    -o, --output FILE           the file to write, which must not exist
        --encoding pem|raw      pem is PKCS#8 and SPKI, raw is CleitonQ's files
                                (sign and kem keys only); without it pem
        --label TEXT            give the key this label; with "" none
        --passphrase-file FILE  read the passphrase of the key from FILE
        --new-passphrase        ask for a passphrase to protect the result with
        --new-passphrase-file FILE
                                protect the result with the passphrase in FILE
        --no-passphrase         write a protected key without protection`,
		Example: `    $ cqkeygen convert pilot-7.key --encoding raw -o cleitonq.seed
    $ cqkeygen convert cleitonq.seed --label pilot-7 -o again.key

    protect a key that is not:
        $ cqkeygen convert pilot-7.key --new-passphrase -o protected.key`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.labelGiven = cmd.Flags().Changed("label")
			return convert(cmd, args[0], &c)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&c.output, "output", "o", "", "the file to write")
	f.StringVar(&c.encoding, "encoding", "pem", "pem or raw")
	f.StringVar(&c.label, "label", "", "give the key this label")
	f.StringVar(&c.passphraseFile, "passphrase-file", "", "read the passphrase of the key from this file")
	f.BoolVar(&c.newPassphrase, "new-passphrase", false, "ask for a passphrase and protect the result with it")
	f.StringVar(&c.newPassphraseFile, "new-passphrase-file", "", "protect the result with the passphrase in this file")
	f.BoolVar(&c.noPassphrase, "no-passphrase", false, "write a protected key without protection")
	cmd.MarkFlagsMutuallyExclusive("new-passphrase", "new-passphrase-file", "no-passphrase")
	cmd.RegisterFlagCompletionFunc("encoding", completeEncoding)
	return cmd
}

func oneFile(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return cli.Hint(errors.New("no key file given"), `name one, or "-" for standard input`)
	case 1:
		return nil
	}
	return fmt.Errorf("unexpected argument %q", args[1])
}

// encodingFlag returns the encoding a flag names, nil if it is not given.
func encodingFlag(name string) (*keyfile.Encoding, error) {
	if name == "" {
		return nil, nil
	}
	e, err := keyfile.ParseEncoding(name)
	if err != nil {
		return nil, cli.Usage(cli.Hint(err, "the encodings are pem and raw"))
	}
	return &e, nil
}

// named says which file an error is about.
func named(name string, err error) error {
	if name == "-" {
		return onStdin(err)
	}
	return fmt.Errorf("%q: %w", name, err)
}

// usageIfNoRaw makes asking for a raw form that does not exist an error of usage.
func usageIfNoRaw(err error) error {
	if errors.Is(err, keyfile.ErrNoRaw) {
		return cli.Usage(cli.Hint(err, "use --encoding pem"))
	}
	return err
}

// check says what of the flags does not go together.
func (c *conversion) check() (keyfile.Encoding, error) {
	e, err := encodingFlag(c.encoding)
	switch {
	case err != nil:
		return 0, err
	case e == nil:
		return 0, cli.Usagef("--encoding is empty")
	case c.output == "":
		return 0, cli.Usage(cli.Hint(errors.New("no output given"), `name the file to write with -o, "-" for standard output`))
	case *e == keyfile.Raw && (c.newPassphrase || c.newPassphraseFile != ""):
		return 0, cli.Usagef("a raw key cannot be protected by a passphrase")
	case *e == keyfile.Raw && c.label != "":
		return 0, cli.Usagef("a raw key cannot carry a label")
	}
	if err := keyfile.CheckLabel(c.label); err != nil {
		return 0, cli.Usage(err)
	}
	return *e, nil
}

func convert(cmd *cobra.Command, name string, c *conversion) error {
	encoding, err := c.check()
	if err != nil {
		return err
	}
	if err := declare(cmd, name, c.passphraseFile, c.newPassphraseFile); err != nil {
		return err
	}
	var pass []byte // of the input, kept for the output
	open := cli.PassphraseFunc(cmd, name, c.passphraseFile)
	f, err := load(cmd, name, func() ([]byte, error) {
		p, err := open()
		pass = append([]byte(nil), p...) // load wipes p
		return p, err
	})
	defer func() { clear(pass) }()
	if err != nil {
		return err
	}
	if f.Private == nil {
		return convertPublic(cmd, f.Public, encoding, c)
	}
	defer f.Private.Wipe()
	switch {
	case c.noPassphrase:
		clear(pass)
		pass = nil
	case c.newPassphrase || c.newPassphraseFile != "":
		clear(pass)
		if pass, err = newPassphrase(cmd, c.newPassphrase, c.newPassphraseFile); err != nil {
			return err
		}
	case f.Protected && encoding == keyfile.Raw:
		return cli.Usage(cli.Hint(named(name, errors.New("the key is protected by a passphrase, which a raw file cannot be")),
			"take the protection off with --no-passphrase"))
	}
	if c.labelGiven {
		f.Private.Label = c.label
	}
	data, err := f.Private.Marshal(encoding, pass)
	if err != nil {
		return usageIfNoRaw(err)
	}
	defer clear(data)
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	return write(cmd, c.output, data, cli.CreateOptions{Private: true, Binary: encoding == keyfile.Raw})
}

func convertPublic(cmd *cobra.Command, p *keyfile.Public, e keyfile.Encoding, c *conversion) error {
	if c.newPassphrase || c.newPassphraseFile != "" || c.noPassphrase {
		return cli.Usagef("a public key has no passphrase")
	}
	if c.labelGiven {
		p.Label = c.label
	}
	data, err := p.Marshal(e)
	if err != nil {
		return usageIfNoRaw(err)
	}
	return write(cmd, c.output, data, cli.CreateOptions{Binary: e == keyfile.Raw})
}
