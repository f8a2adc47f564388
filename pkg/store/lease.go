package store

import (
	"context"
	"sync"
	"time"

	"cqkit/pkg/gcra"
)

const (
	soon = 20 * time.Millisecond // a lease that is used up within it was too small
	late = 80 * time.Millisecond // one that lasts longer was too large
	pace = 5 * time.Millisecond  // between questions about a key that gives less than asked for
)

// A lease is what an instance holds of a key, and knows of it.
type lease struct {
	name string // in the server

	mu      sync.Mutex
	batches [2]batch      // the older one first
	size    uint64        // cells to ask for
	used    uint64        // since the last were asked for
	asked   time.Duration // when
	touched time.Duration // when cells were last wanted
	fetch   *fetch        // under way, or nil
	dead    bool          // no longer in the table

	under *setting      // under which the following is known
	paid  int64         // the tick of the store's time at which what is owed has been paid
	until time.Duration // before which nobody asks
}

// A batch is cells that were taken together.
type batch struct {
	cells uint64
	until time.Duration // when they may no longer be used
	mark  mark
	under *setting
}

// A fetch is an exchange that several callers may wait for.
type fetch struct {
	done chan struct{} // closed when it is over
	err  error

	most  uint64        // cells asked for, or reported
	since time.Duration // when the first of those reported was used
}

// wait returns the fetch's error, or why ctx ended.
func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle waits for what is under way, if anything is.
func settle(ctx context.Context, mu *sync.Mutex, underWay **fetch) {
	mu.Lock()
	f := *underWay
	mu.Unlock()
	if f != nil {
		_ = f.wait(ctx)
	}
}

func (l *lease) held() uint64 { return l.batches[0].cells + l.batches[1].cells }

// expire drops the cells that may no longer be used and returns their number.
func (l *lease) expire(now time.Duration) (lost uint64) {
	for i := range l.batches {
		if b := &l.batches[i]; b.cells > 0 && now > b.until {
			lost += b.cells
			*b = batch{}
		}
	}
	return lost
}

// use takes n cells that are held.
func (l *lease) use(n uint64) {
	first := min(n, l.batches[0].cells)
	l.batches[0].cells -= first
	l.batches[1].cells -= n - first
	l.used += n
}

// add puts a batch behind those that are held.
func (l *lease) add(b batch) {
	old := &l.batches
	switch {
	case old[1].cells == 0:
	case old[0].cells == 0:
		old[0] = old[1]
	default: // the two count as one, that cannot be given back
		old[0] = batch{cells: l.held(), until: min(old[0].until, old[1].until)}
	}
	old[1] = b
}

// owed returns what the key owes at least, by the last reply.
func (l *lease) owed(to *setting, now time.Duration) int64 {
	if l.under != to {
		return 0
	}
	return max(0, l.paid-to.ticks(now))
}

// leased decides with cells that are held, and asks for more when they run out.
func (s *Store) leased(ctx context.Context, to *setting, key string, n uint64) (gcra.Decision, error) {
	for range 4 {
		l := s.leases.get(key, func() *lease { return &lease{name: keyName(key), size: 1} })
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
		s.counts.lost.Add(l.expire(now))
		held, owed := l.held(), l.owed(to, now)
		if held >= n {
			l.use(n)
			if held -= n; held < l.size/4 && l.fetch == nil && now >= l.until && to.passes(1, owed) {
				s.fetch(l, to, 1, now)
			}
			l.mu.Unlock()
			d := to.decision(n, true, owed)
			d.Remaining = min(d.Remaining+held, d.Limit)
			return d, nil
		}
		need := n - held
		if n > to.most {
			l.mu.Unlock()
			break
		}
		if l.fetch == nil {
			if pause := l.until - now; pause > 0 && l.under == to || !to.passes(need, owed) {
				l.mu.Unlock()
				d := to.decision(need, false, owed)
				d.Remaining = min(d.Remaining+held, n-1)
				d.RetryAfter = max(d.RetryAfter, pause)
				return d, nil
			}
			s.fetch(l, to, need, now)
		}
		f := l.fetch
		l.mu.Unlock()
		if err := f.wait(ctx); err != nil {
			return gcra.Decision{}, err
		}
	}
	return s.strict(ctx, to, key, n)
}

