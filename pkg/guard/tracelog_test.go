package guard

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/gcra"
)

// logTo returns a logger without times, and what it wrote.
func logTo() (*slog.Logger, func() string) {
	var mu sync.Mutex
	var b bytes.Buffer
	w := writeFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	})
	h := slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(h), func() string {
		mu.Lock()
		defer mu.Unlock()
		s := b.String()
		b.Reset()
		return s
	}
}

type writeFunc func([]byte) (int, error)

func (w writeFunc) Write(p []byte) (int, error) { return w(p) }

func TestLogSumsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := observed(t, Enforce)
		logger, text := logTo()
		g.Log(logger, 0)
		h := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for range 1000 {
			ask(h, "/api/x", "a")
		}
		ask(h, "/", "a")
		if s := text(); s != "" {
			t.Errorf("at once: %q", s)
		}
		time.Sleep(11 * time.Second)
		want := `level=WARN msg="requests refused" class=api outcome=rate_limited requests=997 interval=10s limit=client
level=WARN msg="requests refused" class=default outcome=rate_limited requests=1 interval=10s limit=client
`
		if s := text(); s != want {
			t.Errorf("got %s want %s", s, want)
		}
		time.Sleep(time.Minute)
		ask(h, "/healthz", "a")
		time.Sleep(time.Minute)
		if s := text(); s != "" {
			t.Errorf("of nothing: %q", s)
		}
	})
}

func TestLogFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := observed(t, DryRun)
		logger, text := logTo()
		l := g.Log(logger, time.Minute)
		h := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for range 5 {
			ask(h, "/", "a")
		}
		l.Flush()
		if s := text(); !strings.Contains(s, `msg="requests would have been refused" class=default outcome=rate_limited requests=2`) || !strings.Contains(s, "dry_run=true") {
			t.Errorf("%q", s)
		}
		l.Flush()
		time.Sleep(time.Hour)
		if s := text(); s != "" {
			t.Errorf("twice: %q", s)
		}
	})
}

// broken is a Decider that cannot decide.
type broken struct{}

func (broken) Take(context.Context, string, uint64) (gcra.Decision, error) {
	return gcra.Decision{}, errors.New("broken")
}

func TestLogOfASharedLimit(t *testing.T) {
	for fail, want := range map[Fail]string{FailOpen: "outcome=admitted requests=2", FailClosed: "outcome=limiter_error requests=2"} {
		g, err := New(Config{Limits: []Limit{{Limit: gcra.Limit{Rate: gcra.Rate{Cells: 1, Per: time.Second}, Burst: 1}, Shared: broken{}, Fail: fail}}})
		if err != nil {
			t.Fatal(err)
		}
		logger, text := logTo()
		l := g.Log(logger, time.Hour)
		m := g.Metrics(MetricsConfig{})
		h := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		ask(h, "/", "a")
		ask(h, "/", "a")
		l.Flush()
		if s := text(); !strings.Contains(s, `msg="shared limit failed" class=default `+want) || !strings.Contains(s, "limit=default") {
			t.Errorf("%q", s)
		}
		if n := series(scrape(t, m))[`flowload_guard_limit_errors_total{limit="default"}`]; n != 2 {
			t.Errorf("%v errors", n)
		}
	}
}
