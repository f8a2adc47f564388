package nonce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock held by another process is tried again.
const lockPoll = 5 * time.Millisecond

// File is a state file, shared by goroutines and processes; docs/nonce.md has
// its format and its locking. The zero File has no path and fails. A File is
// safe for concurrent use.
type File struct {
	path string
}

// NewFile returns the state file at path. It does not touch the disk: a file
// that does not exist is an empty state and is created by the first change.
func NewFile(path string) *File { return &File{path: path} }

// Update calls fn with the state of the file while no other goroutine or
// process that uses the file is in Update, and then, if fn returned nil and an
// offer changed the state, replaces the file. It waits for its turn until
// ctx ends. The State must not be kept after fn has returned.
//
// When Update returns nil, what fn changed is on the disk. When it returns an
// error, the file is as it was, or, if only the last sync of the directory failed,
// as fn left it. A file that is damaged is a [*ParseError], fn is not called and
// the file stays as it is. An error of fn is returned as it is, and
// [ErrFull] if the state has grown too long.
func (f *File) Update(ctx context.Context, fn func(*State) error) (err error) {
	if f.path == "" {
		return errors.New("state file has no path")
	}
	path, err := resolve(f.path)
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	lock, err := acquire(ctx, path+".lock")
	if err != nil {
		return fmt.Errorf("locking state file: %w", err)
	}
	defer func() {
		if uerr := lock.Unlock(); err == nil && uerr != nil {
			err = fmt.Errorf("unlocking state file: %w", uerr)
		}
	}()
	state, mode, err := load(path)
	if err != nil {
		return err
	}
	if err := fn(state); err != nil {
		return err
	}
	if !state.changed {
		return nil
	}
	data, err := state.Append(nil)
	if err != nil {
		return err
	}
	if err := replace(path, data, mode); err != nil {
		return fmt.Errorf("writing state file: %w", err)
	}
	return nil
}

// resolve follows symbolic links, so that all names of one file share one
// lock and a link is not replaced by a file.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		// What is there now may be a file that someone else has just made.
		if info, lerr := os.Lstat(path); lerr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return "", err // a link to nothing: where it leads is not ours to make
		}
		return path, nil
	}
	return real, err
}

// acquire locks the file at path, which it creates if need be. If someone has
// removed or replaced the file meanwhile, the lock is one that nobody else
// will look at, and acquire starts over.
func acquire(ctx context.Context, path string) (*flock.Flock, error) {
	for {
		lock := flock.New(path)
		if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
			return nil, err
		}
		held, err := lock.Stat()
		if err != nil {
			lock.Unlock()
			return nil, err
		}
		named, err := os.Stat(path)
		if err == nil && os.SameFile(held, named) {
			return lock, nil
		}
		lock.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// load reads the state at path and the mode its replacement shall have.
func load(path string) (*State, fs.FileMode, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(State), 0o600, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading state file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("reading state file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("state file %q is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxStateBytes+1))
	if err != nil {
		return nil, 0, fmt.Errorf("reading state file: %w", err)
	}
	state, err := ParseState(data)
	return state, info.Mode().Perm(), err
}

// replace puts data in the place of the file at path, whose lock is held.
// The lock makes one fixed temporary name enough, so that what a killed
// process leaves behind does not pile up.
func replace(path string, data []byte, mode fs.FileMode) (err error) {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// O_EXCL: never write through a link that someone else put there.
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir survive a power failure. Windows cannot sync
// a directory and journals the rename itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
