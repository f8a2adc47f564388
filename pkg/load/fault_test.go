package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scripted is a server that does to each connection what a test wants, and returns its URL.
func scripted(t testing.TB, handle func(c *net.TCPConn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer func() {
					c.Close()
					mu.Lock()
					delete(open, c)
					mu.Unlock()
				}()
				handle(c.(*net.TCPConn), bufio.NewReader(c))
			})
		}
	})
	return "http://" + l.Addr().String()
}

// request reads the head of a request, and reports whether there was one.
func request(r *bufio.Reader) bool {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			return true
		}
	}
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// TestFaults lets servers misbehave in every way there is a name for. What became of each request
// must be told, and the run must end.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle func(c *net.TCPConn, r *bufio.Reader)
		want   string // of six requests, one after the other, that may take 100 ms each
	}{
		{"closes at once", func(c *net.TCPConn, r *bufio.Reader) {}, "reset 6"},
		{"resets at once", func(c *net.TCPConn, r *bufio.Reader) { c.SetLinger(0) }, "reset 6"},
		{"closes after the request", func(c *net.TCPConn, r *bufio.Reader) { request(r) }, "reset 6"},
		{"resets after the request", func(c *net.TCPConn, r *bufio.Reader) { request(r); c.SetLinger(0) }, "reset 6"},
		{"answers once and closes", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, strings.Replace(hello, "\r\n", "\r\nConnection: close\r\n", 1))
		}, "ok 6"},
		{"half-closes without an answer", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			c.CloseWrite()
			io.Copy(io.Discard, r)
		}, "reset 6"},
		{"half-closes with the answer", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, strings.Replace(hello, "\r\n", "\r\nConnection: close\r\n", 1))
			c.CloseWrite()
			io.Copy(io.Discard, r)
		}, "ok 6"},
		{"body ends with the connection", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello")
		}, "ok 6"},
		{"stalls", func(c *net.TCPConn, r *bufio.Reader) { io.Copy(io.Discard, r) }, "timeout 6"},
		{"stalls in the head", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, hello[:20])
			io.Copy(io.Discard, r)
		}, "timeout 6"},
		{"stalls in the body", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, hello[:len(hello)-1])
			io.Copy(io.Discard, r)
		}, "timeout 6"},
		{"trickles", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
			for {
				if _, err := c.Write([]byte{'x'}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}, "timeout 6"},
		{"floods", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			b := make([]byte, 64<<10)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}, "timeout 6"},
		{"100,000 fields", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("Name: value\r\n", 100_000)+"\r\n")
		}, "protocol 6"},
		{"endless interim answers", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			for {
				if _, err := io.WriteString(c, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100)); err != nil {
					return
				}
			}
		}, "protocol 6"},
		{"garbage", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, "220 smtp.example.org ESMTP\r\n")
			io.Copy(io.Discard, r)
		}, "protocol 6"},
		{"too short a body", func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
		}, "reset 6"},
		{"too long a body", func(c *net.TCPConn, r *bufio.Reader) { // what is too much belongs to no answer
			request(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello")
			io.Copy(io.Discard, r)
		}, "ok 6"},
		{"speaks first", func(c *net.TCPConn, r *bufio.Reader) {
			io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			io.Copy(io.Discard, r)
		}, "client_error 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
				t.Parallel()
				url := scripted(t, c.handle)
				cfg := Config{Targets: one(t, url), Concurrency: 1, Requests: 6, Timeout: 100 * time.Millisecond}
				if !strings.HasPrefix(c.want, "timeout") { // whatever the machine is busy with
					cfg.Timeout = 20 * time.Second
				}
				engine(&cfg)
				r := do(t, t.Context(), cfg)
				if got := outcomes(r); got != c.want {
					t.Errorf("got %s %v, want %s", got, r.Examples, c.want)
				}
				if !strings.HasPrefix(c.want, "ok") && !strings.HasPrefix(c.want, "client") && len(r.Examples) != 1 {
					t.Errorf("examples %v", r.Examples)
				}
				if strings.HasPrefix(c.want, "timeout") && r.Service.Min() != 0 {
					t.Errorf("a service time of %v without an answer", r.Service.Min())
				}
			})
		})
	}
}

