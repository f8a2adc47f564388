package main

import (
	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
)

func publicCommand() *cobra.Command {
	var output, encoding, passphraseFile string
	cmd := &cobra.Command{
		Use:   "public FILE",
		Short: "print the public half of a private key",
		Long: `Usage:
    cqkeygen public FILE [-o FILE]

Prints the public half of the private key in FILE, as cqkeygen writes it to
NAME.pub. "-" is standard input. If the key is protected, the terminal is asked
for the passphrase.

Options:
    -o, --output FILE           write to this file, which must not exist
        --encoding pem|raw      pem is SPKI, raw is CleitonQ's file; without it
                                that of the private key
        --passphrase-file FILE  read the key's passphrase from FILE`,
		Example: `    $ cqkeygen public pilot-7.key -o copy.pub
    $ cqkeygen -o - | cqkeygen public - -o one-time.pub`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := encodingFlag(encoding)
			if err != nil {
				return err
			}
			if err := declare(cmd, args[0], passphraseFile); err != nil {
				return err
			}
			f, err := load(cmd, args[0], cli.PassphraseFunc(cmd, args[0], passphraseFile))
			if err != nil {
				return err
			}
			if f.Private == nil {
				return cli.Hint(named(args[0], keyfile.ErrPublic), "it is the public half already; copy it as it is")
			}
			defer f.Private.Wipe()
			if e == nil {
				e = &f.Encoding
			}
			data, err := f.Public.Marshal(*e)
			if err != nil {
				return usageIfNoRaw(err)
			}
			return write(cmd, output, data, cli.CreateOptions{Binary: *e == keyfile.Raw})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this file")
	cmd.Flags().StringVar(&encoding, "encoding", "", "pem or raw")
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "read the key's passphrase from this file")
	cmd.RegisterFlagCompletionFunc("encoding", completeEncoding)
	return cmd
}
