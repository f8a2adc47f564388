package load

import "bytes"

// Limits of what a response may cost. docs/load.md states them.
const (
	maxHead   = 256 << 10 // status lines, fields, interim responses and trailers of one answer
	maxKept   = 1 << 10   // a field line the parser cares about, when it comes in pieces
	maxStatus = 8 << 10   // a status line
	maxChunk  = 4 << 10   // a line with a chunk's size
	maxExcess = 16 << 10  // framing of chunks beyond 16 bytes and twice the data of each
)

// A parseError says in which way an answer is not one. Its outcome is protocol.
type parseError string

func (e parseError) Error() string { return "response has " + string(e) }

const (
	errStatusLine   parseError = "a malformed status line"
	errSwitch       parseError = "status 101, which nobody asked for"
	errField        parseError = "a malformed field"
	errFieldLong    parseError = "a framing field that is too long"
	errHeadLong     parseError = "too long a head"
	errLength       parseError = "a malformed or contradicting Content-Length"
	errCoding       parseError = "a Transfer-Encoding other than chunked"
	errBothLengths  parseError = "both Content-Length and Transfer-Encoding"
	errChunk        parseError = "a malformed chunk"
	errChunkFraming parseError = "too much framing around its chunks"
)

type parseState uint8

const (
	inStatus parseState = iota
	inFields
	inLength    // a body of known length
	inRest      // a body that ends with the connection
	inChunkSize // the line before a chunk
	inChunkData
	inChunkEnd // the line end after a chunk
	inTrailers
	atEnd
)

// A parser reads one response from pieces of any size, as RFC 9112 frames it and no more
// leniently than docs/load.md says. It keeps at most one line of the head. The zero parser
// is ready for a response; begin makes it ready for the next.
type parser struct {
	state     parseState
	noBody    bool // the request was HEAD
	skipping  bool // within a line of the head that is of no interest
	skippedCR bool // its last byte was a carriage return
	chunked   bool
	closes    bool // Connection: close
	keeps     bool // Connection: keep-alive
	minor     byte // of HTTP/1.x
	status    int
	length    int64 // Content-Length, -1 without
	left      int64 // bytes of the body or the chunk to come
	head      int   // bytes of the head and of trailers so far
	excess    int64
	bytes     int64 // of the answer so far, as received
	line      []byte
	advice    *advice // nil until an answer had any
	match     matcher
}

// begin makes p ready for the next response. Want is what the body must contain.
func (p *parser) begin(toHead bool, want *pattern) {
	line := p.line[:0]
	if cap(line) > 4*maxKept {
		line = nil
	}
	p.advice.clear()
	*p = parser{noBody: toHead, line: line, length: -1, advice: p.advice, match: matcher{pattern: want}}
}

// done tells whether the answer is complete.
func (p *parser) done() bool { return p.state == atEnd }

// reusable tells of a complete answer whether another request may follow on its connection.
func (p *parser) reusable() bool {
	return !p.closes && (p.minor == 1 || p.keeps)
}

// eof tells the parser that the connection ended, and returns whether the answer is complete.
func (p *parser) eof() bool {
	if p.state == inRest {
		p.state = atEnd
		p.closes = true
	}
	return p.state == atEnd
}

// feed takes the next bytes of the connection and returns how many of them belong to the
// answer: fewer than all only when it is complete or with an error.
func (p *parser) feed(b []byte) (n int, err error) {
	all := len(b)
	for len(b) > 0 && p.state != atEnd && err == nil {
		switch p.state {
		case inStatus, inFields, inTrailers, inChunkSize:
			b, err = p.feedLine(b)
		case inLength, inChunkData:
			k := int64(len(b))
			if k > p.left {
				k = p.left
			}
			p.match.feed(b[:k])
			b = b[k:]
			if p.left -= k; p.left == 0 {
				if p.state == inLength {
					p.state = atEnd
				} else {
					p.state, p.left = inChunkEnd, 2
				}
			}
		case inRest:
			p.match.feed(b)
			b = nil
		case inChunkEnd:
			if b[0] != "\n\r"[p.left-1] {
				err = errChunk
				break
			}
			b = b[1:]
			if p.left--; p.left == 0 {
				p.state = inChunkSize
			}
		}
	}
	n = all - len(b)
	p.bytes += int64(n)
	return n, err
}

// feedLine takes bytes up to the end of the line, if it is there, and acts on the line.
func (p *parser) feedLine(b []byte) ([]byte, error) {
	end := bytes.IndexByte(b, '\n')
	taken := end + 1
	if end < 0 {
		taken = len(b)
	}
	if p.state == inChunkSize {
		if len(p.line)+taken > maxChunk {
			return b, errChunkFraming
		}
	} else if p.head += taken; p.head > maxHead {
		return b, errHeadLong
	}
	if end < 0 {
		return b[taken:], p.keep(b)
	}
	line := b[:end]
	switch {
	case p.skipping:
		p.skipping = false
		return b[taken:], p.skip(line, true)
	case len(p.line) > 0:
		p.line = append(p.line, line...)
		line = p.line
		p.line = p.line[:0]
	}
	return b[taken:], p.endLine(line)
}

