package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/gcra"
)

// limited is a handler with a limit for each X-Key, which states its waits as dates.
func limited(t *testing.T, limit string) http.Handler {
	t.Helper()
	l, err := gcra.ParseLimit(limit)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := gcra.NewKeyed[string](gcra.KeyedConfig{Limit: l})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := keyed.Take(r.Header.Get("X-Key"), time.Since(began), 1)
		if d.Allowed {
			return
		}
		now := time.Now()
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		w.Header().Set("Retry-After", now.Add(time.Duration(d.RetryAfterSeconds())*time.Second).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	})
}

func limitJSON(t *testing.T, schema *jsonschema.Schema, args ...string) (code int, r limitReport, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), newCommand(), cli.Env{Args: append([]string{"limit", "--json"}, args...), Stdout: &out, Stderr: &errs})
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err == nil {
		err = schema.Validate(value)
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &r)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return code, r, errs.String()
}

func limitSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "flowload-limit.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestLimitSchema validates the JSON of endpoints of several kinds, and their exit codes.
func TestLimitSchema(t *testing.T) {
	t.Parallel()
	schema := limitSchema(t)
	var mu sync.Mutex
	used, began := 0, time.Now()
	for _, c := range []struct {
		name    string
		handler http.Handler
		args    []string
		code    int
	}{
		{"as expected, with dates", limited(t, "100/s:burst=100"), []string{"--expect", "100/s:burst=100", "--key", "header:X-Key", "--tolerance", "20%"}, 0},
		{"too little", limited(t, "20/s:burst=20"), []string{"--expect", "100/s:burst=20"}, 1},
		{"nothing refused", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), []string{"--expect", "5/s:burst=1", "-d", "3s"}, 1},
		{"only failures", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), []string{"--expect", "50/s", "-d", "600ms"}, 4},
		{"a window", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(began) > 500*time.Millisecond {
				used, began = 0, time.Now()
			}
			if used++; used > 20 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}), []string{"--expect", "100/s:burst=20", "-d", "4s"}, 1},
		{"waits that have to be stated", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if used++; used%2 == 0 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}), []string{"--expect", "100/s", "-d", "600ms", "--require-retry-after"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.handler)
			defer s.Close()
			code, r, stderr := limitJSON(t, schema, append(c.args, s.URL)...)
			if c.name == "a window" {
				if r.Measured.Kind != "window or refilled bucket" {
					t.Errorf("kind %q", r.Measured.Kind)
				}
				return // it is 40 a second, or less on a slow machine
			}
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%+v\n%s", code, c.code, r, stderr)
			}
		})
	}
}

// TestLimitOfNginx measures the limits of a real nginx: with a burst, without one, and
// with a burst that is delayed instead of refused.
func TestLimitOfNginx(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("measures for some seconds")
	}
	program, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip("nginx is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
pid nginx.pid; daemon off; worker_processes 1; error_log error.log;
events {}
http {
  access_log off;
  client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  limit_req_status 429;
  limit_req_zone $http_x_key zone=a:1m rate=100r/s;
  limit_req_zone $http_x_key zone=b:1m rate=50r/s;
  server {
    listen %s;
    location /single { limit_req zone=b; try_files /x =204; }
    location / { limit_req zone=a burst=100 nodelay; try_files /x =204; }
  }
}`, address)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	nginx := exec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "error.log")
	nginx.Stdout, nginx.Stderr = &log, &log
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		nginx.Process.Signal(os.Interrupt)
		nginx.Wait()
	}()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not answer\n%s", log.String())
		}
	}
	schema := limitSchema(t)
	for _, c := range []struct {
		path  string
		rate  float64
		burst int // one more than nginx calls it
	}{{"/", 100, 101}, {"/single", 50, 1}} {
		expect := strconv.FormatFloat(c.rate, 'g', -1, 64) + "/s:burst=" + strconv.Itoa(c.burst)
		_, r, stderr := limitJSON(t, schema, "http://"+address+c.path, "--expect", expect, "--key", "header:X-Key", "--tolerance", "10%")
		m := r.Measured
		if m.Kind != "gcra or token bucket" || m.LowPerS > 1.1*c.rate || m.HighPerS == nil || *m.HighPerS < 0.9*c.rate ||
			m.LowBurst > float64(c.burst)+2 || m.HighBurst == nil || *m.HighBurst < float64(c.burst)-2 {
			t.Errorf("%s: %+v, want %s\n%s", c.path, m, expect, stderr)
		}
		if r.Isolation == nil || !*r.Isolation {
			t.Errorf("%s: clients not isolated", c.path)
		}
		t.Logf("%s: %s, rate %s, burst %s", c.path, r.Verdict, m.rate(), m.burst())
	}
}
