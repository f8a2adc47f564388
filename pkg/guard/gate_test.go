package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// blocking is a handler whose requests wait until they are let go.
type blocking struct {
	in  chan *http.Request
	out chan bool
}

func newBlocking() *blocking { return &blocking{make(chan *http.Request, 100), make(chan bool)} }

func (b *blocking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.in <- r
	<-b.out
	hello(w, r)
}

// TestClientLeavesTheQueue has clients give up while they wait for a permit.
func TestClientLeavesTheQueue(t *testing.T) {
	seen := &outcomesSeen{}
	g := newGuard(t, Config{Gate: &Gate{Queue: 10, Patience: time.Hour}})
	g.observe(seen)
	b := newBlocking()
	s := serve(t, g.Middleware(b))
	go http.Get(s.URL)
	<-b.in
	var conns []net.Conn
	for range 5 {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	eventually(t, func() bool { return g.gate.Stats().Waiting == 5 })
	for _, conn := range conns {
		conn.Close()
	}
	eventually(t, func() bool { return g.gate.Stats().Waiting == 0 })
	close(b.out)
	settled(t, g)
	if n := seen.count(); n[canceled] != 5 || n[admitted] != 1 {
		t.Errorf("outcomes %v", n)
	}
	select {
	case <-b.in:
		t.Error("one that had left reached the handler")
	default:
	}
}

// TestQueue checks who is served first of those who wait, and that nobody waits for longer than the
// gate lets them.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := prefixes("192.0.2.0/24") // that of httptest.NewRequest
		g := newGuard(t, Config{
			Gate:           &Gate{Queue: 10, Patience: time.Second},
			Proxies:        Proxies{Trusted: proxy},
			PriorityHeader: "X-Priority",
			Classes:        []Class{{Name: "batch", Paths: []string{"/batch/"}, Priority: vegas.Background}, {Name: "pay", Paths: []string{"/pay"}, Methods: []string{"GET"}, Priority: vegas.High}},
		})
		b := newBlocking()
		h := g.Middleware(b)
		var codes sync.Map
		send := func(path, priority, remote string) {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr = remote
			r.Header.Set("X-Priority", priority)
			go func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				codes.Store(path, w.Code)
			}()
			synctest.Wait()
		}
		send("/first", "", "192.0.2.1:1")
		<-b.in
		send("/batch/1", "", "192.0.2.1:1")
		send("/plain", "", "192.0.2.1:1")
		send("/forged", "critical", "203.0.113.1:1") // not from the proxy
		send("/pay", "", "192.0.2.1:1")
		send("/batch/2", "Critical", "192.0.2.1:1")
		var order []string
		for range 5 {
			b.out <- true
			order = append(order, (<-b.in).URL.Path)
		}
		if want := []string{"/batch/2", "/pay", "/plain", "/forged", "/batch/1"}; !slices.Equal(order, want) {
			t.Errorf("served in the order %q, want %q", order, want)
		}
		send("/late", "", "192.0.2.1:1")
		time.Sleep(time.Second)
		synctest.Wait()
		if code, _ := codes.Load("/late"); code != 503 {
			t.Errorf("a wait of a second ended with %v", code)
		}
		b.out <- true
		synctest.Wait()
		settled(t, g)
	})
}

func TestShares(t *testing.T) {
	g := newGuard(t, Config{
		Gate:    &Gate{Vegas: vegas.Config{Initial: 10, Max: 10}},
		Classes: []Class{{Name: "pay", Paths: []string{"/pay"}, Share: 0.3}, {Name: "wait", Paths: []string{"/poll"}, Ungated: true}},
	})
	b := newBlocking()
	h := g.Middleware(b)
	var served, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	send := func(path string, n int) {
		for range n {
			all.Go(func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				mu.Lock()
				defer mu.Unlock()
				if w.Code == 200 {
					served++
				} else {
					refused++
				}
			})
		}
	}
	send("/other", 20)
	for range 7 {
		<-b.in
	}
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return refused == 13 })
	send("/pay", 3) // theirs is left
	send("/poll", 5)
	for range 8 {
		<-b.in
	}
	close(b.out)
	all.Wait()
	if served != 15 || refused != 13 {
		t.Errorf("%d served, %d refused", served, refused)
	}
}

