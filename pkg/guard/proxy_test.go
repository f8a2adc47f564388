package guard

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// upstream starts a server that speaks the given scheme, and returns its URL.
func upstream(t testing.TB, scheme string, h http.Handler) (*url.URL, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = scheme == "https"
	if scheme == "h2c" {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	var trust *tls.Config
	if scheme == "https" {
		s.StartTLS()
		trust = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		trust.NextProtos = nil
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme = scheme
	return u, trust
}

// front starts a guard in front of an upstream.
func front(t testing.TB, cfg Config, pc ProxyConfig) (*Guard, *httptest.Server) {
	t.Helper()
	g := newGuard(t, cfg)
	h, err := g.Proxy(pc)
	if err != nil {
		t.Fatal(err)
	}
	return g, serve(t, h)
}

func TestProxySpeaksToUpstreams(t *testing.T) {
	for scheme, proto := range map[string]string{"http": "HTTP/1.1", "https": "HTTP/2.0", "h2c": "HTTP/2.0"} {
		t.Run(scheme, func(t *testing.T) {
			u, trust := upstream(t, scheme, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", "Sum")
				w.Header().Set("Seen", r.Proto+" "+r.URL.RequestURI())
				w.WriteHeader(http.StatusEarlyHints)
				body, _ := io.ReadAll(r.Body)
				w.Write(body)
				w.Header().Set("Sum", fmt.Sprint(len(body)))
				w.Header().Set(http.TrailerPrefix+"Late", "yes")
			}))
			u.Path = "/base/"
			g, s := front(t, Config{Gate: &Gate{}, Headers: HeadersAlways, Limits: []Limit{{Limit: perSecond(1000, 1000)}}}, ProxyConfig{Upstream: u, TLS: trust})
			body := strings.Repeat("x", 100_000)
			resp, err := http.Post(s.URL+"/a%2Fb?x=1;y=%zz", "text/plain", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != body {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if seen, want := resp.Header.Get("Seen"), proto+" /base/a%2Fb?x=1;y=%zz"; seen != want {
				t.Errorf("upstream saw %q, want %q", seen, want)
			}
			if resp.Trailer.Get("Sum") != "100000" || resp.Trailer.Get("Late") != "yes" {
				t.Errorf("trailers %v", resp.Trailer)
			}
			if resp.Header.Get("RateLimit") == "" {
				t.Errorf("no RateLimit behind early hints: %v", resp.Header)
			}
			settled(t, g)
		})
	}
}

// settled waits until a guard has nothing in flight, and fails if a permit did not come back.
func settled(t testing.TB, g *Guard) {
	t.Helper()
	eventually(t, func() bool { return g.inFlight.Load() == 0 && (g.gate == nil || g.gate.Stats().InFlight == 0) })
}

// eventually waits until something is so, however slow the machine.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to that")
		}
	}
}

func TestProxyPassesWebSockets(t *testing.T) {
	u, _ := upstream(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, data); err != nil {
				return
			}
		}
	}))
	g, s := front(t, Config{Gate: &Gate{}}, ProxyConfig{Upstream: u})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a", strings.Repeat("b", 20_000)} {
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, data, err := c.Read(ctx); err != nil || string(data) != text {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
	}
	// The limit is 1, and the connection no longer counts.
	if n := g.gate.Stats().InFlight; n != 0 {
		t.Errorf("an open WebSocket holds %d permits", n)
	}
	if n := g.inFlight.Load(); n != 1 {
		t.Errorf("%d in flight", n)
	}
	c.Close(websocket.StatusNormalClosure, "")
	settled(t, g)
}

func TestWebSocketInMiddleware(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		if n := g.gate.Stats().InFlight; n != 0 {
			t.Errorf("an open WebSocket holds %d permits", n)
		}
		c.Write(r.Context(), websocket.MessageText, []byte("hello"))
	})))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, data, err := c.Read(ctx); err != nil || string(data) != "hello" {
		t.Fatalf("%q, %v", data, err)
	}
	settled(t, g)
}

// TestProxyExpectContinue checks that an upstream which refuses a body never makes the
// client send it, and one that wants it gets it.
func TestProxyExpectContinue(t *testing.T) {
	u, _ := upstream(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		io.Copy(w, r.Body)
	}))
	_, s := front(t, Config{}, ProxyConfig{Upstream: u})
	for path, want := range map[string]string{"/no": "HTTP/1.1 417", "/yes": "HTTP/1.1 100"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", path)
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("%s: %q, %v; want %s", path, line, err, want)
		}
		if path != "/yes" {
			continue
		}
		io.WriteString(conn, "12345")
		in.ReadString('\n')
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "12345" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	}
}

