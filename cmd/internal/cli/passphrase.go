package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cqkit/pkg/report"
)

// ErrNoTerminal means that a passphrase cannot be asked for because no terminal
// belongs to the process.
var ErrNoTerminal = errors.New("no terminal to ask for a passphrase")

// Passphrase asks for a passphrase on the terminal, without showing what is typed,
// also when standard input and output are something else. The prompt is printed
// cleaned, for instance "passphrase for pilot.key: ". It returns [ErrNoTerminal] if
// there is no one to ask. The caller wipes the result.
func Passphrase(cmd *cobra.Command, prompt string) ([]byte, error) {
	tty, out, done, err := openTerminal(of(cmd))
	if err != nil {
		return nil, err
	}
	defer done()
	return ask(cmd.Context(), tty, out, prompt)
}

// NewPassphrase asks for a passphrase and once more to confirm it. An empty one is
// refused.
func NewPassphrase(cmd *cobra.Command, prompt string) ([]byte, error) {
	first, err := Passphrase(cmd, prompt)
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, errors.New("the passphrase is empty")
	}
	second, err := Passphrase(cmd, "the same once more: ")
	if err != nil {
		clear(first)
		return nil, err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		clear(first)
		return nil, errors.New("the two passphrases differ")
	}
	return first, nil
}

// openTerminal returns where to read from and where to prompt.
func openTerminal(s *streams) (in, out *os.File, done func(), err error) {
	if runtime.GOOS == "windows" {
		in, err = os.OpenFile("CONIN$", os.O_RDWR, 0)
		if err == nil {
			if out, err = os.OpenFile("CONOUT$", os.O_WRONLY, 0); err == nil {
				return in, out, func() { in.Close(); out.Close() }, nil
			}
			in.Close()
		}
	} else if in, err = os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		return in, in, func() { in.Close() }, nil
	}
	if in, ok := s.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		if out, ok := s.err.(*os.File); ok {
			return in, out, func() {}, nil
		}
	}
	return nil, nil, nil, ErrNoTerminal
}

// ask reads a line without echo. An interruption gives the terminal its echo back.
func ask(ctx context.Context, in, out *os.File, prompt string) ([]byte, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	fd := int(in.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("asking for a passphrase: %w", err)
	}
	fmt.Fprint(out, report.Clean(prompt))
	defer fmt.Fprintln(out)
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		term.Restore(fd, state)
		return nil, ctx.Err()
	case a := <-answers:
		if a.err != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", a.err)
		}
		return a.line, nil
	}
}
