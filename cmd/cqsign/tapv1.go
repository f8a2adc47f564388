package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"cqkit/pkg/keyfile"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
	"cqkit/pkg/wire/cleitonq"
)

// readSessionKey reads a session key of version 1, which nobody else may read.
func readSessionKey(path string) (session [cleitonq.KeySize]byte, err error) {
	data, err := keyfile.ReadSecret(path)
	if err != nil {
		return session, err
	}
	defer clear(data)
	if session, err = cleitonq.ParseSessionKey(data); err != nil {
		return session, fmt.Errorf("%q: %w", path, err)
	}
	return session, nil
}

// makeV1 anchors a log in CleitonQ's formats.
func (j *tapJob) makeV1(in io.Reader, anchors, tags io.Writer, r *tapResult) error {
	r.tapSum = &tapSum{Wire: "v1", Signer: j.key.Fingerprint}
	channel := cleitonq.NewChannel(&j.session, cleitonq.Telemetry)
	windows := wire.NewAnchorSeries(wire.FingerprintOf(j.key.Private.Public()), j.o.windows) // for where windows end
	var sum wire.AnchorSummary
	var archive, packet []byte // the tags of the window, and room
	anchor := func(w *wire.Anchor) error {
		if w == nil || w.Count == 0 {
			return nil
		}
		part := archive[:w.Count*cleitonq.TagSize]
		n, err := j.nonces.Next(time.Now().UnixNano())
		if err != nil {
			return err
		}
		a := cleitonq.Anchor{Nonce: n, Start: w.First + 1, End: w.First + uint64(w.Count)}
		if a.Commitment, a.Count, err = cleitonq.Commit(part); err != nil {
			return err
		}
		sign := a.Sign
		if j.o.draft {
			sign = a.SignTAP
		}
		message, err := sign(j.key.Private)
		if err != nil {
			return err
		}
		if r.Windows == 0 {
			r.First = n
		}
		r.Last, r.Windows = n, r.Windows+1
		if _, err := anchors.Write(message); err != nil {
			return err
		}
		if _, err := tags.Write(part); err != nil {
			return err
		}
		archive = append(archive[:0], archive[len(part):]...)
		return nil
	}
	err := wire.EachRecord(in, j.seeds, func(seg *tlog.Segment) error {
		sum.Count(seg)
		if seg.Kind == tlog.Gap {
			return nil
		}
		packet = channel.Append(packet[:0], seg.Frame(), uint64(sum.Records))
		tag := packet[len(packet)-cleitonq.TagSize:]
		archive = append(archive, tag...)
		return anchor(windows.AddTag(wire.Tag(tag), seg.Time()))
	}, &sum.Format)
	if err == nil {
		err = anchor(windows.Close())
	}
	if err != nil {
		return err
	}
	if sum.Records == 0 {
		return errors.New("it has no record, and version 1 cannot anchor nothing")
	}
	r.contents(&sum)
	return nil
}
