package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cqkit/cmd/internal/cli"
)

// A running is a flowload in this process.
type running struct {
	stop           context.CancelCauseFunc
	stdout, stderr safeBuffer
	addrs          []string
	code           chan int
}

type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a server and waits for its addresses.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addr")
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &running{stop: cancel, code: make(chan int, 1)}
	args = append(args, "--addr-file", file)
	go func() {
		r.code <- cli.Run(ctx, newCommand(), cli.Env{Args: args, Stdout: &r.stdout, Stderr: &r.stderr})
	}()
	t.Cleanup(func() { cancel(nil) })
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		data, err := os.ReadFile(file)
		if err == nil {
			r.addrs = strings.Fields(string(data))
			return r
		}
		if len(r.code) > 0 || time.Now().After(end) {
			t.Fatalf("%q does not start:\n%s", args, &r.stderr)
		}
	}
}

func (r *running) wait(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(patience):
		t.Fatal("does not end")
		return 0
	}
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestGuardFinishesRequests: when the guard is told to end, requests in flight are answered, new
// connections are not taken, and the control plane says that it is draining as long as that takes. Only the exit code tells how it was told.
func TestGuardFinishesRequests(t *testing.T) {
	t.Run("SIGTERM", func(t *testing.T) { finishesRequests(t, cli.ErrTerminated, 0) })
	t.Run("Ctrl-C", func(t *testing.T) { finishesRequests(t, nil, 130) })
}

func finishesRequests(t *testing.T, cause error, want int) {
	inside, leave := make(chan bool), make(chan bool)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside <- true
		<-leave
		io.WriteString(w, "answer")
	}))
	defer upstream.Close()
	g := start(t, "guard", "--upstream", upstream.URL, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--vegas")
	answered := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + g.addrs[0])
		if err != nil {
			answered <- err.Error()
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		answered <- string(body)
	}()
	<-inside
	if code, body := fetch(t, "http://"+g.addrs[1]+"/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	g.stop(cause)
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if code, _ := fetch(t, "http://"+g.addrs[1]+"/healthz"); code == 503 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the control plane does not say that the guard is draining")
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + g.addrs[0])
		if err != nil {
			break // no longer listens
		}
		resp.Body.Close()
		if resp.StatusCode != 503 {
			t.Errorf("a request that came too late: %v", resp.Status)
		}
		if time.Now().After(end) {
			t.Fatal("still listens")
		}
	}
	leave <- true
	if body := <-answered; body != "answer" {
		t.Errorf("the request in flight got %q", body)
	}
	if code := g.wait(t); code != want {
		t.Errorf("exit code %d, want %d\n%s", code, want, &g.stderr)
	}
	if s := g.stderr.String(); strings.Contains(s, "error") {
		t.Error(s)
	}
}

// TestGuardCutsOff: requests that do not finish make the ordinary end an error.
func TestGuardCutsOff(t *testing.T) {
	inside := make(chan bool)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside <- true
		<-r.Context().Done()
	}))
	defer upstream.Close()
	g := start(t, "guard", "--upstream", upstream.URL, "--listen", "127.0.0.1:0", "--vegas", "--drain", "10ms")
	ended := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + g.addrs[0])
		if err == nil {
			resp.Body.Close()
		}
		ended <- err
	}()
	<-inside
	g.stop(cli.ErrTerminated)
	if code := g.wait(t); code != 3 {
		t.Errorf("exit code %d, want 3\n%s", code, &g.stderr)
	}
	if err := <-ended; err == nil {
		t.Error("the request was answered")
	}
	if s := g.stderr.String(); !strings.Contains(s, "cut off") {
		t.Error(s)
	}
}

// TestServeEnds: a target ends as a service does.
func TestServeEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		cause error
		code  int
	}{"SIGTERM": {cli.ErrTerminated, 0}, "Ctrl-C": {nil, 130}} {
		s := start(t, "serve", "--listen", "127.0.0.1:0")
		s.stop(tt.cause)
		if code := s.wait(t); code != tt.code {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, tt.code, &s.stderr)
		}
	}
}

// TestGuardsShareALimit runs two guards on one Redis.
func TestGuardsShareALimit(t *testing.T) {
	server, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed: limits are not shared in this test")
	}
	socket := filepath.Join(t.TempDir(), "redis.sock")
	redis := exec.Command(server, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no")
	redis.Dir = t.TempDir()
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { redis.Process.Kill(); redis.Wait() }()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("redis-server does not start")
		}
	}
	url := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(url, []byte("unix://"+socket+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer upstream.Close()
	var guards []*running
	for range 2 {
		guards = append(guards, start(t, "guard", "--upstream", upstream.URL, "--listen", "127.0.0.1:0", "--gcra", "1/h:burst=9", "--store", "@"+url, "--fail", "closed", "--log", "json"))
	}
	codes := map[int]int{}
	for i := range 20 {
		code, _ := fetch(t, "http://"+guards[i%2].addrs[0])
		codes[code]++
	}
	if codes[200] != 9 || codes[429] != 11 {
		t.Errorf("%v", codes)
	}
	// Without the store, closed means that nothing passes.
	redis.Process.Kill()
	redis.Wait()
	if code, _ := fetch(t, "http://"+guards[0].addrs[0]); code != 503 {
		t.Errorf("without the store: %d", code)
	}
	for _, g := range guards {
		g.stop(nil)
		if code := g.wait(t); code != 130 {
			t.Errorf("exit code %d\n%s", code, &g.stderr)
		}
	}
	if s := guards[0].stderr.String(); !strings.Contains(s, `"msg":"shared limit failed","class":"default","outcome":"limiter_error"`) {
		t.Error(s)
	}
}

// TestAdminProtection: figures want a token where others than this machine can ask.
func TestAdminProtection(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("alice 0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags   adminFlags
		protect bool
	}{
		{adminFlags{listen: "127.0.0.1:0", tokens: tokens}, false},
		{adminFlags{listen: ":0", tokens: tokens}, true},
		{adminFlags{listen: ":0", tokens: tokens, exposed: true}, false},
	} {
		c, err := tt.flags.config()
		if err != nil || c.ProtectAll != tt.protect || c.Tokens.Len() != 1 {
			t.Errorf("%+v: %v, %v", tt.flags, c.ProtectAll, err)
		}
	}
}
