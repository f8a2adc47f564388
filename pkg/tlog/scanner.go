package tlog

import (
	"encoding/binary"
	"io"
	"sync"
)

// Kind tells records from gaps.
type Kind uint8

const (
	Record Kind = iota // a time and a frame; in a raw capture, a frame
	Gap                // bytes that are no record
)

// String returns "record" or "gap".
func (k Kind) String() string {
	if k == Gap {
		return "gap"
	}
	return "record"
}

// Segment is one piece of a log. It belongs to its scanner and is valid until the next
// call of Next. Data is a view into the scanner's buffer; over a byte slice it stays
// valid as long as the slice.
type Segment struct {
	Data   []byte
	Offset int64 // of Data in the input
	Kind   Kind
	Check  Check // of a record's frame
	More   bool  // a gap that goes on in the next segment; only from NewScanner
	raw    bool
}

// Time returns a record's time in microseconds since 1970 UTC; 0 for gaps and for
// records of raw captures.
func (s *Segment) Time() int64 {
	if s.Kind == Gap || s.raw {
		return 0
	}
	return Time(s.Data)
}

// Frame returns a record's frame, nil for gaps.
func (s *Segment) Frame() Frame {
	switch {
	case s.Kind == Gap:
		return nil
	case s.raw:
		return Frame(s.Data)
	}
	return Frame(s.Data[TimeSize:])
}

// Format is what a log's records look like.
type Format uint8

const (
	Timed Format = iota // .tlog: a time before each frame
	Raw                 // .rlog, .raw: frames as they came over the link
)

// Scanner cuts an input into segments; see the package comment for the rules. It
// keeps a buffer of fixed size and allocates nothing per segment. It is not safe
// for concurrent use.
type Scanner struct {
	seeds *Seeds
	raw   bool

	r    io.Reader // nil: buf is the whole input
	buf  []byte
	pos  int   // of the next undecided byte in buf
	base int64 // offset of buf[0] in the input
	eof  bool
	err  error

	gap    int  // start of the current gap in buf, if !step
	step   bool // in step: the next byte begins a record or a gap
	minLen int  // a shorter rest cannot begin with a sound record

	seg Segment
}

// lookahead is how many bytes a decision needs: an unsound record, each record
// that may begin inside it, and the one that must follow.
const lookahead = 2*MaxRecord + 16

// bufferSize is what a Scanner over a reader keeps in memory.
const bufferSize = 256 << 10

// buffers are those of scanners that came to the end of their input.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// NewScanner returns a scanner over r. Gaps longer than its buffer come in several
// segments, all but the last with More set.
func NewScanner(r io.Reader, seeds *Seeds, format Format) *Scanner {
	s := newScanner(seeds, format)
	s.r, s.buf = r, buffers.Get().(*[bufferSize]byte)[:0]
	return s
}

// NewSliceScanner returns a scanner over data, which may be a mapped file. It
// copies nothing; each gap is one segment.
func NewSliceScanner(data []byte, seeds *Seeds, format Format) *Scanner {
	s := newScanner(seeds, format)
	s.buf, s.eof = data, true
	return s
}

func newScanner(seeds *Seeds, format Format) *Scanner {
	seeds.ready()
	s := &Scanner{seeds: seeds, raw: format == Raw, step: true}
	s.seg.raw = s.raw
	s.minLen = headerV1 + crcSize
	if !s.raw {
		s.minLen += TimeSize
	}
	return s
}

// Next returns the next segment. It returns io.EOF after the last one, and the
// reader's error if reading failed, after all whole segments read before.
func (s *Scanner) Next() (*Segment, error) {
	if len(s.buf)-s.pos < lookahead && !s.eof {
		s.fill()
	}
	if s.step {
		if s.pos == len(s.buf) {
			return s.end()
		}
		rest := s.buf[s.pos:]
		n, check := s.sound(rest)
		if n > 0 && (check == OK || s.keep(rest, n)) {
			seg := &s.seg
			seg.Data, seg.Offset = rest[:n:n], s.base+int64(s.pos)
			seg.Kind, seg.Check, seg.More = Record, check, false
			s.pos += n
			return seg, nil
		}
		s.step, s.gap = false, s.pos
		s.pos++
	}
	return s.nextGap()
}