// TestEndsAtEachByte ends the connection after each byte of an answer, in both ways.
func TestEndsAtEachByte(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		for _, reset := range []bool{false, true} {
			var n atomic.Int64
			url := scripted(t, func(c *net.TCPConn, r *bufio.Reader) {
				k := n.Add(1) - 1
				if !request(r) {
					return
				}
				io.WriteString(c, answer[:k%int64(len(answer)+1)])
				if reset {
					c.SetLinger(0)
				}
			})
			c := Config{Targets: one(t, url), Concurrency: 1, Requests: uint64(len(answer) + 1)}
			engine(&c)
			r := do(t, t.Context(), c)
			// The whole answer may be overtaken by the reset that follows it.
			if got := outcomes(r); got != fmt.Sprintf("ok 1, reset %d", len(answer)) && !(reset && got == fmt.Sprintf("reset %d", len(answer)+1)) {
				t.Errorf("reset %t: %s %v", reset, got, r.Examples)
			}
		}
	})
}

// TestIdleConnectionsEnd has a server close connections that are idle: no request may suffer
// from it, unless it was under way.
func TestIdleConnectionsEnd(t *testing.T) {
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		var conns atomic.Int64
		url := scripted(t, func(c *net.TCPConn, r *bufio.Reader) {
			conns.Add(1)
			request(r)
			io.WriteString(c, hello)
			time.Sleep(30 * time.Millisecond)
		})
		c := Config{Targets: one(t, url), Rate: mustProfile(t, "5/s"), Requests: 5}
		engine(&c)
		r := do(t, t.Context(), c)
		if got := outcomes(r); got != "ok 5" || conns.Load() != 5 {
			t.Errorf("%s %v, %d connections", got, r.Examples, conns.Load())
		}
	})
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		c := Config{Targets: one(t, url), Concurrency: 2, Duration: 100 * time.Millisecond}
		engine(&c)
		r := do(t, t.Context(), c)
		// Ten attempts or so for each of two places: a place rests before it tries again.
		if n := r.Requests.Outcomes[Refused]; n == 0 || n > 30 || n != r.Requests.Sent {
			t.Errorf("closed loop: %s", outcomes(r))
		}
		c = Config{Targets: one(t, url), Rate: mustProfile(t, "1k/s"), Duration: 100 * time.Millisecond}
		engine(&c)
		r = do(t, t.Context(), c)
		if got := outcomes(r); got != "refused 100" || !strings.Contains(r.Examples[Refused], "refused") {
			t.Errorf("open loop: %s %v", got, r.Examples)
		}
	})
}

// TestSecondAddress resolves a name to an address where nothing listens, and one where a server does.
func TestSecondAddress(t *testing.T) {
	_, url := serve(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	c := Config{Targets: one(t, "http://name.invalid:"+port), Concurrency: 2, Requests: 10, Timeout: 20 * time.Second, Loops: 1}
	r, err := newRun(&c)
	if err != nil {
		t.Fatal(err)
	}
	r.names.lookup = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	if res, err := r.run(t.Context()); err != nil || outcomes(res) != "ok 10" {
		t.Errorf("%v %s %v", err, outcomes(res), res.Examples)
	}
}

func TestDNS(t *testing.T) {
	_, url := serve(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	c := Config{Targets: one(t, "http://name.invalid:"+port), Rate: mustProfile(t, "100/s"), Duration: 2500 * time.Millisecond, Timeout: 20 * time.Second, Loops: 1}
	r, err := newRun(&c)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	r.names.lookup = func(context.Context, string) ([]netip.Addr, error) {
		if asked.Add(1) < 3 {
			return nil, &net.DNSError{Err: "no such host", Name: "name.invalid", IsNotFound: true}
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	res, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// It fails at the start and after a second, and works after two.
	if n := res.Requests.Outcomes; n[DNS] == 0 || n[OK] == 0 || n[DNS]+n[OK] != 250 || asked.Load() != 3 || !strings.Contains(res.Examples[DNS], "no such host") {
		t.Errorf("%s %v, asked %d times", outcomes(res), res.Examples, asked.Load())
	}
	c = Config{Targets: one(t, "http://name.invalid:"+port), Concurrency: 1, Duration: 50 * time.Millisecond}
	engines["net"](&c)
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: addr}}
	}
	if r := do(t, t.Context(), c); r.Requests.Outcomes[DNS] == 0 || r.Requests.Outcomes[DNS] != r.Requests.Sent {
		t.Error(outcomes(r))
	}
}

// TestRestart ends a server in the middle of a run and starts another on its port.
func TestRestart(t *testing.T) {
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		first, second := make(chan struct{}), make(chan struct{})
		var served atomic.Int64
		handle := func(l net.Listener, stop chan struct{}) {
			var wg sync.WaitGroup
			for {
				c, err := l.Accept()
				if err != nil {
					wg.Wait()
					return
				}
				wg.Go(func() {
					defer c.Close()
					go func() { <-stop; c.Close() }()
					for r := bufio.NewReader(c); request(r); {
						served.Add(1)
						io.WriteString(c, hello)
					}
				})
			}
		}
		go handle(l, first)
		c := Config{Targets: one(t, "http://"+addr), Rate: mustProfile(t, "500/s"), Duration: 900 * time.Millisecond}
		engine(&c)
		var again net.Listener
		restarted := make(chan struct{})
		go func() {
			defer close(restarted)
			for served.Load() < 50 {
				time.Sleep(time.Millisecond)
			}
			l.Close()
			close(first)
			time.Sleep(200 * time.Millisecond)
			again, err = net.Listen("tcp", addr)
			if err == nil {
				go handle(again, second)
			}
		}()
		r := do(t, t.Context(), c)
		<-restarted
		if err != nil {
			t.Skipf("the port was taken: %v", err)
		}
		again.Close()
		close(second)
		n := r.Requests.Outcomes
		if r.Requests.Sent != 450 || n[Refused] == 0 || n[OK] < 50 || n[OK]+n[Refused]+n[Reset] != 450 {
			t.Errorf("%s %v", outcomes(r), r.Examples)
		}
		// What the server answered, less what was lost with its connections.
		if n[OK] > uint64(served.Load()) {
			t.Errorf("%d ok, and the server answered %d", n[OK], served.Load())
		}
	})
}

