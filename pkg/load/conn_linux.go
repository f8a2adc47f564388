package load

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type connState uint8

const (
	unused connState = iota
	connecting
	busy // a request is in flight
	idle
)

// A conn is one connection of a loop.
type conn struct {
	fd       int
	gen      int32
	state    connState
	ending   bool // the peer has closed its side, or there is an error
	hungry   bool // in the loop's list of those with more to read
	fresh    bool // it was opened for the present request
	endpoint int32
	tried    int // addresses
	job      job
	out      []byte // what is still to be written
	own      []byte // where out is, unless it is a constant message
	parser   parser
	deadline time.Duration
	prev     *conn
	next     *conn
}

// start sends a job, which has a place, on an idle connection or a new one.
func (l *loop) start(j *job) {
	l.inFlight++
	l.begin(j)
	e := j.message.endpoint
	if n := len(l.idle[e]); n > 0 {
		c := l.idle[e][n-1]
		l.idle[e] = l.idle[e][:n-1]
		c.job = *j
		c.fresh = false
		l.link(c)
		l.request(c)
		return
	}
	if l.open >= l.places { // another endpoint's idle connection makes way
		for _, list := range l.idle {
			if len(list) > 0 {
				l.discard(list[0])
				break
			}
		}
	}
	c := l.take()
	c.endpoint = e
	c.job = *j
	c.tried = 0
	c.fresh = true
	l.link(c)
	l.connect(c)
}

// take returns a conn without a descriptor.
func (l *loop) take() *conn {
	if n := len(l.spare); n > 0 {
		c := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return c
	}
	return &conn{fd: -1}
}

// link puts c at the end of those in flight: all have the same time-out, so the order is that of deadlines.
func (l *loop) link(c *conn) {
	c.deadline = c.job.sent + l.r.cfg.Timeout
	c.prev, c.next = l.last, nil
	if l.last != nil {
		l.last.next = c
	} else {
		l.first = c
	}
	l.last = c
}

func (l *loop) unlink(c *conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.last = c.prev
	}
	c.prev, c.next = nil, nil
}

// connect opens a connection for c to the next address of its endpoint.
func (l *loop) connect(c *conn) {
	n := l.r.names
	if n.unix != "" {
		l.dial(c, unix.AF_UNIX, &unix.SockaddrUnix{Name: n.unix})
		return
	}
	addrs, err := n.get(c.endpoint)
	if err != nil || len(addrs) == 0 {
		l.fail(c, l.r.now(), DNS, err)
		return
	}
	a := addrs[(int(n.list[c.endpoint].good.Load())+c.tried)%len(addrs)]
	family, sa := sockaddr(a)
	l.dial(c, family, sa)
}

func sockaddr(a netip.AddrPort) (int, unix.Sockaddr) {
	if ip := a.Addr(); ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return unix.AF_INET6, sa
}

func (l *loop) dial(c *conn, family int, sa unix.Sockaddr) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.unconnected(c, err)
		return
	}
	if family != unix.AF_UNIX {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	c.fd = fd
	l.gen++
	c.gen = l.gen
	c.ending = false
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[fd] = c
	l.open++
	c.state = connecting
	err = unix.Connect(fd, sa)
	if err == unix.EAGAIN { // the backlog of a unix socket is full (connect(2))
		err = unix.ECONNREFUSED
	}
	if err != nil && err != unix.EINPROGRESS && err != unix.EINTR {
		l.unconnected(c, err)
		return
	}
	immediately := err == nil
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd), Pad: c.gen}
	if err := unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		l.unconnected(c, err)
		return
	}
	if immediately {
		l.established(c)
	}
}

// connected acts on the end of connecting.
func (l *loop) connected(c *conn) {
	errno, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = syscall.Errno(errno)
	}
	if err != nil {
		l.unconnected(c, err)
		return
	}
	if _, err := unix.Getpeername(c.fd); err != nil { // not yet: an event of before
		return
	}
	l.established(c)
}

func (l *loop) established(c *conn) {
	l.connects++
	if l.r.names.unix == "" && c.tried > 0 {
		m := &l.r.names.list[c.endpoint]
		m.good.Add(int32(c.tried))
	}
	l.request(c)
}

// unconnected tries the next address of c's endpoint, or ends its request.
func (l *loop) unconnected(c *conn, err error) {
	o := outcomeOf(err)
	if o == Reset && err != unix.ECONNRESET {
		o = Refused // for whatever reason
	}
	c.tried++
	n := l.r.names
	if n.unix == "" && o == Refused {
		if addrs, _ := n.get(c.endpoint); c.tried < len(addrs) {
			l.release(c)
			l.connect(c)
			return
		}
		n.again(c.endpoint)
	}
	l.fail(c, l.r.now(), o, err)
}

