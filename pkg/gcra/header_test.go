package gcra

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestHeaders(t *testing.T) {
	limit := Limit{Rate{5, time.Second}, 50}
	l, err := New(limit.Rate, limit.Burst)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	l.Take(0, 38).SetHeader(h.Set, "default", limit.Policy("default"), true)
	want := http.Header{"Ratelimit-Policy": {`"default";q=50;w=10`}, "Ratelimit": {`"default";r=12;t=8`},
		"X-Ratelimit-Limit": {"50"}, "X-Ratelimit-Remaining": {"12"}, "X-Ratelimit-Reset": {"8"}}
	if fmt.Sprint(h) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", h, want)
	}
	h = http.Header{}
	l.Take(0, 20).SetHeader(h.Set, "default", "", false) // 8 cells too many: 1.6 s
	want = http.Header{"Ratelimit": {`"default";r=12;t=2`}, "Retry-After": {"2"}}
	if fmt.Sprint(h) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", h, want)
	}
	if d := l.Take(0, 13); d.RetryAfter != 200*time.Millisecond || d.RetryAfterSeconds() != 1 {
		t.Errorf("a short wait: %+v, %d s", d, d.RetryAfterSeconds())
	}
	if d := l.Take(0, 51); d.RetryAfterSeconds() != 0 {
		t.Errorf("never: %+v, %d s", d, d.RetryAfterSeconds())
	}
	for _, c := range []struct {
		limit Limit
		name  string
		want  string
	}{
		{Limit{Rate{1000, time.Second}, 50}, "a", `"a";q=1000;w=1`}, // B·T = 50 ms
		{Limit{Rate{1, time.Minute}, 1}, `"\` + "\n\u00e9", `"\"\\??";q=1;w=60`},
		{Limit{Rate{3, time.Second}, 4}, "", `"";q=4;w=2`},
		{Limit{}, "a", ""},
	} {
		if got := c.limit.Policy(c.name); got != c.want {
			t.Errorf("%v: got %s, want %s", c.limit, got, c.want)
		}
	}
}