// TestStall freezes a server for a while, again and again, with all connections in use: what waits
// is late, and what never leaves is a drop; none is missing.
func TestStall(t *testing.T) {
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		url := scripted(t, func(c *net.TCPConn, r *bufio.Reader) {
			for n := 0; request(r); n++ {
				if n == 5 {
					io.Copy(io.Discard, r) // for good
					return
				}
				io.WriteString(c, hello)
			}
		})
		c := Config{Targets: one(t, url), Rate: mustProfile(t, "200/s"), Duration: 500 * time.Millisecond, Concurrency: 1, Timeout: 300 * time.Millisecond}
		engine(&c)
		r := do(t, t.Context(), c)
		n := r.Requests
		if n.Offered != 100 || n.Dropped == 0 || n.Outcomes[Timeout] == 0 || n.Outcomes[Timeout] > 3 || n.Outcomes[OK] > 20 || n.Late == 0 {
			t.Errorf("%+v", n)
		}
		if got := r.Response.AtLeast(); got != n.Dropped+n.Outcomes[Timeout] {
			t.Errorf("%d response times are lower bounds, of %s", got, outcomes(r))
		}
		// More than four fifths were dropped, after a wait of the time-out or more.
		if p50 := r.Response.Quantile(0.5); p50 < 300*time.Millisecond {
			t.Errorf("p50 %v", p50)
		}
		if r.Rates.SentPerS >= r.Rates.OfferedPerS {
			t.Errorf("rates %+v", r.Rates)
		}
	})
}

// TestManyConnections opens as many connections as there are requests at once, and no more.
func TestManyConnections(t *testing.T) {
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		release := make(chan struct{})
		var waiting atomic.Int64
		url := scripted(t, func(c *net.TCPConn, r *bufio.Reader) {
			request(r)
			if waiting.Add(1) == 300 {
				close(release)
			}
			<-release
			io.WriteString(c, hello)
			io.Copy(io.Discard, r)
		})
		c := Config{Targets: one(t, url), Rate: mustProfile(t, "10k/s"), Requests: 300}
		engine(&c)
		r := do(t, t.Context(), c)
		if got := outcomes(r); got != "ok 300" || r.Connects != 300 {
			t.Errorf("%s, %d connections", got, r.Connects)
		}
	})
}

func TestOutcomeOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Outcome
	}{
		{errChunk, Protocol}, {errTimeout, Timeout}, {context.DeadlineExceeded, Timeout}, {context.Canceled, Canceled},
		{errClosed, Reset}, {io.ErrUnexpectedEOF, Reset}, {net.ErrClosed, Reset}, {handshakeError{io.EOF}, TLS},
		{&net.OpError{Err: &net.DNSError{}}, DNS}, {errors.New("anything"), Reset},
	} {
		if got := outcomeOf(c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}

// TestNothingIsLeft looks for goroutines after runs of all kinds.
func TestNothingIsLeft(t *testing.T) {
	_, url := serve(t, nil)
	before := runtime.NumGoroutine()
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		for range 5 {
			c := Config{Targets: many(t, TargetOptions{Close: true}, Request{URL: url}), Concurrency: 5, Requests: 50}
			engine(&c)
			do(t, t.Context(), c)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
