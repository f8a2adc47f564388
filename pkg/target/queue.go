package target

import "time"

// queue is k servers and those who wait for them, by the times of docs/target.md. The
// arrivals it is told must not go back in time.
type queue struct {
	servers int             // 0: as many as come
	room    int             // of those who wait
	free    []time.Duration // a heap: when each server is free, the earliest first
	starts  []time.Duration // when those who wait start, in order; a ring
	first   int             // in starts
	waiting int
	most    int // of waiting
	worked  time.Duration
	dues    []time.Duration // a heap of what is being served, where servers have no number
}

func newQueue(servers, room int) *queue {
	q := &queue{servers: servers, room: room}
	if servers > 0 {
		q.free = make([]time.Duration, servers)
	}
	return q
}

// arrive takes a request that needs service and returns when it is done, or false if
// there is no room.
func (q *queue) arrive(now, service time.Duration) (due time.Duration, ok bool) {
	q.advance(now)
	if q.servers == 0 {
		due = now + service
		q.dues = push(q.dues, due)
		q.worked += service
		return due, true
	}
	start := max(now, q.free[0])
	if start > now {
		if q.waiting >= q.room {
			return 0, false
		}
		q.wait(start)
	}
	due = start + service
	q.free[0] = due
	down(q.free)
	q.worked += service
	return due, true
}

// advance lets those start whose time has come.
func (q *queue) advance(now time.Duration) {
	for q.waiting > 0 && q.starts[q.first] <= now {
		q.first = (q.first + 1) % len(q.starts)
		q.waiting--
	}
	for len(q.dues) > 0 && q.dues[0] <= now {
		q.dues = pop(q.dues)
	}
}

func (q *queue) wait(start time.Duration) {
	if q.waiting == len(q.starts) {
		bigger := make([]time.Duration, max(16, 2*len(q.starts)))
		for i := range q.waiting {
			bigger[i] = q.starts[(q.first+i)%len(q.starts)]
		}
		q.starts, q.first = bigger, 0
	}
	q.starts[(q.first+q.waiting)%len(q.starts)] = start
	q.waiting++
	q.most = max(q.most, q.waiting)
}

// busy returns how many servers work at now, which advance was called with.
func (q *queue) busy(now time.Duration) int {
	n := len(q.dues)
	for _, t := range q.free {
		if t > now {
			n++
		}
	}
	return n
}

// down restores the heap after its first element has grown.
func down(h []time.Duration) {
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if h[c] < h[least] {
				least = c
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

func push(h []time.Duration, t time.Duration) []time.Duration {
	h = append(h, t)
	for i := len(h) - 1; i > 0 && h[i] < h[(i-1)/2]; i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	return h
}

func pop(h []time.Duration) []time.Duration {
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	down(h)
	return h
}