// raw starts a server that does with each connection what f does, after the request's header.
func raw(t *testing.T, f func(net.Conn)) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					f(conn)
				}
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func TestProxyFailingUpstreams(t *testing.T) {
	refused := raw(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Host = l.Addr().String()
	l.Close()
	block := make(chan bool)
	t.Cleanup(func() { close(block) })
	for name, c := range map[string]struct {
		upstream  *url.URL
		status    int // 0: the answer breaks off
		overloads int
	}{
		"refuses": {refused, 502, 0},
		"resets": {raw(t, func(c net.Conn) {
			c.(*net.TCPConn).SetLinger(0)
		}), 502, 0},
		"closes":        {raw(t, func(c net.Conn) {}), 502, 0},
		"talks rubbish": {raw(t, func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP\r\n\r\n") }), 502, 0},
		"stalls":        {raw(t, func(c net.Conn) { <-block }), 504, 1},
		"breaks off":    {raw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc") }), 0, 0},
		"is overloaded": {raw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") }), 503, 1},
		"fails":         {raw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") }), 500, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &outcomesSeen{}
			g := newGuard(t, Config{Gate: &Gate{Controller: &windows{}}})
			g.observe(seen)
			h, err := g.Proxy(ProxyConfig{Upstream: c.upstream, HeaderTimeout: 100 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			s := serve(t, h)
			resp, err := http.Post(s.URL, "text/plain", strings.NewReader("x"))
			want := upstreamError
			switch {
			case err != nil && c.status == 0:
				resp = &http.Response{Body: http.NoBody}
			case err != nil:
				t.Fatal(err)
			case resp.StatusCode != max(200, c.status):
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			body, readErr := io.ReadAll(resp.Body)
			resp.Body.Close()
			if (err != nil || readErr != nil) != (c.status == 0) {
				t.Errorf("reading the answer: %q, %v", body, readErr)
			}
			if strings.Contains(string(body), "127.0.0.1") {
				t.Errorf("the answer tells what it should not: %s", body)
			}
			settled(t, g)
			if name == "is overloaded" || name == "fails" {
				want = admitted
			}
			if e := seen.last(); e.outcome != want {
				t.Errorf("outcome %v, want %v", e.outcome, want)
			}
			if n := overloads(g); n != c.overloads {
				t.Errorf("%d overloads, want %d", n, c.overloads)
			}
		})
	}
}

func TestProxyTellsTheClient(t *testing.T) {
	u, _ := upstream(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, field := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"} {
			fmt.Fprintf(w, "%s=%s ", field, strings.Join(r.Header[field], "|"))
		}
		fmt.Fprint(w, "Host="+r.Host)
	}))
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, c := range map[string]struct {
		proxies Proxies
		keep    bool
		want    string
	}{
		"nobody trusted": {Proxies{}, false, "X-Forwarded-For=127.0.0.1 X-Forwarded-Host=SELF X-Forwarded-Proto=http Forwarded= Host=" + u.Host},
		"trusted":        {Proxies{Trusted: loopback}, true, "X-Forwarded-For=6.6.6.6, 127.0.0.1 X-Forwarded-Host=shop.example X-Forwarded-Proto=https Forwarded= Host=SELF"},
		"Forwarded":      {Proxies{Trusted: loopback, Forwarded: true}, false, "X-Forwarded-For=7.7.7.7, 127.0.0.1 X-Forwarded-Host=shop.example X-Forwarded-Proto=https Forwarded= Host=" + u.Host},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := front(t, Config{Proxies: c.proxies}, ProxyConfig{Upstream: u, KeepHost: c.keep})
			_, body := get(t, s.URL, "X-Forwarded-For", "6.6.6.6", "Forwarded", "for=7.7.7.7", "X-Forwarded-Host", "shop.example", "X-Forwarded-Proto", "https")
			if want := strings.ReplaceAll(c.want, "SELF", s.Listener.Addr().String()); body != want {
				t.Errorf("got  %s\nwant %s", body, want)
			}
		})
	}
}

func TestProxyRefusesTunnels(t *testing.T) {
	u, _ := upstream(t, "http", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached the upstream") }))
	_, s := front(t, Config{}, ProxyConfig{Upstream: u})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "CONNECT inside.example:22 HTTP/1.1\r\nHost: inside.example:22\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestProxyRefusesUpstreams(t *testing.T) {
	g := newGuard(t, Config{})
	for _, s := range []string{"", "/path", "ftp://a", "a:80", "http://"} {
		u, _ := url.Parse(s)
		if _, err := g.Proxy(ProxyConfig{Upstream: u}); err == nil {
			t.Errorf("%q is an upstream", s)
		}
	}
	if _, err := g.Proxy(ProxyConfig{Upstream: &url.URL{Scheme: "http", Host: "a"}, HeaderTimeout: -1}); err == nil {
		t.Error("a negative time-out is one")
	}
}
