package load

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// A kind is a field of a response that the client acts on or reports.
type kind uint8

const (
	none kind = iota
	contentLength
	transferEncoding
	connection
	retryAfter
	date
	rateLimit
	rateLimitPolicy
	legacyLimit
	legacyRemaining
	legacyReset
)

var kinds = []struct {
	name string
	kind kind
}{
	{"content-length", contentLength},
	{"transfer-encoding", transferEncoding},
	{"connection", connection},
	{"retry-after", retryAfter},
	{"date", date},
	{"ratelimit", rateLimit},
	{"ratelimit-policy", rateLimitPolicy},
	{"x-ratelimit-limit", legacyLimit},
	{"x-ratelimit-remaining", legacyRemaining},
	{"x-ratelimit-reset", legacyReset},
}

// interest returns what a field name means to the client.
func interest(name []byte) kind {
	switch name[0] | 0x20 {
	case 'c', 't', 'r', 'd', 'x':
	default:
		return none
	}
	for i := range kinds {
		if k := &kinds[i]; len(k.name) == len(name) && k.name[0] == name[0]|0x20 && equalFold(name, k.name) {
			return k.kind
		}
	}
	return none
}

// equalFold compares letters regardless of case; lower is in lower case and as long as b.
func equalFold(b []byte, lower string) bool {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// frames tells whether the field says where the answer ends, or the connection.
func (k kind) frames() bool { return k == contentLength || k == transferEncoding || k == connection }

// field acts on a line of the head. A long one is of no interest, and malformed if it would be.
func (p *parser) field(line []byte, long bool) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || colon >= maxKept || !isToken(line[:colon]) {
		return errField
	}
	value := line[colon+1:]
	if !isValue(value) {
		return errField
	}
	k := interest(line[:colon])
	if k == none || long {
		if k.frames() {
			return errFieldLong
		}
		return nil
	}
	value = bytes.Trim(value, " \t")
	switch k {
	case contentLength:
		n, err := parseLength(value)
		if err != nil || p.length >= 0 && p.length != n {
			return errLength
		}
		p.length = n
	case transferEncoding:
		if p.chunked || len(value) != len("chunked") || !equalFold(value, "chunked") {
			return errCoding
		}
		p.chunked = true
	case connection:
		for len(value) > 0 {
			token, rest, _ := bytes.Cut(value, comma)
			token = bytes.Trim(token, " \t")
			p.closes = p.closes || len(token) == len("close") && equalFold(token, "close")
			p.keeps = p.keeps || len(token) == len("keep-alive") && equalFold(token, "keep-alive")
			value = rest
		}
	case date:
		if p.status >= 300 { // of use beside Retry-After only
			p.advise(k, value)
		}
	default:
		p.advise(k, value)
	}
	return nil
}

func (p *parser) advise(k kind, value []byte) {
	if p.advice == nil {
		p.advice = new(advice)
	}
	p.advice.field(k, value)
}

var comma = []byte{','}

// parseLength reads a Content-Length: digits and nothing else, no zeros in front, below 10^18.
func parseLength(b []byte) (int64, error) {
	if len(b) == 0 || len(b) > 18 || len(b) > 1 && b[0] == '0' {
		return 0, errLength
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, errLength
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// An advice is what an answer said about when to come again. It keeps the field's values
// as they came, at most 64 bytes of each, and reads them when somebody asks: few answers
// carry them.
type advice struct {
	said   uint16 // a bit a kind
	values [legacyReset - retryAfter + 1]text
}

type text struct {
	n byte
	b [63]byte
}

func (t *text) String() string { return string(t.b[:t.n]) }

func (a *advice) field(k kind, value []byte) {
	bit := uint16(1) << (k - retryAfter)
	if a.said&bit != 0 || len(value) > len(text{}.b) {
		return // the first counts
	}
	a.said |= bit
	t := &a.values[k-retryAfter]
	t.n = byte(copy(t.b[:], value))
}

func (a *advice) clear() {
	if a != nil {
		a.said = 0
	}
}

func (a *advice) get(k kind) (string, bool) {
	if a == nil || a.said&(1<<(k-retryAfter)) == 0 {
		return "", false
	}
	return a.values[k-retryAfter].String(), true
}

// retryAfter returns the wait an answer asks for: a number of seconds, or a date less the
// answer's own Date (RFC 9110, section 10.2.3). It reports false where there is none, or none to be read.
func (a *advice) retryAfter() (time.Duration, bool) {
	s, ok := a.get(retryAfter)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	s, ok = a.get(date)
	if !ok {
		return 0, false
	}
	now, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// isToken tells whether b is a field name (RFC 9110, section 5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		if class[c]&tokenByte == 0 {
			return false
		}
	}
	return len(b) > 0
}

// isValue tells whether b may stand in a field's value: no controls but tab.
func isValue(b []byte) bool {
	ok := byte(valueByte)
	for _, c := range b {
		ok &= class[c]
	}
	return ok != 0
}

const (
	tokenByte = 1 << iota
	valueByte
)

var class = func() (t [256]byte) {
	for c := range t {
		if c >= ' ' && c != 0x7f || c == '\t' {
			t[c] |= valueByte
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[c] |= tokenByte
	}
	return t
}()

var hexValue = func() (t [256]int8) {
	for c := range t {
		t[c] = -1
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = int8(i)
	}
	for i, c := range []byte("ABCDEF") {
		t[c] = int8(10 + i)
	}
	return t
}()
