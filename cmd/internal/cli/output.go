package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cqkit/pkg/atomicfile"
)

// CreateOptions says how [Create] makes a file. The zero value never overwrites,
// makes files readable for all as far as the umask allows, and lets text pass to a
// terminal.
type CreateOptions struct {
	// Force replaces a file that is there.
	Force bool
	// Private makes the file readable for its owner only.
	Private bool
	// Binary refuses to write to a terminal.
	Binary bool
}

// Output is a file in the making, or standard output, opened by [Create].
type Output struct {
	// Name is what it was called, "-" for standard output.
	Name string

	w      io.Writer
	atomic *atomicfile.File // nil unless it is a regular file
	direct *os.File         // a device or a pipe
}

// Create opens the output name: standard output if it is "-" or empty, otherwise
// a file that appears whole when Commit is called and not at all before (see
// package atomicfile). A device or a pipe is written to as it is. The output may
// be neither an input of the run nor given twice: those are errors of usage. A file
// that is there is an error unless opts.Force is set.
func Create(cmd *cobra.Command, name string, opts CreateOptions) (*Output, error) {
	s := of(cmd)
	if name == "-" || name == "" {
		if _, ok := terminal(s.out); ok && opts.Binary {
			return nil, Hint(Usagef("refusing to write binary data to the terminal"), "give a file with -o, or pipe it on")
		}
		if err := s.declareOutput("-"); err != nil {
			return nil, err
		}
		return &Output{Name: "-", w: s.out}, nil
	}
	if err := s.declareOutput(name); err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, &fs.PathError{Op: "create", Path: name, Err: errors.New("is a folder")}
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &Output{Name: name, w: f, direct: f}, nil
	}
	open, perm := atomicfile.Create, fs.FileMode(0o666)
	if opts.Force {
		open = atomicfile.Replace
	}
	if opts.Private {
		perm = 0o600
	}
	f, err := open(name, perm)
	if err != nil {
		return nil, exists(cmd, name, err)
	}
	return &Output{Name: name, w: f, atomic: f}, nil
}

// Write appends p.
func (o *Output) Write(p []byte) (int, error) { return o.w.Write(p) }

// Commit makes the file appear under its name, complete and synced.
func (o *Output) Commit() error {
	switch {
	case o.atomic != nil:
		err := o.atomic.Commit()
		if errors.Is(err, fs.ErrExist) { // someone else was faster
			return existsError(o.Name)
		}
		return err
	case o.direct != nil:
		err := o.direct.Close()
		o.direct = nil
		return err
	}
	return nil
}

// Close abandons the output unless Commit came first; a file then never appears.
// It can always be deferred.
func (o *Output) Close() error {
	switch {
	case o.atomic != nil:
		return o.atomic.Close()
	case o.direct != nil:
		return o.direct.Close()
	}
	return nil
}

// declareOutput notes an output, or says why it cannot be one.
func (s *streams) declareOutput(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, info := name, fs.FileInfo(nil)
	if name != "-" {
		key = absolute(name)
		if there, err := os.Stat(name); err == nil && there.Mode().IsRegular() {
			info = there
		}
	}
	if s.outs[key] {
		return Usagef("output %q is given more than once", name)
	}
	if info != nil {
		if in, ok := s.inputs.find(info); ok {
			return sameFile(in, name)
		}
		s.replaced.add(key, info)
	}
	if s.outs == nil {
		s.outs = make(map[string]bool)
	}
	s.outs[key] = true
	return nil
}

// absolute returns the absolute form of name, or name where there is none.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// existsError says that a file is in the way. It is [fs.ErrExist].
type existsError string

func (e existsError) Error() string { return fmt.Sprintf("%q already exists", string(e)) }
func (e existsError) Unwrap() error { return fs.ErrExist }

// exists says of a file that is in the way what can be done.
func exists(cmd *cobra.Command, name string, err error) error {
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = existsError(name)
	if cmd.Flags().Lookup("force") != nil {
		return Hint(err, "use --force to overwrite it")
	}
	return Hint(err, "move it away or choose another name")
}
