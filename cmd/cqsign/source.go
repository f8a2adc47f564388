package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cqkit/cmd/internal/cli"
)

// source is a log that comes in. Read waits for more, until the following ends, and then
// returns io.EOF.
type source interface {
	io.ReadCloser
	// ended says what a person should know about how it ended, or why that is an error.
	ended(*result) error
}

// open opens what is to be followed: a link, a file, or whatever else can be read.
func (f *follower) open(path string) (source, error) {
	if addr, ok := strings.CutPrefix(path, udpPrefix); ok {
		return listen(f.ctx, addr, f.o.idle)
	}
	in, err := cli.Open(f.cmd, path)
	if err != nil {
		return nil, err
	}
	file, ok := in.File()
	if !ok {
		if f.o.idle > 0 {
			in.Close()
			return nil, cli.Usagef("--idle goes with a file that is being written, or a link")
		}
		return &stream{in, f.ctx}, nil
	}
	return &tail{ctx: f.ctx, path: path, file: file, idle: f.o.idle}, nil
}

// stream is a pipe, a terminal, standard input.
type stream struct {
	*cli.Input
	ctx context.Context
}

func (s *stream) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, io.EOF // nothing more can be written
	}
	n, err := s.Input.Read(p)
	if errors.Is(err, context.Canceled) {
		err = io.EOF // the user ends it
	}
	return n, err
}

func (s *stream) ended(*result) error { return nil }

// poll is how often a file is looked at for more.
const poll = 100 * time.Millisecond

// tail is a file that another program writes.
type tail struct {
	ctx  context.Context
	path string
	file *os.File
	idle time.Duration // without growth until it counts as ended; 0 for never

	at       int64
	end      int64     // where it ends for us, once that is decided
	over     bool      // it is decided
	grown    time.Time // when it was last seen to grow
	replaced bool      // path is another file now
}

func (t *tail) size() (int64, error) {
	info, err := t.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (t *tail) Read(p []byte) (int, error) {
	if t.grown.IsZero() {
		t.grown = time.Now()
	}
	for {
		if t.over {
			p = p[:min(int64(len(p)), t.end-t.at)]
			if len(p) == 0 {
				return 0, io.EOF
			}
		}
		n, err := t.file.ReadAt(p, t.at)
		if n > 0 {
			t.at += int64(n)
			t.grown = time.Now()
			return n, nil
		}
		if err != nil && err != io.EOF {
			return 0, err
		}
		if err := t.look(); err != nil {
			return 0, err
		}
		if t.over {
			continue
		}
		select {
		case <-t.ctx.Done():
			err := t.decide()
			if err != nil {
				return 0, err
			}
		case <-time.After(poll):
		}
	}
}

// look sees what became of a file that does not grow.
func (t *tail) look() error {
	size, err := t.size()
	if err != nil {
		return err
	}
	if size < t.at {
		return cli.Hint(fmt.Errorf("it was cut from %s to %s while it was followed", cli.Count(t.at, "byte"), cli.Count(size, "byte")),
			"what its notes cover is no longer there; rotate logs by renaming them")
	}
	if size > t.at || t.over {
		return nil
	}
	info, err := os.Stat(t.path)
	own, ownErr := t.file.Stat()
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && ownErr == nil && !os.SameFile(info, own):
		t.replaced = true
		return t.decide()
	case t.idle > 0 && time.Since(t.grown) >= t.idle:
		return t.decide()
	}
	return nil
}

// decide says that the log ends where it ends now.
func (t *tail) decide() (err error) {
	t.end, err = t.size()
	t.over = true
	if t.end < t.at {
		t.end = t.at
	}
	return err
}

func (t *tail) ended(r *result) error {
	if t.replaced {
		return cli.Hint(errors.New("the file was renamed or removed while it was followed: its seal covers it to its end"),
			"move the seal beside the log it belongs to, and follow the new file by a new command")
	}
	if size, err := t.size(); err == nil && size > t.end {
		r.warn("it is still being written: what comes now is not covered, and the log will not verify; stop its recording first")
	}
	return nil
}

func (t *tail) Close() error { return t.file.Close() }
