package load

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lookupEvery is how often a name is asked for again after it did not resolve, or after
// what it resolved to did not answer.
const lookupEvery = time.Second

// names knows the addresses of the endpoints. Looking up happens before the start and then
// only in the background: a request never waits for it.
type names struct {
	timeout time.Duration
	unix    string
	list    []name
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
}

type name struct {
	host  string // to look up; "" if the address is fixed
	port  uint16
	addr  string // host:port, for those who dial themselves
	found atomic.Pointer[addresses]
	good  atomic.Int32 // which address worked last
	mu    sync.Mutex
	busy  bool
	asked time.Time
}

// addresses are what a lookup gave.
type addresses struct {
	addrs []netip.AddrPort
	err   error
}

func newNames(cfg *Config) *names {
	n := &names{timeout: cfg.Timeout, unix: cfg.Unix, list: make([]name, len(cfg.Targets.endpoints))}
	n.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	for i := range n.list {
		e, m := &cfg.Targets.endpoints[i], &n.list[i]
		m.addr = instead(cfg.Resolve, e.addr)
		host, port, err := net.SplitHostPort(m.addr)
		if err != nil {
			m.found.Store(&addresses{err: err})
			continue
		}
		p, err := net.LookupPort("tcp", port)
		if err != nil {
			m.found.Store(&addresses{err: err})
			continue
		}
		m.port = uint16(p)
		if ip, err := netip.ParseAddr(host); err == nil {
			m.found.Store(&addresses{addrs: []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), m.port)}})
			continue
		}
		m.host = host
		m.found.Store(&addresses{err: errors.New("not looked up yet")})
	}
	return n
}

// instead returns where to connect to for addr.
func instead(resolve map[string]string, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	to, ok := resolve[strings.ToLower(addr)]
	if !ok {
		if to, ok = resolve[strings.ToLower(host)]; !ok {
			return addr
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(to, "[]")); err == nil {
		return net.JoinHostPort(strings.Trim(to, "[]"), port)
	}
	if _, p, err := net.SplitHostPort(to); err == nil {
		if _, err := strconv.ParseUint(p, 10, 16); err == nil {
			return to
		}
	}
	return net.JoinHostPort(to, port)
}

// resolveAll looks all names up, some at a time.
func (n *names) resolveAll(ctx context.Context) {
	if n.unix != "" {
		return
	}
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i := range n.list {
		if n.list[i].host == "" {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			n.resolve(ctx, &n.list[i])
			<-slots
		})
	}
	wg.Wait()
}

func (n *names) resolve(ctx context.Context, m *name) {
	ctx, cancel := context.WithTimeout(ctx, min(n.timeout, 10*time.Second))
	defer cancel()
	addrs, err := n.lookup(ctx, m.host)
	f := &addresses{err: err}
	for _, a := range addrs {
		f.addrs = append(f.addrs, netip.AddrPortFrom(a.Unmap(), m.port))
	}
	if err == nil && len(addrs) == 0 {
		f.err = &net.DNSError{Err: "no such host", Name: m.host, IsNotFound: true}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = time.Now()
	m.busy = false
	if old := m.found.Load(); f.err != nil && len(old.addrs) > 0 {
		return // what was known is better than nothing
	}
	m.found.Store(f)
}

// get returns the addresses of an endpoint.
func (n *names) get(endpoint int32) ([]netip.AddrPort, error) {
	f := n.list[endpoint].found.Load()
	if f.err != nil {
		n.again(endpoint)
	}
	return f.addrs, f.err
}

// again has a name looked up anew, if that was not done within the last second.
func (n *names) again(endpoint int32) {
	m := &n.list[endpoint]
	if m.host == "" || n.unix != "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy || time.Since(m.asked) < lookupEvery {
		return
	}
	m.busy = true
	go n.resolve(context.Background(), m)
}
