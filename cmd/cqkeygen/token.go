package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/keyfile"
)

// checkToken says what of the flags does not go together with a seed in a token.
func (o *options) checkToken(kind keyfile.Kind, e keyfile.Encoding) error {
	if _, err := keyfile.ParseTokenURI(o.output); err != nil {
		return cli.Usage(err)
	}
	switch {
	case kind == keyfile.Hybrid:
		return cli.Usagef("a hybrid key is two keys, and a token keeps one seed an object")
	case e == keyfile.Raw:
		return cli.Usagef("a token keeps seeds in one encoding only")
	case o.passphrase || o.passphraseFile != "":
		return cli.Usagef("a seed in a token is protected by the token's PIN")
	case o.labelGiven:
		return cli.Usagef("a seed in a token is labelled by its object's name")
	}
	return nil
}

// storeToken keeps a key in a token.
func storeToken(cmd *cobra.Command, key *keyfile.Private, uri string) error {
	u, store, err := keyring.Token(cmd, uri)
	if err != nil {
		return err
	}
	if err := store.Write(cmd.Context(), u, key); err != nil {
		err = keyring.NamedToken(u, err)
		if errors.Is(err, fs.ErrExist) {
			err = cli.Hint(err, "keys are never overwritten: choose another name for the object")
		}
		return err
	}
	cli.Say(cmd, "the seed is %q in token %q; print its public half with \"cqkeygen public\"", u.Object, u.Token)
	_, err = fmt.Fprintln(cmd.OutOrStdout(), key.Fingerprint())
	return err
}

// loadToken is load for a seed in a token.
func loadToken(cmd *cobra.Command, uri string) (*keyfile.File, error) {
	k, err := keyring.ReadPrivate(cmd, uri, "")
	if err != nil {
		return nil, err
	}
	return &keyfile.File{Private: k, Public: k.Public()}, nil
}
