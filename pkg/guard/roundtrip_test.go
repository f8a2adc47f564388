package guard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// tripper is a transport that is a function.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ProtoMajor: 1}
}

func outgoing(t testing.TB, ctx context.Context, url string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, "POST", url, &closable{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// closable is a request's body that says whether it was closed, as a RoundTripper must.
type closable struct{ closed bool }

func (c *closable) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closable) Close() error             { c.closed = true; return nil }

func TestRoundTripperFailsAtOnce(t *testing.T) {
	g := newGuard(t, Config{Limits: []Limit{{Name: "out", Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 1}}}})
	sent := 0
	rt := g.RoundTripper(tripper(func(r *http.Request) (*http.Response, error) { sent++; return answer(r, 200, ""), nil }))
	for _, host := range []string{"http://a.example/", "http://b.example/"} { // each host is a key
		resp, err := rt.RoundTrip(outgoing(t, t.Context(), host))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	r := outgoing(t, t.Context(), "http://A.example/")
	_, err := rt.RoundTrip(r)
	var refused *RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, gcra.ErrLimited) || refused.Limit != "out" || refused.RetryAfter <= 0 || sent != 2 {
		t.Errorf("got %#v after %d", err, sent)
	}
	if !r.Body.(*closable).closed {
		t.Error("the body was not closed")
	}
	settled(t, g)
}

// TestRoundTripperWaits checks that requests leave in the order in which they came, at the rate of the
// limit, and that one that may not wait for as long as it would have to does not begin to.
func TestRoundTripperWaits(t *testing.T) {
	for name, limits := range map[string][]Limit{
		"one limit":  {{Limit: perSecond(10, 1)}},
		"two limits": {{Limit: perSecond(10, 1)}, {Name: "all", Limit: perSecond(100, 100), Key: ByAll()}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard(t, Config{Limits: limits, Client: Client{MaxWait: time.Second}})
				start := time.Now()
				var mu sync.Mutex
				var left []time.Duration
				rt := g.RoundTripper(tripper(func(r *http.Request) (*http.Response, error) {
					mu.Lock()
					defer mu.Unlock()
					left = append(left, time.Since(start))
					return answer(r, 200, ""), nil
				}))
				failed := 0
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						resp, err := rt.RoundTrip(outgoing(t, t.Context(), "http://a/"))
						if err != nil {
							mu.Lock()
							failed++
							mu.Unlock()
							return
						}
						resp.Body.Close()
					})
				}
				all.Wait()
				if len(left) != 11 || failed != 9 {
					t.Errorf("%d left and %d failed", len(left), failed)
				}
				for i, at := range left {
					if at < time.Duration(i)*100*time.Millisecond {
						t.Errorf("request %d left after %v", i, at)
					}
				}
				// A deadline before its turn: at once.
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				rt.RoundTrip(outgoing(t, t.Context(), "http://b/"))
				before := time.Now()
				if _, err := rt.RoundTrip(outgoing(t, ctx, "http://b/")); !errors.Is(err, gcra.ErrLimited) || time.Since(before) != 0 || !strings.Contains(err.Error(), "retry after 100ms") {
					t.Errorf("with a deadline: %v after %v", err, time.Since(before))
				}
				// A request that is cancelled while it waits gives its cell back.
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
				if _, err := rt.RoundTrip(outgoing(t, ctx, "http://b/")); !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled: %v", err)
				}
				before = time.Now()
				if _, err := rt.RoundTrip(outgoing(t, t.Context(), "http://b/")); err != nil || time.Since(before) > 51*time.Millisecond {
					t.Errorf("after it: %v after %v", err, time.Since(before))
				}
			})
		})
	}
}

func TestRoundTripperHeedsRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Client: Client{MaxWait: 2 * time.Second, MaxRetryAfter: 10 * time.Second}})
		status, after := 429, "2"
		sent := 0
		rt := g.RoundTripper(tripper(func(r *http.Request) (*http.Response, error) {
			sent++
			resp := answer(r, status, "")
			resp.Header.Set("Retry-After", after)
			return resp, nil
		}))
		trip := func(url string) (time.Duration, error) {
			before := time.Now()
			resp, err := rt.RoundTrip(outgoing(t, t.Context(), url))
			if err == nil {
				resp.Body.Close()
			}
			return time.Since(before), err
		}
		trip("http://a/")
		if waited, err := trip("http://b/"); waited != 0 || err != nil {
			t.Errorf("another host: %v, %v", waited, err)
		}
		status = 503
		if waited, err := trip("http://a/"); waited != 2*time.Second || err != nil {
			t.Errorf("after 429: %v, %v", waited, err)
		}
		time.Sleep(2 * time.Second)
		after = time.Now().Add(5 * time.Second).UTC().Format(http.TimeFormat)
		trip("http://a/")
		sent = 0
		waited, err := trip("http://a/")
		var refused *RefusedError
		if waited != 0 || !errors.Is(err, ErrRetryLater) || !errors.As(err, &refused) || refused.RetryAfter <= 3*time.Second || sent != 0 {
			t.Errorf("a long wait: %v, %v", waited, err)
		}
		time.Sleep(5 * time.Second)
		status, after = 503, "99999999999999999999999"
		trip("http://a/")
		time.Sleep(10 * time.Second) // as long as anyone may ask for
		status, after = 200, "100"
		if waited, err := trip("http://a/"); waited != 0 || err != nil {
			t.Errorf("after the longest: %v, %v", waited, err)
		}
		if waited, err := trip("http://a/"); waited != 0 || err != nil {
			t.Errorf("after 200: %v, %v", waited, err)
		}
	})
}

func TestRetryAfterField(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, " 120 ": 2 * time.Minute, "": -1, "-1": -1, "1.5": -1, "soon": -1, "1s": -1,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"99999999999999999999": 1 << 32 * time.Second,
	} {
		got, ok := retryAfter(http.Header{"Retry-After": {v}}, now)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func TestHostsAreBounded(t *testing.T) {
	var h hosts
	for i := range maxHosts + 100 {
		h.add(strconv.Itoa(i), 0, time.Duration(i+1))
	}
	if len(h.until) > maxHosts {
		t.Errorf("%d hosts", len(h.until))
	}
	if h.pause(strconv.Itoa(maxHosts+99), 0) != maxHosts+100 {
		t.Error("the longest wait was forgotten")
	}
	h.add("new", 20*maxHosts, 30*maxHosts)
	if len(h.until) != 1 {
		t.Errorf("%d hosts are left", len(h.until))
	}
}

// TestRoundTripperHoldsThePermit checks when a client's permit comes back, and what the time under it
// was.
func TestRoundTripperHoldsThePermit(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			hold  Hold
			kind  string
			held  bool
			read  bool
			want  time.Duration
			total time.Duration
		}{
			"read":   {HoldWork, "", true, true, 30 * ms, 130 * ms},
			"closed": {HoldWork, "", true, false, 10 * ms, 110 * ms},
			"header": {HoldHeader, "", false, true, 10 * ms, 130 * ms},
			"body":   {HoldBody, "", true, true, 130 * ms, 130 * ms},
			"events": {HoldWork, "text/event-stream", false, true, 10 * ms, 130 * ms},
		} {
			seen := &outcomesSeen{}
			g := newGuard(t, Config{Gate: &Gate{Hold: c.hold}})
			g.observe(seen)
			rt := g.RoundTripper(tripper(func(r *http.Request) (*http.Response, error) {
				time.Sleep(10 * ms)
				resp := answer(r, 200, "")
				resp.Header.Set("Content-Type", c.kind)
				resp.Body = io.NopCloser(&slowReader{strings.NewReader("abcd"), 10 * ms})
				return resp, nil
			}))
			resp, err := rt.RoundTrip(outgoing(t, t.Context(), "http://a/"))
			if err != nil {
				t.Fatal(err)
			}
			if got := holding(g) == 1; got != c.held {
				t.Errorf("%s: holds a permit: %v", name, got)
			}
			time.Sleep(100 * ms) // the caller's
			if c.read {
				if body, err := io.ReadAll(resp.Body); string(body) != "abcd" || err != nil {
					t.Errorf("%s: %q, %v", name, body, err)
				}
			} else {
				resp.Body.Close()
			}
			resp.Body.Close()
			settled(t, g)
			if e := seen.last(); e.work != c.want || e.total != c.total || !e.client || e.outcome != admitted {
				t.Errorf("%s: %+v", name, e)
			}
		}
	})
}

