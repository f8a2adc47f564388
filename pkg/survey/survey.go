// Package survey says what is in a flight log: how many records of which messages
// from whom, what is no record, what was lost on the way, and what a reader should be
// warned of. [Of] says it of the whole log, [Trace] also along its course, for pictures.
// It needs no key and judges nothing.
package survey

import (
	"fmt"
	"io"
	"sync"
	"time"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// Source is the sender of a frame.
type Source struct{ System, Component uint8 }

// String returns "system/component".
func (s Source) String() string { return fmt.Sprintf("%d/%d", s.System, s.Component) }

// Survey is what is in a log. Records are counted as package tlog cuts them. Sources,
// messages are those of records whose checksum holds.
type Survey struct {
	Format tlog.Format
	Bytes  int64

	Records, V1, V2, Signed uint64
	OK, Bad, Unknown        uint64 // by checksum
	Gaps                    uint64
	GapBytes                int64

	TimeBackward uint64 // records with an earlier time than the one before
	HasTime      bool
	First, Last  int64 // time of the first and last record in file order, µs since 1970 UTC

	Sources  map[Source]uint64
	Messages map[string]uint64

	// SequenceGaps counts the places where a source's sequence number does not follow
	// its last one, SequenceLost the frames missing there, as pymavlink counts them:
	// modulo 256, frames of unknown messages included, SiK radios (51/68) not.
	SequenceGaps, SequenceLost uint64

	SetupSigning uint64        // frames that carry a secret MAVLink signing key
	ClockOffset  time.Duration // log time less vehicle GPS time, if that is a time zone
	LittleEndian bool          // times of the wrong byte order; what records there are fill less than half of the log
	Kind         string        // what a file without records looks like, or ""
}

// Of surveys a log, which it reads to its end. head must hold the log's first
// [tlog.HeadSize] bytes, or all of them; they are read from r as well. It reads once,
// in constant memory but for the number of sources and messages.
func Of(r io.Reader, head []byte, seeds *tlog.Seeds) (*Survey, error) {
	return walk(r, head, seeds, nil)
}

// walk surveys a log and lets a tracer, if there is one, follow.
func walk(r io.Reader, head []byte, seeds *tlog.Seeds, trace *tracer) (*Survey, error) {
	look := tlog.Detect(head, seeds)
	c := counters.Get().(*counter)
	defer func() {
		*c = counter{} // what is returned must not be kept by it, nor keep it
		counters.Put(c)
	}()
	c.s = Survey{
		Format:       look.Format,
		LittleEndian: look.LittleEndian,
		Sources:      make(map[Source]uint64),
		Messages:     make(map[string]uint64),
	}
	c.high = make(map[uint32]uint64)
	scan := tlog.NewScanner(r, seeds, look.Format)
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		lost := c.s.SequenceLost
		c.add(seg)
		switch {
		case trace == nil:
		case seg.Kind == tlog.Gap:
			trace.gap(seg)
		default:
			trace.record(seg, c.s.SequenceLost-lost)
		}
	}
	c.finish(head)
	return new(c.s), nil
}

// counter keeps what is counted per record in arrays.
type counter struct {
	s        Survey
	sources  [1 << 16]sender
	low      [1 << 12]uint64 // by message id
	high     map[uint32]uint64
	clock    clockCheck
	lastTime int64
}

// counters are those that are not in use: one takes a megabyte.
var counters = sync.Pool{New: func() any { return new(counter) }}

type sender struct {
	frames uint64 // whose checksum holds
	known  bool   // next means something
	next   uint8  // the sequence number that would follow
}

func (c *counter) add(seg *tlog.Segment) {
	s := &c.s
	s.Bytes += int64(len(seg.Data))
	if seg.Kind == tlog.Gap {
		s.GapBytes += int64(len(seg.Data))
		if !seg.More {
			s.Gaps++
		}
		return
	}
	s.Records++
	f := seg.Frame()
	if f.Version() == 1 {
		s.V1++
	} else {
		s.V2++
	}
	if f.Signed() {
		s.Signed++
	}
	if s.Format == tlog.Timed {
		c.time(seg.Time())
	}
	if seg.Check == tlog.Bad {
		s.Bad++
		return
	}
	from := c.sequence(f)
	if seg.Check == tlog.Unknown {
		s.Unknown++
		return
	}
	s.OK++
	from.frames++
	id := f.ID()
	if id < uint32(len(c.low)) {
		c.low[id]++
	} else {
		c.high[id]++
	}
	switch id {
	case mav.IDSetupSigning:
		s.SetupSigning++
	case mav.IDSystemTime:
		if s.Format == tlog.Timed {
			c.clock.add(seg.Time(), f)
		}
	}
}

func (c *counter) time(t int64) {
	s := &c.s
	if !s.HasTime {
		s.HasTime, s.First = true, t
	} else if t < c.lastTime {
		s.TimeBackward++
	}
	s.Last, c.lastTime = t, t
}

// radio is the source under which SiK radios report; their frames are made by either
// end of the link, so the sequence numbers mean nothing.
var radio = Source{'3', 'D'}

// sequence follows the source's sequence numbers, over frames of unknown messages too.
func (c *counter) sequence(f tlog.Frame) *sender {
	from := Source{f.System(), f.Component()}
	k := &c.sources[int(from.System)<<8|int(from.Component)]
	seq := f.Sequence()
	if k.known && seq != k.next && from != radio {
		c.s.SequenceGaps++
		c.s.SequenceLost += uint64(seq - k.next)
	}
	k.known, k.next = true, seq+1
	return k
}

func (c *counter) finish(head []byte) {
	s := &c.s
	for i, k := range c.sources {
		if k.frames > 0 {
			s.Sources[Source{uint8(i >> 8), uint8(i)}] = k.frames
		}
	}
	for id, n := range c.low {
		if n > 0 {
			s.Messages[mav.Name(uint32(id))] = n
		}
	}
	for id, n := range c.high {
		s.Messages[mav.Name(id)] = n
	}
	s.ClockOffset = c.clock.zone()
	if s.Records == 0 {
		s.Kind = fileKind(head)
	}
	if s.GapBytes < s.Bytes/2 { // a few records are there by chance
		s.LittleEndian = false
	}
}
