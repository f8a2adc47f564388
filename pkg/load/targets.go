package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits of a list of targets.
const (
	maxTargets  = 2_000_000
	maxList     = 64 << 20
	maxListLine = 1 << 20
)

// Targets are what is requested, in turn. They do not change and are safe for concurrent use.
type Targets struct {
	messages  []message
	endpoints []endpoint
	first     string
	close     bool
}

// TargetOptions say what all requests of a list have in common. The zero value adds nothing.
type TargetOptions struct {
	// Header are fields for requests that do not have one of that name.
	Header []Field
	// Method and Body are for targets that name none. An empty method is GET, or POST with
	// a body.
	Method string
	Body   []byte
	// Close asks for the end of the connection after each request.
	Close bool
	// Templates lets {{…}} in URLs, fields and bodies be variables.
	Templates bool
}

// Len returns how many targets there are.
func (t *Targets) Len() int { return len(t.messages) }

// String returns the first target's URL without user information, and how many more there are.
func (t *Targets) String() string {
	if len(t.messages) > 1 {
		return fmt.Sprintf("%s and %d more", t.first, len(t.messages)-1)
	}
	return t.first
}

// Hosts returns the host:port of each origin of the targets, in the order of their first use.
func (t *Targets) Hosts() []string {
	var hosts []string
	for _, e := range t.endpoints {
		if !slices.Contains(hosts, e.addr) {
			hosts = append(hosts, e.addr)
		}
	}
	return hosts
}

// NewTargets returns the targets that the requests are.
func NewTargets(o TargetOptions, requests ...Request) (*Targets, error) {
	b := newListBuilder(o)
	for i := range requests {
		if err := b.add(&requests[i]); err != nil {
			if len(requests) > 1 {
				return nil, fmt.Errorf("target %d: %w", i+1, err)
			}
			return nil, err
		}
	}
	return b.finish()
}

type listBuilder struct {
	TargetOptions
	compiler
	t Targets
}

func newListBuilder(o TargetOptions) *listBuilder {
	return &listBuilder{TargetOptions: o, compiler: compiler{common: o.Header, close: o.Close, templates: o.Templates}}
}

func (b *listBuilder) add(r *Request) error {
	if len(b.t.messages) >= maxTargets {
		return fmt.Errorf("more than %d targets", maxTargets)
	}
	q := *r
	if q.Body == nil {
		q.Body = b.Body
	}
	if q.Method == "" {
		q.Method = b.Method
	}
	if q.Method == "" && len(q.Body) > 0 {
		q.Method = "POST"
	}
	m, err := b.compile(&q)
	if err != nil {
		return err
	}
	if len(b.t.messages) == 0 {
		b.t.first = redact(q.URL)
	}
	b.t.messages = append(b.t.messages, m)
	return nil
}

// redact takes the user information out of a URL.
func redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@')
	return scheme + "://" + rest[at+1:]
}

func (b *listBuilder) finish() (*Targets, error) {
	t := &b.t
	if len(t.messages) == 0 {
		return nil, errors.New("no targets")
	}
	if len(t.messages) == 1 && t.messages[0].made == nil { // one message need not be put together
		m := &t.messages[0]
		m.line, m.tail = slices.Concat(m.line, m.tail), nil
	}
	t.messages = slices.Clip(t.messages)
	t.endpoints = b.endpoints
	t.close = b.compiler.close
	return t, nil
}

// ReadTargets reads a list in the format of docs/load.md. Open reads the file that a line
// @FILE names; without it there are no such lines. Errors begin with the line's number.
func ReadTargets(r io.Reader, o TargetOptions, open func(name string) ([]byte, error)) (*Targets, error) {
	b := newListBuilder(o)
	p := listParser{b: b, open: open}
	lines := bufio.NewScanner(io.LimitReader(r, maxList+1))
	lines.Buffer(make([]byte, 0, 64<<10), maxListLine)
	n, size := 0, 0
	for lines.Scan() {
		n++
		if size += len(lines.Bytes()) + 1; size > maxList+1 {
			return nil, fmt.Errorf("line %d: the list is longer than %d MiB", n, maxList>>20)
		}
		if err := p.line(n, lines.Bytes()); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: longer than %d MiB", n+1, maxListLine>>20)
	} else if err != nil {
		return nil, err
	}
	if err := p.flush(); err != nil {
		return nil, err
	}
	return b.finish()
}

type listParser struct {
	b    *listBuilder
	open func(string) ([]byte, error)

	request Request
	at      int  // the line on which request began; 0 without one
	ended   bool // it has its body
}

func (p *listParser) line(n int, line []byte) error {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if n == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("line %d: %w", n, err) }
	switch method, url, ok := bytes.Cut(line, []byte{' '}); {
	case line[0] == '{':
		if err := p.flush(); err != nil {
			return err
		}
		r, err := parseJSONTarget(line)
		if err != nil {
			return fail(err)
		}
		if err := p.b.add(&r); err != nil {
			return fail(err)
		}
		return nil
	case ok && isMethod(method):
		if err := p.flush(); err != nil {
			return err
		}
		p.request = Request{Method: string(method), URL: string(bytes.TrimRight(url, " \t"))}
		p.at, p.ended = n, false
		return nil
	case p.at == 0 || p.ended:
		return fail(errors.New("expected a target such as GET http://localhost/"))
	case line[0] == '@':
		if p.open == nil {
			return fail(errors.New("files are not read here"))
		}
		body, err := p.open(string(line[1:]))
		if err != nil {
			return fail(err)
		}
		p.request.Body, p.ended = body, true
		return nil
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	f := Field{string(name), string(bytes.Trim(value, " \t"))}
	if !ok {
		return fail(fmt.Errorf("%q is neither a target, nor a field such as Accept: */*, nor a body such as @FILE", line))
	}
	if err := checkField(f); err != nil {
		return fail(err)
	}
	p.request.Header = append(p.request.Header, f)
	return nil
}

// flush adds the target that is being read.
func (p *listParser) flush() error {
	if p.at == 0 {
		return nil
	}
	at := p.at
	p.at = 0
	if err := p.b.add(&p.request); err != nil {
		return fmt.Errorf("line %d: %w", at, err)
	}
	return nil
}

func isMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return len(b) > 0
}

func parseJSONTarget(line []byte) (Request, error) {
	var t struct {
		Method string            `json:"method"`
		URL    string            `json:"url"`
		Header map[string]string `json:"header"`
		Body   *string           `json:"body"`
		Base64 []byte            `json:"body_base64"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Request{}, fmt.Errorf("target in JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Request{}, errors.New("target in JSON: something follows it")
	}
	if t.Body != nil && t.Base64 != nil {
		return Request{}, errors.New("target in JSON: both body and body_base64")
	}
	r := Request{Method: t.Method, URL: t.URL, Body: t.Base64}
	if t.Body != nil {
		r.Body = []byte(*t.Body)
	}
	for name, value := range t.Header {
		r.Header = append(r.Header, Field{name, value})
	}
	slices.SortFunc(r.Header, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}
