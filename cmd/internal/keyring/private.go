package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
)

// ReadPrivate reads the private key that a user named: a file, whose passphrase is in
// another file or asked for, or a seed in a PKCS#11 token, "pkcs11:…". Printing the
// name of the latter shows no secret: it has none.
func ReadPrivate(cmd *cobra.Command, name, passphraseFile string) (*keyfile.Private, error) {
	if !keyfile.IsTokenURI(name) {
		return keyfile.ReadPrivate(name, cli.PassphraseFunc(cmd, name, passphraseFile))
	}
	if passphraseFile != "" {
		return nil, cli.Hint(cli.Usagef("a seed in a token has a PIN, not a passphrase"), "name where the PIN is with pin-source in the URI")
	}
	u, store, err := Token(cmd, name)
	if err != nil {
		return nil, err
	}
	k, err := store.Read(cmd.Context(), u)
	return k, NamedToken(u, err)
}

// SignerName makes the name for a signature line of a key's label or, without one, of
// the name of its file or object.
func SignerName(label, path string) string {
	name := label
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(path), ".key")
	}
	name = strings.Map(func(r rune) rune {
		if r == '+' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '-'
		}
		return r
	}, name)
	for len(name) > maxSignerName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// maxSignerName is the greatest length of a name on a signature line, in bytes.
const maxSignerName = 128

// Token parses the URI of a seed in a PKCS#11 token and returns the store to reach it
// with. The PIN is read where the URI says, or asked for on the terminal.
func Token(cmd *cobra.Command, uri string) (*keyfile.TokenURI, *keyfile.TokenStore, error) {
	u, err := keyfile.ParseTokenURI(uri)
	if err != nil {
		return nil, nil, cli.Usage(err)
	}
	return u, &keyfile.TokenStore{Environ: os.Environ(), PIN: func() ([]byte, error) { return pin(cmd, u) }}, nil
}

func pin(cmd *cobra.Command, u *keyfile.TokenURI) ([]byte, error) {
	if name, ok := strings.CutPrefix(u.PINSource, "env:"); ok {
		value, ok := os.LookupEnv(name)
		if !ok || value == "" {
			return nil, fmt.Errorf("the PIN of token %q is not in the environment: %q is not set", u.Token, name)
		}
		return []byte(value), nil
	}
	if u.PINSource != "" {
		return cli.PassphraseFile(cmd, strings.TrimPrefix(u.PINSource, "file:"))
	}
	pin, err := cli.Passphrase(cmd, fmt.Sprintf("PIN of token %s: ", u.Token))
	if errors.Is(err, cli.ErrNoTerminal) {
		err = cli.Hint(fmt.Errorf("no terminal to ask for the PIN of token %q", u.Token), "name where it is in the URI: pin-source=file:PATH or pin-source=env:NAME")
	}
	return pin, err
}

// NamedToken says which object of which token an error is about.
func NamedToken(u *keyfile.TokenURI, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q in token %q: %w", u.Object, u.Token, err)
}
