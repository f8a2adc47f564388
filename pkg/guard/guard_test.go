package guard

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// perSecond is a limit of n a second.
func perSecond(n, burst uint64) gcra.Limit {
	return gcra.Limit{Rate: gcra.Rate{Cells: n, Per: time.Second}, Burst: burst}
}

// newGuard returns a guard that must be one.
func newGuard(t testing.TB, cfg Config) *Guard {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// serve starts a server on loopback.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// get fetches a page and returns its answer and body.
func get(t testing.TB, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func hello(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello\n") }

func TestRateLimit(t *testing.T) {
	g := newGuard(t, Config{Limits: []Limit{{Name: "client", Limit: gcra.Limit{Rate: gcra.Rate{Cells: 1, Per: time.Hour}, Burst: 2}}}})
	s := serve(t, g.Middleware(http.HandlerFunc(hello)))
	for range 2 {
		if resp, body := get(t, s.URL); resp.StatusCode != 200 || body != "hello\n" || resp.Header.Get("RateLimit") != "" {
			t.Fatalf("got %v %q", resp, body)
		}
	}
	resp, body := get(t, s.URL)
	if resp.StatusCode != 429 {
		t.Fatalf("got %v", resp)
	}
	for field, want := range map[string]string{
		"RateLimit-Policy": `"client";q=2;w=7200`, "RateLimit": `"client";r=0;t=3600`, "Retry-After": "3600",
		"Content-Type": "application/problem+json", "X-RateLimit-Limit": "",
	} {
		if got := resp.Header.Get(field); got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
	if !strings.Contains(body, `"violated-policies":["client"]`) {
		t.Errorf("body %s", body)
	}
}

func TestGateSheds(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	in, out := make(chan bool), make(chan bool)
	s := serve(t, g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			in <- true
			<-out
		}
		hello(w, r)
	})))
	done := make(chan int)
	go func() {
		resp, _ := get(t, s.URL+"/wait")
		done <- resp.StatusCode
	}()
	<-in
	resp, body := get(t, s.URL)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("got %v %s", resp, body)
	}
	close(out)
	if status := <-done; status != 200 {
		t.Errorf("the first: %d", status)
	}
	if resp, _ := get(t, s.URL); resp.StatusCode != 200 {
		t.Errorf("after it: %v", resp)
	}
}
