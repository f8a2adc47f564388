package load

import (
	"runtime"
	"time"

	"cqkit/pkg/vegas"
	"golang.org/x/sys/unix"
)

const (
	// A loop waits raw while something happens at least this often. The runtime interrupts
	// such a wait where it needs the processor, after as long.
	rawFor = 10 * time.Millisecond
	// A loop looks around at least this often.
	idleFor = 100 * time.Millisecond
	// A busy connection makes way for others after as many reads.
	readsInTurn = 16

	maxSpin = 60 * time.Microsecond
)

// A loop sends requests and takes answers on raw sockets, in one goroutine.
type loop struct {
	*tally
	poll     *poller
	peers    []*loop
	places   int
	inFlight int
	conns    []*conn // by descriptor
	open     int     // connections
	idle     [][]*conn
	spare    []*conn // without a descriptor
	gen      int32
	rest     []time.Duration // when resting places are back, in order
	again    []*conn         // with more to read than their turn allowed

	first, last *conn // in flight, in the order of their deadlines

	held      job // reserved and not sent
	holding   bool
	exhausted bool
	full      bool
	freeSince time.Duration
	awake     awake

	spin       time.Duration // by how much waking up was late lately
	gap        time.Duration // between what was reserved last
	heldBefore time.Duration
	buf        []byte
	scratch    []byte
}

// eventLoops makes the loops for plain HTTP/1.1.
func (r *run) eventLoops() ([]func(), error) {
	r.engine = "epoll"
	n := r.count()
	loops := make([]*loop, n)
	for i := range loops {
		p, err := newPoller()
		if err != nil {
			for _, l := range loops[:i] {
				l.poll.close()
			}
			return nil, err
		}
		l := &loop{tally: r.newTally(), poll: p, idle: make([][]*conn, len(r.cfg.Targets.endpoints)), buf: make([]byte, receiveSize), spin: 20 * time.Microsecond}
		l.places = r.places / n
		if i < r.places%n {
			l.places++
		}
		loops[i] = l
		r.wakes = append(r.wakes, p.wake)
	}
	run := make([]func(), n)
	for i, l := range loops {
		l.peers = loops
		run[i] = l.run
	}
	return run, nil
}

// run is the loop. It ends when nothing is due any more and nothing in flight.
func (l *loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer sharpen()()
	defer l.closeAll()
	now := l.r.now()
	happened := now
	for {
		l.expire(now)
		l.pump(now)
		now = l.r.now()
		if l.finished(now) {
			return
		}
		until := l.nextMoment(now)
		wait := max(0, until-now)
		raw := now-happened < rawFor
		if raw && wait > rawFor {
			wait = rawFor
		}
		n := l.poll.wait(wait, raw)
		asked := now + wait
		now = l.r.now()
		if n > 0 {
			happened = now
			for i := range n {
				l.handle(&l.poll.events[i])
			}
			now = l.r.now()
		} else if wait > 0 && now >= asked {
			l.learn(now - asked)
		}
		if len(l.again) > 0 {
			list := l.again
			l.again = nil
			for _, c := range list {
				if c.hungry {
					c.hungry = false
					l.receive(c)
				}
			}
		}
		if l.holding && l.held.due-now < maxSpin {
			if l.spinUntil(l.held.due) {
				now = l.r.now()
			}
			happened = now
		}
	}
}

// learn takes note of by how much a wait was too long, for the next to be as much shorter.
func (l *loop) learn(late time.Duration) {
	l.spin += (min(late, maxSpin) - l.spin) / 8
}

// lead returns how long before a due moment to wake up: at most an eighth of the time is spun.
func (l *loop) lead() time.Duration { return min(l.spin, l.gap/8) }

// spinUntil spins to a moment that is less away than waking up may be late.
func (l *loop) spinUntil(due time.Duration) bool {
	if l.inFlight >= l.places {
		return false
	}
	for l.r.now() < due {
		if due-l.r.now() > l.lead() {
			return false
		}
	}
	return true
}

// nextMoment returns when the loop has something to do if nothing happens.
func (l *loop) nextMoment(now time.Duration) time.Duration {
	if len(l.again) > 0 {
		return now
	}
	at := now + idleFor
	if l.first != nil {
		at = min(at, l.first.deadline)
	}
	if len(l.rest) > 0 {
		at = min(at, l.rest[0])
	}
	if l.holding && !l.full {
		at = min(at, l.held.due-l.lead())
	}
	if l.r.gate != nil && l.full {
		at = min(at, now+10*time.Millisecond) // a limit that rose has nobody to tell it
	}
	if halted := l.r.haltedAt(); halted != never {
		at = min(at, halted+l.r.cfg.Drain)
	}
	return at
}

