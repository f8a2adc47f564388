package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/trust"
)

func trustRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove FILE KEY...",
		Short: "take keys out of a trust file",
		Long: `Usage:
    cqkeygen trust remove FILE KEY...

Takes out of the trust file what each KEY names: a fingerprint of a key, a root
or an authority, the file of a public key, or the name or verifier key of a
witness. With a root goes its revocation list, and what it revoked counts again
for whoever does not remember it.`,
		Example: `    $ cqkeygen -o pilot-7
    $ cqkeygen -o pilot-8
    $ cqkeygen trust add fleet.trust pilot-7.pub pilot-8.pub
    $ cqkeygen trust remove fleet.trust pilot-7.pub`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("want a trust file and what to take out of it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := readTrust(args[0])
			if err != nil {
				return err
			}
			for _, id := range args[1:] {
				if err := removeFrom(f, id); err != nil {
					return cli.Hint(err, "see what is in it with %q", "cqkeygen trust show "+args[0])
				}
			}
			return writeTrust(cmd, args[0], f)
		},
	}
}

// removeFrom takes one entry out of a trust file.
func removeFrom(f *trust.File, what string) error {
	id := what
	if !trust.IsFingerprint(id) && exists(id) {
		public, err := keyfile.ReadPublic(id)
		if err != nil {
			return hintPublic(id, err)
		}
		id = public.Fingerprint()
	}
	before := len(f.Keys) + len(f.Witnesses) + len(f.Authorities)
	f.Keys = slices.DeleteFunc(f.Keys, func(k *trust.Key) bool { return k.Fingerprint == id })
	f.Authorities = slices.DeleteFunc(f.Authorities, func(a *trust.Authority) bool { return a.Fingerprint == id })
	f.Witnesses = slices.DeleteFunc(f.Witnesses, func(w *trust.Witness) bool { return w.Name == id || w.String() == id })
	switch {
	case f.Root != nil && f.Root.Fingerprint == id:
		f.Root = nil
	case before == len(f.Keys)+len(f.Witnesses)+len(f.Authorities):
		return fmt.Errorf("%q is not in the trust file", what)
	}
	return nil
}
