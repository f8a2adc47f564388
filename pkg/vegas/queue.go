package vegas

import (
	"context"
	"time"
)

const priorities = int(Critical-Background) + 1

// oldestEvery is how often the oldest waiter is served whatever its priority.
const oldestEvery = 8

// A waiter is one request that waits for a permit. Its fields belong to the holder of
// qmu while it is in a queue and to its goroutine otherwise.
type waiter struct {
	next, prev *waiter
	list       *waiterList
	part       int
	seq        uint64
	err        error         // why it was sent away
	ready      chan struct{} // of capacity 1: a permit or err is there
	timer      *time.Timer
}

func newWaiter() *waiter {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &waiter{ready: make(chan struct{}, 1), timer: t}
}

// maxSpare is how many waiters a gate keeps for reuse. They are the gate's own rather
// than the process's, so that a gate can live in a bubble of testing/synctest.
const maxSpare = 256

func (g *Gate) newWaiter() *waiter {
	if n := len(g.spare); n > 0 {
		w := g.spare[n-1]
		g.spare = g.spare[:n-1]
		return w
	}
	return newWaiter()
}

func (g *Gate) freeWaiter(w *waiter) {
	if len(g.spare) < maxSpare {
		g.spare = append(g.spare, w)
	}
}

// A waiterList is a doubly linked list in order of arrival.
type waiterList struct{ first, last *waiter }

func (l *waiterList) push(w *waiter) {
	w.list, w.prev, w.next = l, l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (l *waiterList) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev, w.list = nil, nil, nil
}

// A queue holds the waiters by partition and priority.
type queue struct {
	lists  [][priorities]waiterList // by partition
	len    int
	seq    uint64
	grants uint64
	empty  time.Duration // when it was last empty, while it is not
}

// waits tells whether any of partition i waits.
func (q *queue) waits(i int) bool {
	if q.len == 0 || i >= len(q.lists) {
		return false
	}
	for p := range q.lists[i] {
		if q.lists[i][p].first != nil {
			return true
		}
	}
	return false
}

func (q *queue) add(w *waiter, p int) {
	for len(q.lists) <= w.part {
		q.lists = append(q.lists, [priorities]waiterList{})
		q.relink()
	}
	q.seq++
	w.seq = q.seq
	q.lists[w.part][p].push(w)
	q.len++
}

// relink points waiters at their lists after those have moved.
func (q *queue) relink() {
	for i := range q.lists {
		for p := range q.lists[i] {
			l := &q.lists[i][p]
			for w := l.first; w != nil; w = w.next {
				w.list = l
			}
		}
	}
}

func (q *queue) remove(w *waiter) {
	w.list.remove(w)
	q.len--
}

// busy tells whether the queue has stood for longer than patience.
func (q *queue) busy(now, patience time.Duration) bool {
	return q.len > 0 && now-q.empty > patience
}

// level is the index of a priority's list.
func level(p Priority) int { return int(min(max(Background, p), Critical) - Background) }

// next chooses who is served next among those admits lets through: of the highest
// priority the first to come, or the last while the queue is busy; every
// oldestEvery-th time the first to come of all.
func (q *queue) next(busy bool, admits func(part int) bool) *waiter {
	oldest := (q.grants+1)%oldestEvery == 0
	var best *waiter
	for p := priorities - 1; p >= 0; p-- {
		for i := range q.lists {
			w := q.lists[i][p].first
			if busy && !oldest {
				w = q.lists[i][p].last
			}
			if w == nil || !admits(i) {
				continue
			}
			if best == nil || (w.seq < best.seq) != (busy && !oldest) {
				best = w
			}
		}
		if best != nil && !oldest {
			break
		}
	}
	return best
}

// evict returns the waiter to send away for one of level p: the first to come of
// the lowest level, if that is below p.
func (q *queue) evict(p int) *waiter {
	for low := range p {
		var first *waiter
		for i := range q.lists {
			if w := q.lists[i][low].first; w != nil && (first == nil || w.seq < first.seq) {
				first = w
			}
		}
		if first != nil {
			return first
		}
	}
	return nil
}

