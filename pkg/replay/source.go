package replay

import (
	"cqkit/pkg/mav"
)

// source is what is known of one sender.
type source struct {
	Source
	frames      int64 // with a sound checksum
	first, last Place
	counters    counters // since its last long silence, as are
	copies      copies
	several     bool // it had several counters at some time,
	repeats     bool // ...or repeats
	boot        bootClock
	rates       map[uint32]*rate
	commands    []commandInfo    // stepped over by the counter
	contents    map[uint64]Place // of state-changing frames, by what they say

	versions  [3]int64
	signed    int64
	unsigned  int64
	unsign    unsignedRun
	heartbeat bool
	autopilot bool // says it is a vehicle's autopilot
	telemetry bool // sends what only a vehicle has
	loss      lossCount
	static    int64 // frames with the number of the one before
	lastSeq   uint8
	lists     hammer
}

// silence is how long a source must be quiet to be new again, in µs: a file that holds
// several sessions has such pauses.
const silence = 300_000_000

// maxContents bounds how many different commands of a source are remembered.
const maxContents = 1 << 16

// lossCount counts as pymavlink's mavloss does.
type lossCount struct {
	known     bool
	next      uint8
	gaps      int64
	lost      int64
	first     Place
	last      Place
	firstKind uint32
}

func (l *lossCount) add(seq uint8, message uint32, at Place) {
	if l.known && seq != l.next {
		if l.gaps == 0 {
			l.first, l.firstKind = at, message
		}
		l.last = at
		l.gaps++
		l.lost += int64(seq - l.next)
	}
	l.known, l.next = true, seq+1
}

// vehicle reports whether the source is a vehicle's autopilot: it says so in its
// heartbeats, or has an autopilot's component id.
func (s *source) vehicle() bool { return s.autopilot || s.Component == 1 && !s.heartbeat }

// radio is the source under which SiK radios report; either end of the link numbers
// its frames, and neither signs them.
var radio = Source{'3', 'D'}

// telemetryIDs are messages that only a vehicle sends of itself.
func isTelemetry(id uint32) bool {
	switch id {
	case 1, 24, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 42, 62, 65, 74, 105, 116, 147, 152, 163, 178:
		return true // SYS_STATUS, GPS_RAW_INT, SCALED_IMU, RAW_IMU, ATTITUDE, GLOBAL_POSITION_INT, VFR_HUD and the like
	}
	return false
}

func (s *source) note(id uint32, payload []byte) {
	switch {
	case id == mav.IDHeartbeat:
		s.heartbeat = true
		if _, autopilot := mav.Heartbeat(payload); autopilot != mav.AutopilotInvalid {
			s.autopilot = true
		}
	case !s.telemetry:
		s.telemetry = isTelemetry(id)
	}
}
