package guard

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/vegas"
)

// unread connects to a server, asks for path, and reads nothing of the answer.
func unread(t *testing.T, s *httptest.Server, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path)
	return conn
}

// large is more than the system keeps for a connection.
const large = 32 << 20

// writeLarge writes an answer that no socket buffer holds.
func writeLarge(w http.ResponseWriter, r *http.Request) {
	block := bytes.Repeat([]byte("x"), 64<<10)
	for range large / len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func holding(g *Guard) int { return g.gate.Stats().InFlight }

func TestSlowClientLosesItsPermit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, large), 0o600); err != nil {
		t.Fatal(err)
	}
	u, _ := upstream(t, "http", http.HandlerFunc(writeLarge))
	for name, handler := range map[string]func(*Guard) http.Handler{
		"middleware": func(g *Guard) http.Handler { return g.Middleware(http.HandlerFunc(writeLarge)) },
		"file": func(g *Guard) http.Handler {
			return g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
		},
		"copy": func(g *Guard) http.Handler {
			return g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(w, io.LimitReader(zeros{}, large))
			}))
		},
		"proxy": func(g *Guard) http.Handler {
			h, err := g.Proxy(ProxyConfig{Upstream: u})
			if err != nil {
				t.Fatal(err)
			}
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, Config{Gate: &Gate{}})
			s := serve(t, handler(g))
			conn := unread(t, s, "/")
			eventually(t, func() bool { return g.inFlight.Load() == 1 })
			eventually(t, func() bool { return holding(g) == 0 })
			if n := g.inFlight.Load(); n != 1 {
				t.Errorf("%d in flight: the answer went somewhere", n)
			}
			conn.Close()
			settled(t, g)
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSlowHTTP2Client has a client that opens no window for its answers: nothing of them can be
// sent from the first byte on.
func TestSlowHTTP2Client(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	s := httptest.NewUnstartedServer(g.Middleware(http.HandlerFunc(writeLarge)))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	conn.Write([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0}) // SETTINGS_INITIAL_WINDOW_SIZE = 0
	// HEADERS: GET http / with :authority a (RFC 7541, Appendix A).
	block := []byte{0x82, 0x86, 0x84, 0x41, 1, 'a'}
	conn.Write(append([]byte{0, 0, byte(len(block)), 1, 5, 0, 0, 0, 1}, block...))
	eventually(t, func() bool { return g.inFlight.Load() == 1 })
	eventually(t, func() bool { return holding(g) == 0 })
	conn.Close()
	settled(t, g)
}

func TestHoldBodyKeepsThePermit(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{Hold: HoldBody}})
	s := serve(t, g.Middleware(http.HandlerFunc(writeLarge)))
	conn := unread(t, s, "/")
	eventually(t, func() bool { return holding(g) == 1 })
	time.Sleep(100 * time.Millisecond) // ten times what another would have
	if n := holding(g); n != 1 {
		t.Errorf("%d permits are held", n)
	}
	conn.Close()
	settled(t, g)
}

func TestHoldHeader(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{Hold: HoldHeader}})
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before := holding(g)
		w.WriteHeader(http.StatusEarlyHints)
		early := holding(g)
		w.WriteHeader(http.StatusOK)
		fmt.Fprintf(w, "%d %d %d", before, early, holding(g))
	})))
	if _, body := get(t, s.URL); body != "1 1 0" {
		t.Errorf("permits before the answer, at early hints and after it: %s, want 1 1 0", body)
	}
	settled(t, g)
}

// TestStreamsLoseTheirPermit has answers that go on for as long as the test does.
func TestStreamsLoseTheirPermit(t *testing.T) {
	for name, c := range map[string]struct {
		kind   string
		stream time.Duration
	}{
		"events": {"text/event-stream; charset=utf-8", time.Hour}, // at once
		"lines":  {"application/x-ndjson", 50 * time.Millisecond}, // after a while
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, Config{Gate: &Gate{Stream: c.stream, Slack: time.Hour}})
			s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				io.WriteString(w, "data: 1\n\n")
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})))
			resp, err := http.Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			buf := make([]byte, 4)
			if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "data" {
				t.Fatalf("%q, %v", buf, err)
			}
			eventually(t, func() bool { return holding(g) == 0 })
			if n := g.inFlight.Load(); n != 1 {
				t.Errorf("%d in flight", n)
			}
			resp.Body.Close()
			settled(t, g)
		})
	}
}

// slowWriter takes its time for every write, as a client does that reads slowly.
type slowWriter struct {
	httptest.ResponseRecorder
	each time.Duration
}

func (w *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(w.each)
	return w.ResponseRecorder.Write(p)
}

