// Package cli is what the five programs have in common at the shell: exit codes,
// messages and hints, "-" for standard input and output, output that appears
// whole or not at all, signals, progress, help, version and completion. It knows
// nothing about keys, logs or load.
//
// A program's main is os.Exit(cli.Main(newCommand())), where newCommand returns a
// cobra command with its flags as local variables and its checks and work in
// RunE. What RunE returns decides the exit code: see [ExitCode] for the codes and
// [Rejected], [Usage], [Untrusted] and [Hint] for how an error gets its own.
//
// Main completes the command: an argument check where there is none (no arguments
// are taken), --quiet, --help and --version, completion for bash, zsh and fish,
// help that is written by hand in Long and Example with the exit codes between
// them, and hints for flags and subcommands that were mistyped. Errors that come
// up before RunE, those of PreRunE included, are errors of usage.
package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"

	"github.com/spf13/cobra"
)

// Env is what a run of a program reads and writes.
type Env struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Main runs the command with the process's arguments and streams and returns its
// exit code. SIGINT and SIGTERM cancel the command's context; a second one ends
// the process at once.
func Main(root *cobra.Command) int {
	if os.Getenv("GOGC") == "" {
		// The programs keep little and throw away much: collecting at every doubling of
		// a few megabytes would cost a quarter of the time on a folder of small logs.
		debug.SetGCPercent(400)
	}
	ctx, stop := untilSignal(context.Background())
	defer stop()
	return Run(ctx, root, Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}

// Run runs the command in env and returns its exit code. Canceling ctx means
// that the user interrupted the program: the code is then 130, unless the cause is
// [ErrTerminated] and the command said [EndOnTerminate]. A command can be run once. A
// panic is not caught.
func Run(ctx context.Context, root *cobra.Command, env Env) int {
	prepare(root)
	s := &streams{name: root.Name(), in: env.Stdin, out: &stdout{w: env.Stdout}, err: env.Stderr}
	if s.in == nil {
		s.in = eof{}
	}
	if s.out.w == nil {
		s.out.w = io.Discard
	}
	if s.err == nil {
		s.err = io.Discard
	}
	args := env.Args
	if args == nil {
		args = []string{} // cobra would take the process's for nil
	}
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(messages{s})

	cmd, err := root.ExecuteContextC(context.WithValue(ctx, streamsKey{}, s))
	if err != nil && !s.started {
		err = usageError(cmd, err)
	}
	if werr := s.out.failed(); werr != nil && !errors.Is(err, werr) {
		err = errors.Join(err, werr)
	}
	code := ExitCode(err)
	s.complain(err)
	if errors.Is(ctx.Err(), context.Canceled) && !ordinaryEnd(ctx, cmd) {
		return codeInterrupted
	}
	return code
}

// streams is what one run shares between everything that reads, writes and
// complains. It travels in the command's context.
type streams struct {
	name    string // of the program, in front of messages
	in      io.Reader
	out     *stdout
	started bool // RunE was reached: errors are no longer of usage

	mu    sync.Mutex // guards all below
	err   io.Writer
	quiet bool
	line  *Progress // what stands on the last line of the terminal, if anything

	stdin    use             // of standard input
	inputs   fileSet         // files that are read
	outs     map[string]bool // absolute names of files that are written, and "-"
	replaced fileSet         // files that were there under these names
}

// use says what an input is to the run.
type use int

const (
	unused   use = iota
	declared     // it will be opened
	inUse        // by Open
)

type streamsKey struct{}

// of returns the streams of cmd's run. A command that is run without Run, as in
// a unit test of its own, gets fresh ones over what cobra gives it.
func of(cmd *cobra.Command) *streams {
	if ctx := cmd.Context(); ctx != nil {
		if s, ok := ctx.Value(streamsKey{}).(*streams); ok {
			return s
		}
	}
	s := &streams{name: cmd.Root().Name(), in: cmd.InOrStdin(), out: &stdout{w: cmd.OutOrStdout()}, err: cmd.ErrOrStderr()}
	s.quiet, _ = cmd.Flags().GetBool("quiet")
	return s
}

// stdout remembers the first failed write, so that a result that did not reach
// its reader never ends in exit code 0, whether or not the command looked.
type stdout struct {
	w  io.Writer
	mu sync.Mutex
	// err is the first error of a write.
	err error

	look sync.Once
	info fs.FileInfo // of a regular file
}

// file returns which regular file standard output is, nil if it is none. It asks once:
// every input is compared with it.
func (o *stdout) file() fs.FileInfo {
	o.look.Do(func() {
		if info := fileInfo(o.w); info != nil && info.Mode().IsRegular() {
			o.info = info
		}
	})
	return o.info
}

func (o *stdout) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.mu.Lock()
		if o.err == nil {
			o.err = err
		}
		o.mu.Unlock()
	}
	return n, err
}

func (o *stdout) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
