package load

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Field is one field of a request.
type Field struct{ Name, Value string }

// A Request is what is to be sent. The zero Request is invalid: it has no URL.
type Request struct {
	Method string // GET if empty
	URL    string // absolute, http or https; user information becomes basic authorization
	Header []Field
	Body   []byte
}

// An endpoint is where connections go.
type endpoint struct {
	tls  bool
	host string // as in Host: without a default port
	name string // to resolve and to verify a certificate for
	addr string // host:port
}

// A message is a request ready to be sent, but for its variables. Messages of a list share
// what they have in common: there may be a million.
type message struct {
	endpoint int32
	head     bool   // the method is HEAD: no body follows
	line     []byte // the request line, or the whole message if tail is nil
	tail     []byte // what follows
	made     *making
}

// A making is a message with variables. It is made anew for each request.
type making struct {
	method, host         string
	target, fields, body template
	length, close        bool // to say the length, to ask for the connection's end
}

// bodyMethods are those for which a Content-Length is sent without a body, too.
var bodyMethods = []string{"POST", "PUT", "PATCH"}

// maxEndpoints bounds how many hosts a list may have: each is resolved before the start.
const maxEndpoints = 1000

// controlled are fields that follow from the rest of the request.
var controlled = []string{"Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "Keep-Alive", "Proxy-Connection"}

// A compiler turns requests into messages. It shares what they have in common.
type compiler struct {
	common    []Field // for all requests that do not have such a field themselves
	close     bool    // no keep-alive
	templates bool
	endpoints []endpoint
	byOrigin  map[string]int32
	arena     []byte
	tails     map[string][]byte
}

func (c *compiler) endpoint(scheme, host string) (int32, error) {
	origin := scheme + "://" + host
	if n, ok := c.byOrigin[origin]; ok {
		return n, nil
	}
	u := url.URL{Scheme: scheme, Host: host}
	e := endpoint{tls: scheme == "https", host: host, name: u.Hostname()}
	port := u.Port()
	standard := "80"
	if e.tls {
		standard = "443"
	}
	if port == "" || port == standard {
		port = standard
		e.host = u.Hostname()
		if strings.Contains(e.host, ":") {
			e.host = "[" + e.host + "]"
		}
	}
	if len(c.endpoints) >= maxEndpoints {
		return 0, fmt.Errorf("more than %d hosts", maxEndpoints)
	}
	if e.name == "" {
		return 0, errors.New("URL has no host")
	}
	if strings.ContainsAny(e.host, "{}") {
		return 0, errors.New("URL has a variable in its host")
	}
	if p, err := net.LookupPort("tcp", port); err != nil || p == 0 {
		return 0, fmt.Errorf("URL has the port %q", port)
	}
	if zone := strings.IndexByte(e.host, '%'); zone >= 0 { // of this machine only (RFC 6874)
		e.host = e.host[:zone] + e.host[strings.LastIndexByte(e.host, ']'):]
	}
	e.addr = net.JoinHostPort(e.name, port)
	if c.byOrigin == nil {
		c.byOrigin = map[string]int32{}
	}
	n := int32(len(c.endpoints))
	c.endpoints = append(c.endpoints, e)
	c.byOrigin[origin] = n
	return n, nil
}

// compile checks a request and serialises it as far as it does not change from one to the next.
func (c *compiler) compile(r *Request) (message, error) {
	m := making{method: r.Method}
	if m.method == "" {
		m.method = "GET"
	}
	if !isToken([]byte(m.method)) || m.method == "CONNECT" {
		return message{}, fmt.Errorf("method %q is not one to send", r.Method)
	}
	u, target, err := c.split(r.URL)
	if err != nil {
		return message{}, err
	}
	at, err := c.endpoint(u.Scheme, u.Host)
	if err != nil {
		return message{}, err
	}
	m.host = c.endpoints[at].host
	fields, err := c.fields(&m, r, u)
	if err != nil {
		return message{}, err
	}
	if m.target, err = c.template(target); err != nil {
		return message{}, err
	}
	if m.fields, err = c.template(fields); err != nil {
		return message{}, err
	}
	if m.body, err = c.template(string(r.Body)); err != nil {
		return message{}, err
	}
	m.length = len(r.Body) > 0 || slices.Contains(bodyMethods, m.method)
	m.close = c.close
	whole := message{endpoint: at, head: m.method == "HEAD"}
	if m.target.constant() && m.fields.constant() && m.body.constant() {
		all := m.append(nil, 0, 0)
		end := bytes.IndexByte(all, '\n') + 1
		whole.line, whole.tail = c.share(all[:end], all[end:])
	} else {
		whole.made = &m
	}
	return whole, nil
}

// share stores a request line among others, and a tail once for all messages that have it.
func (c *compiler) share(line, tail []byte) (l, t []byte) {
	if len(c.arena)+len(line) > cap(c.arena) {
		c.arena = make([]byte, 0, max(min(2*cap(c.arena), 1<<20), len(line)))
	}
	start := len(c.arena)
	c.arena = append(c.arena, line...)
	shared, ok := c.tails[string(tail)]
	if !ok {
		shared = tail
		if c.tails == nil {
			c.tails = map[string][]byte{}
		}
		if len(c.tails) < maxTails {
			c.tails[string(tail)] = tail
		}
	}
	return c.arena[start:len(c.arena):len(c.arena)], shared
}

// maxTails bounds how many different tails are looked for again.
const maxTails = 1000

// split parses a URL and returns what goes into the request line, as it was written.
func (c *compiler) split(raw string) (*url.URL, string, error) {
	plain := raw
	if c.templates {
		plain = withoutVariables(raw)
	}
	if strings.Contains(plain, " ") || !isValue([]byte(raw)) || strings.Contains(raw, "\t") {
		return nil, "", fmt.Errorf("URL %q has a space or a control character in it", raw)
	}
	// Variables are not parts of a URL, so only what is in front of the path is parsed.
	rest := raw
	if i := strings.Index(raw, "://"); i >= 0 {
		rest = raw[i+3:]
	}
	end := len(raw)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = len(raw) - len(rest) + i
	}
	u, err := url.Parse(raw[:end])
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, "", fmt.Errorf("URL %q: %w", raw, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", fmt.Errorf("URL %q does not begin with http:// or https://", raw)
	}
	target, _, _ := strings.Cut(raw[end:], "#")
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	for i := range len(target) {
		if target[i] >= 0x80 { // as browsers send it; the list is UTF-8
			target = escapeHigh(target)
			break
		}
	}
	return u, target, nil
}

