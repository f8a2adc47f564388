package gcra

import (
	"strconv"
	"strings"
	"time"
)

// The header fields of draft-ietf-httpapi-ratelimit-headers-11 (Sections 3 and 4), RFC 9110 (Section
// 10.2.3), and the customary ones from before the draft, in canonical form.
const (
	HeaderPolicy     = "Ratelimit-Policy"
	HeaderRateLimit  = "Ratelimit"
	HeaderRetryAfter = "Retry-After"

	HeaderLegacyLimit     = "X-Ratelimit-Limit"
	HeaderLegacyRemaining = "X-Ratelimit-Remaining"
	HeaderLegacyReset     = "X-Ratelimit-Reset"
)

// Policy returns the value of RateLimit-Policy for the limit under a name, such as
// "default";q=50;w=10. The quota q is the burst and the window w the time in which it comes back; where
// that is under a second, they are the cells of a second and 1. It is empty for a limit that
// cannot be kept. Characters that the format does not allow in a name become "?".
func (l Limit) Policy(name string) string {
	p, err := l.params()
	if err != nil {
		return ""
	}
	quota, window := l.Burst, wholeSeconds(nanos(p.capacity))
	if second := uint64(time.Second) * ticksPerNano; p.capacity < second {
		quota, window = second/p.interval, 1
	}
	return policy(name, quota, window)
}

func policy(name string, quota uint64, window int64) string {
	b := appendName(make([]byte, 0, len(name)+48), name)
	b = append(b, ";q="...)
	b = appendInteger(b, quota)
	b = append(b, ";w="...)
	b = appendInteger(b, uint64(window))
	return string(b)
}

// RateLimit returns the value of RateLimit for the decision under a name, such as
// "default";r=12;t=3: what remains, and the seconds until all is back or, on a denial, until the same
// cells would pass.
func (d Decision) RateLimit(name string) string {
	b := appendName(make([]byte, 0, len(name)+48), name)
	b = append(b, ";r="...)
	b = appendInteger(b, d.Remaining)
	b = append(b, ";t="...)
	b = appendInteger(b, uint64(d.seconds()))
	return string(b)
}

// RetryAfterSeconds returns the value of Retry-After, at least 1, or 0 if the field
// does not belong in the answer: because the cells pass, or because waiting does not help.
func (d Decision) RetryAfterSeconds() int64 {
	if d.Allowed || d.RetryAfter <= 0 {
		return 0
	}
	return max(wholeSeconds(d.RetryAfter), 1)
}

// seconds returns t of RateLimit: never after what Retry-After says.
func (d Decision) seconds() int64 {
	if s := d.RetryAfterSeconds(); s > 0 {
		return s
	}
	return wholeSeconds(d.ResetAfter)
}

// SetHeader sets the fields of a decision under a limit of that name with set, which may be the
// Set method of an http.Header: policy, if it is not empty (see [Limit.Policy]), RateLimit and, on a denial, Retry-After; with
// legacy, X-RateLimit-Limit, -Remaining and -Reset too, the last in seconds from now.
func (d Decision) SetHeader(set func(field, value string), name, policy string, legacy bool) {
	if policy != "" {
		set(HeaderPolicy, policy)
	}
	set(HeaderRateLimit, d.RateLimit(name))
	if s := d.RetryAfterSeconds(); s > 0 {
		set(HeaderRetryAfter, strconv.FormatInt(s, 10))
	}
	if legacy {
		set(HeaderLegacyLimit, strconv.FormatUint(d.Limit, 10))
		set(HeaderLegacyRemaining, strconv.FormatUint(d.Remaining, 10))
		set(HeaderLegacyReset, strconv.FormatInt(d.seconds(), 10))
	}
}

func wholeSeconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

// appendName appends a String of RFC 9651, Section 3.3.3.
func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	for _, r := range name {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= ' ' && r <= '~':
			b = append(b, byte(r))
		default:
			b = append(b, '?')
		}
	}
	return append(b, '"')
}

// appendInteger appends an Integer of RFC 9651, Section 3.3.1, which has at most 15 digits.
func appendInteger(b []byte, n uint64) []byte {
	return strconv.AppendUint(b, min(n, 999_999_999_999_999), 10)
}

// String returns the decision in a few words, for logs.
func (d Decision) String() string {
	var b strings.Builder
	switch {
	case d.why == unset:
		return "denied: no limit"
	case d.DryRun:
		b.WriteString("allowed, dry run")
	case d.Allowed:
		b.WriteString("allowed")
	default:
		b.WriteString("denied")
	}
	b.WriteString(", " + strconv.FormatUint(d.Remaining, 10) + " of " + strconv.FormatUint(d.Limit, 10) + " left")
	if d.Delay > 0 {
		b.WriteString(", after " + d.Delay.String())
	}
	if d.RetryAfter > 0 {
		b.WriteString(", retry after " + d.RetryAfter.String())
	}
	return b.String()
}
