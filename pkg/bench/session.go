package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// A Settings is what must be the same for two sessions to be compared.
type Settings struct {
	TimeNS int64  `json:"time_ns"` // a figure's share
	Count  int    `json:"count"`
	Set    string `json:"set"`    // of the functions that were handed in, such as "keys"
	Inputs string `json:"inputs"` // what they worked on, in words
}

// A Session is all that was measured at once.
type Session struct {
	Version  int      `json:"cqbench"` // of the format: 2
	Machine  Machine  `json:"machine"`
	Settings Settings `json:"settings"`
	Results  []Result `json:"results"`
	Sizes    []Size   `json:"sizes,omitempty"`
}

// MaxSessionBytes bounds a saved session.
const MaxSessionBytes = 64 << 20

const formatVersion = 2 // 1 had means in place of all values

// Write saves the session in the format of docs/bench.md. It refuses one that [Parse] would find too long.
func (s *Session) Write(w io.Writer) error {
	c := *s
	c.Version = formatVersion
	b, err := json.Marshal(&c)
	if err != nil {
		return err
	}
	if len(b) >= MaxSessionBytes {
		return errTooLong
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

var errTooLong = fmt.Errorf("a saved session of more than %d bytes", MaxSessionBytes)

// Parse reads what [Session.Write] wrote. It refuses anything else, see docs/bench.md.
func Parse(data []byte) (*Session, error) {
	if len(data) > MaxSessionBytes {
		return nil, errTooLong
	}
	var version struct {
		Version *int `json:"cqbench"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("not a saved session: %v", err)
	}
	switch {
	case version.Version == nil:
		return nil, errors.New(`not a saved session: there is no "cqbench"`)
	case *version.Version != formatVersion:
		return nil, fmt.Errorf("a saved session of version %d; this program knows %d", *version.Version, formatVersion)
	}
	if err := checkKeys(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("not a saved session: %v", err)
	}
	s := new(Session)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("not a saved session: %v", err)
	}
	seen := map[string]bool{}
	for i := range s.Results {
		r := &s.Results[i]
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("not a saved session: result %d: %w", i, err)
		}
		if seen[r.Name] {
			return nil, fmt.Errorf("not a saved session: %s is in it twice", r.Name)
		}
		seen[r.Name] = true
	}
	for _, z := range s.Sizes {
		if !validName(z.Name) || seen[z.Name] || !(z.Bytes >= 0) || math.IsInf(z.Bytes, 0) || z.Per == "" {
			return nil, fmt.Errorf("not a saved session: %.50q is no size, or in it twice", z.Name)
		}
		seen[z.Name] = true
	}
	return s, nil
}

func (r *Result) check() error {
	if !validName(r.Name) {
		return fmt.Errorf("%.50q is no name", r.Name)
	}
	if r.Batch < 1 || !(r.Items > 0) || !(r.Bytes >= 0) || !(r.Allocs >= 0) || len(r.Values) == 0 || len(r.Values) > maxValues ||
		r.Pieces < 1 || r.Pieces > MaxPieces || r.Group < 1 || r.Group > maxValues || r.Cycle < 0 || r.Cycle > maxValues || r.Cycle == 0 && r.Group != 1 || len(r.Values) < r.Group {
		return fmt.Errorf("%s has numbers out of range", r.Name)
	}
	for _, v := range r.Values {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("%s has a time of %v", r.Name, v)
		}
	}
	return nil
}
