package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// Defaults of a [Config].
const (
	DefaultDuration    = 10 * time.Second
	DefaultTimeout     = 30 * time.Second
	DefaultDrain       = 3 * time.Second
	DefaultConnections = 10_000
)

// Bounds of a [Config].
const (
	MaxConnections = 1_000_000
	MaxRate        = 10_000_000 // requests a second
	MaxDuration    = 36 * time.Hour
	MaxTimeout     = time.Hour
)

// A Config says what to send and when. Targets are required, and Rate, Concurrency or Controller.
type Config struct {
	Targets *Targets

	// Rate is when requests are due: an open loop. Nil is a closed loop.
	Rate *gcra.Profile
	// Burst is how many are due at once, at the moment of the first. Zero means 1.
	Burst uint64
	// Poisson makes the gaps random, with the means that Rate gives.
	Poisson bool
	// Seed makes a run repeatable: its gaps and its variables.
	Seed uint64

	// Concurrency is how many requests are in flight in a closed loop, and at most in an
	// open one. Zero means Connections in an open loop; a closed one needs it, or Controller.
	Concurrency int
	// Controller sets the number in flight instead, between 1 and Connections.
	Controller vegas.Controller
	// Connections bounds the connections. Zero means DefaultConnections, or what descriptors
	// allow if that is less.
	Connections int

	// Duration is from the start to the last due moment. Zero means the length of Rate, if
	// it has one, no end if there is Requests, and else DefaultDuration.
	Duration time.Duration
	// Requests ends the run after as many. Zero means any number.
	Requests uint64
	// Warmup is before Duration and in none of the figures.
	Warmup time.Duration
	// Timeout bounds a request, from sent to done. Zero means DefaultTimeout.
	Timeout time.Duration
	// Drain is how long is waited for what is in flight after an interruption. Zero means
	// DefaultDrain, and it is at most Timeout.
	Drain time.Duration
	// MaxErrors ends the run, as an interruption does, after as many requests that did not
	// end in ok. Zero means any number.
	MaxErrors uint64

	// OK are the statuses that are ok. None means 200 to 299.
	OK []StatusRange
	// Expect must be in a body for its request to be ok. Empty means anything.
	Expect []byte

	// TLS is how to speak TLS: roots, certificates, verification. Nil means the system's roots.
	TLS *tls.Config
	// Unix is a socket to connect to instead of what the targets say.
	Unix string
	// Resolve maps host:port, in lower case, to the host:port or the address to connect to instead.
	Resolve map[string]string
	// Dial makes connections instead, for every target; it is called from many goroutines.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// HTTP2, Proxy and Redirects (how many are followed) leave the work to net/http, which
	// costs about four times as much of the client.
	HTTP2     bool
	Proxy     func(*http.Request) (*url.URL, error)
	Redirects int

	// Loops is how many event loops share the work. Zero means one a processor. Each keeps
	// its processor for up to 10 ms at a time, also while it waits: an endpoint in the same
	// process, as in tests, wants fewer.
	Loops int

	// Observe is called for each measured request when it is done, from several goroutines at
	// once, and must be quick: it runs where requests are sent. The observation is valid
	// during the call.
	Observe func(*Observation)
	// Progress is called every so often with how it goes, from one goroutine.
	Progress      func(Progress)
	ProgressEvery time.Duration // zero means 1 s
}

// A StatusRange is statuses from First to Last, both included.
type StatusRange struct{ First, Last int }

// An Observation is what became of one request.
type Observation struct {
	Index           uint64        // counted from 0, warm-up included
	Due, Sent, Done time.Duration // since the start
	Outcome         Outcome
	Status          int           // 0 without an answer
	RetryAfter      time.Duration // -1 without
	// The fields as they came, "" if absent or longer than 63 bytes. The first of each counts.
	RateLimit, RateLimitPolicy, Limit, Remaining, Reset string
}

// Progress is how a run is going.
type Progress struct {
	At       time.Duration // since the start; negative in the warm-up
	Left     time.Duration // until the end of the schedule, -1 if not known
	Sent     uint64
	Failed   uint64 // done, and not ok
	Limit    int    // on those in flight
	InFlight int
	SentPerS float64 // since the last call
	OKPerS   float64
	P50, P99 time.Duration // of the response times since about the last call
}

func (c *Config) check() error {
	switch {
	case c.Targets == nil || len(c.Targets.messages) == 0:
		return errors.New("no targets")
	case c.Rate == nil && c.Concurrency == 0 && c.Controller == nil:
		return errors.New("neither a rate nor a concurrency")
	case c.Controller != nil && c.Concurrency != 0:
		return errors.New("both a concurrency and a controller for it")
	case c.Concurrency < 0 || c.Concurrency > MaxConnections || c.Connections < 0 || c.Connections > MaxConnections:
		return fmt.Errorf("connections must be from 1 to %d", MaxConnections)
	case c.Duration < 0 || c.Duration > MaxDuration || c.Warmup < 0 || c.Warmup > MaxDuration:
		return fmt.Errorf("duration and warm-up must be from 0 to %v", MaxDuration)
	case c.Timeout < 0 || c.Timeout > MaxTimeout || c.Drain < 0:
		return fmt.Errorf("time-out must be from 0 to %v", MaxTimeout)
	case c.Rate == nil && (c.Burst > 1 || c.Poisson):
		return errors.New("bursts and random gaps need a rate")
	case c.Redirects < 0 || c.Loops < 0:
		return errors.New("redirects and loops must not be negative")
	}
	for _, r := range c.OK {
		if r.First < 100 || r.Last > 599 || r.First > r.Last {
			return fmt.Errorf("statuses %d-%d: must be from 100 to 599", r.First, r.Last)
		}
	}
	if c.Rate != nil {
		if n, limited := c.Rate.Cells(); limited && n == 0 {
			return errors.New("rate has no requests")
		}
		if _, ok := c.Rate.Due(0); !ok {
			return errors.New("rate has no requests")
		}
	}
	return nil
}

// standard tells whether net/http does the work.
func (c *Config) standard() bool { return c.HTTP2 || c.Proxy != nil || c.Redirects > 0 }

// withDefaults returns a copy without zero values that mean something else.
func (c *Config) withDefaults() Config {
	d := *c
	set := func(t *time.Duration, to time.Duration) {
		if *t == 0 {
			*t = to
		}
	}
	if d.Duration == 0 && d.Rate != nil {
		if n, limited := d.Rate.Length(); limited {
			d.Duration = min(n, MaxDuration)
		}
	}
	if d.Duration == 0 {
		if d.Requests > 0 {
			d.Duration = MaxDuration
		} else {
			d.Duration = DefaultDuration
		}
	}
	if d.Requests == 0 {
		d.Requests = 1 << 62
	}
	set(&d.Timeout, DefaultTimeout)
	set(&d.Drain, DefaultDrain)
	d.Drain = min(d.Drain, d.Timeout)
	set(&d.ProgressEvery, time.Second)
	if len(d.OK) == 0 {
		d.OK = []StatusRange{{200, 299}}
	}
	return d
}
