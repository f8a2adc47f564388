package logfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// Log is an open log. It can be read in several places at once.
type Log struct {
	Path string
	Size int64
	// Progress, if set, is told what is read, in bytes.
	Progress *cli.Progress

	ctx  context.Context
	file *os.File
	info fs.FileInfo
	temp string // the name of a temporary copy, "" if it has none any more
}

// ErrChanged means that a log changed while it was read. Nothing that was found out
// about it holds.
var ErrChanged = errors.New("the log changed while it was read")

// Open opens a log. Standard input, and whatever else is not a regular file, is copied
// to a temporary file first, because a log is read more than once.
func Open(cmd *cobra.Command, path string) (*Log, error) {
	in, err := cli.Open(cmd, path)
	if err != nil {
		return nil, err
	}
	file, ok := in.File()
	if !ok {
		defer in.Close()
		return spool(cmd.Context(), in, path)
	}
	l := &Log{Path: path, ctx: cmd.Context(), file: file}
	if l.info, err = file.Stat(); err != nil {
		file.Close()
		return nil, err
	}
	l.Size = l.info.Size()
	if l.Size > 0 {
		return l, nil
	}
	// Files that the system makes up, as under /proc, say that they are empty.
	switch n, err := file.ReadAt(make([]byte, 1), 0); {
	case n > 0:
		defer in.Close()
		return spool(cmd.Context(), in, path)
	case err != nil && err != io.EOF:
		file.Close()
		return nil, err
	}
	return l, nil
}

func spool(ctx context.Context, in io.Reader, path string) (*Log, error) {
	file, err := os.CreateTemp("", "cqkit-*.tlog")
	if err != nil {
		return nil, fmt.Errorf("copying %s: %w", quoted(path), err)
	}
	l := &Log{Path: path, ctx: ctx, file: file, temp: file.Name()}
	if os.Remove(l.temp) == nil { // where an open file may be removed, none can be left behind
		l.temp = ""
	}
	if l.Size, err = io.Copy(file, in); err == nil {
		l.info, err = file.Stat()
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("copying %s: %w", quoted(path), err)
	}
	return l, nil
}

// ReadAt implements [io.ReaderAt]. Once the run is interrupted it returns the
// context's error.
func (l *Log) ReadAt(p []byte, off int64) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.file.ReadAt(p, off)
	l.Progress.Add(int64(n))
	return n, err
}

// Reader returns a reader over the whole log as it was when it was opened.
func (l *Log) Reader() io.Reader { return io.NewSectionReader(l, 0, l.Size) }

// Unchanged returns an error that is [ErrChanged] if the file is no longer the one
// that was opened, by its size or its time.
func (l *Log) Unchanged() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != l.Size || !info.ModTime().Equal(l.info.ModTime()) {
		return cli.Hint(ErrChanged, "wait until its recording has ended, then try again")
	}
	return nil
}

// Close closes the log and removes a temporary copy.
func (l *Log) Close() error {
	err := l.file.Close()
	if l.temp != "" {
		err = errors.Join(err, os.Remove(l.temp))
	}
	return err
}