// fetch asks for at least so many cells, in the background. l is locked.
func (s *Store) fetch(l *lease, to *setting, least uint64, now time.Duration) {
	switch since := now - l.asked; {
	case since < soon && l.used >= l.size/2:
		l.size *= 2
	case since > late:
		l.size = max(1, l.used)
	}
	l.size = min(l.size, to.most)
	l.asked, l.used = now, 0
	f := &fetch{done: make(chan struct{}), most: max(least, min(l.size, to.most-min(l.held(), to.most)))}
	l.fetch = f
	go func() {
		r, err := s.ask(context.Background(), to, l.name, ask{least: least, most: f.most})
		after := s.now()
		l.mu.Lock()
		l.fetch = nil
		if f.err = err; err == nil {
			l.under, l.paid, l.until = to, to.ticks(after)+r.owed, 0
			if r.granted < f.most {
				l.until = after + pace
			}
			if r.granted > 0 {
				l.add(batch{cells: r.granted, until: now + s.options.LeaseFor, mark: r.mark, under: to})
			}
		}
		l.mu.Unlock()
		close(f.done)
	}()
}

// outstanding returns the cells that are held or asked for.
func (s *Store) outstanding() (n uint64) {
	s.leases.all(func(_ string, l *lease) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n += l.held(); l.fetch != nil {
			n += l.fetch.most
		}
	})
	return n
}

// A giveBack is cells of a key that are no longer held.
type giveBack struct {
	name string
	batch
}

// returnLeases gives back what is about to end unused and forgets keys that nobody asks for.
func (s *Store) returnLeases(ctx context.Context) {
	now := s.now()
	soonOver := now + s.options.LeaseFor/4 + time.Millisecond
	var list []giveBack
	s.leases.all(func(key string, l *lease) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.fetch != nil {
			return
		}
		if b := &l.batches[1]; b.cells > 0 && b.until < soonOver {
			list = append(list, l.giveUp()...)
		}
		if l.held() == 0 && now-l.touched > s.options.LeaseFor && (l.under == nil || l.paid <= l.under.ticks(now)) {
			l.dead = true
			s.leases.forget(key, l)
		}
	})
	s.giveBack(ctx, list)
}

// giveUp takes all cells out of l, which is locked.
func (l *lease) giveUp() (list []giveBack) {
	for i := len(l.batches) - 1; i >= 0; i-- { // the newest is the one on which nothing else of ours stands
		if l.batches[i].cells > 0 {
			list = append(list, giveBack{l.name, l.batches[i]})
		}
		l.batches[i] = batch{}
	}
	return list
}

func (s *Store) giveBack(ctx context.Context, list []giveBack) {
	each(ctx, list, func(b giveBack) {
		done := false
		if b.under != nil && s.now() <= b.until {
			_ = s.exchange(ctx, b.under, func(ctx context.Context) (err error) {
				done, err = s.server.refund(ctx, b.name, &b.under.params, b.cells, b.mark)
				return err
			})
		}
		if done {
			s.counts.returned.Add(b.cells)
		} else {
			s.counts.lost.Add(b.cells)
		}
	})
}

// drainLeases gives back all that is held.
func (s *Store) drainLeases(ctx context.Context) {
	var list []giveBack
	s.leases.all(func(key string, l *lease) {
		settle(ctx, &l.mu, &l.fetch)
		l.mu.Lock()
		defer l.mu.Unlock()
		list = append(list, l.giveUp()...)
		l.dead = true
		s.leases.forget(key, l)
	})
	s.giveBack(ctx, list)
}
