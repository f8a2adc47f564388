package replay

import (
	"hash/maphash"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// Options say how a log is looked at. The zero Options look for all that can be
// found without a key and without other logs.
type Options struct {
	// Key checks the signatures of signed frames; nil means that none is known.
	Key *mav.SigningKey
	// Prints collects in the result what [Index] needs to compare logs.
	Prints bool
}

// Detector looks at one log, segment by segment. Its memory is bounded: about 75 MB
// for the last half to one million records and some kilobytes for each source. It is not
// safe for concurrent use. Make one with New.
type Detector struct {
	opts    Options
	format  tlog.Format
	timed   bool
	seed    maphash.Seed
	verify  *mav.Verifier
	sources [1 << 16]*source
	order   []*source
	history history
	signing signing
	clock   logClock
	start   int64 // time of the first record

	res       Result
	index     int64
	answerNum [512]int64
	forged    map[Source]*forged
	found     []Finding
	replays   map[stream]*Finding
	secrets   Finding
	noise     Finding
	noiseFrom map[Source]int64
	vehicleAt [2]struct {
		source Source
		time   int64
		index  int64
	} // the last two vehicles heard
	firstVehicle Place
	hasVehicle   bool
	holes        holes
	prints       printer
}

// holes are the gaps of a log.
type holes struct {
	count, bytes int64
	first, last  Place
	more         bool
	tail         bool // the last segment was one
}

// New returns a detector for a log of the given format.
func New(format tlog.Format, opts Options) *Detector {
	d := &Detector{
		opts: opts, format: format, timed: format == tlog.Timed,
		seed:      maphash.MakeSeed(),
		history:   history{limit: generationSize},
		signing:   signing{streams: make(map[stream]*streamState)},
		forged:    make(map[Source]*forged),
		replays:   make(map[stream]*Finding),
		noiseFrom: make(map[Source]int64),
	}
	if opts.Key != nil {
		d.verify = mav.NewVerifier(opts.Key)
	}
	return d
}

// Add looks at the next segment, of which nothing is kept.
func (d *Detector) Add(seg *tlog.Segment) {
	d.res.Bytes += int64(len(seg.Data))
	if seg.Kind == tlog.Gap {
		d.gap(seg)
		return
	}
	d.holes.tail = false
	at := Place{d.index, seg.Offset, seg.Time()}
	d.index++
	if d.timed {
		if d.start == 0 {
			d.start = at.Time
		}
		d.clock.add(at)
	}
	f := seg.Frame()
	src := d.source(f, at)
	signed := f.Signed()
	genuine := false
	if signed {
		d.res.Signed++
		if d.verify != nil {
			genuine = d.verify.Verify(f)
			d.signature(src, f, at, genuine)
		}
	}
	if seg.Check == tlog.Bad {
		return
	}
	if src.Source != radio {
		src.loss.add(f.Sequence(), f.ID(), at)
	}
	if seg.Check == tlog.Unknown {
		d.unknown(src, f, at)
		return
	}
	d.frame(src, f, at, signed, genuine)
}

func (d *Detector) gap(seg *tlog.Segment) {
	h := &d.holes
	h.bytes += int64(len(seg.Data))
	at := Place{Index: d.index, Offset: seg.Offset, Time: d.clock.last.Time}
	if !h.more {
		if h.count == 0 {
			h.first = at
		}
		h.count++
		h.last = at
	}
	h.more, h.tail = seg.More, true
}

func (d *Detector) source(f tlog.Frame, at Place) *source {
	i := int(f.System())<<8 | int(f.Component())
	s := d.sources[i]
	if s == nil {
		s = &source{Source: Source{f.System(), f.Component()}, first: at}
		d.sources[i] = s
		d.order = append(d.order, s)
	}
	return s
}

func (d *Detector) unknown(src *source, f tlog.Frame, at Place) {
	if d.noise.Count == 0 {
		d.noise.First = at
	}
	d.noise.Count++
	d.noise.Last = at
	d.noiseFrom[src.Source]++
}

// frame looks at a frame with a sound checksum.
func (d *Detector) frame(src *source, f tlog.Frame, at Place, signed, genuine bool) {
	id, payload := f.ID(), f.Payload()
	if src.frames == 0 || d.timed && at.Time-src.last.Time > silence {
		d.begin(src, at)
	}
	src.frames++
	src.versions[f.Version()]++
	src.last = at
	if id == mav.IDSetupSigning {
		d.secret(src, at)
	}
	hash := maphash.Bytes(d.seed, f)
	entry := d.history.find(hash)
	seen := entry != nil
	var original Place
	if seen {
		original = entry.Place
	}
	if signed {
		src.signed++
		src.unsign.signed()
		if d.verify != nil && !genuine {
			return // not accepted: it moves nothing
		}
		if !d.signedFrame(src, f, at, original, seen, genuine) {
			return
		}
	} else if src.Source != radio && id != mav.IDChunk { // chunks carry signatures of their own
		src.unsigned++
		if src.signed >= signedLeast {
			src.unsign.unsigned(at, id)
		}
	}
	src.note(id, payload)
	d.rate(src, id, at)
	clock := mav.ClockOf(id, payload)
	if d.opts.Prints && clock.Kind != mav.NoClock {
		d.prints.add(f, at)
	}
	if src.Source != radio && d.counted(src, f, at, entry, clock) {
		return // a repeat, set aside
	}
	d.history.add(hash, at)
	if clock.Kind == mav.Boot {
		src.boot.add(int64(clock.Value)*1000, at, id, d.timed)
		if id == mav.IDSystemTime {
			if day := mav.UnixTime(payload); day > dayKnown && day < 1<<62 {
				src.boot.timeOfDay(int64(day), at, id)
			}
		}
	}
}

// begin starts a source anew: its first frame, or the first one behind a long silence.
// What was found about its counters until then is reported, since they may be others
// now.
func (d *Detector) begin(src *source, at Place) {
	if src.frames > 0 {
		d.finishCounters(src)
	}
	src.counters.reset(at)
	src.copies, src.commands = copies{}, nil
}

// dayKnown is 2010 in µs: earlier, a vehicle does not know the time of day.
const dayKnown = 1_262_304_000_000_000

// counted places a frame among its source's counters and repeats. It reports whether
// the frame is set aside as a repeat of the earlier one.
func (d *Detector) counted(src *source, f tlog.Frame, at Place, earlier *entry, clock mav.Clock) bool {
	c := &src.counters
	seq, version, id := f.Sequence(), uint8(f.Version()), f.ID()
	if c.used > 0 && seq == src.lastSeq && c.all[c.live].next == seq+1 && src.static*2 >= src.frames-1 {
		src.static++ // a counter that never moves is none
		return false
	}
	if seq == src.lastSeq {
		src.static++
	}
	src.lastSeq = seq
	how, i := c.look(seq, version)
	ahead := uint8(0)
	if c.used > 0 {
		ahead = seq - c.all[c.live].next
	}
	stateful := mav.StateChanging(id, f.Payload())
	if earlier != nil && d.aside(src, f, at, earlier, how, ahead, clock, stateful) {
		return true
	}
	src.copies.went(how, ahead, seq)
	var cmd *commandInfo
	if stateful {
		cmd = d.content(src, f, at, earlier)
	}
	for _, done := range c.put(how, i, f, at, cmd) {
		if len(src.commands) < MaxFindings {
			src.commands = append(src.commands, *done)
		}
	}
	return false
}

// aside reports whether a frame that stood before is set aside: unless it fits where
// it stands, as a station's does that repeats itself honestly.
func (d *Detector) aside(src *source, f tlog.Frame, at Place, earlier *entry, how fit, ahead uint8, clock mav.Clock, stateful bool) bool {
	id, seq := f.ID(), f.Sequence()
	original, lag := earlier.Place, at.Time-earlier.again
	copies := &src.copies
	clocked := clock.Kind != mav.NoClock
	fresh := how == fits || how == resumes
	soon := d.timed && lag >= 0 && lag < doubleDelivery && original.Index >= d.clock.backAt
	if soon && (!stateful || lag < doubleCommand) &&
		(clocked || !fresh && copies.double.count >= resumedLeast) {
		copies.double.add(at, original, id, lag)
		earlier.again = at.Time
		return true
	}
	r := copies.find(original, at)
	stale := clock.Kind == mav.Boot && src.boot.known && int64(clock.Value)*1000 < src.boot.newest-staleClock
	follows := r != nil && (r.touched && seq == r.next || how != fits && r.proven())
	if !stale && !follows {
		if fresh {
			return false // it repeats itself honestly
		}
		if !clocked && (how == twice && !stateful || how == jumps && ahead >= 1 && ahead <= lossWindow) {
			return false // it does so behind a loss, or behind a frame that took its number
		}
	}
	if r == nil {
		r = copies.begin()
		r.ahead, r.message = ahead, id
	}
	r.add(at, original, seq, int(clock.Kind), clock.Value)
	earlier.again = at.Time
	if stateful {
		if len(r.commands) < maxRunCommands {
			r.commands = append(r.commands, commandInfo{at, id, original, true})
		} else {
			r.moreCmds++
		}
	}
	if r.honest() {
		copies.adopt(r)
		src.counters.adopt(r.next)
	}
	return true
}

// content looks up whether the source has sent a state-changing frame with this
// content before, under whatever number.
func (d *Detector) content(src *source, f tlog.Frame, at Place, earlier *entry) *commandInfo {
	if src.contents == nil {
		src.contents = make(map[uint64]Place)
	}
	var h maphash.Hash
	h.SetSeed(d.seed)
	h.WriteByte(byte(f.ID()))
	h.WriteByte(byte(f.ID() >> 8))
	h.WriteByte(byte(f.ID() >> 16))
	h.Write(f.Payload())
	sum := h.Sum64()
	before, has := src.contents[sum]
	if has || len(src.contents) < maxContents {
		src.contents[sum] = at
	}
	switch {
	case earlier != nil:
		return &commandInfo{at, f.ID(), earlier.Place, true}
	case has && mav.ClassOf(f.ID()) != mav.Setpoint:
		return &commandInfo{at, f.ID(), before, false}
	}
	return nil
}

func (d *Detector) rate(src *source, id uint32, at Place) {
	if id < uint32(len(isAnswer)) && isAnswer[id] {
		d.answerNum[id]++
	}
	if !d.timed {
		return
	}
	class := mav.ClassOf(id)
	if src.vehicle() && id == mav.IDHeartbeat {
		d.heard(src, at)
	}
	if class == mav.Bulk {
		return
	}
	r := src.rates[id]
	if r == nil {
		if src.rates == nil {
			src.rates = make(map[uint32]*rate)
		}
		r = &rate{class: class, second: at.Time / 1_000_000, at: at}
		src.rates[id] = r
	}
	r.add(at, d, id)
	if class == mav.RequestList && d.vehicleTalks(src, at) {
		src.lists.add(at, id)
	}
}

// heard notes the heartbeat of a vehicle.
func (d *Detector) heard(src *source, at Place) {
	if !d.hasVehicle {
		d.hasVehicle, d.firstVehicle = true, at
	}
	v := &d.vehicleAt
	if v[0].source != src.Source {
		v[1] = v[0]
		v[0].source = src.Source
	}
	v[0].time, v[0].index = at.Time, at.Index
}

// vehicleTalks reports whether another source than src is a vehicle that was heard
// just before.
func (d *Detector) vehicleTalks(src *source, at Place) bool {
	for _, v := range d.vehicleAt {
		if v.source != src.Source && v.time > 0 && at.Time-v.time <= vehicleSilence {
			return true
		}
	}
	return false
}

// answered returns how many answers to a request were on the link so far.
func (d *Detector) answered(id uint32) int64 {
	var n int64
	for _, a := range answers[id] {
		n += d.answerNum[a]
	}
	return n
}
