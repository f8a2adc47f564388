// Package logfile is how the programs take flight logs from the command line: files,
// folders of files, and standard input. It finds them, opens them, and notices when one
// changes while it is read. What is in a log is not its business.
package logfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// Found is one log that the arguments name.
type Found struct {
	Path     string // "-" is standard input
	InFolder bool   // found in a folder, not named itself
	Err      error  // why it cannot be one
}

// Find returns the logs that the arguments name, in order: a file is itself, a folder
// the .tlog files in it, with those in its subfolders if recursive. Names that begin
// with a dot are passed over in folders. A name that cannot be looked at is returned
// with its error, so that one mistake does not stop the rest.
func Find(args []string, recursive bool) []Found {
	var found []Found
	for _, arg := range args {
		if arg == "-" {
			found = append(found, Found{Path: arg})
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			found = append(found, Found{Path: arg, Err: err})
		case !info.IsDir():
			found = append(found, Found{Path: arg})
		default:
			found = append(found, inFolder(arg, recursive)...)
		}
	}
	return found
}

func inFolder(dir string, recursive bool) []Found {
	var found []Found
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			found = append(found, Found{Path: path, Err: err})
			return nil
		case path == dir:
			return nil
		case strings.HasPrefix(entry.Name(), ".") || entry.IsDir() && !recursive:
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case !entry.IsDir() && strings.EqualFold(filepath.Ext(path), ".tlog"):
			found = append(found, Found{Path: path, InFolder: true})
		}
		return nil
	})
	switch {
	case err != nil:
		found = append(found, Found{Path: dir, Err: err})
	case len(found) == 0:
		err := fmt.Errorf("no .tlog file in folder %q", dir)
		if !recursive {
			err = cli.Hint(err, "use --recursive to look into its subfolders")
		}
		found = append(found, Found{Path: dir, Err: err})
	}
	slices.SortFunc(found, func(a, b Found) int { return strings.Compare(a.Path, b.Path) })
	return found
}

// Log is an open log. It can be read in several places at once.
type Log struct {
	Path string
	Size int64

	ctx  context.Context
	file *os.File
	info fs.FileInfo
	temp bool
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
	return l, nil
}

func spool(ctx context.Context, in io.Reader, path string) (*Log, error) {
	file, err := os.CreateTemp("", "cqkit-*.tlog")
	if err != nil {
		return nil, err
	}
	l := &Log{Path: path, ctx: ctx, file: file, temp: true}
	if l.Size, err = io.Copy(file, in); err == nil {
		l.info, err = file.Stat()
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("copying %s: %w", name(path), err)
	}
	return l, nil
}

func name(path string) string {
	if path == "-" {
		return "standard input"
	}
	return fmt.Sprintf("%q", path)
}

// ReadAt implements [io.ReaderAt]. Once the run is interrupted it returns the
// context's error.
func (l *Log) ReadAt(p []byte, off int64) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	return l.file.ReadAt(p, off)
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
		return cli.Hint(fmt.Errorf("%q: %w", l.Path, ErrChanged), "wait until its recording has ended, then try again")
	}
	return nil
}

// Close closes the log and removes a temporary copy.
func (l *Log) Close() error {
	err := l.file.Close()
	if l.temp {
		err = errors.Join(err, os.Remove(l.file.Name()))
	}
	return err
}

// SealPath returns where the seal of a log is by default.
func SealPath(log string) string { return log + ".cqseal" }

// IndexPath returns where the index that belongs to a seal is.
func IndexPath(seal string) string {
	if base, ok := strings.CutSuffix(seal, ".cqseal"); ok {
		return base + ".cqidx"
	}
	return seal + ".cqidx"
}

// ReadSeal reads a seal, or a proof, whole. It reads a little more than the most a
// seal may have and no more, so that whoever parses it can refuse it.
func ReadSeal(cmd *cobra.Command, path string) ([]byte, error) {
	in, err := cli.Open(cmd, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, maxSeal+1))
}

const maxSeal = 64 << 20