// finished tells whether all is done, and gives up what is not when it is time to.
func (l *loop) finished(now time.Duration) bool {
	halted := l.r.haltedAt()
	if halted != never {
		if l.holding && l.held.due < halted {
			l.drop(&l.held, now)
		}
		l.holding, l.exhausted = false, true
		if now >= halted+l.r.cfg.Drain {
			for l.first != nil {
				l.fail(l.first, now, Canceled, errCanceled)
			}
		}
		return l.inFlight == 0
	}
	if l.r.schedule == nil {
		return now >= l.r.end && l.inFlight == 0 || l.exhausted && l.inFlight == 0
	}
	return l.exhausted && !l.holding && l.inFlight == 0
}

// pump sends what can be sent.
func (l *loop) pump(now time.Duration) {
	if l.r.haltedAt() != never {
		return
	}
	if l.r.schedule == nil {
		l.pumpClosed(now)
		return
	}
	for !l.exhausted || l.holding {
		if l.inFlight >= l.places {
			l.lack()
			return
		}
		if !l.holding {
			if !l.r.reserveOpen(&l.held) {
				l.exhausted = true
				return
			}
			l.holding = true
			l.gap, l.heldBefore = l.held.due-l.heldBefore, l.held.due
		}
		if l.held.due > now {
			return
		}
		if l.r.tooLate(&l.held, now) {
			l.drop(&l.held, now)
			l.holding = false
			continue
		}
		if !l.permit(now) {
			return
		}
		j := l.held
		l.holding = false
		j.free = l.freeSince
		j.sent = l.r.now()
		j.permit = l.held.permit
		now = j.sent
		l.start(&j)
	}
}

func (l *loop) pumpClosed(now time.Duration) {
	for l.inFlight+len(l.rest) < l.places && !l.exhausted {
		if !l.permit(now) {
			return
		}
		var j job
		if !l.r.reserveClosed(now, &j) {
			l.exhausted = true
			if l.r.gate != nil {
				l.held.permit.Release(now, vegas.Ignore)
			}
			return
		}
		j.permit = l.held.permit
		l.start(&j)
		if l.inFlight+len(l.rest) < l.places {
			now = l.r.now()
		}
	}
}

// permit takes a permit of the gate, if there is one, for what is held.
func (l *loop) permit(now time.Duration) bool {
	g := l.r.gate
	if g == nil {
		return true
	}
	// Each loop keeps to its share, so that one does not starve the others.
	if n := len(l.peers); l.inFlight >= (int(l.r.limit.Load())+n-1)/n {
		l.lack()
		return false
	}
	p, ok := g.Try(now, vegas.Class{})
	if !ok {
		l.lack()
		return false
	}
	l.awake.lacking.Store(false)
	if l.full { // another loop made room
		l.full, l.freeSince = false, now
	}
	l.held.permit = p
	return true
}

// lack notes that there is no place for another request.
func (l *loop) lack() {
	l.full = true
	l.r.full.Store(true)
	if l.r.gate != nil {
		l.awake.lacking.Store(true)
	}
}

// expire ends what takes too long, and rests.
func (l *loop) expire(now time.Duration) {
	for l.first != nil && l.first.deadline <= now {
		l.fail(l.first, now, Timeout, errTimeout)
	}
	for len(l.rest) > 0 && l.rest[0] <= now {
		l.rest = l.rest[1:]
	}
}

// handle acts on an event.
func (l *loop) handle(e *unix.EpollEvent) {
	if int(e.Fd) == l.poll.wakeFD {
		var b [8]byte
		unix.Read(l.poll.wakeFD, b[:])
		return
	}
	c := l.conns[e.Fd]
	if c == nil || c.gen != e.Pad {
		return // closed since
	}
	if c.state == connecting {
		l.connected(c)
		if c.gen != e.Pad || c.state != busy {
			return
		}
	} else if e.Events&unix.EPOLLOUT != 0 && len(c.out) > 0 {
		if !l.write(c) {
			return
		}
	}
	if e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLRDHUP|unix.EPOLLERR) != 0 {
		c.ending = c.ending || e.Events&(unix.EPOLLHUP|unix.EPOLLRDHUP|unix.EPOLLERR) != 0
		l.receive(c)
	}
}

// done ends the job of c with an answer or without, at now.
func (l *loop) done(c *conn, now time.Duration, a *answer) {
	l.unlink(c)
	l.inFlight--
	l.end(&c.job, now, a)
	if l.full {
		l.full = false
		l.freeSince = now
	}
}

// refill uses the place that was just freed, and lets another loop have it if this one has no use for it.
func (l *loop) refill(now time.Duration) {
	l.pump(now)
	if l.r.gate == nil {
		return
	}
	for _, p := range l.peers {
		if p != l && p.awake.lacking.Load() && p.awake.lacking.CompareAndSwap(true, false) {
			p.poll.wake()
		}
	}
}

func (l *loop) closeAll() {
	for _, c := range l.conns {
		if c != nil {
			l.discard(c)
		}
	}
	l.poll.close()
}
