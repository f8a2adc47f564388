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
	f, err := os.Open(logfile.IndexPath(seal))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: f.Name(), Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &indexFile{f, info.Size()}, nil
}