func TestBypass(t *testing.T) {
	g := newGuard(t, Config{
		Limits:  []Limit{{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 1}}},
		Gate:    &Gate{},
		Classes: []Class{{Name: "health", Paths: []string{"/healthz"}, Methods: []string{"GET", "HEAD"}, Bypass: true}},
	})
	h := g.Middleware(http.HandlerFunc(hello))
	for range 5 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		if w.Code != 200 {
			t.Errorf("a health check: %d", w.Code)
		}
	}
	for i, want := range []int{200, 429} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/healthz", nil))
		if w.Code != want {
			t.Errorf("request %d of another method: %d, want %d", i, w.Code, want)
		}
	}
}

func TestDrain(t *testing.T) {
	g := newGuard(t, Config{Classes: []Class{{Name: "health", Paths: []string{"/healthz"}, Bypass: true}}})
	b := newBlocking()
	s := serve(t, g.Middleware(b))
	status := make(chan int)
	go func() {
		resp, _ := get(t, s.URL)
		status <- resp.StatusCode
	}()
	<-b.in
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := g.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("draining with a request in flight: %v", err)
	}
	for _, path := range []string{"/", "/healthz"} {
		resp, body := get(t, s.URL+path)
		if resp.StatusCode != 503 || !resp.Close || resp.Header.Get("Retry-After") != "1" || !strings.Contains(body, "shutting down") {
			t.Errorf("%s while draining: %v %s", path, resp, body)
		}
	}
	drained := make(chan error)
	for range 3 {
		go func() { drained <- g.Drain(t.Context()) }()
	}
	close(b.out)
	if got := <-status; got != 200 {
		t.Errorf("what was in flight: %d", got)
	}
	for range 3 {
		if err := <-drained; err != nil {
			t.Error(err)
		}
	}
}

// TestDrainRace drains while requests come and go: once it is done, none is in the
// handler.
func TestDrainRace(t *testing.T) {
	for range 20 {
		g := newGuard(t, Config{Gate: &Gate{Vegas: vegas.Config{Initial: 4}, Queue: 4}})
		var in sync.WaitGroup
		var mu sync.Mutex
		inside, over := 0, false
		h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if inside++; over {
				t.Error("a request reached the handler after Drain had returned")
			}
		}))
		for range 8 {
			in.Go(func() {
				for range 50 {
					visit(h)
				}
			})
		}
		if err := g.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		over = true
		mu.Unlock()
		in.Wait()
	}
}

// TestGuardsProbeTogether makes guards at different times: what they tell the controllers
// apart from their own clocks makes all of these the wall clock.
func TestGuardsProbeTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			time.Sleep(1234 * time.Millisecond)
			g := newGuard(t, Config{Gate: &Gate{}})
			time.Sleep(567 * time.Millisecond)
			if got, want := g.now()+g.cfg.Gate.Vegas.Phase, time.Now().UnixNano(); int64(got) != want {
				t.Errorf("the controller goes by %d, want %d", got, want)
			}
		}
		g := newGuard(t, Config{Gate: &Gate{Vegas: vegas.Config{Phase: 7}}})
		if p := g.cfg.Gate.Vegas.Phase; p != 7 {
			t.Errorf("a phase of 7 became %d", p)
		}
	})
}

// TestNothingOfTheRequestComesBack sends what would do harm in an answer, and looks for it
// there.
func TestNothingOfTheRequestComesBack(t *testing.T) {
	const evil = "evil<script>"
	for _, format := range []Format{FormatProblem, FormatJSON, FormatText} {
		g := newGuard(t, Config{Limits: []Limit{{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 1}, Key: ByAll()}}, Format: format, LegacyHeaders: true})
		s := serve(t, g.Middleware(http.HandlerFunc(hello)))
		get(t, s.URL)
		resp, body := get(t, s.URL+"/"+evil+"?"+evil, "X-Key", evil, "X-Forwarded-For", evil, "User-Agent", evil)
		if resp.StatusCode != 429 || resp.Header.Get("X-RateLimit-Limit") != "1" {
			t.Errorf("%v", resp)
		}
		if all := fmt.Sprint(resp.Header) + body; strings.Contains(all, "evil") {
			t.Errorf("format %d: %s", format, all)
		}
		if got, want := resp.Header.Get("Content-Type"), []string{"application/problem+json", "application/json", "text/plain; charset=utf-8"}[format]; got != want || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("format %d: %v", format, resp.Header)
		}
	}
}
