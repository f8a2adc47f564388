package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"cqkit/cmd/internal/cli"
)

// Relays drop what comes in bursts, so frames leave one by one, and each note twice.
const (
	emitPause  = 50 * time.Millisecond
	emitQueued = 256 // frames that wait; more are dropped, and said
)

// emitter sends the frames of notes over a link while the log is followed.
type emitter struct {
	conn    net.Conn
	queue   chan []byte
	done    chan struct{}
	dropped int64
	failed  error
}

// dial begins to emit to udp:HOST:PORT.
func dial(ctx context.Context, to string) (*emitter, error) {
	addr, ok := strings.CutPrefix(to, udpPrefix)
	if !ok {
		return nil, cli.Usagef("--emit %q is no link; write udp:HOST:PORT", to)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", addr)
	if err != nil {
		return nil, cli.Hint(err, "write udp:127.0.0.1:14550")
	}
	e := &emitter{conn: conn, queue: make(chan []byte, emitQueued), done: make(chan struct{})}
	go e.run()
	return e, nil
}

// emit sends a frame when its turn comes.
func (e *emitter) emit(frame []byte) {
	select {
	case e.queue <- bytes.Clone(frame):
	default:
		e.dropped++
	}
}

// run sends what is queued, and once more what was sent since nothing waited, until the queue is
// closed.
func (e *emitter) run() {
	defer close(e.done)
	var sent [][]byte
	for frame := range e.queue {
		e.send(frame)
		if sent = append(sent, frame); len(sent) > emitQueued {
			sent = nil // there is no time for it
		}
		if len(e.queue) == 0 {
			for _, f := range sent {
				e.send(f)
			}
			sent = nil
		}
	}
}

func (e *emitter) send(frame []byte) {
	if _, err := e.conn.Write(frame); err != nil {
		e.failed = err
	}
	time.Sleep(emitPause)
}

// close waits until all is sent, and warns of what was not.
func (e *emitter) close(r *result) {
	if e == nil {
		return
	}
	close(e.queue)
	<-e.done
	if e.failed != nil {
		r.warn("emitting notes: %v", e.failed)
	}
	if e.dropped > 0 {
		r.warn("%s of notes were not emitted: notes are made faster than a link carries them", cli.Count(e.dropped, "frame"))
	}
	if err := e.conn.Close(); err != nil {
		r.warn("%v", fmt.Errorf("closing the link: %w", err))
	}
}
