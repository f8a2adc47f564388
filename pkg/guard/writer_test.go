package guard

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type onlyWriter struct{ http.ResponseWriter }

type withFlush struct {
	onlyWriter
	http.Flusher
}

type withHijack struct {
	withFlush
	http.Hijacker
}

type withPush struct {
	withFlush
	http.Pusher
}

type below struct{ onlyWriter }

func (b below) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// TestWriterHasWhatTheServersHas checks that a handler finds the optional methods of what is below, and no
// others.
func TestWriterHasWhatTheServersHas(t *testing.T) {
	rec := httptest.NewRecorder()
	only := onlyWriter{rec}
	flush := withFlush{only, rec}
	for name, c := range map[string]struct {
		w                    http.ResponseWriter
		flush, hijack, push_ bool
	}{
		"only a writer": {only, false, false, false},
		"flusher":       {flush, true, false, false},
		"hijacker":      {withHijack{flush, nil}, true, true, false},
		"pusher":        {withPush{flush, nil}, true, false, true},
		"wrapped":       {below{only}, true, true, false}, // who knows
	} {
		x := newExchange(newGuard(t, Config{}))
		w := x.wrap(c.w)
		_, flush := w.(http.Flusher)
		_, hijack := w.(http.Hijacker)
		_, push := w.(http.Pusher)
		if flush != c.flush || hijack != c.hijack || push != c.push_ {
			t.Errorf("%s: flush %v, hijack %v, push %v", name, flush, hijack, push)
		}
		if w.(interface{ Unwrap() http.ResponseWriter }).Unwrap() != c.w {
			t.Errorf("%s: does not unwrap to what is below", name)
		}
	}
}

// TestServersWriters checks it with the writers of net/http itself.
func TestServersWriters(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, flush := w.(http.Flusher)
		_, from := w.(io.ReaderFrom)
		_, hijack := w.(http.Hijacker)
		_, str := w.(io.StringWriter)
		if !flush || !from || !str || hijack != (r.ProtoMajor == 1) {
			t.Errorf("%s: flush %v, ReadFrom %v, WriteString %v, hijack %v", r.Proto, flush, from, str, hijack)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("%s: %v", r.Proto, err)
		}
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && r.ProtoMajor == 1 {
			t.Errorf("%s: %v", r.Proto, err)
		}
	}))
	for _, two := range []bool{false, true} {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = two
		s.StartTLS()
		resp, err := s.Client().Get(s.URL)
		if err != nil || resp.StatusCode != 200 || (resp.ProtoMajor == 2) != two {
			t.Errorf("got %v, %v", resp, err)
		}
		resp.Body.Close()
		s.Close()
	}
}

func TestHijackGivesThePermitBack(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if n := holding(g); n != 0 {
			t.Errorf("%d permits are held", n)
		}
		io.WriteString(rw, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nmine")
		rw.Flush()
	})))
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "mine" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	settled(t, g)
}

// TestExchangesAreClean sends very different requests through one guard, to find what
// one leaves behind for another.
func TestExchangesAreClean(t *testing.T) {
	seen := &outcomesSeen{}
	g := newGuard(t, Config{Gate: &Gate{}, Limits: []Limit{{Limit: perSecond(1_000_000, 1_000_000)}}})
	g.observe(seen)
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/none":
		case "/created":
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, strings.Repeat("x", 5000))
		case "/copied":
			io.Copy(w, strings.NewReader(strings.Repeat("y", 70_000)))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
			io.WriteString(w, "not allowed")
		}
	})))
	want := map[string]event{"/none": {status: 200}, "/created": {status: 201, bytes: 5000}, "/copied": {status: 200, bytes: 70_000}, "/empty": {status: 204}}
	for range 50 {
		for path, want := range want {
			get(t, s.URL+path)
			settled(t, g)
			if e := seen.last(); e.status != want.status || e.bytes != want.bytes || e.outcome != admitted || e.class != "default" || e.work <= 0 || e.total < e.work {
				t.Fatalf("%s: %+v", path, e)
			}
		}
	}
}
