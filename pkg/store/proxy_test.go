package store

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A proxy is a network between instances and a server, which the test can cut, and make slow in one direction.
type proxy struct {
	listener net.Listener
	target   string
	accepted atomic.Int64 // connections

	toServer, toClient atomic.Int64 // delays in ns

	mu    sync.Mutex
	whole *sync.Cond // not cut
	cut   bool
	done  bool
	conns []net.Conn
}

// newProxy returns a proxy in front of the server at a URL, and the URL by way of it.
func newProxy(t testing.TB, raw string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: u.Host}
	p.whole = sync.NewCond(&p.mu)
	go p.serve()
	t.Cleanup(p.close)
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		go func() {
			if !p.pass() {
				_ = client.Close()
				return
			}
			server, err := net.Dial("tcp", p.target)
			if err != nil {
				_ = client.Close()
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, client, server)
			p.mu.Unlock()
			go p.copy(server, client, &p.toServer)
			p.copy(client, server, &p.toClient)
		}()
	}
}

// pass waits while the network is cut. What was sent meanwhile arrives late, as TCP has it.
func (p *proxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.cut && !p.done {
		p.whole.Wait()
	}
	return !p.done
}

func (p *proxy) copy(to, from net.Conn, delay *atomic.Int64) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			time.Sleep(time.Duration(delay.Load()))
			if !p.pass() {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	p.whole.Broadcast()
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	p.whole.Broadcast()
	for _, c := range p.conns {
		_ = c.Close()
	}
}
