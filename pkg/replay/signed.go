package replay

import "cqkit/pkg/mav"

// The numbers by which signing timestamps are judged, in their units of 10 µs.
const (
	signedReorder = 1 * mav.SigningTicks
	signedNew     = 60 * mav.SigningTicks // how far a new stream may lie behind
	signedAhead   = 60 * mav.SigningTicks // how far a stream may leap without proof
)

// stream is a (system, component, link id) of MAVLink 2 signing.
type stream struct {
	source Source
	link   uint8
}

type streamState struct {
	last    uint64 // timestamp of the last accepted frame
	at      Place
	pending uint64 // a timestamp of the far future that waits for a second one
}

// signing judges signing timestamps as a receiver does.
type signing struct {
	streams map[stream]*streamState
	newest  uint64 // accepted from anyone
	late    int64

	lateFirst, lateLast Place
}

// verdict on a signed frame.
type signedVerdict uint8

const (
	accepted signedVerdict = iota
	reordered
	replayed
)

// maxStreams bounds memory; there are 256 links for each source.
const maxStreams = 1 << 16

// judge judges a signed frame. seen tells whether its bytes stood before; genuine,
// that its signature was checked.
func (s *signing) judge(id stream, stamp uint64, at Place, seen, genuine bool) (signedVerdict, Place) {
	state := s.streams[id]
	if state == nil {
		if s.newest > signedNew && stamp < s.newest-signedNew {
			return replayed, Place{}
		}
		if len(s.streams) < maxStreams {
			s.streams[id] = &streamState{last: stamp, at: at}
		}
		if genuine || s.newest == 0 || stamp < s.newest+signedAhead {
			s.newest = max(s.newest, stamp)
		}
		return accepted, Place{}
	}
	if stamp <= state.last {
		if !seen && state.last-stamp <= signedReorder && stamp != state.last {
			if s.late == 0 {
				s.lateFirst = at
			}
			s.lateLast = at
			s.late++
			return reordered, Place{}
		}
		return replayed, state.at
	}
	// Without a key, a single frame may not close the stream for all that follow.
	elapsed := uint64(max(at.Time-state.at.Time, 0)) / (1_000_000 / mav.SigningTicks)
	if !genuine && stamp-state.last > elapsed+signedAhead && (state.pending == 0 || stamp < state.pending) {
		state.pending = stamp
		return accepted, Place{}
	}
	state.last, state.at, state.pending = stamp, at, 0
	s.newest = max(s.newest, stamp)
	return accepted, Place{}
}

// unsignedRun follows the unsigned frames of a source that signs.
type unsignedRun struct {
	waiting, between  int64 // frames since the last signed one; frames between signed ones
	first, waitFirst  Place
	message, waitKind uint32
	last, waitLast    Place
}

// signedLeast is how many signed frames make a source one that signs.
const signedLeast = 16

func (u *unsignedRun) unsigned(at Place, message uint32) {
	if u.waiting == 0 {
		u.waitFirst, u.waitKind = at, message
	}
	u.waitLast = at
	u.waiting++
}

func (u *unsignedRun) signed() {
	if u.waiting == 0 {
		return
	}
	if u.between == 0 {
		u.first, u.message = u.waitFirst, u.waitKind
	}
	u.last = u.waitLast
	u.between += u.waiting
	u.waiting = 0
}

// forged follows the signatures that fail, a run a source.
type forged struct {
	count       int64
	first, last Place
	message     uint32
}
