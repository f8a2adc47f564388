package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

func mustProfile(t testing.TB, s string) *gcra.Profile {
	t.Helper()
	p, err := gcra.ParseProfile(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func one(t testing.TB, url string) *Targets {
	t.Helper()
	targets, err := NewTargets(TargetOptions{}, Request{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

func run1(t testing.TB, c Config) *Result {
	t.Helper()
	res, err := Run(context.Background(), &c)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Requests.check(); err != nil {
		t.Errorf("%v: %+v", err, res.Requests)
	}
	return res
}

func TestSmoke(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) }))
	defer s.Close()
	for name, c := range map[string]Config{
		"open":   {Rate: mustProfile(t, "1k/s"), Duration: time.Second},
		"closed": {Concurrency: 10, Duration: time.Second},
		"http2":  {Concurrency: 10, Duration: time.Second, Redirects: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c.Targets = one(t, s.URL)
			r := run1(t, c)
			t.Logf("%+v %+v resp %v %v lag %v %v engine %s %+v trace %d", r.Requests, r.Rates, r.Response.Quantile(.5), r.Response.Quantile(.99), r.Lag.Quantile(.5), r.Lag.Quantile(.99), r.Engine, r.Client, len(r.Trace))
		})
	}
}
