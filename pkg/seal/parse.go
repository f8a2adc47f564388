package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MalformedError says why a seal or proof is refused as such, whatever the log.
type MalformedError struct {
	Line   int // in the file, from 1; 0 if it is not about one line
	Reason string
}

func (e *MalformedError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// errTorn marks a file that ends inside a note.
var errTorn = &MalformedError{Reason: "the seal ends inside a note"}

const sigPrefix = "— "

// noteParser reads notes line by line.
type noteParser struct {
	rest []byte
	line int // of the line read last
}

func (p *noteParser) fail(format string, args ...any) error {
	return &MalformedError{p.line, fmt.Sprintf(format, args...)}
}

// next returns the next line without its LF.
func (p *noteParser) next() (string, error) {
	p.line++
	i := bytes.IndexByte(p.rest, '\n')
	switch {
	case i < 0 && len(p.rest) <= maxLine:
		return "", errTorn
	case i < 0 || i > maxLine:
		return "", p.fail("the line is longer than %d bytes", maxLine)
	}
	line := p.rest[:i]
	p.rest = p.rest[i+1:]
	for _, c := range line {
		if c < 0x20 {
			return "", p.fail("control character")
		}
	}
	if !utf8.Valid(line) {
		return "", p.fail("not UTF-8")
	}
	return string(line), nil
}

// field returns what follows the given word and a space on the next line.
func (p *noteParser) field(word string) (string, error) {
	line, err := p.next()
	if err != nil {
		return "", err
	}
	value, ok := strings.CutPrefix(line, word+" ")
	if !ok {
		return "", p.fail("want a %q line", word)
	}
	return value, nil
}

func (p *noteParser) decimal(word, s string) (uint64, error) {
	n, ok := parseDecimal(s)
	if !ok {
		return 0, p.fail("%s is not a plain decimal number", word)
	}
	return n, nil
}

// parseDecimal accepts one spelling of 0 to 2^63-1.
func parseDecimal(s string) (uint64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return uint64(n), err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// parseHash accepts the one base64 spelling of 32 bytes.
func parseHash(s string) (h [32]byte, ok bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || len(s) != base64.StdEncoding.EncodedLen(len(h)) {
		return h, false
	}
	return [32]byte(b), true
}

func (p *noteParser) hashOrDash(word string) (*[32]byte, error) {
	s, err := p.field(word)
	if err != nil || s == "-" {
		return nil, err
	}
	h, ok := parseHash(s)
	if !ok {
		return nil, p.fail("%s is not the base64 of 32 bytes", word)
	}
	return &h, nil
}

// note reads one whole note, text and signature line.
func (p *noteParser) note() (*Note, error) {
	start := p.rest
	n := new(Note)
	for _, step := range []func(*Note) error{p.head, p.extent, p.gaps, p.identity, p.tail} {
		if err := step(n); err != nil {
			return nil, err
		}
	}
	n.text = start[:len(start)-len(p.rest)]
	if line, err := p.next(); err != nil {
		return nil, err
	} else if line != "" {
		return nil, p.fail("want an empty line before the signature")
	}
	line, err := p.next()
	if err != nil {
		return nil, err
	}
	line, ok := strings.CutPrefix(line, sigPrefix)
	if !ok {
		return nil, p.fail("want a signature line")
	}
	name, sig, ok := strings.Cut(line, " ")
	if !ok || name != n.Signer {
		return nil, p.fail("the signature line is not in the name of %q", n.Signer)
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(sig); err != nil || len(raw) != 4+signatureSize ||
		len(sig) != base64.StdEncoding.EncodedLen(len(raw)) {
		return nil, p.fail("the signature is not the base64 of %d bytes", 4+signatureSize)
	}
	n.sig = sig
	return n, nil
}

func (p *noteParser) head(n *Note) error {
	line, err := p.next()
	if err != nil {
		return err
	}
	id, ok := strings.CutPrefix(line, originPrefix)
	if !ok {
		if strings.HasPrefix(line, "cqkit/flight-log/") {
			return p.fail("a seal of a version this program does not know")
		}
		return p.fail("not a seal: want a line that begins with %q", originPrefix)
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(n.ID) || strings.ToLower(id) != id {
		return p.fail("the log's id is not 32 lower-case hex digits")
	}
	n.ID = [16]byte(raw)
	if line, err = p.next(); err != nil {
		return err
	}
	if n.Leaves, err = p.decimal("the number of leaves", line); err != nil {
		return err
	}
	if line, err = p.next(); err != nil {
		return err
	}
	if n.Root, ok = parseHash(line); !ok {
		return p.fail("the root is not the base64 of 32 bytes")
	}
	return nil
}

func (p *noteParser) extent(n *Note) error {
	s, err := p.field("bytes")
	if err != nil {
		return err
	}
	size, err := p.decimal("bytes", s)
	if err != nil {
		return err
	}
	if n.Bytes = int64(size); n.Leaves > size {
		return p.fail("%d leaves do not fit in %d bytes", n.Leaves, size)
	}
	if s, err = p.field("span"); err != nil || s == "- -" {
		return err
	}
	first, last, _ := strings.Cut(s, " ")
	a, ok1 := parseDecimal(first)
	b, ok2 := parseDecimal(last)
	if !ok1 || !ok2 {
		return p.fail("span is not two plain decimal numbers")
	}
	n.HasSpan, n.First, n.Last = true, int64(a), int64(b)
	return nil
}

func (p *noteParser) gaps(note *Note) error {
	if n := leadingLines(p.rest, "gap "); n > 0 {
		note.Gaps = make([]GapAt, 0, n)
	}
	for bytes.HasPrefix(p.rest, []byte("gap ")) {
		s, err := p.field("gap")
		if err != nil {
			return err
		}
		first, others, _ := strings.Cut(s, " ")
		second, third, _ := strings.Cut(others, " ")
		offset, ok1 := parseDecimal(first)
		size, ok2 := parseDecimal(second)
		leaf, ok3 := parseDecimal(third)
		if !ok1 || !ok2 || !ok3 {
			return p.fail("a gap's offset, bytes and leaf are not three plain decimal numbers")
		}
		note.Gaps = append(note.Gaps, GapAt{int64(offset), int64(size), leaf})
	}
	return nil
}

// leadingLines counts the whole lines at the start of data that begin with prefix.
func leadingLines(data []byte, prefix string) (n int) {
	for bytes.HasPrefix(data, []byte(prefix)) {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			break
		}
		n, data = n+1, data[i+1:]
	}
	return n
}

func (p *noteParser) identity(n *Note) (err error) {
	if n.Key, err = p.field("key"); err != nil {
		return err
	}
	b64, ok := strings.CutPrefix(n.Key, "SHA256:")
	if raw, err := base64.RawStdEncoding.Strict().DecodeString(b64); !ok || err != nil || len(raw) != 32 || len(b64) != 43 {
		return p.fail("key is not a fingerprint, SHA256:<43 base64 digits>")
	}
	if n.Signer, err = p.field("signer"); err != nil {
		return err
	}
	if err := CheckSignerName(n.Signer); err != nil {
		return p.fail("%v", err)
	}
	return nil
}

func (p *noteParser) tail(n *Note) (err error) {
	if n.Index, err = p.hashOrDash("index"); err != nil {
		return err
	}
	s, err := p.field("nonce")
	if err != nil {
		return err
	}
	if n.Nonce, err = p.decimal("nonce", s); err != nil {
		return err
	}
	if n.Nonce == 0 {
		return p.fail("nonce is 0")
	}
	if s, err = p.field("time"); err != nil {
		return err
	}
	if n.Time, err = time.Parse(timeLayout, s); err != nil || n.Time.Format(timeLayout) != s {
		return p.fail("time is not like %s", timeLayout)
	}
	if n.Prev, err = p.hashOrDash("prev"); err != nil {
		return err
	}
	if bytes.HasPrefix(p.rest, []byte("final\n")) {
		n.Final = true
		if _, err = p.next(); err != nil {
			return err
		}
	}
	if s, err = p.field("name"); err != nil {
		return err
	}
	var ok bool
	if n.Name, ok = unquote(s); !ok {
		return p.fail("name is not a JSON string in its one spelling of at most %d bytes", maxFileName)
	}
	return nil
}