// pump hands permits to waiters for as long as there are both. The caller holds qmu.
//
// No wake-up is lost: a waiter counts in state before its own pump looks at the
// limit, and whoever frees a permit or raises the limit changes the same word first and looks
// at the count of waiters in it; so one of the two sees the other.
func (g *Gate) pump() {
	if g.queue.len == 0 {
		return
	}
	now := g.Now()
	for g.queue.len > 0 {
		limit := limitOf(g.state.Load())
		busy := g.queue.busy(now, g.cfg.Patience)
		w := g.queue.next(busy, func(i int) bool { return g.admits(i, limit) })
		if w == nil || !g.take(w.part, 1) {
			if w != nil && limit != limitOf(g.state.Load()) {
				continue // partitions were weighed at another limit
			}
			return
		}
		g.queue.grants++
		g.queue.remove(w)
		w.ready <- struct{}{}
	}
}

// Acquire takes a permit as Try does, or waits for one if there is room in the
// queue. Then the request starts when the wait ends. It returns ErrFull, ErrLate, or the
// error of ctx, and no permit with any of them.
//
// Of those who wait, the highest priority is served first, and within it the first to
// come; or the last to come, while the queue has not been empty for Patience. Every
// eighth permit goes to the first to come of all. A full queue sends away the
// oldest waiter of a lower priority, with ErrFull, for one of a higher.
func (g *Gate) Acquire(ctx context.Context, c Class) (Permit, error) {
	return g.acquire(ctx, c, true)
}

// acquire is Acquire. A request that need not wait starts untimed unless timed is set.
func (g *Gate) acquire(ctx context.Context, c Class, timed bool) (Permit, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, err
	}
	part := int32(g.partOf(c))
	if g.parts == nil || g.cfg.Queue == 0 { // or else enqueue looks, under the lock it takes anyway
		if _, ok := g.pass(c); ok {
			start := untimed
			if timed {
				start = g.Now()
			}
			return Permit{gate: g, start: start, part: part}, nil
		}
	}
	if g.cfg.Queue == 0 {
		g.refused.Add(1)
		return Permit{}, ErrFull
	}
	w, wait, ok := g.enqueue(int(part), level(c.Priority))
	if !ok {
		g.refused.Add(1)
		return Permit{}, ErrFull
	}
	if w != nil {
		err := g.await(ctx, w, wait)
		if err == nil {
			err = w.err
		}
		g.qmu.Lock()
		g.freeWaiter(w)
		g.qmu.Unlock()
		if err != nil {
			return Permit{}, err
		}
	}
	return Permit{gate: g, start: g.Now(), part: part}, nil
}

// enqueue takes a permit for partition part, or else puts a waiter into the queue, makes
// room for it if it may, and returns it with how long it may wait. The waiter is nil
// if the permit was taken.
func (g *Gate) enqueue(part, level int) (*waiter, time.Duration, bool) {
	g.qmu.Lock()
	defer g.qmu.Unlock()
	if !g.queue.waits(part) && g.take(part, 0) {
		return nil, 0, true
	}
	now := g.Now()
	if g.queue.len >= g.cfg.Queue {
		out := g.queue.evict(level)
		if out == nil {
			return nil, 0, false
		}
		g.queue.remove(out)
		g.state.Add(^(oneWaiter - 1))
		out.err = ErrFull
		g.refused.Add(1)
		out.ready <- struct{}{}
	}
	wait := g.cfg.Patience
	if g.queue.len == 0 {
		g.queue.empty = now
	} else if g.queue.busy(now, g.cfg.Patience) {
		wait = min(wait, g.cfg.Target)
	}
	w := g.newWaiter()
	w.part, w.err = part, nil
	g.queue.add(w, level)
	g.state.Add(oneWaiter)
	g.pump()
	return w, wait, true
}

// await waits until w has been served or sent away, which it tells by nil, or until
// ctx ends or the wait is over.
func (g *Gate) await(ctx context.Context, w *waiter, wait time.Duration) error {
	select {
	case <-w.ready:
		return nil
	default:
	}
	w.timer.Reset(wait)
	defer w.timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-w.timer.C:
		return g.leave(w, ErrLate)
	case <-ctx.Done():
		return g.leave(w, ctx.Err())
	}
}

// leave takes w out of the queue. If it was served meanwhile, a wait that
// ran out keeps the permit, and a context that ended gives it back.
func (g *Gate) leave(w *waiter, err error) error {
	g.qmu.Lock()
	if w.list != nil {
		g.queue.remove(w)
		g.state.Add(^(oneWaiter - 1))
		if err == ErrLate {
			g.late++
		} else {
			g.gaveUp++
		}
		g.qmu.Unlock()
		return err
	}
	g.qmu.Unlock()
	<-w.ready
	if err == ErrLate || w.err != nil {
		return nil
	}
	g.giveBack(int32(w.part))
	return err
}