// request writes the request of c.
func (l *loop) request(c *conn) {
	c.state = busy
	c.parser.begin(c.job.message.head, l.r.want)
	m := c.job.message
	if m.made == nil && m.tail == nil {
		c.out = m.line
	} else {
		l.scratch = m.whole(l.scratch[:0], l.r.cfg.Seed, c.job.index)
		c.out = l.scratch
	}
	n, errno := send(c.fd, c.out)
	if errno == 0 && n == len(c.out) {
		l.out += uint64(n)
		c.out = nil
		return
	}
	if errno != 0 {
		n = 0
	}
	l.out += uint64(n)
	c.out = c.out[n:]
	if m.made != nil || m.tail != nil { // the scratch is needed for others
		c.own = append(c.own[:0], c.out...)
		c.out = c.own
	}
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		l.unwritable(c, errno)
	}
	// Otherwise an event says when there is room: the socket was found full.
	if errno == unix.EINTR || errno == 0 {
		l.write(c)
	}
}

// write writes what is left of a request, and reports whether c is still in use.
func (l *loop) write(c *conn) bool {
	for len(c.out) > 0 {
		n, errno := send(c.fd, c.out)
		switch errno {
		case 0:
			l.out += uint64(n)
			c.out = c.out[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return true
		default:
			return l.unwritable(c, errno)
		}
	}
	c.out = nil
	return true
}

// unwritable ends the request of c unless an answer may have come in spite of it: a server may
// refuse a body, say so and close. It reports whether c is still in use.
func (l *loop) unwritable(c *conn, errno syscall.Errno) bool {
	c.out = nil
	c.parser.closes = true
	c.ending = true
	gen := c.gen
	l.receive(c)
	if c.gen != gen || c.state != busy {
		return false
	}
	l.fail(c, l.r.now(), outcomeOfErrno(errno), errno)
	return false
}

// receive reads what there is for c, up to its turn.
func (l *loop) receive(c *conn) {
	for range readsInTurn {
		n, errno := receive(c.fd, l.buf)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return
		case errno != 0:
			if c.state == idle {
				l.discard(c)
			} else {
				l.fail(c, l.r.now(), outcomeOfErrno(errno), errno)
			}
			return
		case c.state == idle: // it ended, or said something nobody asked for
			l.discard(c)
			return
		case n == 0:
			now := l.r.now()
			if !c.parser.eof() {
				l.fail(c, now, Reset, errClosed)
				return
			}
			l.answered(c, now)
			return
		}
		l.in += uint64(n)
		used, err := c.parser.feed(l.buf[:n])
		if err != nil {
			l.fail(c, l.r.now(), Protocol, err)
			return
		}
		if c.parser.done() {
			if used < n {
				c.parser.closes = true
			}
			l.answered(c, l.r.now())
			return
		}
		if n < len(l.buf) && !c.ending {
			return // all there was
		}
	}
	if !c.hungry {
		c.hungry = true
		l.again = append(l.again, c)
	}
}

// answered ends the request of c, whose answer is complete.
func (l *loop) answered(c *conn, now time.Duration) {
	p := &c.parser
	a := answer{outcome: l.r.classify(p.status, p.match.ok()), status: p.status, advice: p.advice}
	if a.outcome == Protocol {
		a.err = errUnexpected(p.status)
	}
	l.done(c, now, &a)
	if p.reusable() && !l.r.cfg.Targets.close && len(c.out) == 0 && !c.ending {
		c.state = idle
		l.idle[c.endpoint] = append(l.idle[c.endpoint], c)
	} else {
		l.discard(c)
	}
	l.refill(now)
}

// fail ends the request of c without an answer, and its connection.
func (l *loop) fail(c *conn, now time.Duration, o Outcome, err error) {
	connected := c.state == busy
	l.done(c, now, &answer{outcome: o, err: err})
	l.discard(c)
	if l.r.schedule == nil && !connected {
		l.rest = append(l.rest, now+restFor)
	}
	// The next is sent by the loop, not from here: failures would nest.
}

// release closes the descriptor of c.
func (l *loop) release(c *conn) {
	if c.fd < 0 {
		return
	}
	unix.Close(c.fd)
	l.conns[c.fd] = nil
	c.fd = -1
	l.open--
}

// discard closes c and keeps the structure for another.
func (l *loop) discard(c *conn) {
	if c.state == idle {
		list := l.idle[c.endpoint]
		for i := len(list) - 1; i >= 0; i-- {
			if list[i] == c {
				l.idle[c.endpoint] = append(list[:i], list[i+1:]...)
				break
			}
		}
	}
	l.release(c)
	c.state, c.hungry, c.out = unused, false, nil
	if cap(c.own) > 64<<10 {
		c.own = nil
	}
	l.spare = append(l.spare, c)
}
