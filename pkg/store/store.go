package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/gcra"
)

var (
	// ErrUnavailable means that the server did not answer and that Failure is FailClosed: nothing
	// was decided. What was sent may have been counted.
	ErrUnavailable = errors.New("the server of the shared limits is unavailable")
	// ErrClosed means that the Store has been closed.
	ErrClosed = errors.New("the store is closed")
	// ErrNoSchema means that the database lacks what CreateSchema makes, or has it from another version.
	ErrNoSchema = errors.New("the database has no tables for limits, or not of this version: create the schema first")
)

// openFor is how long Open tries at most.
const openFor = 5 * time.Second

// A Store is one limit, for each of any number of keys, that instances share by a
// server. It is safe for concurrent use. Make one with [Open] and close it in the end.
type Store struct {
	options Options
	place   string
	server  server
	breaker *breaker
	alone   *gcra.Keyed[string] // while the server is unavailable
	start   time.Time
	policy  func(ctx context.Context, s *setting, key string, n uint64) (gcra.Decision, error)
	leases  table[lease]
	locals  table[local]
	counts  counts

	limit  atomic.Pointer[setting]
	change sync.Mutex

	closing chan struct{} // closed by Close
	once    sync.Once
	workers sync.WaitGroup
}

// A setting is a limit in force.
type setting struct {
	params
	most  uint64        // cells of a lease
	ready atomic.Bool   // the server has been prepared for it
	wait  chan struct{} // holds one token for who prepares it
}

// Open connects to the server at a URL (redis://, rediss:// or unix:// for Redis, nats:// for NATS, several
// with commas, postgres:// for PostgreSQL) and returns the limit that is kept there. It tries for
// 5 s at most, or until ctx ends, and fails if there was no answer, unless Options.StartDown.
// The URL's password is in no error.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	server, err := connect(ctx, url, o)
	if err != nil {
		return nil, unreachable(place(url), err)
	}
	s := &Store{options: o, place: place(url), server: server, breaker: newBreaker(o.LongestPause), start: time.Now(),
		closing: make(chan struct{})}
	if err := s.begin(ctx); err != nil {
		server.close()
		return nil, err
	}
	return s, nil
}

func (s *Store) begin(ctx context.Context) error {
	o := s.options
	setting, err := s.setting(o.Limit)
	if err != nil {
		return err
	}
	if s.alone, err = gcra.NewKeyed[string](gcra.KeyedConfig{Limit: o.share(o.Limit), MaxKeys: o.MaxKeys}); err != nil {
		return fmt.Errorf("the share of an instance: %w", err)
	}
	if err := s.prepare(ctx, setting); err != nil && !(o.StartDown && passing(err)) {
		return unreachable(s.place, err)
	}
	s.limit.Store(setting)
	s.leases.most, s.locals.most = int64(o.MaxKeys), int64(o.MaxKeys)
	every := 5 * time.Second
	work := func(context.Context) {}
	switch o.Mode {
	case Leased:
		s.policy = s.leased
		work, every = s.returnLeases, min(every, max(o.LeaseFor/4, time.Millisecond))
	case BestEffort:
		s.policy = s.bestEffort
		// What is reported late counts as if it had been used then, which wastes what comes back meanwhile.
		work, every = s.report, min(o.ReportEvery, max(setting.duration(setting.capacity)/4, time.Millisecond))
	default:
		s.policy = s.strict
	}
	if o.Mode != Strict {
		s.workers.Go(func() { s.work(every, work) })
	}
	s.workers.Go(func() { s.work(5*time.Second, s.tend) })
	return nil
}

// unreachable returns the error of a server that could not be made use of, with what to do about it.
func unreachable(place string, err error) error {
	if errors.Is(err, errBadURL) || !passing(err) {
		return fmt.Errorf("%s: %w", place, err)
	}
	return fmt.Errorf("%s: %w: %w: check that the server runs, and that address, user, password and database in the URL are right",
		place, ErrUnavailable, err)
}

// passing tells whether an error may pass without anybody's doing.
func passing(err error) bool { return !errors.Is(err, ErrNoSchema) }

func (s *Store) setting(l gcra.Limit) (*setting, error) {
	p, err := s.server.params(l)
	if err != nil {
		return nil, fmt.Errorf("limit: %w", err)
	}
	return &setting{params: p, most: s.options.lease(l), wait: make(chan struct{}, 1)}, nil
}

