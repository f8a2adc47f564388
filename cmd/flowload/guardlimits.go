package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/gcra"
	"cqkit/pkg/guard"
	"cqkit/pkg/vegas"
)

// limitFlags are the rate limits, and who has to keep them.
type limitFlags struct {
	gcra, keys []string
	adaptive   string
	headers    string
	bypass     []string
	trusted    []string
	forwarded  bool
	priority   string
}

func (l *limitFlags) add(f *pflag.FlagSet) {
	f.StringArrayVar(&l.gcra, "gcra", nil, "a rate limit for each key")
	f.StringArrayVar(&l.keys, "key", nil, "what the limit counts by")
	f.StringVar(&l.adaptive, "adaptive", "", "let the rate follow what the upstream can do")
	f.StringVar(&l.headers, "rate-headers", "denial", "when answers have RateLimit")
	f.StringArrayVar(&l.bypass, "bypass", nil, "let requests for this path through")
	f.StringArrayVar(&l.trusted, "trusted-proxy", nil, "take the word of a proxy there")
	f.BoolVar(&l.forwarded, "forwarded", false, "read Forwarded (RFC 7239)")
	f.StringVar(&l.priority, "priority-header", "", "let such a proxy say who is served first")
}

func (l *limitFlags) parse(c *guard.Config) error {
	if len(l.keys) > len(l.gcra) {
		return cli.Hint(fmt.Errorf("%d --key for %d --gcra", len(l.keys), len(l.gcra)), "each --key is for one --gcra, in order")
	}
	for i, s := range l.gcra {
		name, limit, named := strings.Cut(s, "=")
		if !named || strings.Contains(name, "/") { // burst=50 has one, too
			name, limit = "default", s
			if i > 0 {
				return cli.Hint(fmt.Errorf("--gcra %q is one of several and has no name", s), "write NAME=%s", s)
			}
		}
		parsed, err := gcra.ParseLimit(limit)
		if err != nil {
			return fmt.Errorf("--gcra: %w", err)
		}
		one := guard.Limit{Name: name, Limit: parsed}
		if i < len(l.keys) {
			if one.Key, err = parseKey(l.keys[i]); err != nil {
				return err
			}
		}
		c.Limits = append(c.Limits, one)
	}
	switch l.headers {
	case "denial":
	case "always":
		c.Headers = guard.HeadersAlways
	case "never":
		c.Headers = guard.HeadersNever
	default:
		return fmt.Errorf("--rate-headers %q is not denial, always or never", l.headers)
	}
	if len(l.bypass) > 0 {
		c.Classes = append(c.Classes, guard.Class{Name: "bypass", Paths: l.bypass, Bypass: true})
	}
	c.Proxies.Forwarded = l.forwarded
	c.PriorityHeader = l.priority
	switch {
	case l.forwarded && len(l.trusted) == 0:
		return cli.Hint(errors.New("--forwarded without --trusted-proxy"), "name the proxy whose word counts")
	case l.priority != "" && len(l.trusted) == 0:
		return cli.Hint(errors.New("--priority-header without --trusted-proxy"), "name the proxy whose word counts")
	case l.priority != "" && !validField(l.priority):
		return fmt.Errorf("--priority-header %q is not the name of a field", l.priority)
	}
	for _, s := range l.trusted {
		prefix, err := parsePrefix(s)
		if err != nil {
			return err
		}
		c.Proxies.Trusted = append(c.Proxies.Trusted, prefix)
	}
	return l.parseAdaptive(c)
}

func (l *limitFlags) parseAdaptive(c *guard.Config) error {
	if l.adaptive == "" {
		return nil
	}
	if len(c.Limits) != 1 {
		return cli.Hint(fmt.Errorf("--adaptive with %d rate limits", len(c.Limits)), "it is for one --gcra")
	}
	low, high, ok := strings.Cut(l.adaptive, "..")
	if !ok {
		return fmt.Errorf("--adaptive %q is not of the form 100/s..2k/s", l.adaptive)
	}
	var a guard.Adapt
	var err, err2 error
	a.Min, err = gcra.ParseRate(low)
	a.Max, err2 = gcra.ParseRate(high)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("--adaptive: %w", err)
	}
	c.Limits[0].Adapt = &a
	return nil
}

// parsePrefix reads a network, or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, cli.Hint(fmt.Errorf("--trusted-proxy %q is not a network", s), "write 10.0.0.0/8, or a single address")
	case p != p.Masked():
		return p, cli.Hint(fmt.Errorf("--trusted-proxy %q has bits beyond its mask", s), "did you mean %v?", p.Masked())
	}
	return p, nil
}

func parseKey(s string) (guard.Key, error) {
	if name, ok := strings.CutPrefix(s, "header:"); ok && validField(name) {
		return guard.ByHeader(name), nil
	}
	switch s {
	case "ip":
		return guard.ByAddress(), nil
	case "path":
		return guard.ByPath(), nil
	case "host":
		return guard.ByHost(), nil
	case "all":
		return guard.ByAll(), nil
	}
	return guard.Key{}, cli.Hint(fmt.Errorf("--key %q is not ip, header:NAME, path, host or all", s), "for an API key, write header:X-API-Key")
}

// validField tells whether a field of a request can have a name (RFC 9110, Section 5.6.2).
func validField(name string) bool {
	for _, c := range []byte(name) {
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// gateFlags are the concurrency limit.
type gateFlags struct {
	vegas string
	queue int
	hold  string
}

const vegasDefault = "1..1000"

func (g *gateFlags) add(f *pflag.FlagSet) {
	f.StringVar(&g.vegas, "vegas", "", "limit how many requests are in the upstream at once")
	f.Lookup("vegas").NoOptDefVal = vegasDefault
	f.IntVar(&g.queue, "queue", 100, "how many may wait")
	f.StringVar(&g.hold, "hold", "work", "how long a request counts")
}

func (g *gateFlags) parse(c *guard.Config) error {
	if g.vegas == "" {
		if g.hold != "work" || g.queue != 100 {
			return cli.Hint(errors.New("--queue and --hold say how to limit concurrency, but nothing limits it"), "add --vegas")
		}
		return nil
	}
	low, high, ok := strings.Cut(g.vegas, "..")
	least, err := strconv.Atoi(low)
	most, err2 := strconv.Atoi(high)
	if !ok || err != nil || err2 != nil || least < 1 || most < least || most > vegas.MaxLimit {
		return cli.Hint(fmt.Errorf("--vegas=%q is not a range of limits", g.vegas), "write --vegas=%s, or --vegas alone", vegasDefault)
	}
	if g.queue < 0 || g.queue > vegas.MaxQueue {
		return fmt.Errorf("--queue %d is not from 0 to %d", g.queue, vegas.MaxQueue)
	}
	c.Gate = &guard.Gate{Vegas: vegas.Config{Min: least, Max: most}, Queue: g.queue}
	switch g.hold {
	case "work":
	case "header":
		c.Gate.Hold = guard.HoldHeader
	case "body":
		c.Gate.Hold = guard.HoldBody
	default:
		return fmt.Errorf("--hold %q is not work, header or body", g.hold)
	}
	return nil
}
