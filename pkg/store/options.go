package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cqkit/pkg/gcra"
)

// Mode is how exactly a limit is kept. The promises are in docs/store.md.
type Mode uint8

const (
	// Strict shares every decision: at most B + d/T cells in any interval d.
	Strict Mode = iota
	// Leased takes cells from the server a number at a time and gives them out locally:
	// beyond Strict at most what instances hold unused, and never more than LeaseFor/T.
	Leased
	// BestEffort decides by what the instance knows and reports afterwards: beyond Strict, at
	// most what the other instances use between two reports.
	BestEffort
)

var modeNames = []string{"strict", "leased", "best-effort"}

// String returns the mode as ParseMode reads it.
func (m Mode) String() string { return name(modeNames, int(m)) }

// ParseMode reads "strict", "leased" or "best-effort".
func ParseMode(s string) (Mode, error) {
	i, err := parse("mode", modeNames, s)
	return Mode(i), err
}

// Failure is what a decision is when the server does not answer.
type Failure uint8

const (
	// FailClosed decides nothing: Take returns ErrUnavailable.
	FailClosed Failure = iota
	// FailLocal lets each of Options.Instances keep its own part of the limit.
	FailLocal
	// FailOpen lets each instance keep the whole limit alone.
	FailOpen
)

var failureNames = []string{"closed", "local", "open"}

// String returns the failure policy as ParseFailure reads it.
func (f Failure) String() string { return name(failureNames, int(f)) }

// ParseFailure reads "closed", "local" or "open".
func ParseFailure(s string) (Failure, error) {
	i, err := parse("failure policy", failureNames, s)
	return Failure(i), err
}

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%d", i)
}

func parse(what string, names []string, s string) (int, error) {
	if i := slices.Index(names, s); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown %s %q: use one of %q", what, s, names)
}

// Options are what a Store is made of. All but Limit may be left out.
type Options struct {
	Limit gcra.Limit // of each key
	Name  string     // tells limits on one server apart: 1 to 32 of A-Z a-z 0-9 _ -; "" means "default"
	Mode  Mode

	Failure   Failure
	Instances int // that share the limit, for FailLocal; 0 means 1

	// StartDown lets Open succeed when the server cannot be reached; Failure says what decisions
	// are until it can.
	StartDown bool

	Timeout      time.Duration // of one exchange with the server; 0 means 250 ms
	LongestPause time.Duration // between attempts to reach a server that is down; 0 means 5 s

	// MaxKeys is for how many keys an instance remembers something: leases, what to report, local limits while the
	// server is unavailable. 0 means 65,536. Further keys get strict decisions, or share local limits.
	MaxKeys int

	MaxLease    uint64        // cells of a key that an instance holds at most; 0 means a 16th of the burst, at most 2^20
	LeaseFor    time.Duration // how long leased cells may be used; 0 means 1 s
	ReportEvery time.Duration // how often BestEffort reports; 0 means 100 ms

	// Of NATS only.
	Replicas       int           // of a bucket that Open creates; 0 means 1
	Memory         bool          // keeps a bucket that Open creates in memory
	MaxUncertainty time.Duration // ε beyond which nothing is decided; 0 means 50 ms
}

// withDefaults returns the options with what was left out filled in, or why they make no sense.
func (o Options) withDefaults() (Options, error) {
	if err := o.Limit.Check(); err != nil {
		return o, fmt.Errorf("limit: %w", err)
	}
	if o.Name == "" {
		o.Name = "default"
	}
	if len(o.Name) > 32 || !plain(o.Name) {
		return o, fmt.Errorf("name %q is not 1 to 32 of A-Z, a-z, 0-9, _ and -", o.Name)
	}
	if int(o.Mode) >= len(modeNames) || int(o.Failure) >= len(failureNames) {
		return o, errors.New("unknown mode or failure policy")
	}
	if o.Instances < 0 || o.MaxKeys < 0 || o.Replicas < 0 {
		return o, errors.New("a number of instances, keys or replicas is negative")
	}
	for _, d := range []struct {
		of       *time.Duration
		standard time.Duration
	}{
		{&o.Timeout, 250 * time.Millisecond}, {&o.LongestPause, 5 * time.Second}, {&o.LeaseFor, time.Second},
		{&o.ReportEvery, 100 * time.Millisecond}, {&o.MaxUncertainty, 50 * time.Millisecond},
	} {
		if *d.of == 0 {
			*d.of = d.standard
		}
		if *d.of < time.Millisecond {
			return o, fmt.Errorf("a duration of %v is under 1ms", *d.of)
		}
	}
	o.Instances, o.Replicas = max(o.Instances, 1), max(o.Replicas, 1)
	if o.MaxKeys == 0 {
		o.MaxKeys = 1 << 16
	}
	return o, nil
}

// lease returns the most cells of a key that an instance holds under a limit.
func (o Options) lease(l gcra.Limit) uint64 {
	if o.MaxLease > 0 {
		return min(o.MaxLease, l.Burst)
	}
	return max(1, min(l.Burst/16, 1<<20))
}

// share returns the part of a limit that each instance keeps alone.
func (o Options) share(l gcra.Limit) gcra.Limit {
	if o.Failure != FailLocal {
		return l
	}
	n := uint64(o.Instances)
	l.Burst = max(1, l.Burst/n)
	if per := l.Rate.Per * time.Duration(n); per/time.Duration(n) == l.Rate.Per {
		l.Rate.Per = per
	} else {
		l.Rate.Cells = max(1, l.Rate.Cells/n)
	}
	return l
}
