package target

import (
	"context"
	"net"
	"sync"
	"time"
)

// Listen listens on a TCP address, but not while outage is off: then new connections
// are refused, and Accept waits. Open connections stay. The cycle begins now. With an
// outage, a port of 0 is chosen once.
func Listen(ctx context.Context, address string, outage Cycle) (net.Listener, error) {
	if err := outage.Check(); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	inner, err := config.Listen(ctx, "tcp", address)
	if err != nil || outage == (Cycle{}) {
		return inner, err
	}
	return &listener{outage: outage, begin: time.Now(), inner: inner, address: inner.Addr(), closed: make(chan struct{})}, nil
}

// listener closes the listener it has when an outage begins, and makes a new one
// after it.
type listener struct {
	outage  Cycle
	begin   time.Time
	address net.Addr
	closed  chan struct{}

	mu    sync.Mutex
	inner net.Listener // nil during an outage
	over  bool
}

func (l *listener) Addr() net.Addr { return l.address }

func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return net.ErrClosed
	}
	l.over = true
	close(l.closed)
	if l.inner == nil {
		return nil
	}
	return l.inner.Close()
}

// Accept returns the next connection. It notices the outages: while nobody calls it,
// the system accepts connections on behalf of the listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.open()
		if err != nil {
			return nil, err
		}
		off := time.AfterFunc(l.outage.begins(time.Since(l.begin))-time.Since(l.begin), func() { l.drop(inner) })
		conn, err := inner.Accept()
		off.Stop()
		if err == nil {
			return conn, nil
		}
		if l.drop(inner) {
			return nil, err
		}
	}
}

// drop closes inner and reports whether the listener is closed altogether.
func (l *listener) drop(inner net.Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == inner {
		inner.Close()
		l.inner = nil
	}
	return l.over
}

// open returns the listener in use, and outside outages makes one if there is none.
func (l *listener) open() (net.Listener, error) {
	for {
		now := time.Since(l.begin)
		l.mu.Lock()
		if l.over {
			l.mu.Unlock()
			return nil, net.ErrClosed
		}
		back := l.outage.next(now)
		if back > now && l.inner != nil {
			l.inner.Close()
			l.inner = nil
		}
		if back <= now {
			var err error
			if l.inner == nil {
				l.inner, err = net.Listen("tcp", l.address.String())
			}
			inner := l.inner
			l.mu.Unlock()
			return inner, err
		}
		l.mu.Unlock()
		timer := time.NewTimer(back - now)
		select {
		case <-timer.C:
		case <-l.closed:
			timer.Stop()
		}
	}
}