// escapeHigh writes bytes above 0x7f as %XX.
func escapeHigh(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < 0x80 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// fields returns the lines of the head that do not follow from the rest, and sets the host if
// there is a field for it.
func (c *compiler) fields(m *making, r *Request, u *url.URL) (string, error) {
	var b strings.Builder
	has := func(name string, in []Field) bool {
		return slices.ContainsFunc(in, func(f Field) bool { return strings.EqualFold(f.Name, name) })
	}
	add := func(f Field) error {
		if err := checkField(f); err != nil {
			return err
		}
		if strings.EqualFold(f.Name, "Host") {
			m.host = f.Value
			return nil
		}
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
		return nil
	}
	for _, f := range c.common {
		if !has(f.Name, r.Header) {
			if err := add(f); err != nil {
				return "", err
			}
		}
	}
	for _, f := range r.Header {
		if err := add(f); err != nil {
			return "", err
		}
	}
	if u.User != nil && !has("Authorization", r.Header) && !has("Authorization", c.common) {
		password, _ := u.User.Password()
		b.WriteString("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)) + "\r\n")
	}
	return b.String(), nil
}

func checkField(f Field) error {
	if !isToken([]byte(f.Name)) {
		return fmt.Errorf("field %q is not a name", f.Name)
	}
	if !isValue([]byte(f.Value)) && f.Value != "" {
		return fmt.Errorf("field %s has a control character in %q", f.Name, f.Value)
	}
	for _, name := range controlled {
		if strings.EqualFold(f.Name, name) {
			return fmt.Errorf("field %s is set by the client itself", name)
		}
	}
	return nil
}

// whole returns the bytes of the message for request i, in b if they are not constant.
func (m *message) whole(b []byte, seed, i uint64) []byte {
	switch {
	case m.made != nil:
		return m.made.append(b, seed, i)
	case m.tail == nil:
		return m.line
	}
	return append(append(b, m.line...), m.tail...)
}

// append appends the message with the variables' values for request i.
func (m *making) append(b []byte, seed, i uint64) []byte {
	v := values{seed: seed, index: i}
	b = append(b, m.method...)
	b = append(b, ' ')
	b = m.target.append(b, &v)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, m.host...)
	b = append(b, "\r\n"...)
	b = m.fields.append(b, &v)
	if m.close {
		b = append(b, "Connection: close\r\n"...)
	}
	if !m.length {
		return append(b, "\r\n"...)
	}
	// The length is known once the body is there, so the body comes first and moves.
	start := len(b)
	b = m.body.append(b, &v)
	size := len(b) - start
	var line [40]byte
	head := append(strconv.AppendInt(append(line[:0], "Content-Length: "...), int64(size), 10), "\r\n\r\n"...)
	b = append(b, head...)
	copy(b[start+len(head):], b[start:start+size])
	copy(b[start:], head)
	return b
}
