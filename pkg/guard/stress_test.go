package guard

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// TestStress sends all kinds of requests at once, with so little slack that timers fire at every
// moment, while settings change. Permits must come back exactly once (the gate panics over
// one that comes back twice), the limit must hold, and answers must not mix.
func TestStress(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 30
	}
	const limit = 8
	g := newGuard(t, Config{
		Gate:    &Gate{Controller: vegas.Fixed(limit), Queue: 20, Patience: 10 * time.Millisecond, Slack: 20 * time.Microsecond, Stream: 100 * time.Microsecond},
		Limits:  []Limit{{Limit: perSecond(100_000, 1000)}, {Name: "all", Limit: perSecond(100_000, 1000), Key: ByAll()}},
		Headers: HeadersAlways,
	})
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := holding(g); n > limit {
			t.Errorf("%d hold a permit", n)
		}
		id := r.URL.Query().Get("id")
		switch r.URL.Path {
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/hijack":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		case "/flush":
			for range 5 {
				fmt.Fprintf(w, "%s\n", id)
				http.NewResponseController(w).Flush()
			}
		case "/large":
			for range 20 {
				fmt.Fprintf(w, "%s%0*d\n", id, 4000, 0)
			}
		default:
			fmt.Fprintf(w, "%s\n", id)
		}
	})))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	paths := []string{"/", "/", "/panic", "/hijack", "/flush", "/flush", "/large", "/large", "/abort"}
	var all sync.WaitGroup
	for worker := range 12 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 3))
			for round := range rounds {
				path, id := paths[rng.IntN(len(paths))], fmt.Sprintf("%d-%d", worker, round)
				if path == "/abort" {
					if conn, err := net.Dial("tcp", s.Listener.Addr().String()); err == nil {
						fmt.Fprintf(conn, "GET /large?id=%s HTTP/1.1\r\nHost: a\r\n\r\n", id)
						time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
						conn.Close()
					}
					continue
				}
				resp, err := client.Get(s.URL + path + "?id=" + id)
				if err != nil {
					if path != "/panic" && path != "/hijack" {
						t.Errorf("%s: %v", path, err)
					}
					continue
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode == 200 && (err != nil || len(body) < len(id) || string(body[:len(id)]) != id) {
					t.Errorf("%s %s: %.20q, %v", path, id, body, err)
				}
			}
		})
	}
	stop := make(chan bool)
	changing := make(chan bool)
	go func() {
		defer close(changing)
		for n := uint64(1); ; n++ {
			settings := g.Settings()
			settings.Limits[0].Limit = gcra.Limit{Rate: gcra.Rate{Cells: 50_000 + n%50_000, Per: time.Second}, Burst: 500 + n%500}
			if err := g.Apply(settings); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	all.Wait()
	close(stop)
	<-changing
	settled(t, g)
	if resp, body := get(t, s.URL+"/?id=last"); resp.StatusCode != 200 || body != "last\n" {
		t.Errorf("afterwards: %v %q", resp, body)
	}
}

// TestProxyStreams checks that what an upstream sends arrives before it sends more, and that it learns
// when the client has gone.
func TestProxyStreams(t *testing.T) {
	for name, kind := range map[string]string{"events": "text/event-stream", "chunks": "text/plain"} {
		t.Run(name, func(t *testing.T) {
			read := make(chan bool)
			gone := make(chan bool)
			u, _ := upstream(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				for i := range 3 {
					fmt.Fprintf(w, "data: %d\n\n", i)
					http.NewResponseController(w).Flush()
					<-read
				}
				<-r.Context().Done()
				close(gone)
			}))
			seen := &outcomesSeen{}
			g, s := frontSeen(t, seen, Config{Gate: &Gate{Stream: 50 * time.Millisecond}}, u)
			resp, err := http.Get(s)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			for i := range 3 {
				buf := make([]byte, 9)
				if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != fmt.Sprintf("data: %d\n\n", i) {
					t.Fatalf("%q, %v", buf, err)
				}
				read <- true
			}
			eventually(t, func() bool { return holding(g) == 0 })
			resp.Body.Close()
			<-gone
			settled(t, g)
			if e := seen.last(); e.outcome != canceled || e.status != 200 {
				t.Errorf("%+v", e)
			}
		})
	}
}

// frontSeen is front with an observer. It returns the URL.
func frontSeen(t *testing.T, seen *outcomesSeen, cfg Config, u *url.URL) (*Guard, string) {
	g := newGuard(t, cfg)
	g.observe(seen)
	h, err := g.Proxy(ProxyConfig{Upstream: u})
	if err != nil {
		t.Fatal(err)
	}
	return g, serve(t, h).URL
}

// TestHeadersAlways checks that they are on every answer, whatever the handler does.
func TestHeadersAlways(t *testing.T) {
	g := newGuard(t, Config{Headers: HeadersAlways, LegacyHeaders: true, Limits: []Limit{
		{Name: "wide", Limit: perSecond(1000, 1000)}, {Name: "tight", Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 5}, Key: ByAll()}}})
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/nothing":
		case "/status":
			w.WriteHeader(404)
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			clear(w.Header()) // as a proxy does
			hello(w, r)
		default:
			hello(w, r)
		}
	})))
	for i, path := range []string{"/", "/nothing", "/status", "/early", "/"} {
		resp, _ := get(t, s.URL+path)
		if got, want := resp.Header.Get("RateLimit"), fmt.Sprintf(`"tight";r=%d;t=%d`, 4-i, 3600*(i+1)); got != want && i == 0 || resp.Header.Get("X-RateLimit-Remaining") != fmt.Sprint(4-i) {
			t.Errorf("%s: %v", path, resp.Header)
		}
		if got, want := resp.Header.Get("RateLimit-Policy"), `"wide";q=1000;w=1, "tight";q=5;w=18000`; got != want {
			t.Errorf("%s: policy %s, want %s", path, got, want)
		}
	}
	if resp, _ := get(t, s.URL); resp.StatusCode != 429 || resp.Header.Get("RateLimit") != `"tight";r=0;t=3600` {
		t.Errorf("%v", resp)
	}
}
