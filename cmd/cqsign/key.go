package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/seal"
)

// loadKey reads the signing key and decides on the signer's name.
func loadKey(cmd *cobra.Command, o *options) (seal.SigningKey, string, error) {
	private, err := keyring.ReadPrivate(cmd, o.key, o.passphrase)
	switch {
	case errors.Is(err, keyfile.ErrPublic):
		err = cli.Hint(err, "sign with the private half, %q", strings.TrimSuffix(o.key, ".pub")+".key")
	case err == nil && private.Kind() != keyfile.Sign:
		err = cli.Hint(&wrongKind{o.key, private.Kind()}, "make a signing key with %q", "cqkeygen -o NAME")
	}
	if err != nil {
		return seal.SigningKey{}, "", err
	}
	name := o.name
	if name == "" {
		name = keyring.SignerName(private.Label, o.key)
	}
	return seal.SigningKey{Private: private.Signer(), Fingerprint: private.Public().Fingerprint()}, name, nil
}

type wrongKind struct {
	path string
	kind keyfile.Kind
}

func (e *wrongKind) Error() string {
	return fmt.Sprintf("%q: a %v key (%s) cannot seal a log", e.path, e.kind, e.kind.Algorithm())
}