// slowReader takes its time for a read of two bytes.
type slowReader struct {
	io.Reader
	each time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(2, len(p))])
	if err == nil {
		time.Sleep(r.each)
	}
	return n, err
}

func TestRoundTripperOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		f       tripper
		outcome outcome
		windows []int // samples and overloads
	}{
		"ok":      {func(r *http.Request) (*http.Response, error) { return answer(r, 200, "x"), nil }, admitted, []int{1, 0}},
		"busy":    {func(r *http.Request) (*http.Response, error) { return answer(r, 503, "x"), nil }, admitted, []int{0, 1}},
		"error":   {func(r *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, upstreamError, []int{0, 0}},
		"timeout": {func(r *http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }, upstreamError, []int{0, 1}},
		"cancel":  {func(r *http.Request) (*http.Response, error) { return nil, context.Canceled }, canceled, []int{0, 0}},
	} {
		seen := &outcomesSeen{}
		g := newGuard(t, Config{Gate: &Gate{Controller: &windows{}}})
		g.observe(seen)
		resp, err := g.RoundTripper(c.f).RoundTrip(outgoing(t, t.Context(), "http://a/"))
		if err == nil {
			io.Copy(io.Discard, resp.Body)
		}
		settled(t, g)
		if e := seen.last(); e.outcome != c.outcome {
			t.Errorf("%s: %+v", name, e)
		}
		w := closeWindow(g)[0]
		if got := []int{w.Samples, w.Overloads - 1}; !slices.Equal(got, c.windows) {
			t.Errorf("%s: %d samples, %d overloads", name, got[0], got[1])
		}
	}
}

func TestRoundTripperRefuses(t *testing.T) {
	g := newGuard(t, Config{Gate: &Gate{}})
	rt := g.RoundTripper(tripper(func(r *http.Request) (*http.Response, error) { return answer(r, 200, "x"), nil }))
	resp, err := rt.RoundTrip(outgoing(t, t.Context(), "http://a/"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.RoundTrip(outgoing(t, t.Context(), "http://a/")); !errors.Is(err, vegas.ErrFull) {
		t.Errorf("beyond the limit: %v", err)
	}
	resp.Body.Close()
	g.Drain(t.Context())
	if _, err := rt.RoundTrip(outgoing(t, t.Context(), "http://a/")); !errors.Is(err, ErrDraining) {
		t.Errorf("drained: %v", err)
	}
	fails := &decider{f: func(context.Context, string, uint64) (gcra.Decision, error) { return gcra.Decision{}, io.EOF }}
	g = newGuard(t, Config{Limits: []Limit{{Limit: perSecond(1, 1), Shared: fails, Fail: FailClosed}}})
	if _, err := g.RoundTripper(nil).RoundTrip(outgoing(t, t.Context(), "http://a/")); !errors.Is(err, ErrNoDecision) {
		t.Errorf("without a decision: %v", err)
	}
}

// TestRoundTripperOverHTTP sends real requests, one of which takes over its connection.
func TestRoundTripperOverHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, strings.Repeat("x", 100_000))
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		line, _ := rw.ReadString('\n')
		io.WriteString(conn, line)
	}))
	defer s.Close()
	g := newGuard(t, Config{Gate: &Gate{Queue: 100, Patience: time.Minute}})
	c := &http.Client{Transport: g.RoundTripper(http.DefaultTransport)}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			resp, err := c.Get(s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); len(body) != 100_000 || err != nil {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		})
	}
	all.Wait()
	r, _ := http.NewRequest("GET", s.URL, nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "echo")
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	rw, ok := resp.Body.(io.ReadWriter)
	if !ok || holding(g) != 0 {
		t.Fatalf("status %d, body %T, %d permits", resp.StatusCode, resp.Body, holding(g))
	}
	io.WriteString(rw, "hello\n")
	if got, err := io.ReadAll(rw); string(got) != "hello\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	settled(t, g)
}