// prepare makes the server ready for a setting, once.
func (s *Store) prepare(ctx context.Context, to *setting) error {
	if to.ready.Load() {
		return nil
	}
	select {
	case to.wait <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-to.wait }()
	if to.ready.Load() {
		return nil
	}
	err := s.server.prepare(ctx, &to.params)
	to.ready.Store(err == nil)
	return err
}

// now is the time since the store's beginning, by this machine's monotonic clock.
func (s *Store) now() time.Duration { return time.Since(s.start) }

// Take asks for n cells of a key. What they keep to together, over all instances, is
// in docs/store.md, by Mode. With n = 0 it tells the state and changes nothing. The error is ErrUnavailable, ErrClosed
// or why ctx ended; a denial is none. Cells whose decision ended with an error may have been counted, but
// must not be used.
func (s *Store) Take(ctx context.Context, key string, n uint64) (gcra.Decision, error) {
	if s.closed() {
		return gcra.Decision{}, ErrClosed
	}
	to := s.limit.Load()
	var d gcra.Decision
	var err error
	if n == 0 || n > to.burst {
		d, err = s.strict(ctx, to, key, n)
	} else {
		d, err = s.policy(ctx, to, key, n)
	}
	if err != nil {
		d, err = s.without(ctx, to, key, n, err)
	}
	s.counts.decided(n, &d, err)
	return d, err
}

// Peek asks the server, in all modes, whether n cells of a key would pass, and changes nothing. Its Remaining is of before the
// cells. Leased cells that the instance holds are not part of it.
func (s *Store) Peek(ctx context.Context, key string, n uint64) (gcra.Decision, error) {
	if s.closed() {
		return gcra.Decision{}, ErrClosed
	}
	to := s.limit.Load()
	r, err := s.ask(ctx, to, keyName(key), ask{})
	if err != nil {
		if s.options.Failure == FailClosed || gaveUp(ctx) != nil {
			return gcra.Decision{}, s.explain(ctx, err)
		}
		return s.alone.Peek(key, s.now(), n), nil
	}
	return to.decision(n, n == 0 || to.passes(n, r.owed), r.owed), nil
}

// strict shares one decision.
func (s *Store) strict(ctx context.Context, to *setting, key string, n uint64) (gcra.Decision, error) {
	a := ask{least: n, most: n}
	if n > to.burst {
		a = ask{} // only to tell what is owed
	}
	r, err := s.ask(ctx, to, keyName(key), a)
	if err != nil {
		return gcra.Decision{}, err
	}
	return to.decision(n, r.granted == n, r.owed), nil
}

// Change sets another limit from now on, on this instance. What is owed stays owed, counted in cells. The shares for
// when the server is unavailable change too. An error changes nothing.
func (s *Store) Change(ctx context.Context, limit gcra.Limit) error {
	s.change.Lock()
	defer s.change.Unlock()
	to, err := s.setting(limit)
	if err != nil {
		return err
	}
	share := s.options.share(limit)
	if err := share.Check(); err != nil {
		return fmt.Errorf("the share of an instance: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	if err := s.prepare(ctx, to); err != nil {
		return fmt.Errorf("%s: %w: %w", s.place, ErrUnavailable, err)
	}
	if err := s.alone.Change(s.now(), share); err != nil {
		return fmt.Errorf("the share of an instance: %w", err)
	}
	s.limit.Store(to)
	return nil
}

// Limit returns the limit in force on this instance.
func (s *Store) Limit() gcra.Limit { return s.limit.Load().limit }

// EffectiveRate returns the rate that is kept: 1/T, with T rounded up to what the server counts
// in. It is never above the limit's rate.
func (s *Store) EffectiveRate() gcra.Rate { return s.limit.Load().effective() }

// Close gives leased cells back and reports what was decided, as far as that can be done before ctx ends, and
// closes the connections. Decisions after it are ErrClosed.
func (s *Store) Close(ctx context.Context) error {
	err := ErrClosed
	s.once.Do(func() {
		err = nil
		close(s.closing)
		s.workers.Wait()
		switch s.options.Mode {
		case Leased:
			s.drainLeases(ctx)
		case BestEffort:
			s.drainReports(ctx)
		}
		s.server.close()
	})
	return err
}

func (s *Store) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// work calls f about so often until the store is closed. Every pause is a little different, so that
// instances that started together do not stay together.
func (s *Store) work(every time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-s.closing
		cancel()
	}()
	timer := time.NewTimer(jittered(every))
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		f(ctx)
		timer.Reset(jittered(every))
	}
}

func (s *Store) tend(ctx context.Context) {
	if !s.breaker.isOpen() {
		s.server.tend(ctx)
	}
}
