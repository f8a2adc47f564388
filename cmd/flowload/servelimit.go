package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cqkit/pkg/gcra"
)

// targetLimit is the rate limit of a target, honest or not.
type targetLimit struct {
	keyed  *gcra.Keyed[string]
	key    func(*http.Request) string
	policy string
	lie    func(denied http.Header) // nil if it is honest
}

func newTargetLimit(limit, by, retryAfter string) (*targetLimit, error) {
	parsed, err := gcra.ParseLimit(limit)
	if err != nil {
		return nil, err
	}
	l := &targetLimit{policy: parsed.Policy("target")}
	if l.keyed, err = gcra.NewKeyed[string](gcra.KeyedConfig{Limit: parsed}); err != nil {
		return nil, err
	}
	name, header := strings.CutPrefix(by, "header:")
	switch {
	case header && name != "":
		l.key = func(r *http.Request) string { return r.Header.Get(name) }
	case by == "all":
		l.key = func(*http.Request) string { return "" }
	case by == "ip":
		l.key = func(r *http.Request) string {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			return host
		}
	default:
		return nil, fmt.Errorf("%q is not ip, header:NAME or all", by)
	}
	switch n, err := strconv.ParseUint(retryAfter, 10, 31); {
	case retryAfter == "honest":
	case retryAfter == "none":
		l.lie = func(h http.Header) {
			h.Del(gcra.HeaderRetryAfter)
			h.Del(gcra.HeaderRateLimit)
		}
	case err == nil:
		l.lie = func(h http.Header) { h.Set(gcra.HeaderRetryAfter, strconv.FormatUint(n, 10)) }
	default:
		return nil, fmt.Errorf("retry after %q is not honest, none or a number of seconds", retryAfter)
	}
	return l, nil
}

// allow is what target.Config.Limit wants.
func (l *targetLimit) allow(answer http.Header, r *http.Request, now time.Duration) bool {
	d := l.keyed.Take(l.key(r), now, 1)
	d.SetHeader(answer.Set, "target", l.policy, false)
	if !d.Allowed && l.lie != nil {
		l.lie(answer)
	}
	return d.Allowed
}
