package guard

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Log sums up what a guard refuses, and what fails, in log lines.
type Log struct {
	logger *slog.Logger
	every  time.Duration

	mu      sync.Mutex
	counts  map[logged]uint64
	pending bool // a timer will write the counts
}

// logged is what a line is about. Its values are as few as the configuration makes them.
type logged struct {
	class, limit string
	outcome      outcome
	dry          bool
	failed       bool // a Decider did, and the request may have passed all the same
}

// Log makes the guard write to logger, once in so long at most, how many requests were
// refused or failed since the last time; 0 means 10 seconds. It must be called before the guard is
// in use.
func (g *Guard) Log(logger *slog.Logger, every time.Duration) *Log {
	if every <= 0 {
		every = 10 * time.Second
	}
	l := &Log{logger: logger, every: every, counts: map[logged]uint64{}}
	g.observe(l)
	return l
}

func (l *Log) begin(r *http.Request) *http.Request { return r }
func (l *Log) decided(*http.Request, *event)       {}

func (l *Log) finished(_ *http.Request, e *event) {
	switch {
	case e.failed:
	case e.dry != admitted:
	case e.outcome == admitted, e.outcome == bypassed, e.outcome == canceled:
		return
	}
	what := logged{class: e.class, limit: e.limit, outcome: e.outcome, failed: e.failed}
	if e.dry != admitted {
		what.outcome, what.dry = e.dry, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[what]++
	if !l.pending {
		l.pending = true
		time.AfterFunc(l.every, l.Flush)
	}
}

// Flush writes what has not been written yet. It is safe for concurrent use.
func (l *Log) Flush() {
	l.mu.Lock()
	counts := l.counts
	l.counts, l.pending = map[logged]uint64{}, false
	l.mu.Unlock()
	keys := make([]logged, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b logged) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.limit, b.limit))
	})
	for _, k := range keys {
		message := "requests refused"
		switch {
		case k.failed:
			message = "shared limit failed"
		case k.outcome == upstreamError:
			message = "requests failed"
		case k.dry:
			message = "requests would have been refused"
		}
		args := []slog.Attr{slog.String("class", k.class), slog.String("outcome", k.outcome.String()), slog.Uint64("requests", counts[k]), slog.Duration("interval", l.every)}
		if k.limit != "" {
			args = append(args, slog.String("limit", k.limit))
		}
		if k.dry {
			args = append(args, slog.Bool("dry_run", true))
		}
		l.logger.LogAttrs(context.Background(), slog.LevelWarn, message, args...)
	}
}
