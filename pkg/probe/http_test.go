package probe

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		field, date string
		want        time.Duration
		ok          bool
	}{
		{"3", "", 3 * time.Second, true},
		{" 0 ", "", 0, true},
		{"4294967295", "", 4294967295 * time.Second, true},
		{"4294967296", "", 0, false},
		{"-1", "", 0, false},
		{"1.5", "", 0, false},
		{"", "", 0, false},
		{"soon", "", 0, false},
		{"Wed, 02 Jan 2030 03:04:15 GMT", "", 10 * time.Second, true},
		{"Wed, 02 Jan 2030 03:04:15 GMT", "Wed, 02 Jan 2030 03:04:12 GMT", 3 * time.Second, true},
		{"Wed, 02 Jan 2030 03:04:01 GMT", "", 0, true},
		{"Wednesday, 02-Jan-30 03:04:15 GMT", "", 10 * time.Second, true},
	} {
		h := http.Header{"Retry-After": {c.field}}
		if c.date != "" {
			h.Set("Date", c.date)
		}
		if got, ok := retryAfter(h, now); got != c.want || ok != c.ok {
			t.Errorf("Retry-After %q, Date %q: %v, %v, want %v, %v", c.field, c.date, got, ok, c.want, c.ok)
		}
	}
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch key := r.Header.Get("X-Key"); key {
		case "refused":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case "busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "gone":
			panic(http.ErrAbortHandler)
		case "elsewhere":
			http.Redirect(w, r, "/refused", http.StatusFound)
		default:
			fmt.Fprintf(w, "%s %s", r.Method, key)
		}
	}))
	defer s.Close()
	h := HTTP{URL: s.URL, KeyHeader: "X-Key"}
	ask, closeIdle, err := h.Asker()
	if err != nil {
		t.Fatal(err)
	}
	defer closeIdle()
	for key, want := range map[string]Answer{
		"":          {Verdict: Admitted},
		"refused":   {Verdict: Refused, RetryAfter: 7 * time.Second, Stated: true},
		"busy":      {Verdict: Failed},
		"elsewhere": {Verdict: Admitted},
	} {
		if got := ask(t.Context(), key); got != want {
			t.Errorf("key %q: %+v, want %+v", key, got, want)
		}
	}
	if got := ask(t.Context(), "gone"); got.Verdict != Failed || got.Err == nil {
		t.Errorf("a connection that is closed: %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := ask(ctx, ""); got.Verdict != Failed || got.Err == nil {
		t.Errorf("a cancelled request: %+v", got)
	}
	busy := HTTP{URL: s.URL, KeyHeader: "X-Key", Refused: func(status int) bool { return status == 503 }}
	ask, closeIdle, err = busy.Asker()
	if err != nil {
		t.Fatal(err)
	}
	defer closeIdle()
	if got := ask(t.Context(), "busy"); got.Verdict != Refused || got.Stated {
		t.Errorf("503 as a refusal: %+v", got)
	}
	if _, _, err := (&HTTP{URL: "http://[::1"}).Asker(); err == nil {
		t.Error("no error for a URL that is none")
	}
}
