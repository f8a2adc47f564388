package guard

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/vegas"
)

// void is a ResponseWriter with what the server's has that costs nothing.
type void struct{ h http.Header }

func (w *void) Header() http.Header         { return w.h }
func (w *void) Write(p []byte) (int, error) { return len(p), nil }
func (w *void) WriteHeader(int)             {}
func (w *void) Flush()                      {}

// benchConfigs are guards that admit everything they are sent here.
func benchConfigs() []struct {
	name string
	cfg  Config
} {
	limits := []Limit{{Limit: perSecond(1e9, 1e6)}}
	gate := &Gate{Vegas: vegas.Config{Initial: 1000}, Queue: 100}
	classes := []Class{{Name: "health", Paths: []string{"/healthz"}, Bypass: true}, {Name: "batch", Paths: []string{"/batch/"}, Priority: vegas.Background}}
	return []struct {
		name string
		cfg  Config
	}{
		{"nothing", Config{}},
		{"rate", Config{Limits: limits}},
		{"gate", Config{Gate: gate}},
		{"rate+gate", Config{Limits: limits, Gate: gate}},
		{"rate+gate+classes", Config{Limits: limits, Gate: gate, Classes: classes}},
		{"two-rates+gate", Config{Limits: []Limit{limits[0], {Name: "all", Limit: limits[0].Limit, Key: ByAll()}}, Gate: gate}},
	}
}

// BenchmarkMiddleware is what a guard adds to a handler that does next to nothing, handler included;
// "none" is the handler alone.
func BenchmarkMiddleware(b *testing.B) {
	body := []byte("hello\n")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	run := func(name string, h http.Handler) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := httptest.NewRequest("GET", "/", nil)
				w := &void{http.Header{}}
				for pb.Next() {
					h.ServeHTTP(w, r)
				}
			})
		})
	}
	run("none", handler)
	for _, c := range benchConfigs() {
		run(c.name, newGuard(b, c.cfg).Middleware(handler))
	}
}

// BenchmarkAdded has the handler alone and behind guards take turns of a few hundred
// requests, and reports the median turn of each: what other work on the machine takes is not in it.
func BenchmarkAdded(b *testing.B) {
	body := []byte("hello\n")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	names, sides := []string{"none"}, []http.Handler{handler}
	for _, c := range benchConfigs() {
		names, sides = append(names, c.name), append(sides, newGuard(b, c.cfg).Middleware(handler))
	}
	const turn = 300
	r := httptest.NewRequest("GET", "/", nil)
	w := &void{http.Header{}}
	times := make([][]time.Duration, len(sides))
	for b.Loop() {
		for i, h := range sides {
			begin := time.Now()
			for range turn {
				h.ServeHTTP(w, r)
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2]) / turn
	}
	base := median(0)
	for i := range sides[1:] {
		b.ReportMetric(median(i+1)-base, names[i+1]+"-added-ns")
	}
	b.ReportMetric(0, "ns/op")
}

// TestNoAllocations checks that admitting a request allocates nothing.
func TestNoAllocations(t *testing.T) {
	body := []byte("hello\n")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
	for _, c := range benchConfigs() {
		h := newGuard(t, c.cfg).Middleware(handler)
		r := httptest.NewRequest("GET", "/", nil)
		w := &void{http.Header{}}
		if n := testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }); n >= 1 && !raceEnabled {
			t.Errorf("%s: %v allocations a request", c.name, n)
		}
	}
}

// BenchmarkProxy sends requests in turn through a bare httputil.ReverseProxy and a guard's, both over
// loopback, and reports the median of each and what the guard adds to it. The bare one
// has the guard's transport and buffers; "stock" has those that net/http comes with.
func BenchmarkProxy(b *testing.B) {
	up := serve(b, http.HandlerFunc(hello))
	u, err := url.Parse(up.URL)
	if err != nil {
		b.Fatal(err)
	}
	rewrite := func(r *httputil.ProxyRequest) { r.SetURL(u); r.SetXForwarded() }
	bare := &httputil.ReverseProxy{Rewrite: rewrite, Transport: newTransport(ProxyConfig{Upstream: u}, false), BufferPool: bufferPool{}}
	stock := &httputil.ReverseProxy{Rewrite: rewrite}
	sides := []struct {
		name string
		h    http.Handler
	}{{"bare", bare}, {"stock", stock}}
	for _, c := range benchConfigs() {
		if c.name == "nothing" || c.name == "rate+gate" {
			h, err := newGuard(b, c.cfg).Proxy(ProxyConfig{Upstream: u})
			if err != nil {
				b.Fatal(err)
			}
			sides = append(sides, struct {
				name string
				h    http.Handler
			}{c.name, h})
		}
	}
	times := make([][]time.Duration, len(sides))
	fetch := make([]func(), len(sides))
	for i, side := range sides {
		s := serve(b, side.h)
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		request := fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", s.Listener.Addr())
		buf := make([]byte, 4096)
		length := 0
		fetch[i] = func() {
			conn.Write(request)
			n, err := io.ReadAtLeast(conn, buf, max(1, length))
			if err != nil {
				b.Fatal(err)
			}
			length = n // the answers are all of one length
		}
		for range 50 {
			fetch[i]()
		}
	}
	b.ResetTimer()
	for n := 0; b.Loop(); n++ {
		for k := range sides {
			i := (n + k) % len(sides)
			begin := time.Now()
			fetch[i]()
			times[i] = append(times[i], time.Since(begin))
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2]) / 1000
	}
	base := median(0)
	for i, side := range sides {
		b.ReportMetric(median(i), side.name+"-p50-µs")
		if i > 0 {
			b.ReportMetric(median(i)-base, side.name+"-added-µs")
		}
	}
	b.ReportMetric(0, "ns/op")
}
