// Package atomicfile writes a file so that its name never stands for half of it.
//
// The bytes go to a temporary neighbour in the same folder, which is synced and
// then given the wanted name in one step; the folder is synced after that. Until
// that step the name holds what it held before, whatever happens: an error, a
// full disk, a kill or a power cut. [Create] makes a new file and never replaces
// one, not even when two processes race for the name: one of them wins, the
// other gets an error that is [fs.ErrExist]. [Replace] takes the place of a file
// that is there.
//
// A process killed before the last step leaves its neighbour behind, named
// ".NAME.<16 hex digits>.tmp" so that no one takes it for NAME or for any file
// with NAME's extension; [IsTemp] recognises such names, and they can be deleted
// at any time no writer is running.
//
// The package writes regular files only. It does not lock: two processes that
// both replace a file each put a whole one in place, and the later one stays.
package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotRegular means the name belongs to something that is not a regular file:
// a folder, a device, a pipe. It is left untouched.
var ErrNotRegular = errors.New("not a regular file")

// ErrClosed means a File was written to or committed after Commit or Close.
var ErrClosed = errors.New("file already closed")

// File is a file in the making. It becomes visible under its name with Commit;
// Close without Commit removes every trace of it. A File is not safe for
// concurrent use.
type File struct {
	path    string // the final name, links resolved if it is to be replaced
	temp    string
	file    *os.File
	replace bool
	err     error // the first failed write: nothing may be committed after it
	done    bool
}

// Create starts a new file that will appear as path with the permissions perm,
// less the process's umask. If something is there already, a dangling link
// included, it returns an error that is [fs.ErrExist]; the same error comes from
// Commit if something appears there in the meantime.
func Create(path string, perm fs.FileMode) (*File, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return start(path, perm, false)
}

// Replace starts a file that will take the place of the one at path, or be a new
// one if there is none. A new file gets the permissions perm less the umask; an
// existing file's permissions are kept. If path is a symbolic link, the file it
// points to is replaced and the link stays. It returns [ErrNotRegular] for
// anything but a regular file.
func Replace(path string, perm fs.FileMode) (*File, error) {
	real, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Nothing there, or a link to nothing: the latter is replaced itself,
		// since no one can say whether its target's folder will ever exist.
		return start(path, perm, true)
	case err != nil:
		return nil, err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "replace", Path: path, Err: ErrNotRegular}
	}
	f, err := start(real, info.Mode().Perm(), true)
	if err != nil {
		return nil, err
	}
	// The umask may have taken bits the replaced file had.
	if err := f.file.Chmod(info.Mode().Perm()); err != nil && !unsupported(err) {
		f.Close()
		return nil, f.rename(err)
	}
	return f, nil
}

func start(path string, perm fs.FileMode, replace bool) (*File, error) {
	dir, base := filepath.Split(path)
	if base == "" || base == "." || base == ".." {
		return nil, &fs.PathError{Op: "create", Path: path, Err: ErrNotRegular}
	}
	for range 100 {
		temp := dir + tempName(base)
		file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		f := &File{path: path, temp: temp, file: file, replace: replace}
		if err != nil {
			return nil, f.rename(err)
		}
		return f, nil
	}
	return nil, &fs.PathError{Op: "create", Path: path, Err: errors.New("no free temporary name beside it")}
}

const (
	tempSuffix = ".tmp"
	tempDigits = 16
)

// tempName keeps the whole name within the 255 bytes most file systems allow.
func tempName(base string) string {
	var random [tempDigits / 2]byte
	rand.Read(random[:]) // never fails: it ends the process instead
	if most := 255 - len(".") - len(".") - tempDigits - len(tempSuffix); len(base) > most {
		base = strings.ToValidUTF8(base[:most], "")
	}
	return "." + base + "." + hex.EncodeToString(random[:]) + tempSuffix
}

// IsTemp reports whether name, the last element of a path, is one that this
// package gives to its temporary neighbours. Whoever walks a folder leaves such
// files alone.
func IsTemp(name string) bool {
	rest, ok := strings.CutSuffix(name, tempSuffix)
	if !ok || len(rest) < 1+1+1+tempDigits || rest[0] != '.' {
		return false
	}
	digits := rest[len(rest)-tempDigits:]
	for _, c := range []byte(digits) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return rest[len(rest)-tempDigits-1] == '.'
}

// Name returns the name the file will have, with links resolved if an existing
// file is to be replaced.
func (f *File) Name() string { return f.path }

// Write appends p. After an error, such as a full disk, every later Write and
// the Commit return that same error.
func (f *File) Write(p []byte) (int, error) {
	if f.done {
		return 0, f.closed("write")
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.file.Write(p)
	if err != nil {
		f.err = f.rename(err)
	}
	return n, f.err
}

// ReadFrom appends everything r gives until io.EOF, letting the operating system
// copy where it can. An error of r makes the file as unfit to commit as a failed
// write does.
func (f *File) ReadFrom(r io.Reader) (int64, error) {
	if f.done {
		return 0, f.closed("write")
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.file.ReadFrom(r)
	if err != nil {
		f.err = f.rename(err)
	}
	return n, f.err
}

// Commit syncs the file, gives it its name and syncs the folder. After an error
// nothing is left beside the name, and what the name held before is still there,
// with one exception: if only the last step failed, the error is a [SyncError],
// the new file is in place whole, and only a power cut could undo that.
func (f *File) Commit() error {
	if f.done {
		return f.closed("commit")
	}
	err := f.err
	if err == nil {
		err = f.rename(f.file.Sync())
	}
	if err != nil {
		f.Close()
		return err
	}
	f.done = true
	if err := f.file.Close(); err != nil {
		os.Remove(f.temp)
		return f.rename(err)
	}
	if f.replace {
		err = os.Rename(f.temp, f.path)
	} else {
		err = renameNew(f.temp, f.path)
	}
	if err != nil {
		os.Remove(f.temp)
		return f.rename(err)
	}
	if err := syncDir(filepath.Dir(f.path)); err != nil {
		return &SyncError{Path: f.path, Err: err}
	}
	return nil
}

// Close abandons the file and removes the temporary neighbour, unless Commit
// came first; then it does nothing. So it can always be deferred.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	err := f.file.Close()
	if rerr := os.Remove(f.temp); err == nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = rerr
	}
	return f.rename(err)
}

// WriteFile writes data to path in one call, as [Replace] does if replace is
// set and as [Create] does otherwise.
func WriteFile(path string, data []byte, perm fs.FileMode, replace bool) error {
	open := Create
	if replace {
		open = Replace
	}
	f, err := open(path, perm)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// SyncError says that a file is in place, whole and synced, but that its folder
// could not be synced, so that a power cut may still take its name away.
type SyncError struct {
	Path string // the file
	Err  error  // why its folder could not be synced
}

// Error says which file and why.
func (e *SyncError) Error() string {
	return fmt.Sprintf("%s is written, but syncing its folder failed: %v", e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *SyncError) Unwrap() error { return e.Err }

func (f *File) closed(op string) error {
	return &fs.PathError{Op: op, Path: f.path, Err: ErrClosed}
}

// rename makes err speak of the file the caller named, not of the neighbour.
func (f *File) rename(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		op := p.Op
		if op == "open" {
			op = "create"
		}
		if p.Path != f.temp { // an error of ReadFrom's source
			return err
		}
		return &fs.PathError{Op: op, Path: f.path, Err: p.Err}
	case errors.As(err, &l):
		return &fs.PathError{Op: "create", Path: f.path, Err: l.Err}
	}
	return err
}
