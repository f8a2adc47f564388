package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"cqkit/pkg/keyfile"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
	"cqkit/pkg/wire/cleitonq"
)

// unprotected is what anchors of version 1 leave open, whatever they come to.
func unprotected(withLog bool) []string {
	list := []string{
		"anchors and signed commands are signed alike: whoever gets the signer to sign a command of their choice has an anchor",
		"a series has no end, and nothing names it or its log: anchors missing at the end are not noticed, nor another series in its place",
		"whoever has the session key can make the tags of other records; only the signer can anchor them",
	}
	if withLog {
		return append(list, "the times before the frames are in no tag")
	}
	return append(list, "nothing here connects the tags with records: that takes the session key")
}

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

// readV1 reads CleitonQ's anchors. Nil means that v has its verdict.
func (j *tapJudge) readV1(in io.Reader, path string, tags *tagFile, v *tapVerdict) (*anchored, error) {
	var keys []*pqsig.PublicKey
	for _, k := range j.keys.ring.Registry.Keys() {
		if public := j.keys.ring.Public(k.Fingerprint); public != nil {
			keys = append(keys, public)
		}
	}
	list, key, err := cleitonq.ReadAnchors(in, keys, j.o.lastNonce)
	switch {
	case errors.Is(err, cleitonq.ErrForged) && len(list) == 0:
		v.Verdict, v.Reason = string(wire.AnchorsUntrusted), "the first anchor is by none of the keys given, or was edited"
		return nil, nil
	case errors.Is(err, cleitonq.ErrForged), errors.Is(err, cleitonq.ErrMalformed), errors.Is(err, cleitonq.ErrReplayed):
		v.Verdict, v.Reason = string(wire.AnchorsMalformed), err.Error()
		return nil, nil
	case err != nil:
		return nil, err
	}
	signer := wire.FingerprintOf(key)
	v.Signer = j.signer(signer)
	if _, err := j.keys.key(signer, 0); err != nil {
		v.Verdict, v.Reason = string(wire.AnchorsUntrusted), err.Error()
		return nil, nil
	}
	a := &anchored{closed: true, commitment: commitV1}
	if wrong := a.place(list, path != "", tags); wrong != "" {
		v.Verdict, v.Reason = string(wire.AnchorsMalformed), wrong
		return nil, nil
	}
	for i, w := range a.windows {
		v.Windows = append(v.Windows, tapWindow{Nonce: strconv.FormatUint(list[i].Nonce, 10), First: w.First, Count: w.Count})
	}
	v.Verdict = tapValid
	f := &follower{channel: cleitonq.NewChannel(&j.session, cleitonq.Telemetry), first: 1 << 20, later: 1 << 20}
	a.tag = func(seg *tlog.Segment, index uint64) wire.Tag { return f.tag(seg.Frame(), int64(index)) }
	if path != "" {
		a.archived = f.add
	}
	return a, nil
}

// follower computes the tags of frames with the nonces that they had when they were
// anchored: those of their places, but behind records that are missing or were added, others. Where the
// archive does not have the tag of a frame at the place where it should be, it is looked for
// nearby and, ever more rarely while nothing is found, everywhere. That is bounded: a log
// in which nothing is found costs some dozens of tags a record.
type follower struct {
	channel *cleitonq.Channel
	archive []wire.Tag
	drift   int64 // of the places
	misses  int   // frames since one was found
	first   int   // tags that may still be computed to find the first of some frames everywhere
	later   int   // likewise a later one
	packet  []byte
}

func (f *follower) add(t wire.Tag) {
	f.archive = append(f.archive, t)
	f.first += 8
	f.later += 8
}

// tag returns the tag of the frame that is the log's record number index.
func (f *follower) tag(frame tlog.Frame, index int64) wire.Tag {
	place := index + f.drift
	tag := f.at(frame, place)
	if f.has(place, tag) {
		f.misses = 0
		return tag
	}
	f.misses++
	if f.look(frame, index, place, f.reach(place)) {
		return f.at(frame, index+f.drift)
	}
	return tag
}

// reach is how far from its place a frame that is not there is looked for, in records.
func (f *follower) reach(place int64) int64 {
	everywhere := len(f.archive) + int(max(place, -place))
	budget := &f.later
	switch {
	case f.misses == 1:
		budget = &f.first
	case f.misses&(f.misses-1) != 0 && f.misses > 64:
		return 2
	case f.misses&(f.misses-1) != 0 || f.misses < 8:
		return 16
	}
	if *budget < len(f.archive) {
		return 16
	}
	*budget -= len(f.archive)
	return int64(everywhere)
}

// look looks for the frame up to reach records from a place.
func (f *follower) look(frame tlog.Frame, index, place, reach int64) bool {
	for d := int64(1); d <= reach; d++ {
		for _, p := range [2]int64{place + d, place - d} {
			if p >= 0 && p < int64(len(f.archive)) && f.has(p, f.at(frame, p)) {
				f.drift, f.misses = p-index, 0
				return true
			}
		}
	}
	return false
}

// at returns the tag that a frame has in a place.
func (f *follower) at(frame tlog.Frame, place int64) wire.Tag {
	f.packet = f.channel.Append(f.packet[:0], frame, uint64(place+1))
	return wire.Tag(f.packet[len(f.packet)-cleitonq.TagSize:])
}

func (f *follower) has(place int64, t wire.Tag) bool {
	return place >= 0 && place < int64(len(f.archive)) && f.archive[place] == t
}

// commitV1 is the commitment of CleitonQ's anchors.
func commitV1(tags []wire.Tag) [32]byte {
	var archive []byte
	for i := range tags {
		archive = append(archive, tags[i][:]...)
	}
	commitment, _, _ := cleitonq.Commit(archive)
	return commitment
}

// place says which tags the windows of the anchors are. Where they count as many tags as
// their nonces say, the nonces are the places, which shows where an anchor is missing: from 1 in a
// log and in an archive that reaches to the last of them, else from the first one.
// Otherwise packets were lost, and each window begins where the one before it ended. It returns what
// is wrong, "" if nothing is.
func (a *anchored) place(list []*cleitonq.Anchor, log bool, tags *tagFile) string {
	exact := true
	for i, x := range list {
		switch {
		case x.Count == 0 || x.Start > x.End || x.End-x.Start < uint64(x.Count)-1:
			return "anchor " + strconv.Itoa(i+1) + " counts more tags than its window has nonces"
		case i > 0 && x.Start <= list[i-1].End:
			return "the window of anchor " + strconv.Itoa(i+1) + " begins before the one before it ends"
		}
		exact = exact && x.End-x.Start == uint64(x.Count)-1
	}
	first, last := list[0].Start, list[len(list)-1].End
	if log || tags != nil && tags.size >= 0 && uint64(tags.size/cleitonq.TagSize) >= last {
		first = min(first, 1)
	}
	if !exact && log {
		return "its windows have other nonces than the records of a log"
	}
	for _, x := range list {
		w := wire.Window{First: a.total, Count: uint64(x.Count), Commitment: x.Commitment}
		if exact {
			w.First = x.Start - first
			a.missing += boolean(w.First > a.total)
		}
		a.windows = append(a.windows, w)
		a.total = w.First + w.Count
	}
	return ""
}

func boolean(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
