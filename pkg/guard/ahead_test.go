package guard

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestSlowSenderHoldsNoPermit has a client send all but the last byte of its request.
func TestSlowSenderHoldsNoPermit(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	})))
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1234")
	eventually(t, func() bool { return g.inFlight.Load() == 1 })
	for range 5 { // the limit is 1
		if resp, _ := get(t, s.URL); resp.StatusCode != 200 {
			t.Errorf("another request: %d", resp.StatusCode)
		}
	}
	io.WriteString(conn, "5")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "12345" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	settled(t, g)
}

// TestReadAhead checks that handlers and upstreams read what was sent, wherever reading ahead
// ended.
func TestReadAhead(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(b)
	})
	u, _ := upstream(t, "http", echo)
	for _, size := range []int{0, 1, 9, 10, 11, 100_000} {
		g := newGuard(t, Config{Gate: &Gate{ReadAhead: 10}})
		proxy, err := g.Proxy(ProxyConfig{Upstream: u})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []http.Handler{g.Middleware(echo), proxy} {
			s := serve(t, h)
			for _, chunked := range []bool{false, true} {
				want := strings.Repeat("x", size)
				var body io.Reader = strings.NewReader(want)
				if chunked {
					body = struct{ io.Reader }{body}
				}
				resp, err := http.Post(s.URL, "text/plain", body)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(got) != want || err != nil || resp.StatusCode != 200 {
					t.Errorf("%d bytes, chunked %v: status %d, %d bytes, %v", size, chunked, resp.StatusCode, len(got), err)
				}
			}
		}
	}
}

// TestBodyBreaksOff checks that a body that ends too soon does not look like one that is whole.
func TestBodyBreaksOff(t *testing.T) {
	for _, ahead := range []int{-1, 2, 100} {
		g := newGuard(t, Config{Gate: &Gate{ReadAhead: ahead}})
		read := make(chan error, 1)
		s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			read <- err
		})))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n1234")
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn) // until the server gives up
		conn.Close()
		settled(t, g)
		select {
		case err := <-read:
			if err == nil {
				t.Errorf("reading %d ahead: a body of 4 bytes passed for one of 50", ahead)
			}
		default: // the client was seen to be gone before
		}
	}
}

// TestNoTunnelsByUpgrade asks for an upgrade to a protocol that would carry requests past the
// limits.
func TestNoTunnelsByUpgrade(t *testing.T) {
	u, _ := upstream(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.Header.Get("Upgrade"); to != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", to)
			w.WriteHeader(http.StatusSwitchingProtocols)
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
			return
		}
		hello(w, r)
	}))
	for _, c := range []struct {
		to   string
		more []string
		want int
	}{{"h2c", nil, 200}, {"H2C", nil, 200}, {"echo", nil, 200}, {"websocket, h2c", nil, 200}, {"WebSocket", nil, 101}, {"echo", []string{"echo"}, 101}} {
		_, s := front(t, Config{}, ProxyConfig{Upstream: u, Upgrades: c.more})
		req, err := http.NewRequest("GET", s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {c.to}, "Http2-Settings": {"AAMAAABkAARAAAAAAAIAAAAA"}}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() // after 101, the connection
		if resp.StatusCode != c.want {
			t.Errorf("upgrade to %s: %d, want %d", c.to, resp.StatusCode, c.want)
		}
	}
}