// TestWork checks what the controller is told of an answer that takes its handler a while and
// its client another.
func TestWork(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		gate  Gate
		each  time.Duration // of a write
		size  int           // of a write
		want  time.Duration
		early bool // the permit is gone before the end
	}{
		// The handler works for 30 ms, writes, works for 20 ms and writes.
		"fast client":              {Gate{}, 0, 5000, 50 * ms, false},
		"a little slow":            {Gate{}, 4 * ms, 5000, 50 * ms, false},
		"slow":                     {Gate{}, 2000 * ms, 5000, 30 * ms, true},
		"slow in the second write": {Gate{Slack: 15 * ms}, 10 * ms, 5000, 50 * ms, true},
		"slow, and may be":         {Gate{Slack: time.Hour, Stream: 2 * time.Hour}, 2000 * ms, 5000, 50 * ms, false},
		"small, and buffered":      {Gate{}, 2000 * ms, 1000, 50 * ms, false},
		"a stream":                 {Gate{Slack: time.Hour, Stream: 10 * ms}, 0, 5000, 30 * ms, true},
		"a slow stream":            {Gate{Slack: time.Hour, Stream: 10 * ms}, 2000 * ms, 5000, 30 * ms, true},
		"until the header":         {Gate{Hold: HoldHeader}, 2000 * ms, 5000, 30 * ms, true},
		"until the end":            {Gate{Hold: HoldBody}, 2000 * ms, 5000, 4050 * ms, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &outcomesSeen{}
				g := newGuard(t, Config{Gate: &c.gate})
				g.observe(seen)
				h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(30 * ms)
					w.Write(make([]byte, c.size))
					time.Sleep(20 * ms)
					w.Write(make([]byte, c.size))
					if early := holding(g) == 0; early != c.early && c.size > 1000 {
						t.Errorf("permit gone early: %v", early)
					}
				}))
				for range 3 { // the same exchange again, or another
					h.ServeHTTP(&slowWriter{*httptest.NewRecorder(), c.each}, httptest.NewRequest("GET", "/", nil))
					e := seen.last()
					// What has been buffered is the handler's own time: it cannot be told.
					if c.size <= 1000 {
						e.work -= 2 * c.each
					}
					if e.work != c.want || e.total != 50*ms+2*c.each {
						t.Errorf("work %v, want %v; total %v", e.work, c.want, e.total)
					}
				}
				settled(t, g)
			})
		})
	}
}

func TestPanicsGiveThePermitBack(t *testing.T) {
	for _, value := range []any{"boom", http.ErrAbortHandler} {
		g := newGuard(t, Config{Gate: &Gate{Controller: &windows{}}})
		h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if holding(g) != 1 {
				t.Error("no permit is held")
			}
			panic(value)
		}))
		func() {
			defer func() {
				if got := recover(); got != value {
					t.Errorf("panic %v became %v", value, got)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		settled(t, g)
		for _, w := range closeWindow(g) {
			if w.Samples != 0 || w.Overloads != 1 {
				t.Errorf("the panic gave a sample: %+v", w)
			}
		}
	}
}

// goneWriter is that of a client that has gone.
type goneWriter struct{ http.ResponseWriter }

func (goneWriter) Write(p []byte) (int, error) { return 0, io.ErrClosedPipe }

// TestGoneClientGivesNoSample checks that an answer cut short does not pass for a fast one.
func TestGoneClientGivesNoSample(t *testing.T) {
	seen := &outcomesSeen{}
	g := newGuard(t, Config{Gate: &Gate{Controller: &windows{}}})
	g.observe(seen)
	h := g.Middleware(http.HandlerFunc(hello))
	h.ServeHTTP(goneWriter{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
	if e := seen.last(); e.outcome != canceled {
		t.Errorf("%+v", e)
	}
	if w := closeWindow(g)[0]; w.Samples != 0 {
		t.Errorf("%+v", w)
	}
}

// TestBoundsHoldAnyController has a controller ask for more, and less, than it may.
func TestBoundsHoldAnyController(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{Controller: &windows{high: 100}, Vegas: vegas.Config{Min: 2, Max: 5}}})
	for _, want := range []int{5, 5} {
		if n := g.gate.Stats().Limit; n != want {
			t.Errorf("limit %d, want %d", n, want)
		}
		closeWindow(g)
	}
	g = newGuard(t, Config{Gate: &Gate{Controller: vegas.Fixed(1), Vegas: vegas.Config{Min: 2, Max: 5}}})
	if n := g.gate.Stats().Limit; n != 2 {
		t.Errorf("limit %d, want 2", n)
	}
}

func TestClassify(t *testing.T) {
	for status, want := range map[int]vegas.Outcome{
		101: vegas.Success, 200: vegas.Success, 304: vegas.Success, 400: vegas.Ignore, 404: vegas.Ignore, 429: vegas.Ignore,
		500: vegas.Ignore, 502: vegas.Ignore, 503: vegas.Overload, 504: vegas.Overload,
	} {
		if got := Classify(status, nil); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
	for _, err := range []error{os.ErrDeadlineExceeded, fmt.Errorf("x: %w", os.ErrDeadlineExceeded)} {
		if got := Classify(0, err); got != vegas.Overload {
			t.Errorf("%v: %v", err, got)
		}
	}
	if got := Classify(200, io.ErrUnexpectedEOF); got != vegas.Ignore {
		t.Errorf("an error: %v", got)
	}
}
