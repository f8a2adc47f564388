package replay

import "cqkit/pkg/mav"

// The numbers by which rates are judged; docs/replay.md gives the reasons.
const (
	floodFactor    = 8
	floodSeconds   = 3
	hammerLeast    = 10
	hammerWindow   = 30_000_000 // µs
	vehicleSilence = 5_000_000  // µs
	leastHistory   = 10         // s
)

// ceilings is how many frames of a message a second its class may have.
var ceilings = [...]int64{mav.Other: 400, mav.Alive: 5, mav.Request: 20, mav.RequestList: 20, mav.Command: 20, mav.Setpoint: 400}

// answers are the messages that answer a request: where the answers keep up with the
// requests, a transfer goes on and no flood.
var answers = map[uint32][]uint32{
	20:  {22},     // PARAM_REQUEST_READ, PARAM_VALUE
	40:  {39, 73}, // MISSION_REQUEST, MISSION_ITEM, MISSION_ITEM_INT
	51:  {39, 73}, // MISSION_REQUEST_INT
	119: {120},    // LOG_REQUEST_DATA, LOG_DATA
	133: {134},    // TERRAIN_REQUEST, TERRAIN_DATA
	161: {160},    // FENCE_FETCH_POINT, FENCE_POINT
	176: {175},    // RALLY_FETCH_POINT, RALLY_POINT
	320: {322},    // PARAM_EXT_REQUEST_READ, PARAM_EXT_VALUE
	73:  {40, 51}, // an upload asks for each item
	39:  {40, 51}, //
	23:  {22},     // PARAM_SET, PARAM_VALUE
}

// isAnswer are the messages that are counted on the whole link for answers.
var isAnswer = func() (t [512]bool) {
	for _, list := range answers {
		for _, id := range list {
			t[id] = true
		}
	}
	return t
}()

// rate is how often a source sends a message, by seconds of the recorder.
type rate struct {
	class  mav.Class
	total  int64 // outside of floods
	since  int64 // time of the first, µs
	second int64 // the second that is being counted
	count  int64
	at     Place // first in it
	last   Place

	hot      int64 // seconds on end that were too many
	hotCount int64
	hotFirst Place
	hotMost  int64
	flood    floodRun

	answered int64 // answers on the link when the second began
}

type floodRun struct {
	frames      int64
	first, last Place
	most        int64 // frames in one second
	before      float64
	seconds     int64
}

func (r *rate) add(at Place, d *Detector, id uint32) {
	if second := at.Time / 1_000_000; second != r.second {
		r.end(d, id, second)
		r.second, r.count, r.at = second, 0, at
		r.answered = d.answered(id)
	}
	if r.since == 0 {
		r.since = at.Time
	}
	r.count++
	r.last = at
}

// end judges the second that is over.
func (r *rate) end(d *Detector, id uint32, next int64) {
	if r.count == 0 {
		return
	}
	age := max(float64(r.second)-float64(d.start/1_000_000), leastHistory)
	own := float64(r.total) / age
	ceiling := ceilings[r.class]
	hot := r.count > ceiling && float64(r.count) > floodFactor*own
	if hot {
		if list := answers[id]; list != nil && 2*(d.answered(id)-r.answered) >= r.count {
			hot = false
		}
	}
	if !hot {
		r.total += r.count
		r.cool()
		return
	}
	if r.hot == 0 {
		r.hotFirst = r.at
	}
	r.hot++
	r.hotCount += r.count
	r.hotMost = max(r.hotMost, r.count)
	if r.hot >= floodSeconds {
		f := &r.flood
		if f.frames == 0 {
			f.first, f.before = r.hotFirst, own
		}
		f.seconds++
		if r.hot == floodSeconds {
			f.seconds += floodSeconds - 1
		}
		f.last, f.most = r.last, max(f.most, r.hotMost)
		f.frames += r.hotCount
		r.hotCount = 0
	}
	if next > r.second+2 {
		r.cool()
	}
}

func (r *rate) cool() {
	if r.hot > 0 && r.hot < floodSeconds {
		r.total += r.hotCount
	}
	r.hot, r.hotCount, r.hotMost = 0, 0, 0
}

// hammer counts requests for whole lists while a vehicle talks.
type hammer struct {
	places      [hammerLeast]Place // of the last ones, in a ring
	n           int64
	count       int64
	first, last Place
	message     uint32
}

func (h *hammer) add(at Place, message uint32) {
	h.places[h.n%hammerLeast] = at
	h.n++
	oldest := h.places[h.n%hammerLeast]
	if h.n < hammerLeast || at.Time-oldest.Time > hammerWindow {
		return
	}
	if h.count == 0 {
		h.first, h.message, h.count = oldest, message, hammerLeast-1
	}
	h.count++
	h.last = at
}
