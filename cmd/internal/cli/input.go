package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

// Input is a file or standard input, opened by [Open].
type Input struct {
	// Name is what it was called, "-" for standard input.
	Name string

	r    io.Reader
	file *os.File // nil for standard input
	ctx  context.Context
}

// Open opens the file name for reading, or standard input if name is "-". Reading
// ends with the context's error when the run is interrupted, even while a pipe or
// a terminal has nothing to give. "-" a second time, and a file that the run also
// writes, are errors of usage.
func Open(cmd *cobra.Command, name string) (*Input, error) {
	s, ctx := of(cmd), cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	if name == "-" {
		if err := s.declare(name, fileInfo(s.in), true); err != nil {
			return nil, err
		}
		in := &Input{Name: name, r: s.in, ctx: ctx}
		if f, ok := s.in.(*os.File); ok && !isRegular(f) {
			in.r = &interruptible{ctx: ctx, r: f}
		}
		return in, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, missing(cmd, name, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a folder")}
	}
	if err == nil {
		err = s.declare(name, info, true)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	in := &Input{Name: name, r: f, file: f, ctx: ctx}
	if !info.Mode().IsRegular() {
		in.r = &interruptible{ctx: ctx, r: f}
	}
	return in, nil
}

// Declare tells the run about inputs before any of them is opened, by [Open] or by
// other means, so that [Create] can refuse to write over one of them. It opens
// nothing, and says nothing about names that cannot be found; "-" twice is an error
// of usage.
func Declare(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if _, err := DeclareFile(cmd, name); err != nil {
			return err
		}
	}
	return nil
}

// DeclareFile is [Declare] of one name. It returns what the system says of the file,
// nil if it cannot be found.
func DeclareFile(cmd *cobra.Command, name string) (fs.FileInfo, error) {
	s := of(cmd)
	var info fs.FileInfo
	if name == "-" {
		info = fileInfo(s.in)
	} else {
		info, _ = os.Stat(name)
	}
	return info, s.declare(name, info, false)
}

// Read reads as the file or standard input does, and ends with the context's
// error once the run is interrupted.
func (in *Input) Read(p []byte) (int, error) {
	if err := in.ctx.Err(); err != nil {
		return 0, err
	}
	return in.r.Read(p)
}

// Close closes the file. Standard input stays open.
func (in *Input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// File returns the open file, to be mapped or read in several places, and false
// for standard input and for anything but a regular file.
func (in *Input) File() (*os.File, bool) {
	if in.file == nil || !isRegular(in.file) {
		return nil, false
	}
	return in.file, true
}

// declare notes an input, or says why it cannot be one. The opening of a declared
// input is not a second one.
func (s *streams) declare(name string, info fs.FileInfo, opened bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "-" && s.stdin != unused {
		if opened && s.stdin == declared {
			s.stdin = inUse
			return nil
		}
		return Hint(Usagef("standard input, %q, is given more than once", "-"), "save it to a file first, or give the others by name")
	}
	if info != nil && info.Mode().IsRegular() {
		if out := s.out.file(); out != nil && os.SameFile(info, out) {
			return Usagef("input and standard output are the same file, %q", name)
		}
		if out, ok := s.replaced.find(info); ok {
			return sameFile(name, out)
		}
		if name != "-" && len(s.outs) > 0 {
			if out := absolute(name); s.outs[out] {
				return sameFile(name, out)
			}
		}
	}
	if info != nil {
		s.inputs.add(name, info)
	}
	if name == "-" {
		s.stdin = declared
		if opened {
			s.stdin = inUse
		}
	}
	return nil
}

func sameFile(in, out string) error {
	if in == "-" {
		return Usagef("standard input and output are the same file, %q", out)
	}
	return Hint(Usagef("input and output are the same file, %q", in), "give the output a name of its own")
}

// missing adds to the error of a file that cannot be opened the subcommand that
// may have been meant.
func missing(cmd *cobra.Command, name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) || cmd.HasParent() {
		return err
	}
	if sub := closestCommand(cmd, name); sub != "" {
		return Hint(err, "did you mean %q?", cmd.CommandPath()+" "+sub)
	}
	return err
}

func fileInfo(v any) fs.FileInfo {
	f, ok := v.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	return info
}

func isRegular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// interruptible reads r in a goroutine, because a read from a pipe or a terminal
// cannot be called off. The goroutine of an interrupted read stays until the
// process ends or something arrives.
type interruptible struct {
	ctx     context.Context
	r       io.Reader
	buf     []byte
	rest    []byte // of buf, read but not yet asked for
	err     error
	results chan result
}

type result struct {
	n   int
	err error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(i.rest) == 0 {
		if i.err != nil {
			return 0, i.err
		}
		if i.buf == nil {
			i.buf, i.results = make([]byte, 64<<10), make(chan result, 1)
		}
		go func() {
			n, err := i.r.Read(i.buf)
			i.results <- result{n, err}
		}()
		select {
		case <-i.ctx.Done():
			i.err = i.ctx.Err()
		case got := <-i.results:
			i.rest, i.err = i.buf[:got.n], got.err
		}
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}
