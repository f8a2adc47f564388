package main

import (
	"errors"
	"io/fs"
	"os"

	"cqkit/cmd/internal/logfile"
)

// indexFile is the index that belongs to a seal.
type indexFile struct {
	*os.File
	size int64
}

// openIndex opens the index beside a seal. It returns nil if there is none.
func openIndex(seal string) (*indexFile, error) {
	if seal == "-" {
		return nil, nil
	}
	path := logfile.IndexPath(seal)
	info, err := os.Stat(path) // before it is opened: a pipe would be waited for
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && !info.Mode().IsRegular():
		err = &fs.PathError{Op: "read", Path: path, Err: logfile.ErrNotRegular}
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	return &indexFile{f, info.Size()}, nil
}
