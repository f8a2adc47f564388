package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
	"cqkit/pkg/trust"
	"cqkit/pkg/wire"
	"cqkit/pkg/wire/cleitonq"
)

// commandJudge is what is common to all logs of a run whose commands are judged.
type commandJudge struct {
	cmd      *cobra.Command
	ring     *keyring.Ring
	wanted   func(tlog.Frame) bool // nil: what changes the state
	v1       bool
	seeds    *tlog.Seeds
	workers  int
	draws    bool
	progress *cli.Progress
}

// one judges the commands of one log.
func (j *commandJudge) one(found logfile.Found) *commandsLog {
	l := &commandsLog{Log: found.Path}
	if l.err = found.Err; l.err != nil {
		return l
	}
	log, err := logfile.Open(j.cmd, found.Path)
	if err != nil {
		l.err = err
		return l
	}
	defer log.Close()
	log.Progress = j.progress
	if l.err = j.read(log, l); l.err == nil && j.draws {
		if l.drawing, l.err = draw(log, j.seeds); l.err == nil {
			l.err = log.Unchanged()
		}
	}
	return l
}

// read judges the commands of an open log.
func (j *commandJudge) read(log *logfile.Log, l *commandsLog) error {
	o := wire.JudgeOptions{Keys: j.key, Wanted: j.wanted, Workers: j.workers}
	if j.v1 {
		o.V1 = j.openV1
	}
	judged, err := wire.JudgeLog(log.Reader(), j.seeds, o)
	if err == nil {
		err = log.Unchanged()
	}
	if err != nil {
		return fmt.Errorf("%q: %w", log.Path, err)
	}
	l.fill(judged)
	l.labels = map[string]string{}
	for _, k := range j.ring.Registry.Keys() {
		if k.Label != "" {
			l.labels[k.Fingerprint] = k.Label
		}
	}
	return nil
}

// key returns the key with a fingerprint, if what it signed then counts.
func (j *commandJudge) key(f wire.Fingerprint, us int64) (*pqsig.PublicKey, error) {
	name := f.String()
	at := time.UnixMicro(us)
	if us == 0 { // a raw capture
		at = time.Now()
	}
	key, err := j.ring.Registry.Signed(name, at, nil)
	var refusal *trust.Refusal
	if errors.As(err, &refusal) && refusal.Why == trust.Unknown {
		return nil, wire.ErrUnknownSigner
	}
	if err != nil {
		return nil, err
	}
	return j.ring.Public(key.Fingerprint), nil
}

// openV1 reads and verifies a statement of CleitonQ's format. It does not say which key
// made it, so all are tried.
func (j *commandJudge) openV1(message []byte, from wire.Address) (*wire.Command, error) {
	s, err := cleitonq.ParseSignedCommand(message)
	if err != nil {
		return nil, wire.ErrMalformed
	}
	c := &wire.Command{
		Nonce: s.Nonce, Source: from, Target: wire.Address{System: s.TargetSystem, Component: s.TargetComponent},
		ID: uint32(s.MessageID), Payload: bytes.TrimRight(s.Payload, "\x00"),
	}
	for _, k := range j.ring.Registry.Keys() {
		public := j.ring.Public(k.Fingerprint)
		if public == nil || s.Verify(public) != nil {
			continue
		}
		c.Signer = wire.FingerprintOf(public)
		if _, revoked := j.ring.Registry.Revoked(k.Fingerprint); revoked {
			return c, errors.New("the key that signed it is revoked")
		}
		return c, nil
	}
	return c, pqsig.ErrBadSignature
}

// carriesCommands reports whether a log may hold chunks of commands: whether the
// beginning of such a frame stands anywhere in it. That is much less work than to read
// the log.
func carriesCommands(r io.Reader) (bool, error) {
	const idAt, typeAt, head = 7, 14, 15 // in a frame
	id := []byte{chunk.MessageID & 0xFF, chunk.MessageID >> 8, 0}
	buf := make([]byte, 256<<10)
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		data := buf[:kept+n]
		for at := idAt; at < len(data); at++ {
			next := bytes.Index(data[at:], id)
			if next < 0 {
				break
			}
			at += next
			if f := data[at-idAt:]; len(f) >= head && f[0] == 0xFD && f[typeAt] == byte(chunk.Command) {
				return true, nil
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(buf, data[len(data)-head+1:])
	}
}
