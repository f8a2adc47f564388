package load

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

// An Outcome is what became of a request that was sent. docs/load.md defines each.
type Outcome uint8

// The outcomes, in the order in which reports list them.
const (
	OK Outcome = iota
	Redirect
	TooMany
	ClientError
	ServerError
	Timeout
	Refused
	Reset
	DNS
	TLS
	Protocol
	ClientLimit
	Canceled

	NumOutcomes = int(Canceled) + 1
)

var outcomeNames = [NumOutcomes]string{"ok", "redirect", "too_many", "client_error", "server_error", "timeout", "refused",
	"reset", "dns", "tls", "protocol", "client_limit", "canceled"}

// String returns the outcome as JSON has it, such as "too_many".
func (o Outcome) String() string {
	if int(o) >= NumOutcomes {
		return fmt.Sprintf("outcome %d", o)
	}
	return outcomeNames[o]
}

// Answered tells whether the server gave an answer, of whatever status.
func (o Outcome) Answered() bool { return o <= ServerError }

// Counts says how many requests became what.
// In all Offered = Sent + Dropped, Sent is the sum of Outcomes, and Late ≤ Sent.
type Counts struct {
	Offered  uint64 // due
	Sent     uint64
	Dropped  uint64 // due and never sent
	Late     uint64 // of those sent
	Outcomes [NumOutcomes]uint64
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Offered += o.Offered
	c.Sent += o.Sent
	c.Dropped += o.Dropped
	c.Late += o.Late
	for i, n := range o.Outcomes {
		c.Outcomes[i] += n
	}
}

// Done counts the requests that are over: with an outcome, or dropped.
func (c *Counts) Done() uint64 {
	n := c.Dropped
	for _, o := range c.Outcomes {
		n += o
	}
	return n
}

// Failed counts the requests that are over and not OK, drops included.
func (c *Counts) Failed() uint64 { return c.Done() - c.Outcomes[OK] }

// check tells whether the counts of a whole run fit together.
func (c *Counts) check() error {
	var sum uint64
	for _, n := range c.Outcomes {
		if n > c.Sent-min(sum, c.Sent) {
			return errors.New("more outcomes than requests sent")
		}
		sum += n
	}
	switch {
	case sum != c.Sent:
		return errors.New("requests sent without an outcome")
	case c.Offered < c.Sent || c.Offered-c.Sent != c.Dropped:
		return errors.New("requests due that were neither sent nor dropped")
	case c.Late > c.Sent:
		return errors.New("more requests late than sent")
	}
	return nil
}

// A Second is what happened in one second of a run, counted from its start. A request is
// offered and dropped in the second in which it was due, sent and late in that in which it
// left, and has its outcome and its times in that in which it was done; the times of drops
// are in the second in which they were due.
type Second struct {
	Counts
	Response, Service []byte // histograms, encoded as docs/latency.md says; nil = empty
}

// A TracePoint is a moment of the concurrency limit.
type TracePoint struct {
	T        time.Duration // since the start
	Limit    int
	InFlight int
	OKPerS   float64 // in the window that ended at T
}

// Rates are per second of the due window, without the drain after it.
type Rates struct {
	OfferedPerS, SentPerS, OKPerS float64
}

// Capacity is what find found. The bounds are those of a 95 % interval.
type Capacity struct {
	PerS, LowPerS, HighPerS float64
	Concurrency             int // the limit at which it was measured
	LowLimit, HighLimit     int // limits that do as well, by what was measured
	Base                    time.Duration
	FoundAfter              time.Duration // since the start
}

// Advice is what answers said about when to come back.
type Advice struct {
	RetryAfter uint64 // answers with Retry-After
	RateLimit  uint64 // answers with RateLimit or X-RateLimit fields
	Least      time.Duration
	Most       time.Duration
	Sum        time.Duration // of what Retry-After said

	// Of those with Retry-After, how many a [Waits] could judge, and how many were shorter than what was left, or
	// longer than both a second and that. None are judged if the limit was not asked for more than it admits.
	Judged, TooShort, TooLong uint64
}

// Client is how the generator and its host fared.
type Client struct {
	CPU     time.Duration // user and system time of the process in the run
	CPUs    int           // processors it may use
	Busy    float64       // share of the host's processor time that anyone used; < 0 = not known
	Steal   float64       // share that a hypervisor took; < 0 = not known
	Reasons []string      // why the figures cannot be trusted; none = trusted
}

// Machine is what the generator ran on.
type Machine struct {
	OS, Arch string
	CPU      string // model; "" = not known
	CPUs     int
	Go       string // version
	Program  string // version
}

// A Setting is a part of the configuration as it was given, without secrets.
type Setting struct{ Name, Value string }

// Modes and loops of a [Result].
const (
	ModeRun    = "run"
	ModeFind   = "find"
	LoopOpen   = "open"
	LoopClosed = "closed"
)

// A Result is all that a run measured; docs/result-format.md is the file it is saved in.
type Result struct {
	Mode     string // ModeRun or ModeFind
	Target   string
	Engine   string // which client sent
	Protocol string // "HTTP/1.1", "HTTP/2.0"
	Loop     string // LoopOpen or LoopClosed
	Seed     uint64
	Start    time.Time // wall clock, to tell runs apart; nothing is computed from it
	Warmup   time.Duration
	Window   time.Duration // from the start to the end of the schedule
	Elapsed  time.Duration // to the last outcome
	Stopped  bool          // interrupted, or ended by an error limit, before its time
	Settings []Setting
	Machine  Machine
	Parts    int // runs merged into this one; 0 = 1

	Requests Counts   // of the whole run
	Seconds  []Second // from the start
	Rates    Rates

	// Response times count from the due moment, service times from the send. Requests that
	// were dropped, or ended without an answer, count as at least the time they took. In
	// find these are of the plateau at the reported limit, else of the whole run.
	Response, Service latency.Histogram
	Lag               latency.Histogram // the client's own delay, of every request sent

	Trace    []TracePoint
	Capacity *Capacity // nil unless find found it
	Advice   Advice
	Status   map[int]uint64     // answers by status code
	Examples map[Outcome]string // the first error of each kind, as the system put it
	BytesIn  uint64
	BytesOut uint64
	Connects uint64 // connections opened
	Client   Client

	Thresholds []Threshold
}

// Trusted tells whether nothing speaks against the figures.
func (r *Result) Trusted() bool { return len(r.Client.Reasons) == 0 }

// HistogramSeconds returns for how many seconds a histogram in Seconds stands: 1, or 2, 4, 8 …
// in runs so long that one a second would take too much memory. It is then that of the
// second it is in and of those before that have none.
func (r *Result) HistogramSeconds() int {
	most, first := 1, -1
	for i := range r.Seconds {
		s := &r.Seconds[i]
		if first < 0 && s.Done()+s.Dropped > 0 {
			first = i
		}
		if s.Response != nil && first >= 0 {
			most, first = max(most, i+1-first), -1
		}
	}
	return 1 << bits.Len(uint(most-1))
}

// RateError returns SentPerS/OfferedPerS - 1, and whether there is such a thing: in a closed
// loop nothing is due.
func (r *Result) RateError() (float64, bool) {
	if r.Loop != LoopOpen || r.Rates.OfferedPerS <= 0 {
		return 0, false
	}
	return r.Rates.SentPerS/r.Rates.OfferedPerS - 1, true
}

// A Threshold is a condition on a result and how it was judged.
type Threshold struct {
	Expr     stat.Expr
	Require  bool // it must hold; else it must not
	Measured stat.Interval
	State    stat.State
}