// nextGap looks for the end of the gap that began at s.gap.
func (s *Scanner) nextGap() (*Segment, error) {
	for {
		s.pos += s.find(s.buf[s.pos:])
		if len(s.buf)-s.pos >= s.minLen && (s.eof || len(s.buf)-s.pos >= MaxRecord) {
			break // a sound record begins here
		}
		if s.eof {
			s.pos = len(s.buf)
			break
		}
		if s.pos-s.gap >= bufferSize/2 {
			s.pos-- // what comes last must not be empty, should the gap end here
			return s.cutGap(true), nil
		}
		s.fill()
	}
	seg := s.cutGap(false)
	s.step = true
	if len(seg.Data) == 0 {
		return s.end()
	}
	return seg, nil
}

func (s *Scanner) cutGap(more bool) *Segment {
	s.seg.Data, s.seg.Offset = s.buf[s.gap:s.pos:s.pos], s.base+int64(s.gap)
	s.seg.Kind, s.seg.Check, s.seg.More = Gap, Unknown, more
	s.gap = s.pos
	return &s.seg
}

func (s *Scanner) end() (*Segment, error) {
	if s.r != nil && s.buf != nil {
		buffers.Put((*[bufferSize]byte)(s.buf[:bufferSize]))
		s.buf, s.pos = nil, 0
	}
	if s.err != nil {
		return nil, s.err
	}
	return nil, io.EOF
}

// keep reports whether the well-formed but unsound record of n bytes that b begins
// with is a record, in step.
func (s *Scanner) keep(b []byte, n int) bool {
	if s.raw || n < len(b) && wellFormed(b[n:]) == 0 {
		return false
	}
	for i := 1; i < n; i++ {
		if k, c := s.sound(b[i:]); k > 0 && c == OK {
			return false
		}
	}
	return true
}

// sound returns the length of the well-formed record that b begins with, 0 if
// there is none, and what its checksum is worth.
func (s *Scanner) sound(b []byte) (int, Check) {
	front := 0
	if !s.raw {
		if len(b) < TimeSize || !plausible(binary.BigEndian.Uint64(b)) {
			return 0, Bad
		}
		front = TimeSize
	}
	n := frameLen(b[front:])
	if n == 0 {
		return 0, Bad
	}
	n += front
	return n, s.seeds.check(Frame(b[front:n]))
}

// wellFormed returns the length of the well-formed record that b begins with, or 0.
func wellFormed(b []byte) int {
	if len(b) < TimeSize || !plausible(binary.BigEndian.Uint64(b)) {
		return 0
	}
	n := frameLen(b[TimeSize:])
	if n == 0 {
		return 0
	}
	return TimeSize + n
}

// find returns the offset of the first sound record in b, or of the first place
// where too few bytes are left to decide.
func (s *Scanner) find(b []byte) int {
	if s.raw {
		return s.findRaw(b)
	}
	enough := MaxRecord
	if s.eof {
		enough = s.minLen
	}
	for i := 0; i+enough <= len(b); i++ {
		// Cheap refusals first: the magic, then the time's leading zero byte.
		if m := b[i+TimeSize]; m != magicV1 && m != magicV2 || b[i] != 0 {
			continue
		}
		if n, c := s.sound(b[i:]); n > 0 && c == OK {
			return i
		}
	}
	return max(0, len(b)-enough+1)
}

func (s *Scanner) findRaw(b []byte) int {
	enough := MaxRecord
	if s.eof {
		enough = s.minLen
	}
	for i := 0; i+enough <= len(b); i++ {
		if m := b[i]; m != magicV1 && m != magicV2 {
			continue
		}
		if n, c := s.sound(b[i:]); n > 0 && c == OK {
			return i
		}
	}
	return max(0, len(b)-enough+1)
}

// fill moves what is still needed to the front of the buffer and reads more,
// until the lookahead is there or the input ends.
func (s *Scanner) fill() {
	keep := s.pos
	if !s.step {
		keep = s.gap
	}
	n := copy(s.buf, s.buf[keep:])
	s.buf = s.buf[:n]
	s.base += int64(keep)
	s.pos -= keep
	s.gap = 0
	for empty := 0; len(s.buf)-s.pos < lookahead && !s.eof; {
		m, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+m]
		if m > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			err = io.ErrNoProgress
		}
		if err != nil {
			s.eof = true
			if err != io.EOF {
				s.err = err
			}
		}
	}
}
