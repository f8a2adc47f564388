package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// Config is what a [Guard] is made of. The zero Config lets everything through and only
// counts.
type Config struct {
	// Limits are the rate limits. A request passes if all of them let it pass, and
	// otherwise counts in none.
	Limits []Limit

	// Gate is the concurrency limit; nil means none.
	Gate *Gate

	// Classes are looked through in order for the first that a request matches. One
	// that matches none is of the class "default", which has no share of its own and
	// normal priority.
	Classes []Class

	// Mode is Enforce, or DryRun for a guard that only tells what it would refuse.
	Mode Mode

	// Proxies says whose word is taken for the address of a client.
	Proxies Proxies

	// PriorityHeader names a field that sets a request's priority over its class: critical,
	// high, normal or background. It counts only from a trusted proxy, which must
	// not pass on its clients'. Empty means none.
	PriorityHeader string

	// Headers says which answers carry RateLimit and RateLimit-Policy; LegacyHeaders adds
	// X-RateLimit-Limit, -Remaining and -Reset to them.
	Headers       Headers
	LegacyHeaders bool

	// Format is that of the body of a refusal.
	Format Format

	// RetryAfter is what a 503 tells its client to wait, rounded up to seconds. Zero
	// means a second.
	RetryAfter time.Duration

	// Client is how a [Guard.RoundTripper] waits.
	Client Client
}

// A Limit is a rate limit on each key.
type Limit struct {
	// Name stands for the limit in headers and figures: lower-case letters, digits, "-", "_" and
	// ".", at most 64 of them. Empty means "default".
	Name string

	// Limit is the rate and burst of each key.
	Limit gcra.Limit

	// Key is what the limit counts by. The zero Key is ByAddress.
	Key Key

	// MaxKeys is how many keys have a limit of their own; see gcra.KeyedConfig.
	MaxKeys int

	// Cost returns how many cells a request takes; 0 is free. Nil means 1 for all.
	Cost func(*http.Request) uint64

	// DryRun counts what the limit would refuse, and refuses nothing.
	DryRun bool

	// Adapt lets the rate follow what the gate lets through. Nil means that it stays.
	Adapt *Adapt

	// Shared decides instead of this process, for limits that several share. Limit then
	// only says what to tell in RateLimit-Policy. If it also has a method
	// Change(context.Context, gcra.Limit) error, Apply can change the limit.
	Shared Decider

	// Fail is what happens when Shared returns an error. With Shared it must be set.
	Fail Fail

	// Local is the limit of each key in this process while Shared fails, with FailLocal.
	Local gcra.Limit

	// Timeout is how long Shared may take before that counts as an error. Zero means 250 ms.
	Timeout time.Duration
}

// A Decider is a limit by key that several processes share. It is used by many
// goroutines at once.
type Decider interface {
	// Take asks for n cells of key. n = 0 tells the state and takes nothing. The
	// error says that there is no decision, not that it is a denial.
	Take(ctx context.Context, key string, n uint64) (gcra.Decision, error)
}

// Fail is what a limit does about a request when its [Decider] cannot decide.
type Fail uint8

const (
	// FailOpen lets the request pass this limit.
	FailOpen Fail = iota + 1
	// FailClosed refuses it with 503: the client did nothing wrong.
	FailClosed
	// FailLocal decides by Limit.Local, in this process.
	FailLocal
)

// Adapt lets the rate of a limit follow the gate between two bounds. See docs/guard.md for
// the law.
type Adapt struct {
	Min, Max gcra.Rate

	// Every is how often the rate is set. Zero means a second.
	Every time.Duration
}

// A Gate is the concurrency limit.
type Gate struct {
	// Vegas configures the controller: the first, least and greatest limit. Without a Phase
	// it goes by the wall clock, so that guards in front of one backend probe together.
	Vegas vegas.Config

	// Controller takes the place of the Vegas controller, if it is not nil. Vegas.Min and Max
	// bound it all the same. The gate owns it from then on.
	Controller vegas.Controller

	// Queue, Patience and Target are those of vegas.GateConfig: how many may wait, and
	// for how long.
	Queue            int
	Patience, Target time.Duration

	// Hold is how long a request keeps its permit.
	Hold Hold

	// Slack is how long, in total, a request may wait for its client to take the answer
	// before it loses the permit, and Stream how long an answer may take after its beginning
	// before it counts as a stream and loses it. Both are for HoldWork. Zero means
	// 10 ms and 1 s.
	Slack, Stream time.Duration

	// ReadAhead is how many bytes of a request's body are awaited before it asks for a permit, so that a
	// client that sends slowly does not hold one meanwhile. It is for requests that
	// declare a length and do not expect 100-continue. Zero means 16 KiB, less than zero none.
	ReadAhead int

	// Classify tells what an answer says about the backend. err is that of the upstream
	// or the transport, or nil. Nil means [Classify].
	Classify func(status int, err error) vegas.Outcome
}

