package nonce

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxStateBytes is the greatest length of a state file, 64 MiB.
const MaxStateBytes = 64 << 20

const versionLine = "cqkit nonce state v1\n"

// maxLineBytes: two fields, two numbers of 20 digits, a digest, separators.
const maxLineBytes = 2*maxFieldBytes + 2*20 + 44 + 5

// A ParseError means that a state file is damaged or is no state file. What it
// remembered is unknown; it must not be taken for empty.
type ParseError struct {
	Line   int    // from 1
	Reason string // without anything of the file but quoted, bounded values
}

// Error names the line and the reason.
func (e *ParseError) Error() string {
	return fmt.Sprintf("state file: line %d: %s", e.Line, e.Reason)
}

// ParseState reads the contents of a state file. It accepts exactly what
// [State.Append] writes: one spelling of each state. The error is a
// [*ParseError]. data is not retained.
func ParseState(data []byte) (*State, error) {
	if len(data) > MaxStateBytes {
		return nil, &ParseError{Line: 1, Reason: fmt.Sprintf("file is longer than %d bytes", MaxStateBytes)}
	}
	rest, ok := bytes.CutPrefix(data, []byte(versionLine))
	if !ok {
		return nil, &ParseError{Line: 1, Reason: fmt.Sprintf("not %q", strings.TrimSuffix(versionLine, "\n"))}
	}
	s := new(State)
	var prev ID
	for line := 2; ; line++ {
		fail := func(err error) (*State, error) {
			return nil, &ParseError{Line: line, Reason: err.Error()}
		}
		end := bytes.IndexByte(rest[:min(len(rest), maxLineBytes)], '\n')
		switch {
		case len(rest) == 0:
			return fail(errors.New("file ends without its sum line"))
		case end < 0 && len(rest) >= maxLineBytes:
			return fail(errors.New("line is too long"))
		case end < 0:
			return fail(errors.New("file ends inside the line"))
		}
		text := string(rest[:end])
		if sum, ok := strings.CutPrefix(text, "sum "); ok {
			if err := checkSum(sum, data[:len(data)-len(rest)]); err != nil {
				return fail(err)
			}
			if len(rest) != end+1 {
				line++
				return fail(errors.New("file goes on after its sum line"))
			}
			return s, nil
		}
		id, m, err := parseEntry(text)
		if err != nil {
			return fail(err)
		}
		if line > 2 {
			switch c := compareIDs(prev, id); {
			case c == 0:
				return fail(errors.New("same key and subject as the line before"))
			case c > 0:
				return fail(errors.New("not sorted by key and subject"))
			}
		}
		s.put(id, m)
		prev = id
		rest = rest[end+1:]
	}
}

// Append appends the state in the format of docs/nonce.md to b and returns
// the extended slice. The error is [ErrFull] if it is longer than
// [MaxStateBytes].
func (s *State) Append(b []byte) ([]byte, error) { return s.append(b, MaxStateBytes) }

func (s *State) append(b []byte, limit int) ([]byte, error) {
	start := len(b)
	b = append(b, versionLine...)
	for _, id := range s.ids() {
		m := s.marks[id]
		b = append(b, id.Key...)
		b = append(b, ' ')
		b = append(b, id.Subject...)
		b = append(b, ' ')
		b = strconv.AppendUint(b, m.Size, 10)
		b = append(b, ' ')
		b = strconv.AppendUint(b, m.Nonce, 10)
		b = append(b, ' ')
		b = append(b, encodeDigest(m.Digest)...)
		b = append(b, '\n')
		if len(b)-start > limit {
			return nil, ErrFull
		}
	}
	sum := sha256.Sum256(b[start:])
	b = append(b, "sum "...)
	b = append(b, encodeDigest(sum)...)
	b = append(b, '\n')
	if len(b)-start > limit {
		return nil, ErrFull
	}
	return b, nil
}

func parseEntry(text string) (ID, Mark, error) {
	f := strings.Split(text, " ")
	if len(f) != 5 {
		return ID{}, Mark{}, fmt.Errorf("%d fields, not 5", len(f))
	}
	id := ID{Key: f[0], Subject: f[1]}
	if err := id.check(); err != nil {
		return ID{}, Mark{}, err
	}
	var m Mark
	var err error
	if m.Size, err = parseNumber(f[2]); err != nil {
		return ID{}, Mark{}, fmt.Errorf("size: %w", err)
	}
	if m.Nonce, err = parseNumber(f[3]); err != nil {
		return ID{}, Mark{}, fmt.Errorf("nonce: %w", err)
	}
	if m.Digest, err = parseDigest(f[4]); err != nil {
		return ID{}, Mark{}, fmt.Errorf("digest: %w", err)
	}
	return id, m, nil
}

func parseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%.40q is not a decimal number below 2^64 in its one spelling", s)
	}
	return n, nil
}

func parseDigest(s string) (d [32]byte, err error) {
	// Strict as it is, the decoder skips carriage returns: compare the spelling.
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(d) || base64.StdEncoding.EncodeToString(b) != s {
		return d, fmt.Errorf("%.60q is not 32 bytes in base64", s)
	}
	return [32]byte(b), nil
}

func checkSum(text string, body []byte) error {
	want, err := parseDigest(text)
	if err != nil {
		return fmt.Errorf("sum: %w", err)
	}
	if sha256.Sum256(body) != want {
		return errors.New("sum does not fit: the file was damaged")
	}
	return nil
}

func encodeDigest(d [32]byte) string { return base64.StdEncoding.EncodeToString(d[:]) }
