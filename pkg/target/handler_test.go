package target

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func parse(t *testing.T, s string) Distribution {
	t.Helper()
	d, err := ParseDistribution(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// load calls h from so many clients, one request after the other, for a time.
func load(h http.Handler, clients int, d time.Duration) {
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range clients {
		wg.Go(func() {
			for time.Now().Before(end) {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			}
		})
	}
	wg.Wait()
}

// TestCapacity loads targets by a virtual clock.
func TestCapacity(t *testing.T) {
	onlyTimers(t)
	for _, tt := range []struct {
		service string
		servers int
		stall   Cycle
		seconds int
	}{
		{"10ms", 1, Cycle{}, 10},
		{"10ms", 8, Cycle{}, 10},
		{"exp:10ms", 8, Cycle{}, 60},
		{"exp:20ms", 64, Cycle{}, 15},
		{"bimodal:5ms,55ms,0.1", 4, Cycle{}, 100},
		{"lognormal:10ms,0.5", 8, Cycle{}, 30},
		{"10ms", 4, Cycle{time.Second, 8 * time.Second}, 64},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := Config{Service: parse(t, tt.service), Servers: tt.servers, Queue: 1000, Stall: tt.stall, Seed: 7}
				h, err := New(config)
				if err != nil {
					t.Fatal(err)
				}
				d := time.Duration(tt.seconds) * time.Second
				load(h, 2*tt.servers+3, d)
				s := h.Stats()
				elapsed := time.Duration(s.ElapsedNS).Seconds()
				// The servers are never idle, and so the rest is how long the services drawn took.
				busy := float64(s.BusyNS) / 1e9 / (elapsed * float64(tt.servers) * tt.stall.Share())
				if busy < 0.99 || busy > 1.0001 {
					t.Errorf("servers worked for %v of the time", busy)
				}
				if got, want := float64(s.Served)/elapsed, config.CapacityPerS(); math.Abs(got-want) > 0.03*want {
					t.Errorf("%v served a second, the capacity is %v", got, want)
				}
				if s.Served != s.Arrivals || s.Full != 0 || s.Waiting != 0 || s.Busy != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestStall checks the quantile of docs/target.md at an even rate.
func TestStall(t *testing.T) {
	onlyTimers(t)
	synctest.Test(t, func(t *testing.T) {
		h, err := New(Config{Stall: Cycle{time.Second, 8 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		const n = 8_000
		var wg sync.WaitGroup
		var mu sync.Mutex
		over := 0
		for range n {
			wg.Go(func() {
				start := time.Now()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
				if time.Since(start) > 920*time.Millisecond {
					mu.Lock()
					over++
					mu.Unlock()
				}
			})
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if math.Abs(float64(over)-0.01*n) > 3 {
			t.Errorf("%d of %d took over 920 ms", over, n)
		}
	})
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := client.Get(url)
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

func statsSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schema", "flowload-serve-stats.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stats(t *testing.T, server *httptest.Server) Stats {
	t.Helper()
	resp, body := get(t, server.Client(), server.URL+StatsPath)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v %q", resp.Status, body)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = statsSchema(t).Validate(value)
	}
	if err != nil {
		t.Errorf("%s: %v", body, err)
	}
	var s Stats
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t *testing.T, config Config) *httptest.Server {
	t.Helper()
	h, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		config Config
		status int
		length int64
		body   int
	}{
		{Config{}, 200, 0, 0},
		{Config{SizeBytes: 100_000}, 200, 100_000, 100_000},
		{Config{SizeBytes: 100_000, Chunked: true}, 200, -1, 100_000},
		{Config{FailShare: 1}, 500, -2, -1},
		{Config{Limit: func(h http.Header, r *http.Request, _ time.Duration) bool {
			h.Set("Retry-After", "7")
			return r.Header.Get("X") != ""
		}}, 429, -2, -1},
	} {
		server := serve(t, tt.config)
		resp, body := get(t, server.Client(), server.URL)
		if resp.StatusCode != tt.status || tt.length >= -1 && resp.ContentLength != tt.length || tt.body >= 0 && len(body) != tt.body {
			t.Errorf("%+v: %v, length %d, %d bytes", tt.config, resp.Status, resp.ContentLength, len(body))
		}
		if tt.status == 429 && resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%+v: %v", tt.config, resp.Header)
		}
		s := stats(t, server)
		if s.Arrivals != 1 || s.Limited+s.Full+s.Served+s.Failed+s.Reset != 1 {
			t.Errorf("%+v: %+v", tt.config, s)
		}
	}
}

func TestFull(t *testing.T) {
	server := serve(t, Config{Service: Fixed(time.Hour), Servers: 2, Queue: 3})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 5 {
		req, err := http.NewRequestWithContext(ctx, "POST", server.URL, strings.NewReader("a body"))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if resp, err := server.Client().Do(req); err == nil {
				resp.Body.Close()
				t.Errorf("was answered: %v", resp.Status)
			}
		})
	}
	for stats(t, server).Arrivals < 5 {
		time.Sleep(time.Millisecond)
	}
	if resp, _ := get(t, server.Client(), server.URL); resp.StatusCode != 503 {
		t.Errorf("%v", resp.Status)
	}
	if s := stats(t, server); s.Busy != 2 || s.Waiting != 3 || s.MostWaiting != 3 || s.Full != 1 || s.Arrivals != 6 {
		t.Errorf("%+v", s)
	}
	cancel()
	wg.Wait()
	for stats(t, server).Abandoned < 5 {
		time.Sleep(time.Millisecond)
	}
	if s := stats(t, server); s.Busy != 2 || s.Waiting != 3 {
		t.Errorf("the work of clients that left is gone: %+v", s)
	}
}

func TestReset(t *testing.T) {
	for _, secured := range []bool{false, true} {
		h, err := New(Config{ResetShare: 1})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(h)
		if secured {
			server.StartTLS()
		} else {
			server.Start()
		}
		defer server.Close()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if secured {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := bufio.NewReader(conn).ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("TLS %v: %v", secured, err)
		}
	}
	// HTTP/2 has no connection of its own for a request.
	h, _ := New(Config{ResetShare: 1})
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	if resp, err := server.Client().Get(server.URL); err == nil {
		t.Errorf("HTTP/2: %v", resp.Status)
	}
}

func TestShares(t *testing.T) {
	h, err := New(Config{FailShare: 0.25, ResetShare: 0, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	for range 4000 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if s := h.Stats(); math.Abs(float64(s.Failed)-1000) > 120 || s.Served+s.Failed != 4000 {
		t.Errorf("%+v", s)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{{Servers: -1}, {Servers: MaxServers + 1}, {Queue: -1}, {FailShare: 1.1}, {FailShare: math.NaN()}, {ResetShare: -0.1}, {FailShare: 0.6, ResetShare: 0.6},
		{SizeBytes: -1}, {SizeBytes: MaxSize + 1}, {Stall: Cycle{Off: 1}}, {Stall: Cycle{2, 1}}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v", c)
		}
	}
}

func TestStatsAreReadOnly(t *testing.T) {
	server := serve(t, Config{})
	resp, err := server.Client().Post(server.URL+StatsPath, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 || stats(t, server).Arrivals != 0 {
		t.Error(resp.Status)
	}
}

// TestSlowBody: a request arrives when its body has.
func TestSlowBody(t *testing.T) {
	server := serve(t, Config{})
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		resp, err := server.Client().Post(server.URL, "", r)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	io.WriteString(w, "half")
	if n := stats(t, server).Arrivals; n != 0 {
		t.Errorf("%d arrivals", n)
	}
	w.Close()
	if err := <-done; err != nil || stats(t, server).Served != 1 {
		t.Error(err)
	}
}

func TestListenOutages(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Cycle{30 * time.Millisecond, 60 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	refused, connected := 0, 0
	for refused == 0 || connected == 0 || refused+connected < 20 {
		conn, err := net.Dial("tcp", l.Addr().String())
		switch {
		case err == nil:
			connected++
			conn.Close()
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
			refused++
		default:
			t.Fatal(err)
		}
		time.Sleep(3 * time.Millisecond)
	}
	server.Close()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if l, err := Listen(t.Context(), "127.0.0.1:0", Cycle{2, 1}); err == nil {
		l.Close()
		t.Error("a cycle that is none")
	}
}

func TestCertificate(t *testing.T) {
	cert, pem, err := Certificate(time.Now(), "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in the PEM")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	if resp, _ := get(t, client, server.URL); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	client.CloseIdleConnections()
}