// Hold is how long a request keeps its permit. It always ends with the handler, and when a
// connection is taken over (WebSocket).
type Hold uint8

const (
	// HoldWork keeps it until the handler returns, the answer has waited for the client for
	// Slack in total, or it has turned out to be a stream.
	HoldWork Hold = iota
	// HoldHeader keeps it until the answer begins.
	HoldHeader
	// HoldBody keeps it until the handler returns, however slow the client.
	HoldBody
)

// A Class is a kind of requests. A request matches if it does Paths, Methods and Match, of which
// an empty one matches all.
type Class struct {
	// Name stands for the class in figures; see Limit.Name. It must not be empty or
	// "default".
	Name string

	// Paths are paths, or, ending in "/", everything below and the path without it. They are compared
	// with the request's path without "." and ".." elements and doubled slashes.
	Paths []string

	Methods []string
	Match   func(*http.Request) bool

	Priority vegas.Priority

	// Share of the concurrency limit that is kept for the class, from 0 to 1.
	Share float64

	// Bypass lets requests through whatever the limits say, for health checks. It takes Paths; a
	// path that is not the one it is compared as (//healthz) does not bypass anything.
	Bypass bool

	// Ungated requests keep to the rate limits and take no permit. It is for those that wait for
	// something to happen rather than for the backend (long polls).
	Ungated bool
}

// Mode says what a guard does with what it decides.
type Mode uint8

const (
	// Enforce refuses.
	Enforce Mode = iota
	// DryRun refuses nothing and counts what it would.
	DryRun
)

// Headers says which answers carry RateLimit and RateLimit-Policy.
type Headers uint8

const (
	// HeadersOnDenial is on 429 only.
	HeadersOnDenial Headers = iota
	// HeadersAlways is on all answers to requests that were limited; it costs some
	// allocations a request.
	HeadersAlways
	// HeadersNever leaves only Retry-After.
	HeadersNever
)

// Format is that of the body of a refusal.
type Format uint8

const (
	// FormatProblem is application/problem+json (RFC 9457), with the problem types of
	// draft-ietf-httpapi-ratelimit-headers-11.
	FormatProblem Format = iota
	// FormatJSON is {"error":"…","retry_after_s":1}.
	FormatJSON
	// FormatText is a line of text.
	FormatText
)

// Proxies says whose word is taken for the address of a client.
type Proxies struct {
	// Trusted are the addresses of proxies in front. Empty means that the address is always that of the
	// connection.
	Trusted []netip.Prefix

	// Forwarded reads the field Forwarded (RFC 7239) instead of X-Forwarded-For. Only one of
	// them is ever read: a proxy that sets one passes the other on as the client wrote it.
	Forwarded bool

	// Unix trusts connections without an address, which are those over Unix sockets.
	Unix bool
}

// Client is how a [Guard.RoundTripper] waits.
type Client struct {
	// MaxWait is how long a request may wait for its rate limits and for what Retry-After
	// said. Zero means that it fails at once.
	MaxWait time.Duration

	// MaxRetryAfter is the longest that the Retry-After of a 429 or 503 keeps
	// requests from its host. Zero means a minute. Negative means not at all.
	MaxRetryAfter time.Duration
}

// check returns why c is no configuration, after it has filled in what is left out.
func (c *Config) check() error {
	if c.RetryAfter == 0 {
		c.RetryAfter = time.Second
	}
	if c.Client.MaxRetryAfter == 0 {
		c.Client.MaxRetryAfter = time.Minute
	}
	if c.RetryAfter < 0 || c.Client.MaxWait < 0 {
		return errors.New("times to wait must not be negative")
	}
	if c.Mode > DryRun || c.Headers > HeadersNever || c.Format > FormatText {
		return errors.New("mode, headers or format is none that exists")
	}
	for _, p := range c.Proxies.Trusted {
		if !p.IsValid() {
			return errors.New("trusted proxies: not a prefix of addresses")
		}
	}
	seen := map[string]bool{}
	for i := range c.Limits {
		l := &c.Limits[i]
		if err := l.check(); err != nil {
			return err
		}
		if seen[l.Name] {
			return fmt.Errorf("two limits named %q", l.Name)
		}
		seen[l.Name] = true
		if l.Adapt != nil && c.Gate == nil {
			return fmt.Errorf("limit %q: follows a gate, and there is none", l.Name)
		}
	}
	if c.Gate != nil {
		if err := c.Gate.check(); err != nil {
			return err
		}
	}
	return checkClasses(c.Classes)
}

