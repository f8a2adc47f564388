package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/wire"
)

// readMessage reads the other side's message: a few kilobytes, whatever is offered.
func readMessage(cmd *cobra.Command, args []string) ([]byte, error) {
	data, err := readUpTo(cmd, args, wire.AnswerSize(wire.X25519MLKEM1024)+1)
	if err == nil && len(data) == 0 && (len(args) == 0 || args[0] == "-") {
		err = errors.New("no message came: the step before has failed")
	}
	return data, err
}

// readUpTo reads the file that is named, or standard input, and no more of it than most.
func readUpTo(cmd *cobra.Command, args []string, most int) ([]byte, error) {
	name := "-"
	if len(args) > 0 {
		name = args[0]
	}
	in, err := cli.Open(cmd, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, int64(most)))
}

// createMessage opens the file for what the other side is to read, before anything is
// done that cannot be done again.
func createMessage(cmd *cobra.Command, output string, force bool) (*cli.Output, error) {
	return cli.Create(cmd, output, cli.CreateOptions{Force: force, Binary: true})
}

func writeMessage(out *cli.Output, message []byte) error {
	if _, err := out.Write(message); err != nil {
		return err
	}
	return out.Commit()
}

// readState reads a state or session file, which nobody else may.
func readState(path string) (wire.State, error) {
	data, err := keyfile.ReadSecret(path)
	defer clear(data)
	if err != nil {
		return nil, err
	}
	state, err := wire.ParseState(data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return state, nil
}

// writeState keeps a side of a session in a file that only the user can read.
func writeState(cmd *cobra.Command, path string, state wire.State, force bool) error {
	data, err := state.AppendState(nil)
	if err != nil {
		return err
	}
	defer clear(data)
	out, err := cli.Create(cmd, path, cli.CreateOptions{Force: force, Private: true})
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.Commit()
}

// replaceState puts a side's next step in the place of the one before, and overwrites
// that.
func replaceState(cmd *cobra.Command, path string, state wire.State) error {
	if runtime.GOOS == "windows" { // replaces no open file
		return writeState(cmd, path, state, true)
	}
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer old.Close()
	if err := writeState(cmd, path, state, true); err != nil {
		return err
	}
	return overwrite(old)
}

// removeState removes a state file, overwritten as well as a file system lets it be.
func removeState(path string) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer old.Close()
	if err := overwrite(old); err != nil {
		return err
	}
	old.Close() // Windows removes no open file
	return os.Remove(path)
}

func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(make([]byte, info.Size()), 0); err != nil {
		return err
	}
	return f.Sync()
}

// claim keeps other runs from taking the same step: one offer takes one answer.
func claim(path string) (release func(), err error) {
	lock := path + ".lock"
	f, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, cli.Hint(fmt.Errorf("%q is in use", path), "remove %q if nothing runs that made it", lock)
	}
	if err != nil {
		return nil, err
	}
	f.Close()
	return func() { os.Remove(lock) }, nil
}
