package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
)

// runJSON is what the tests read of a result.
type runJSON struct {
	Loop     string
	Requests map[string]uint64
	Limit    struct{ Max int }
	Capacity *struct {
		PerS        float64 `json:"per_s"`
		Low         float64 `json:"low_per_s"`
		High        float64 `json:"high_per_s"`
		Concurrency int
	}
	Verdict string
}

// loadJSON runs a command, validates its JSON and checks that its counts add up.
func loadJSON(t *testing.T, ctx context.Context, args ...string) (code int, r runJSON) {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "flowload-run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = cli.Run(ctx, newCommand(), cli.Env{Args: append(args, "--json"), Stdout: &out, Stderr: &errs})
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
	var outcomes uint64
	for name, n := range r.Requests {
		if !slices.Contains([]string{"offered", "sent", "dropped", "late"}, name) {
			outcomes += n
		}
	}
	if r.Requests["offered"] != r.Requests["sent"]+r.Requests["dropped"] || r.Requests["sent"] != outcomes {
		t.Errorf("%v: counts do not add up: %v", args, r.Requests)
	}
	return code, r
}

// TestRunCounts compares what a run says that it sent with what arrived.
func TestRunCounts(t *testing.T) {
	var arrived atomic.Uint64
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := arrived.Add(1); {
		case r.URL.Path == "/mixed" && n%4 == 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case r.URL.Path == "/mixed" && n%4 == 2:
			w.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path == "/mixed" && n%4 == 3:
			http.Redirect(w, r, "/", http.StatusFound)
		}
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	for _, c := range []struct {
		name string
		args []string
		sent uint64 // 0: as many as arrived
	}{
		{"open", []string{"run", plain.URL, "-r", "200/s", "-d", "1s"}, 200},
		{"ramp", []string{"run", plain.URL, "-r", "50/s..150/s:1s"}, 100},
		{"poisson", []string{"run", plain.URL, "-r", "200/s", "-d", "500ms", "--poisson", "--seed", "1"}, 0},
		{"closed", []string{"run", plain.URL, "-c", "4", "-n", "300"}, 300},
		{"open with a limit", []string{"run", plain.URL, "-r", "200/s", "-c", "3", "-n", "100"}, 100},
		{"auto", []string{"run", plain.URL, "-c", "auto", "-d", "700ms"}, 0},
		{"mixed answers", []string{"run", plain.URL + "/mixed", "-c", "2", "-n", "100"}, 100},
		{"TLS", []string{"run", secure.URL, "-k", "-c", "2", "-n", "60"}, 60},
		{"HTTP/2", []string{"run", secure.URL, "-k", "--http2", "-c", "2", "-n", "60"}, 60},
		{"a connection each", []string{"run", plain.URL, "--close", "-c", "2", "-n", "60"}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			arrived.Store(0)
			code, r := loadJSON(t, t.Context(), c.args...)
			if code != 0 && code != 4 { // 4 on a machine that others use
				t.Errorf("exit code %d, verdict %s, %v", code, r.Verdict, r.Requests)
			}
			want := c.sent
			if want == 0 {
				want = arrived.Load()
			}
			if r.Requests["sent"] != want || arrived.Load() != want || want == 0 {
				t.Errorf("%d sent, %d arrived, want %d", r.Requests["sent"], arrived.Load(), c.sent)
			}
			if c.name == "mixed answers" {
				for _, name := range []string{"ok", "too_many", "server_error", "redirect"} {
					if r.Requests[name] != 25 {
						t.Errorf("%d %s, want 25", r.Requests[name], name)
					}
				}
			}
		})
	}
}

// TestRunInterrupted ends a run from outside: what was measured is printed, with exit code 130.
func TestRunInterrupted(t *testing.T) {
	for _, command := range []string{"run", "find"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var arrived atomic.Uint64
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if arrived.Add(1) == 50 {
				cancel()
			}
		}))
		defer s.Close()
		args := []string{command, s.URL, "-d", "1h"}
		if command == "run" {
			args = append(args, "-c", "2")
		}
		code, r := loadJSON(t, ctx, args...)
		if code != 130 || r.Requests["sent"] < 50 {
			t.Errorf("%s: exit code %d, want 130; %v", command, code, r.Requests)
		}
	}
}

// TestFind finds the capacity of a handler that works on four requests at once. How near it comes is
// for pkg/load's tests, in virtual time.
func TestFind(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("searches for some seconds")
	}
	places := make(chan struct{}, 4)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		places <- struct{}{}
		time.Sleep(20 * time.Millisecond)
		<-places
	}))
	defer s.Close()
	code, r := loadJSON(t, t.Context(), "find", s.URL, "-d", "6s", "--seed", "1")
	if code != 0 && code != 4 || r.Capacity == nil {
		t.Fatalf("exit code %d, %+v", code, r)
	}
	if c := r.Capacity; c.PerS < 80 || c.PerS > 210 || c.Low > c.PerS || c.High < c.PerS || c.Concurrency < 2 {
		t.Errorf("%+v, want about 200/s", c)
	}
	code, r = loadJSON(t, t.Context(), "find", s.URL, "-d", "3s", "--slo", "p50<1ms")
	if code != 1 || r.Capacity != nil {
		t.Errorf("an objective that cannot be kept: exit code %d, capacity %+v", code, r.Capacity)
	}
}