func (l *Limit) check() error {
	if l.Name == "" {
		l.Name = defaultName
	}
	if !validName(l.Name) {
		return fmt.Errorf("limit %q: names have letters, digits, %q", l.Name, "-_.")
	}
	if err := l.Limit.Check(); err != nil {
		return fmt.Errorf("limit %q: %w", l.Name, err)
	}
	if l.Timeout == 0 {
		l.Timeout = 250 * time.Millisecond
	}
	switch {
	case l.Timeout < 0:
		return fmt.Errorf("limit %q: timeout %v is negative", l.Name, l.Timeout)
	case l.Shared == nil && l.Fail != 0:
		return fmt.Errorf("limit %q: nothing that may fail is shared", l.Name)
	case l.Shared != nil && (l.Fail < FailOpen || l.Fail > FailLocal):
		return fmt.Errorf("limit %q: is shared, and does not say what to do when that fails", l.Name)
	case l.Fail == FailLocal:
		if err := l.Local.Check(); err != nil {
			return fmt.Errorf("limit %q: local limit: %w", l.Name, err)
		}
	}
	if l.Adapt == nil {
		return nil
	}
	if l.Shared != nil {
		return fmt.Errorf("limit %q: a shared limit cannot follow one gate", l.Name)
	}
	a := *l.Adapt
	if a.Every == 0 {
		a.Every = time.Second
	}
	l.Adapt = &a
	if a.Every < 10*time.Millisecond {
		return fmt.Errorf("limit %q: adapting every %v: at least 10ms", l.Name, a.Every)
	}
	if err := checkBounds(a.Min, a.Max, l.Limit); err != nil {
		return fmt.Errorf("limit %q: %w", l.Name, err)
	}
	return nil
}

// checkBounds returns why the rate of limit cannot move between two rates.
func checkBounds(low, high gcra.Rate, limit gcra.Limit) error {
	for _, r := range []gcra.Rate{low, high} {
		if err := (gcra.Limit{Rate: r, Burst: limit.Burst}).Check(); err != nil {
			return fmt.Errorf("bounds %v to %v: %w", low, high, err)
		}
	}
	if a, r, b := low.PerSecond(), limit.Rate.PerSecond(), high.PerSecond(); a > r || r > b {
		return fmt.Errorf("rate %v is not within its bounds %v to %v", limit.Rate, low, high)
	}
	return nil
}

func (c *Gate) check() error {
	if c.Slack < 0 || c.Stream < 0 {
		return errors.New("gate: slack and stream must not be negative")
	}
	if c.Hold > HoldBody {
		return errors.New("gate: hold is none that exists")
	}
	if c.Vegas.Min < 0 || c.Vegas.Max < 0 || c.Vegas.Max > vegas.MaxLimit {
		return fmt.Errorf("gate: limits must be from 1 to %d", vegas.MaxLimit)
	}
	if c.Vegas.Max != 0 && c.Vegas.Min > c.Vegas.Max {
		return fmt.Errorf("gate: least limit %d is above the greatest, %d", c.Vegas.Min, c.Vegas.Max)
	}
	return nil
}

func checkClasses(classes []Class) error {
	if len(classes) >= vegas.MaxPartitions {
		return fmt.Errorf("%d classes: at most %d", len(classes), vegas.MaxPartitions-1)
	}
	seen := map[string]bool{defaultName: true}
	for i := range classes {
		c := &classes[i]
		if !validName(c.Name) {
			return fmt.Errorf("class %q: names have letters, digits, %q", c.Name, "-_.")
		}
		if seen[c.Name] {
			return fmt.Errorf("class %q: there is one already", c.Name)
		}
		seen[c.Name] = true
		if c.Bypass && len(c.Paths) == 0 {
			return fmt.Errorf("class %q: bypasses without paths", c.Name)
		}
		for _, p := range c.Paths {
			if n, _ := normalPath(p); p == "" || p != n && p != n+"/" {
				return fmt.Errorf("class %q: path %q is compared as %q", c.Name, p, n)
			}
		}
	}
	return nil
}

const defaultName = "default"

// validName tells whether a name needs no quoting anywhere.
func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
