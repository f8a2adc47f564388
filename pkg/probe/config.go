package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// An Answer is what came of one request.
type Answer struct {
	Verdict Verdict
	// RetryAfter is the wait that a refusal stated, if Stated.
	RetryAfter time.Duration
	Stated     bool
	// Err is why there was no answer, if there was none.
	Err error
}

// A Verdict is what an answer means to a limit.
type Verdict uint8

// The verdicts.
const (
	Failed Verdict = iota // neither admitted nor refused
	Admitted
	Refused
)

// An Asker sends one request under a key and waits for the answer. It is called
// concurrently.
type Asker func(ctx context.Context, key string) Answer

// Config says what is expected, and how far to go to find out.
type Config struct {
	// PerSecond and Burst are the limit that is expected.
	PerSecond float64
	Burst     uint64
	// Keys are who asks: each is to have a limit of its own. One is measured alone, the
	// second while the first goes on; more are measured like the second. At least one, which may be empty.
	Keys []string
	// Tolerance is the share by which a limit may differ from what is expected; 0 stands for 0.05.
	Tolerance float64
	// Longest is how long each key is held above its limit; 0 stands for 15 s.
	Longest time.Duration
	// Connections is how many requests may be under way for a key; 0 stands for 64.
	Connections int
	// Trials is how many stated waits are tried out, and LongestWait the longest
	// that is; 0 stand for 2 and 10 s.
	Trials      int
	LongestWait time.Duration
	// Tell, if not nil, is called now and then with what is being done. It must not block.
	Tell func(Progress)
}

// Progress is what a probe is doing.
type Progress struct {
	Key             string
	Asked, Admitted int
	// Waiting is how long a stated wait is being tried out, 0 while the endpoint is asked.
	Waiting time.Duration
}

// ErrConfig is matched by the errors of a Config that cannot be used.
var ErrConfig = errors.New("cannot probe this")

func (c Config) withDefaults() (Config, error) {
	switch {
	case !(c.PerSecond > 0) || math.IsInf(c.PerSecond, 1):
		return c, fmt.Errorf("%w: a rate of %v a second", ErrConfig, c.PerSecond)
	case c.Burst < 1:
		return c, fmt.Errorf("%w: a burst of 0", ErrConfig)
	case len(c.Keys) == 0:
		return c, fmt.Errorf("%w: no key", ErrConfig)
	case c.Tolerance < 0 || c.Tolerance >= 1 || math.IsNaN(c.Tolerance):
		return c, fmt.Errorf("%w: a tolerance of %v, not between 0 and 1", ErrConfig, c.Tolerance)
	case c.Longest < 0, c.Connections < 0, c.Trials < 0, c.LongestWait < 0:
		return c, fmt.Errorf("%w: a negative bound", ErrConfig)
	}
	if c.Tolerance == 0 {
		c.Tolerance = 0.05
	}
	if c.Longest == 0 {
		c.Longest = 15 * time.Second
	}
	if c.Connections == 0 {
		c.Connections = 64
	}
	if c.Trials == 0 {
		c.Trials = 2
	}
	if c.LongestWait == 0 {
		c.LongestWait = 10 * time.Second
	}
	if c.Tell == nil {
		c.Tell = func(Progress) {}
	}
	return c, nil
}
