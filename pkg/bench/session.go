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
	Version  int      `json:"cqbench"` // of the format: 1
	Machine  Machine  `json:"machine"`
	Settings Settings `json:"settings"`
	Results  []Result `json:"results"`
}

// MaxSessionBytes bounds a saved session.
const MaxSessionBytes = 16 << 20

const formatVersion = 1

// Write saves the session in the format of docs/bench.md.
func (s *Session) Write(w io.Writer) error {
	c := *s
	c.Version = formatVersion
	b, err := json.Marshal(&c)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// Parse reads what [Session.Write] wrote. It refuses anything else, see docs/bench.md.
func Parse(data []byte) (*Session, error) {
	if len(data) > MaxSessionBytes {
		return nil, fmt.Errorf("a saved session of more than %d bytes", MaxSessionBytes)
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
	return s, nil
}

func (r *Result) check() error {
	if !validName(r.Name) {
		return fmt.Errorf("%.50q is no name", r.Name)
	}
	if r.Batch < 1 || !(r.Items > 0) || !(r.Bytes >= 0) || !(r.Allocs >= 0) || len(r.Values) == 0 || len(r.Values) > MaxCount {
		return fmt.Errorf("%s has numbers out of range", r.Name)
	}
	for _, v := range r.Values {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("%s has a time of %v", r.Name, v)
		}
	}
	return nil
}
