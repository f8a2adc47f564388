package load

import (
	"context"
	"sync"
	"time"

	"cqkit/pkg/vegas"
)

// A client does one request at a time for each of its callers. It returns when the answer
// is there, when the deadline has passed or when ctx has ended.
type client interface {
	do(ctx context.Context, w *worker, j *job) answer
	close()
}

// A pool sends requests with a goroutine for each that is in flight: for TLS, for systems
// without epoll, for connections made by a function, and for net/http.
type pool struct {
	r      *run
	client client
	shards []*shard
	ctx    context.Context // ends when what is in flight is to be given up
	cancel context.CancelFunc
	stop   chan struct{} // closed when sending is interrupted
	wg     sync.WaitGroup

	mu        sync.Mutex
	changed   *sync.Cond // a place is free, or sending was interrupted
	inFlight  int
	idle      []*worker
	workers   int
	over      bool // the closed loop has no more requests
	full      bool
	freeSince time.Duration
}

// A shard is a tally that several workers share.
type shard struct {
	mu sync.Mutex
	*tally
}

// A worker sends one request after the other.
type worker struct {
	*shard
	jobs    chan job
	buf     []byte
	scratch []byte
	advice  *advice // of the last answer
	err     error   // of the last read
}

func (r *run) newPool(c client) []func() {
	p := &pool{r: r, client: c, stop: make(chan struct{})}
	p.changed = sync.NewCond(&p.mu)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for range r.count() {
		p.shards = append(p.shards, &shard{tally: r.newTally()})
	}
	r.wakes = append(r.wakes, func() {
		close(p.stop)
		p.wake()
		time.AfterFunc(r.cfg.Drain, p.cancel)
	})
	return []func(){p.run}
}

func (p *pool) run() {
	defer p.client.close()
	defer p.cancel()
	if p.r.schedule != nil {
		cutoff := time.AfterFunc(p.r.cutoff-p.r.now(), p.wake)
		defer cutoff.Stop()
		p.dispatch()
	} else {
		p.mu.Lock()
		p.fill()
		for !p.over || p.inFlight > 0 {
			p.changed.Wait()
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	for p.inFlight > 0 {
		p.changed.Wait()
	}
	for _, w := range p.idle {
		close(w.jobs)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *pool) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

// dispatch sends each request of the schedule when it is due and there is a place.
func (p *pool) dispatch() {
	s := newSleeper(p.r.cfg.Dial == nil)
	defer s.close()
	var j job
	for p.r.reserveOpen(&j) {
		if p.sleep(s, j.due) && p.place(&j) {
			p.give(j)
			continue
		}
		halted := p.r.haltedAt()
		if j.due < halted {
			now := p.r.now()
			p.shards[0].mu.Lock()
			p.shards[0].drop(&j, now)
			p.shards[0].mu.Unlock()
		}
		if halted != never {
			return
		}
	}
}

// sleep sleeps until due and reports whether to go on.
func (p *pool) sleep(s *sleeper, due time.Duration) bool {
	for {
		left := due - p.r.now()
		if left <= 0 {
			select {
			case <-p.stop:
				return false
			default:
				return true
			}
		}
		if left <= coarse {
			s.sleep(left)
			continue
		}
		t := time.NewTimer(left - s.margin())
		select {
		case <-p.stop:
			t.Stop()
			return false
		case <-t.C:
		}
	}
}

// coarse is how near a moment has to be for the finest sleep to be used, which cannot be
// interrupted.
const coarse = 2 * time.Millisecond

// place waits for a place for j, until it is too late.
func (p *pool) place(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		now := p.r.now()
		if p.r.haltedAt() != never || p.r.tooLate(j, now) {
			return false
		}
		if p.take(now, j) {
			j.free = p.freeSince
			return true
		}
		p.full = true
		p.r.full.Store(true)
		p.changed.Wait()
	}
}

// take takes a place, with p.mu held.
func (p *pool) take(now time.Duration, j *job) bool {
	if p.inFlight >= p.r.places {
		return false
	}
	if g := p.r.gate; g != nil {
		permit, ok := g.Try(now, vegas.Class{})
		if !ok {
			return false
		}
		j.permit = permit
	}
	p.inFlight++
	return true
}

// fill sends what places of a closed loop there are, with p.mu held.
func (p *pool) fill() {
	for !p.over {
		j, ok := p.nextClosed()
		if !ok {
			return
		}
		p.hand(j)
	}
}

// nextClosed takes a place and the next request of a closed loop, with p.mu held.
func (p *pool) nextClosed() (j job, ok bool) {
	now := p.r.now()
	var held job
	if p.over || !p.take(now, &held) {
		return j, false
	}
	if !p.r.reserveClosed(now, &j) {
		p.over = true
		p.inFlight--
		held.permit.Release(now, vegas.Ignore)
		p.changed.Broadcast()
		return j, false
	}
	j.permit = held.permit
	return j, true
}

func (p *pool) give(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hand(j)
}

// hand hands a job to a worker, with p.mu held.
func (p *pool) hand(j job) {
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		w.jobs <- j // there is room: it was idle
		return
	}
	w := &worker{shard: p.shards[p.workers%len(p.shards)], jobs: make(chan job, 1)}
	p.workers++
	w.jobs <- j
	p.wg.Go(func() { p.work(w) })
}

func (p *pool) work(w *worker) {
	for j := range w.jobs {
		for more := true; more; {
			more = p.do(w, &j)
		}
	}
}

// do does one job. It reports whether j is now another, to be done by the same worker.
func (p *pool) do(w *worker, j *job) bool {
	j.sent = p.r.now()
	if p.r.schedule == nil {
		j.due, j.free = j.sent, j.sent
	}
	w.mu.Lock()
	w.begin(j)
	w.mu.Unlock()
	ctx, cancel := context.WithDeadline(p.ctx, p.r.origin.Add(j.sent+p.r.cfg.Timeout))
	a := p.client.do(ctx, w, j)
	cancel()
	now := p.r.now()
	if a.status == 0 && now-j.sent < p.r.cfg.Timeout && p.ctx.Err() != nil {
		a.outcome, a.err = Canceled, errCanceled
	}
	if a.status == 0 && now-j.sent >= p.r.cfg.Timeout {
		a.outcome, a.err = Timeout, errTimeout
	}
	w.mu.Lock()
	w.end(j, now, &a)
	w.mu.Unlock()
	if p.r.schedule == nil && (a.outcome == Refused || a.outcome == DNS || a.outcome == ClientLimit) {
		p.rest()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	if p.full {
		p.full = false
		p.freeSince = now
	}
	more := false
	if p.r.schedule == nil {
		var next job
		if next, more = p.nextClosed(); more {
			*j = next
			if p.r.gate != nil {
				p.fill()
			}
		}
	}
	if !more {
		p.idle = append(p.idle, w)
	}
	p.changed.Broadcast()
	return more
}

// rest keeps a place of a closed loop empty for a while after it got no connection.
func (p *pool) rest() {
	t := time.NewTimer(restFor)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.stop:
	}
}