// keep stores a piece of a line until the rest comes, or lets it go when the line turns
// out to be long and of no interest.
func (p *parser) keep(b []byte) error {
	if p.skipping {
		return p.skip(b, false)
	}
	if p.state == inChunkSize || len(p.line)+len(b) <= maxKept {
		p.line = append(p.line, b...)
		return nil
	}
	if p.state == inStatus {
		// The reason phrase is of no interest, but not worth a state of its own.
		if len(p.line)+len(b) > maxStatus {
			return errStatusLine
		}
		p.line = append(p.line, b...)
		return nil
	}
	k := max(0, min(len(b), maxKept-len(p.line))) // as much as tells the name
	p.line = append(p.line, b[:k]...)
	b = b[k:]
	colon := bytes.IndexByte(p.line, ':')
	if colon <= 0 || !isToken(p.line[:colon]) {
		return errField
	}
	if p.state == inFields && interest(p.line[:colon]).frames() {
		return errFieldLong
	}
	rest := p.line[colon+1:]
	p.line = p.line[:0]
	p.skipping, p.skippedCR = true, false
	if err := p.skip(rest, false); err != nil {
		return err
	}
	return p.skip(b, false)
}

// skip checks a piece of a field's value that is not kept; last says that the line ends with it.
func (p *parser) skip(b []byte, last bool) error {
	if len(b) == 0 {
		return nil
	}
	if p.skippedCR { // and it was not the end
		return errField
	}
	if b[len(b)-1] == '\r' {
		p.skippedCR = !last
		b = b[:len(b)-1]
	}
	if !isValue(b) {
		return errField
	}
	return nil
}

// endLine acts on a whole line without its line feed.
func (p *parser) endLine(line []byte) error {
	if p.state == inChunkSize {
		return p.chunkSize(line)
	}
	whole := len(line)
	if whole > 0 && line[whole-1] == '\r' {
		line = line[:whole-1]
	} else if p.state == inTrailers {
		return errField
	}
	switch p.state {
	case inStatus:
		if whole > maxStatus {
			return errStatusLine
		}
		return p.statusLine(line)
	case inFields:
		if len(line) == 0 {
			return p.endHead()
		}
		return p.field(line, whole > maxKept)
	default: // inTrailers
		if len(line) == 0 {
			p.state = atEnd
			return nil
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || colon >= maxKept || !isToken(line[:colon]) || !isValue(line[colon+1:]) {
			return errField
		}
		return nil
	}
}

func (p *parser) statusLine(line []byte) error {
	// HTTP/1.1 200 OK
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' ||
		len(line) > 12 && line[12] != ' ' || !isValue(line[12:]) {
		return errStatusLine
	}
	p.minor = line[7] - '0'
	p.status = 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return errStatusLine
		}
		p.status = p.status*10 + int(c-'0')
	}
	if p.status < 100 || p.status > 599 {
		return errStatusLine
	}
	if p.status == 101 {
		return errSwitch
	}
	p.state = inFields
	return nil
}

// endHead decides how the body ends (RFC 9112, section 6.3).
func (p *parser) endHead() error {
	if p.chunked && (p.length >= 0 || p.minor == 0) {
		return errBothLengths
	}
	switch {
	case p.status < 200: // interim; the head's budget goes on
		p.state, p.chunked, p.length = inStatus, false, -1
		p.closes, p.keeps = false, false
		p.advice.clear()
	case p.noBody, p.status == 204, p.status == 304, p.length == 0 && !p.chunked:
		p.state = atEnd
	case p.chunked:
		p.state = inChunkSize
	case p.length > 0:
		p.state, p.left = inLength, p.length
	default:
		p.state = inRest
		p.closes = true
	}
	return nil
}

// chunkSize reads the line before a chunk (RFC 9112, section 7.1); extensions have no meaning here.
func (p *parser) chunkSize(line []byte) error {
	n := len(line)
	if n == 0 || line[n-1] != '\r' {
		return errChunk
	}
	digits := 0
	size := int64(0)
	for ; digits < n && digits < 16; digits++ {
		v := hexValue[line[digits]]
		if v < 0 {
			break
		}
		size = size<<4 | int64(v)
	}
	if rest := line[digits : n-1]; digits == 0 || digits == 16 || len(rest) > 0 && rest[0] != ';' || !isValue(rest) {
		return errChunk
	}
	// The measure of net/http: what many tiny chunks cost beyond their data.
	p.excess = max(0, p.excess+int64(n)+3-16-2*min(size, maxHead))
	if p.excess > maxExcess {
		return errChunkFraming
	}
	if size == 0 {
		p.state = inTrailers
		return nil
	}
	p.state, p.left = inChunkData, size
	return nil
}
