package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// maxPassphraseFile bounds what is read of a passphrase file, in bytes.
const maxPassphraseFile = 64 << 10

// PassphraseFunc returns a function that gets the passphrase of the named key when it
// is called: the first line of file, which may be "-", or what the user types on the
// terminal if file is "". The caller of that function wipes the result.
func PassphraseFunc(cmd *cobra.Command, key, file string) func() ([]byte, error) {
	return func() ([]byte, error) {
		if file != "" {
			return PassphraseFile(cmd, file)
		}
		passphrase, err := Passphrase(cmd, fmt.Sprintf("passphrase for %q: ", key))
		if errors.Is(err, ErrNoTerminal) {
			return nil, Hint(fmt.Errorf("%q is protected by a passphrase: %w", key, err), "give it in a file with --passphrase-file")
		}
		return passphrase, err
	}
}

// PassphraseFile returns the first line of a file, or of standard input for "-",
// without its line ending.
func PassphraseFile(cmd *cobra.Command, file string) ([]byte, error) {
	in, err := Open(cmd, file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxPassphraseFile))
	if err != nil {
		return nil, err
	}
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	clear(rest)
	if len(line) == 0 {
		return nil, Hint(fmt.Errorf("the first line of %q is empty", file), "write the passphrase on it")
	}
	return line, nil
}
