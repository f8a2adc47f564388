package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"cqkit/pkg/gcra"
)

// A server keeps the entries of keys. Its methods end with their context, and are safe for concurrent use.
type server interface {
	// params returns a limit as the server keeps it, or why it cannot.
	params(l gcra.Limit) (params, error)
	// prepare makes the server ready for a limit. It is called before the limit is used.
	prepare(ctx context.Context, p *params) error
	// take decides on the entry of a key, a name made by keyName.
	take(ctx context.Context, key string, p *params, a ask) (reply, error)
	// refund gives n of the cells back that the reply with a mark granted, if the entry is the one it
	// wrote and still owes something.
	refund(ctx context.Context, key string, p *params, n uint64, m mark) (bool, error)
	// tend does what has to be done once in a while. It is called every few seconds.
	tend(ctx context.Context)
	close()
}

// An ask is what an instance wants of a key: to count charge cells that have been used, whatever is owed, and
// then as many of least to most cells as pass. Without any, it tells what is owed and writes nothing.
type ask struct{ charge, least, most uint64 }

// writes tells whether an ask with so many cells granted changes the entry.
func (a ask) writes(granted uint64) bool { return a.charge > 0 || granted > 0 }

// A reply is what became of an ask.
type reply struct {
	granted uint64
	owed    int64 // afterwards, in ticks
	mark    mark
}

// A mark identifies the entry that a reply wrote.
type mark struct{ at, value int64 }

// schemes are the kinds of servers by the scheme of their URLs.
var schemes = map[string]func(ctx context.Context, url string, o Options) (server, error){
	"redis": openRedis, "rediss": openRedis, "unix": openRedis,
	"nats": openNATS, "tls": openNATS,
	"postgres": openPostgres, "postgresql": openPostgres,
}

func scheme(rawURL string) string {
	s, _, _ := strings.Cut(rawURL, "://")
	return s
}

// connect opens the server at a URL.
func connect(ctx context.Context, rawURL string, o Options) (server, error) {
	open := schemes[scheme(rawURL)]
	if open == nil {
		return nil, fmt.Errorf("%w: it begins with none of redis://, rediss://, unix://, nats://, tls:// and postgres://", errBadURL)
	}
	return open(ctx, rawURL, o)
}

// place returns the URL of a server without what is secret.
func place(rawURL string) string {
	var all []string
	for one := range strings.SplitSeq(rawURL, ",") {
		u, err := url.Parse(one)
		if err != nil || u.Host == "" && u.Scheme != "unix" { // no telling what is secret in it
			all = append(all, "the server")
			continue
		}
		all = append(all, (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
	}
	return strings.Join(all, ",")
}

var errBadURL = errors.New("the URL of the server cannot be used")
