package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// sealFile is a seal that grows. A nil one does nothing.
type sealFile struct {
	cmd   *cobra.Command
	path  string
	force bool
	file  *os.File
	whole int64 // bytes of whole pieces
}

// append puts a piece behind those before. The first one appears whole or not at all.
func (s *sealFile) append(piece []byte) error {
	if s.file == nil {
		out, err := cli.Create(s.cmd, s.path, cli.CreateOptions{Force: s.force})
		if err != nil {
			return err
		}
		defer out.Close()
		if _, err := out.Write(piece); err != nil {
			return err
		}
		if err := out.Commit(); err != nil {
			return err
		}
		s.whole = int64(len(piece))
		s.file, err = os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND, 0)
		return err
	}
	_, err := s.file.Write(piece)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.file.Truncate(s.whole) // what is left of it would only be in the way
		return err
	}
	s.whole += int64(len(piece))
	return nil
}

// resume opens a seal to go on with, of which so many bytes are whole.
func (s *sealFile) resume(whole int64) error {
	file, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if err := file.Truncate(whole); err != nil {
		file.Close()
		return err
	}
	s.file, s.whole = file, whole
	return nil
}

func (s *sealFile) good() int64 {
	if s == nil {
		return 0
	}
	return s.whole
}

func (s *sealFile) Close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}

// logWriter writes a log as it comes in. A nil one does nothing.
type logWriter struct {
	path string
	file *os.File
	done chan struct{}

	mu  sync.Mutex
	buf *bufio.Writer
}

// flushEvery is how long what came in may wait for more, and be lost in a crash.
const flushEvery = 200 * time.Millisecond

func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logWriter) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Flush()
}

// flushes writes out what came in, until Close.
func (l *logWriter) flushes() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			l.flush() // an error comes again with the next write
		}
	}
}

// createLog begins a log. It is there from its first byte: a recording that was cut off by a
// crash is worth keeping.
func createLog(cmd *cobra.Command, path string, force bool) (*logWriter, error) {
	out, err := cli.Create(cmd, path, cli.CreateOptions{Force: force})
	if err != nil {
		return nil, err
	}
	if err := out.Commit(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	l := &logWriter{path: path, file: file, done: make(chan struct{}), buf: bufio.NewWriterSize(file, 64<<10)}
	go l.flushes()
	return l, nil
}

// sync makes durable what was written so far.
func (l *logWriter) sync() error {
	if l == nil {
		return nil
	}
	if err := l.flush(); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	return l.file.Sync()
}

func (l *logWriter) Close() error {
	if l == nil {
		return nil
	}
	close(l.done)
	return errors.Join(l.flush(), l.file.Close())
}
