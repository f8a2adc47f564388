package bench

import (
	"errors"
	"fmt"
	"time"

	"cqkit/pkg/stat"
)

// A Contender is something to be timed.
type Contender struct {
	Name string // as a metric of docs/stat.md: letters, digits and _ - . /

	// Setup makes what Func needs, before anything is timed. Contenders that share what is prepared share
	// a Setup that does it once. It may be nil.
	Setup func() error
	// Func does the operation n times. It is called on one goroutine at a time, always
	// the same.
	Func func(n int)

	Items float64 // an operation, such as records; 0 means 1
	Bytes float64 // an operation; 0 if they mean nothing

	// Passes, if above 1, says that Func is called for multiples of so many operations.
	Passes int
	// Cycle, if above 1, says that operations differ in what they take and come again, each the same, after so
	// many: Func goes on where it ended. Each operation is then timed by itself, and must take some microseconds.
	Cycle int
}

// Kinds returns the dimensions a contender's figure has in thresholds.
func (c *Contender) Kinds() []stat.Kind {
	kinds := []stat.Kind{stat.Duration, stat.Rate}
	if c.Bytes > 0 {
		kinds = append(kinds, stat.BytesRate)
	}
	return kinds
}

// Config says how to measure. The zero value is useful.
type Config struct {
	Time  time.Duration // a contender's share; 0 means 500 ms
	Count int           // samples of what fits so often into Time; 0 means 60

	// Progress is called as rounds end, unless it is nil.
	Progress func(done, all int)
}

// The bounds of docs/bench.md.
const (
	DefaultTime  = 500 * time.Millisecond
	DefaultCount = 60
	MaxCount     = 10_000
	MaxPieces    = 8 // of a sample

	fewest    = 5                      // samples of anything under slow
	slow      = time.Second            // an operation
	slowMost  = 3                      // samples of what is slow
	shortest  = 100 * time.Microsecond // of a piece, if there are several
	maxValues = MaxCount * MaxPieces
)

func (c Config) filled() (Config, error) {
	if c.Time == 0 {
		c.Time = DefaultTime
	}
	if c.Count == 0 {
		c.Count = DefaultCount
	}
	if c.Time < 0 || c.Count < fewest || c.Count > MaxCount {
		return c, fmt.Errorf("a time of %v and %d samples: the time must be above 0, the samples from %d to %d", c.Time, c.Count, fewest, MaxCount)
	}
	return c, nil
}

func checkContenders(list []Contender) error {
	if len(list) == 0 {
		return errors.New("nothing to measure")
	}
	seen := map[string]bool{}
	for _, c := range list {
		switch {
		case !validName(c.Name):
			return fmt.Errorf("%q is no name of a figure", c.Name)
		case seen[c.Name]:
			return fmt.Errorf("two figures are named %q", c.Name)
		case c.Func == nil:
			return fmt.Errorf("%s has no function", c.Name)
		case c.Passes > 1 && c.Cycle > 1:
			return fmt.Errorf("%s has both passes and a cycle", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// validName tells whether s is a name in the grammar of thresholds.
func validName(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		other := '0' <= r && r <= '9' || r == '_' || r == '-' || r == '.' || r == '/'
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != "" && len(s) <= 100
}
