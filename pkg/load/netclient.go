package load

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// A netClient speaks HTTP/1.1 over net.Conn.
type netClient struct {
	r    *run
	mu   sync.Mutex
	idle [][]*netConn
	open int
}

// A netConn is a connection and what is known of its answer.
type netConn struct {
	net.Conn
	raw      net.Conn // below TLS
	endpoint int32
	parser   parser
	since    time.Duration // idle
}

const (
	firstBuffer = 4 << 10 // of a worker, which grows to receiveSize with large answers
	// A request longer than this is written while the answer is awaited: a server may refuse
	// it before it has read all.
	longRequest = 16 << 10
	// A connection that was idle for longer than this is looked at before it is used.
	idleCheck = 50 * time.Millisecond
)

// netLoops makes the loop for TLS, for systems without epoll and for Config.Dial.
func (r *run) netLoops() ([]func(), error) {
	r.engine = "net"
	return r.newPool(&netClient{r: r, idle: make([][]*netConn, len(r.cfg.Targets.endpoints))}), nil
}

func (n *netClient) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, list := range n.idle {
		for _, c := range list {
			c.Close()
		}
	}
}

func (n *netClient) do(ctx context.Context, w *worker, j *job) answer {
	c, err := n.connection(ctx, w, j)
	if err != nil {
		o := outcomeOf(err)
		if o == Reset && !errors.Is(err, syscall.ECONNRESET) {
			o = Refused // for whatever reason
		}
		return answer{outcome: o, err: err}
	}
	// One timer for all of the request, and one that an interruption ends.
	deadline, _ := ctx.Deadline()
	c.raw.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { c.raw.SetDeadline(time.Unix(1, 0)) })
	a, reusable := n.exchange(c, w, j)
	if !stop() || !reusable {
		c.Close()
		n.mu.Lock()
		n.open--
		n.mu.Unlock()
		return a
	}
	c.since = n.r.now()
	n.mu.Lock()
	n.idle[c.endpoint] = append(n.idle[c.endpoint], c)
	n.mu.Unlock()
	return a
}

// connection returns an idle connection to where j goes, or a new one.
func (n *netClient) connection(ctx context.Context, w *worker, j *job) (*netConn, error) {
	e := j.message.endpoint
	for {
		n.mu.Lock()
		list := n.idle[e]
		if len(list) == 0 {
			break
		}
		c := list[len(list)-1]
		n.idle[e] = list[:len(list)-1]
		n.mu.Unlock()
		if j.sent-c.since < idleCheck || quiet(c.raw) {
			return c, nil
		}
		c.Close()
		n.mu.Lock()
		n.open--
		n.mu.Unlock()
	}
	if n.open >= n.r.places { // another endpoint's idle connection makes way
		for i, list := range n.idle {
			if len(list) > 0 {
				list[0].Close()
				n.idle[i] = list[1:]
				n.open--
				break
			}
		}
	}
	n.open++
	n.mu.Unlock()
	c, err := n.dial(ctx, e)
	if err != nil {
		n.mu.Lock()
		n.open--
		n.mu.Unlock()
		return nil, err
	}
	w.mu.Lock()
	w.connects++
	w.mu.Unlock()
	return c, nil
}

func (n *netClient) dial(ctx context.Context, e int32) (*netConn, error) {
	endpoint := &n.r.cfg.Targets.endpoints[e]
	raw, err := n.r.dialEndpoint(ctx, e)
	if err != nil {
		return nil, err
	}
	c := &netConn{Conn: raw, raw: raw, endpoint: e}
	if endpoint.tls {
		t := tls.Client(raw, n.r.tlsFor(endpoint.name))
		if err := t.HandshakeContext(ctx); err != nil {
			raw.Close()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, handshakeError{err}
		}
		c.Conn = t
	}
	return c, nil
}

// tlsFor returns the configuration to speak TLS with a host.
func (r *run) tlsFor(host string) *tls.Config {
	c := &tls.Config{}
	if r.cfg.TLS != nil {
		c = r.cfg.TLS.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	c.NextProtos = []string{"http/1.1"}
	return c
}

// dialEndpoint opens a connection to an endpoint: to the first of its addresses that accepts.
func (r *run) dialEndpoint(ctx context.Context, e int32) (net.Conn, error) {
	if r.cfg.Dial != nil {
		return r.cfg.Dial(ctx, "tcp", r.names.list[e].addr)
	}
	var d net.Dialer
	if r.names.unix != "" {
		return d.DialContext(ctx, "unix", r.names.unix)
	}
	addrs, err := r.names.get(e)
	if err != nil {
		var dns *net.DNSError
		if !errors.As(err, &dns) {
			err = &net.DNSError{Err: err.Error(), Name: r.names.list[e].addr}
		}
		return nil, err
	}
	good := &r.names.list[e].good
	var c net.Conn
	for tried := range addrs {
		i := int(good.Load()) + tried
		var a netip.AddrPort = addrs[i%len(addrs)]
		if c, err = d.DialContext(ctx, "tcp", a.String()); err == nil {
			if tried > 0 {
				good.Store(int32(i % len(addrs)))
			}
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	r.names.again(e)
	return nil, err
}

// exchange sends a request and takes the answer. It reports whether another request may follow.
func (n *netClient) exchange(c *netConn, w *worker, j *job) (answer, bool) {
	w.scratch = w.scratch[:0]
	out := j.message.whole(w.scratch, n.r.cfg.Seed, j.index)
	if j.message.line == nil || j.message.tail != nil {
		w.scratch = out
	}
	p := &c.parser
	p.begin(j.message.head, n.r.want)
	var written chan error
	if len(out) > longRequest {
		written = make(chan error, 1)
		go func() {
			_, err := c.Write(out)
			written <- err
		}()
	} else if _, err := c.Write(out); err != nil {
		if !n.read(c, w) { // unless it answered before it closed
			return answer{outcome: outcomeOf(err), err: err}, false
		}
		p.closes = true
	}
	ok := p.done() || n.read(c, w)
	clean := ok && p.reusable()
	if written != nil {
		if ok && len(written) == 0 { // answered before all was written
			clean = false
		}
		if !clean {
			c.raw.SetDeadline(time.Unix(1, 0))
		}
		if err := <-written; err != nil {
			clean = false
		}
	}
	w.mu.Lock()
	w.out += uint64(len(out))
	w.in += uint64(p.bytes)
	w.mu.Unlock()
	if !ok {
		return answer{outcome: outcomeOf(w.err), err: w.err}, false
	}
	a := answer{outcome: n.r.classify(p.status, p.match.ok()), status: p.status, advice: p.advice}
	p.advice, w.advice = w.advice, p.advice // the connection may be in use again before the answer is counted
	if a.outcome == Protocol {
		a.err = errUnexpected(p.status)
	}
	return a, clean && !n.r.cfg.Targets.close
}

// read reads until the answer is complete. If it does not become that, w.err says why.
func (n *netClient) read(c *netConn, w *worker) bool {
	if w.buf == nil {
		w.buf = make([]byte, firstBuffer)
	}
	p := &c.parser
	for {
		k, err := c.Read(w.buf)
		if k > 0 {
			used, bad := p.feed(w.buf[:k])
			if bad != nil {
				w.err = bad
				return false
			}
			if p.done() {
				if used < k || err != nil {
					p.closes = true
				}
				return true
			}
			if k == len(w.buf) && k < receiveSize {
				w.buf = make([]byte, 2*k)
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			if p.eof() {
				return true
			}
			w.err = errClosed
			return false
		default:
			w.err = err
			return false
		}
	}
}
