package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
)

// declare tells the run what will be read, so that nothing is read twice or
// written over. "" is nothing.
func declare(cmd *cobra.Command, names ...string) error {
	return cli.Declare(cmd, slices.DeleteFunc(names, func(s string) bool { return s == "" })...)
}

// load reads a key file that was declared, or standard input if it is called "-".
func load(cmd *cobra.Command, name string, pass keyfile.PassphraseFunc) (*keyfile.File, error) {
	if keyfile.IsTokenURI(name) {
		return loadToken(cmd, name)
	}
	if name != "-" {
		f, err := keyfile.ReadFile(name, pass)
		return f, hinted(err)
	}
	data, err := readStdin(cmd)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	f, err := keyfile.Parse(data, pass)
	return f, hinted(onStdin(err))
}

func onStdin(err error) error {
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return nil
}

func readStdin(cmd *cobra.Command) ([]byte, error) {
	in, err := cli.Open(cmd, "-")
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, keyfile.MaxFileBytes+1))
}

// hinted adds to an error what to try next, where that can be known.
func hinted(err error) error {
	for _, h := range []struct {
		err  error
		hint string
	}{
		{fs.ErrExist, "keys are never overwritten: choose another name, or move the old files away"},
		{keyfile.ErrCertificate, `take the key out of it with "openssl x509 -pubkey -noout -in FILE"`},
		{keyfile.ErrExpandedOnly, "export the key with its seed where it was made, or make a new one"},
		{keyfile.ErrProtected, "give its passphrase with --passphrase-file"},
		{cli.ErrNoTerminal, "give the passphrase with --passphrase-file"},
	} {
		if errors.Is(err, h.err) {
			return cli.Hint(err, "%s", h.hint)
		}
	}
	return err
}

// newPassphrase returns the passphrase for a key to be written: from the terminal,
// from a file, or nil for none.
func newPassphrase(cmd *cobra.Command, ask bool, file string) ([]byte, error) {
	switch {
	case file != "":
		return readPassphrase(cmd, file)
	case ask:
		pass, err := cli.NewPassphrase(cmd, "new passphrase: ")
		if err == nil {
			err = keyfile.CheckPassphrase(pass)
		}
		return pass, hinted(err)
	}
	return nil, nil
}

// readPassphrase reads a passphrase from the first line of a file.
func readPassphrase(cmd *cobra.Command, file string) ([]byte, error) {
	pass, err := cli.PassphraseFile(cmd, file)
	if err != nil {
		return nil, err
	}
	if err := keyfile.CheckPassphrase(pass); err != nil {
		clear(pass)
		return nil, fmt.Errorf("%q: %w", file, err)
	}
	return pass, nil
}

// write writes a whole file, or standard output if name is "-" or "".
func write(cmd *cobra.Command, name string, data []byte, opts cli.CreateOptions) error {
	out, err := cli.Create(cmd, name, opts)
	if err != nil {
		return hinted(err)
	}
	defer out.Close()
	if _, err := out.Write(data); err != nil {
		return err
	}
	return hinted(out.Commit())
}
