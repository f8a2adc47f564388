package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/tlog"
)

// link is a UDP port at which MAVLink frames come in. It makes records of them.
type link struct {
	ctx    context.Context
	conn   net.PacketConn
	stop   func() bool
	idle   time.Duration
	packet []byte
	rest   []byte // records that were not asked for yet
	last   int64  // time of the last one
	junk   int64  // bytes that were no frame
}

// maxPacket is more than a datagram holds.
const maxPacket = 64 << 10

func listen(ctx context.Context, addr string, idle time.Duration) (*link, error) {
	if _, err := net.LookupPort("udp", addr); err == nil {
		addr = ":" + addr // a port alone
	}
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, cli.Hint(err, "write udp:14550, or udp:127.0.0.1:14550")
	}
	l := &link{ctx: ctx, conn: conn, idle: idle, packet: make([]byte, maxPacket)}
	l.stop = context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	return l, nil
}

func (l *link) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		if l.ctx.Err() != nil {
			return 0, io.EOF
		}
		if l.idle > 0 {
			l.conn.SetReadDeadline(time.Now().Add(l.idle))
		}
		n, _, err := l.conn.ReadFrom(l.packet)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		l.record(l.packet[:n], time.Now().UnixMicro())
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// record makes records of the frames of a datagram. What is no frame a log cannot hold.
func (l *link) record(packet []byte, now int64) {
	l.last = max(l.last, now)
	l.rest = l.rest[:0]
	var record []byte
	for len(packet) > 0 {
		record = binary.BigEndian.AppendUint64(record[:0], uint64(l.last))
		record = append(record, packet[:min(len(packet), tlog.MaxFrame)]...)
		n := tlog.RecordLen(record)
		if n == 0 {
			l.junk++
			packet = packet[1:]
			continue
		}
		l.rest = append(l.rest, record[:n]...)
		packet = packet[n-tlog.TimeSize:]
	}
}

func (l *link) ended(r *result) error {
	if l.junk > 0 {
		r.warn("%s that came in were no MAVLink frame and are not in the log", cli.Count(l.junk, "byte"))
	}
	return nil
}

func (l *link) Close() error {
	l.stop()
	if err := l.conn.Close(); err != nil {
		return fmt.Errorf("closing the link: %w", err)
	}
	return nil
}
