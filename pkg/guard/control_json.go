package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxDepth is how deep the values of a body may nest; settings need three.
const maxDepth = 8

// parseTree reads one JSON value strictly: no member twice, no arrays, nothing after it. Names
// are what they are, by the case of their letters, too. Objects are map[string]any, numbers
// json.Number.
func parseTree(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := readTree(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

func readTree(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("not JSON: %v", err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, errors.New("nested too deeply")
	}
	if delim == '[' {
		return nil, errors.New("there are no arrays among the settings")
	}
	object := map[string]any{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %v", err)
		}
		key := name.(string) // the decoder lets nothing else stand here
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("%q is there twice", key)
		}
		if object[key], err = readTree(dec, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %v", err)
	}
	return object, nil
}

// merge applies a JSON merge patch (RFC 7396, Section 2).
func merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, v := range p {
		if v == nil {
			delete(t, name)
		} else {
			t[name] = merge(t[name], v)
		}
	}
	return t
}

// A reader takes an object apart, and remembers the first thing that is wrong with it.
type reader struct {
	path   string
	object map[string]any
	read   map[string]bool
	err    *error
}

func newReader(v any, path string, err *error) reader {
	r := reader{path: path, read: map[string]bool{}, err: err}
	object, ok := v.(map[string]any)
	if !ok {
		r.fail("", "is not an object")
	}
	r.object = object
	return r
}

func (r reader) fail(name, what string) {
	if *r.err == nil {
		if path := strings.Trim(r.path+"."+name, "."); path != "" {
			what = path + ": " + what
		}
		*r.err = errors.New(what)
	}
}

func (r reader) value(name string) any {
	r.read[name] = true
	v, ok := r.object[name]
	if !ok {
		r.fail(name, "is missing")
	}
	return v
}

func (r reader) text(name string) string {
	s, ok := r.value(name).(string)
	if !ok {
		r.fail(name, "is not a string")
	}
	return s
}

func (r reader) flag(name string) bool {
	b, ok := r.value(name).(bool)
	if !ok {
		r.fail(name, "is not true or false")
	}
	return b
}

func (r reader) count(name string) uint64 {
	n, ok := r.value(name).(json.Number)
	if !ok {
		r.fail(name, "is not a number")
		return 0
	}
	x, err := strconv.ParseUint(n.String(), 10, 63)
	if err != nil {
		r.fail(name, "is not a whole number from 0 to 9223372036854775807")
	}
	return x
}

func (r reader) has(name string) bool { _, ok := r.object[name]; return ok }

func (r reader) under(name string) reader {
	return newReader(r.value(name), strings.Trim(r.path+"."+name, "."), r.err)
}

// end refuses members that were not read.
func (r reader) end() {
	var unknown []string
	for name := range r.object {
		if !r.read[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		r.fail("", fmt.Sprintf("there is no %q", unknown[0]))
	}
}
