package wire

import (
	"bufio"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/tlog"
)

// Bounds on what a walk holds.
const (
	batchRecords    = 4096
	batchStatements = 256
	assemblerBytes  = 32 << 20
	assemblerAge    = 60 * time.Second
)

// record is a record that is no chunk.
type record struct {
	Place
	pos     int64 // among such records
	id      uint32
	from    Address
	frame   []byte
	payload []byte // trimmed
	wanted  bool   // it is a command
	sound   bool   // its checksum holds

	taken  []taken
	copies int
	copied bool // it is a copy itself
}

// taken says that a statement of a series speaks of a frame.
type taken struct{ series, finding int }

// statement is a message from a log, complete or not.
type statement struct {
	typ           chunk.Type
	from          Address // of the chunks
	digest        chunk.Digest
	token         uint16
	first, last   Place
	firstPos      int64 // how many records that are no chunks stand before the first chunk
	lastPos       int64 // and before the last one
	chunks, seen  int
	message       []byte // nil if it is incomplete
	repeat        bool
	contradictory bool // incomplete, because there are several versions of a chunk

	command *Command // as far as it could be read
	err     error    // why it does not count
	series  int
	copies  *int // heard again soon after
}

// event is the next thing in a log.
type event struct {
	record    *record
	statement *statement
}

// stretch is a part of a log. Its records lie in one piece of memory.
type stretch struct {
	events     []event
	statements []*statement // the complete ones
	err        error        // io.EOF after the last one
	arena      []byte
	records    []record
}

// walk cuts a log and puts chunks together.
type walk struct {
	o         *JudgeOptions
	scan      *tlog.Scanner
	seeds     *tlog.Seeds
	format    tlog.Format
	assembler *chunk.Assembler
	places    []chunkPlace // of the chunks that may still be asked for, by number
	begin     uint64       // the number of places[0]
	pos       int64
	lost      []chunk.Partial

	bytes, records, chunks, first, last int64
}

// chunkPlace is where a chunk stands.
type chunkPlace struct {
	Place
	pos int64
}

func newWalk(r io.Reader, seeds *tlog.Seeds, o *JudgeOptions) (*walk, error) {
	head := bufio.NewReaderSize(r, tlog.HeadSize)
	first, err := head.Peek(tlog.HeadSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	w := &walk{o: o, seeds: seeds, format: tlog.Detect(first, seeds).Format}
	w.scan = tlog.NewScanner(head, seeds, w.format)
	w.assembler = chunk.NewAssembler(chunk.Limits{
		MaxBytes: assemblerBytes, MaxAge: assemblerAge,
		Dropped: func(p chunk.Partial) { w.lost = append(w.lost, p) },
	})
	return w, nil
}

// next returns the next batch.
func (w *walk) next() *stretch {
	b := &stretch{records: make([]record, 0, batchRecords), arena: make([]byte, 0, batchRecords*64)}
	for len(b.records) < batchRecords && len(b.statements) < batchStatements && len(b.events) < 2*batchRecords {
		seg, err := w.scan.Next()
		if err == io.EOF {
			w.end(b)
		}
		if err != nil {
			b.err = err
			return b
		}
		w.bytes += int64(len(seg.Data))
		if seg.Kind == tlog.Record {
			w.add(b, seg)
		}
	}
	return b
}

func (w *walk) add(b *stretch, seg *tlog.Segment) {
	at := Place{Index: w.records, Offset: seg.Offset, Time: seg.Time()}
	if w.records == 0 {
		w.first = at.Time
	}
	w.last = at.Time
	w.records++
	f := seg.Frame()
	if f.ID() == chunk.MessageID && f.Version() == 2 {
		if seg.Check == tlog.OK {
			w.addChunk(b, f, at)
		}
		return
	}
	start := len(b.arena)
	b.arena = append(b.arena, f...)
	frame := tlog.Frame(b.arena[start:len(b.arena):len(b.arena)])
	b.records = append(b.records, record{
		Place: at, pos: w.pos, id: f.ID(), from: Address{f.System(), f.Component()},
		frame: frame, payload: trim(frame.Payload()), sound: seg.Check == tlog.OK,
	})
	w.pos++
	r := &b.records[len(b.records)-1]
	r.wanted = r.sound && w.o.Wanted(frame)
	b.events = append(b.events, event{record: r})
}

func (w *walk) addChunk(b *stretch, f tlog.Frame, at Place) {
	c, err := chunk.Parse(f.Payload())
	if err != nil || c.Type != chunk.Command && (c.Type != chunk.SignedCommand || w.o.V1 == nil) {
		return
	}
	w.chunks++
	number := w.begin + uint64(len(w.places))
	w.places = append(w.places, chunkPlace{at, w.pos})
	messages, err := w.assembler.Add(chunk.Source{System: f.System(), Component: f.Component()}, c, time.Duration(clampMicros(at.Time))*time.Microsecond, number)
	w.tellLost(b)
	if err != nil {
		return
	}
	for i := range messages {
		m := &messages[i]
		s := &statement{typ: m.Type, from: Address(m.Source), digest: m.Digest, token: m.Token, chunks: len(m.Refs), seen: len(m.Refs), message: m.Bytes, repeat: m.Repeat}
		w.place(s, m.Refs)
		b.statements = append(b.statements, s)
		b.events = append(b.events, event{statement: s})
	}
	if len(w.places) >= 1<<18 { // far more than an assembler of that size holds
		n := len(w.places) / 2
		w.places = append(w.places[:0], w.places[n:]...)
		w.begin += uint64(n)
	}
}

// clampMicros keeps times within what a time.Duration can hold.
func clampMicros(us int64) int64 {
	const most = math.MaxInt64 / int64(time.Microsecond)
	return min(max(us, -most), most)
}

// place finds out where the chunks of a statement stand. A chunk that so many others came after
// that its place is forgotten stands where the oldest known one does.
func (w *walk) place(s *statement, refs []uint64) {
	lo, hi := slices.Min(refs), slices.Max(refs)
	first, last := w.places[max(lo, w.begin)-w.begin], w.places[max(hi, w.begin)-w.begin]
	s.first, s.firstPos, s.last, s.lastPos = first.Place, first.pos, last.Place, last.pos
}

// tellLost passes on what the assembler has given up.
func (w *walk) tellLost(b *stretch) {
	for i := range w.lost {
		p := &w.lost[i]
		s := &statement{
			typ: p.Type, from: Address(p.Source), digest: p.Digest, token: p.Token, chunks: p.Count, seen: p.Seen,
			contradictory: len(p.Refs) > p.Seen,
		}
		w.place(s, p.Refs)
		b.events = append(b.events, event{statement: s})
	}
	w.lost = w.lost[:0]
}

// end tells what is incomplete at the end of the log, in its order.
func (w *walk) end(b *stretch) {
	w.lost = append(w.lost, w.assembler.Pending()...)
	slices.SortFunc(w.lost, func(x, y chunk.Partial) int {
		return int(int64(slices.Min(x.Refs)) - int64(slices.Min(y.Refs)))
	})
	w.tellLost(b)
}

// errIncomplete and errContradictory are what is wrong with a message that is not whole.
var (
	errIncomplete    = errors.New("some of its chunks are missing")
	errContradictory = errors.New("several versions of its chunks are there, and none that was tried fits")
	errChanged       = errors.New("its chunks are all there, but one was changed")
)

// whole returns what is wrong with an incomplete message.
func (s *statement) whole() error {
	switch {
	case s.contradictory:
		return errContradictory
	case s.seen < s.chunks || s.typ == chunk.SignedCommand:
		return errIncomplete
	}
	return errChanged
}
