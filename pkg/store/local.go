package store

import (
	"context"
	"sync"
	"time"

	"cqkit/pkg/gcra"
)

// A local is what an instance in best-effort mode knows of a key.
type local struct {
	name string // in the server

	mu      sync.Mutex
	under   *setting
	tat     int64         // in ticks of the store's time: what the server told, and pending cells
	heard   time.Duration // when the server was asked for what is known; 0 is never
	pending uint64        // cells that were used and are not reported
	since   time.Duration // when the first of them was used
	touched time.Duration
	fetch   *fetch // under way, or nil
	dead    bool
}

// bestEffort decides by what is known, and asks if that is old.
func (s *Store) bestEffort(ctx context.Context, to *setting, key string, n uint64) (gcra.Decision, error) {
	for range 4 {
		l := s.locals.get(key, func() *local { return &local{name: keyName(key)} })
		if l == nil {
			break
		}
		now := s.now()
		l.mu.Lock()
		if l.dead {
			l.mu.Unlock()
			continue
		}
		l.touched = now
		if l.under != to {
			l.under, l.heard = to, 0
		}
		if l.heard > 0 {
			owed := max(0, l.tat-to.ticks(now))
			passes := to.passes(n, owed)
			if !passes || now-l.heard <= 2*s.options.ReportEvery {
				if passes {
					owed += to.cost(n)
					l.tat = to.ticks(now) + owed
					if l.pending == 0 {
						l.since = now
					}
					l.pending += n
				}
				l.mu.Unlock()
				return to.decision(n, passes, owed), nil
			}
		}
		f := l.fetch
		if f == nil {
			f = l.begin()
			go s.finish(context.Background(), l, to, f, now)
		}
		l.mu.Unlock()
		if err := f.wait(ctx); err != nil {
			return gcra.Decision{}, err
		}
	}
	return s.strict(ctx, to, key, n)
}

// begin begins a report of what is pending. l is locked.
func (l *local) begin() *fetch {
	l.fetch = &fetch{done: make(chan struct{}), most: l.pending, since: l.since}
	l.pending = 0
	return l.fetch
}

// finish sends a report that began at now, and learns what the server tells.
func (s *Store) finish(ctx context.Context, l *local, to *setting, f *fetch, now time.Duration) {
	r, err := s.ask(ctx, to, l.name, ask{charge: f.most})
	after := s.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fetch = nil
	switch f.err = err; {
	case err != nil: // whether or not the server has counted them
		if f.most > 0 {
			l.pending, l.since = l.pending+f.most, f.since
		}
	case l.under == to:
		l.heard = max(now, 1)
		l.tat = to.ticks(after) + r.owed + to.cost(l.pending)
	}
	if took := after - f.since; err == nil && f.most > 0 && took > s.longestReport() {
		s.counts.longestReport.Store(int64(took))
	}
	close(f.done)
}

func (s *Store) longestReport() time.Duration { return time.Duration(s.counts.longestReport.Load()) }

// A due is a report that has begun.
type due struct {
	*local
	*fetch
	under *setting
}

// report reports what is pending and forgets keys that nobody asks for.
func (s *Store) report(ctx context.Context) {
	now := s.now()
	var list []due
	s.locals.all(func(key string, l *local) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case l.fetch != nil:
		case l.pending > 0:
			list = append(list, due{l, l.begin(), l.under})
		case now-l.touched > 2*s.options.ReportEvery && (l.under == nil || l.tat <= l.under.ticks(now)):
			l.dead = true
			s.locals.forget(key, l)
		}
	})
	s.finishAll(ctx, list)
}

func (s *Store) finishAll(ctx context.Context, list []due) {
	// All of them, also when ctx has ended: somebody may wait for each.
	each(context.WithoutCancel(ctx), list, func(d due) { s.finish(ctx, d.local, d.under, d.fetch, s.now()) })
}

// unreported returns the cells that were used and are not known to be reported.
func (s *Store) unreported() (n uint64) {
	s.locals.all(func(_ string, l *local) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n += l.pending; l.fetch != nil {
			n += l.fetch.most
		}
	})
	return n
}

// drainReports reports all that is pending.
func (s *Store) drainReports(ctx context.Context) {
	var list []due
	s.locals.all(func(_ string, l *local) {
		settle(ctx, &l.mu, &l.fetch)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.pending > 0 && l.fetch == nil {
			list = append(list, due{l, l.begin(), l.under})
		}
	})
	s.finishAll(ctx, list)
}
