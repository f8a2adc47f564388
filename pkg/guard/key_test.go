package guard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	long := strings.Repeat("k", 5000)
	for _, c := range []struct {
		name   string
		key    Key
		remote string
		path   string
		header http.Header
		want   string
	}{
		{"address", ByAddress(), "203.0.113.7:1", "/", nil, "a:203.0.113.7"},
		{"zero key", Key{}, "203.0.113.7:1", "/", nil, "a:203.0.113.7"},
		{"mapped", ByAddress(), "[::ffff:203.0.113.7]:1", "/", nil, "a:203.0.113.7"},
		{"a /64", ByAddress(), "[2001:db8:1:2:3:4:5:6]:1", "/", nil, "a:2001:db8:1:2::/64"},
		{"a zone", ByAddress(), "[fe80::1%eth0]:1", "/", nil, "a:fe80::/64"},
		{"no address", ByAddress(), "@", "/", nil, "a:-"},
		{"header", ByHeader("x-key"), "203.0.113.7:1", "/", http.Header{"X-Key": {"abc"}}, "h:abc"},
		{"no header", ByHeader("X-Key"), "203.0.113.7:1", "/", nil, "a:203.0.113.7"},
		{"empty header", ByHeader("X-Key"), "203.0.113.7:1", "/", http.Header{"X-Key": {""}}, "a:203.0.113.7"},
		{"two headers", ByHeader("X-Key"), "203.0.113.7:1", "/", http.Header{"X-Key": {"a", "b"}}, "a:203.0.113.7"},
		{"an address in a header", ByHeader("X-Key"), "203.0.113.7:1", "/", http.Header{"X-Key": {"203.0.113.7"}}, "h:203.0.113.7"},
		{"path", ByPath(), "", "/a//b/./c/../d/", nil, "p:/a/b/d"},
		{"escaped path", ByPath(), "", "/a/%2e%2e/b", nil, "p:/b"},
		{"root", ByPath(), "", "/", nil, "p:/"},
		{"host", ByHost(), "", "/", nil, "d:example.com"},
		{"all", ByAll(), "", "/", nil, "*"},
		{"function", ByFunc(func(*http.Request) (string, bool) { return "u1", true }), "", "/", nil, "f:u1"},
		{"function without", ByFunc(func(*http.Request) (string, bool) { return "u1", false }), "203.0.113.7:1", "/", nil, "a:203.0.113.7"},
		{"long", ByHeader("X-Key"), "", "/", http.Header{"X-Key": {long}}, "#"},
		{"odd", ByHeader("X-Key"), "", "/", http.Header{"X-Key": {"a b"}}, "#"},
		{"like a hash", ByHeader("X-Key"), "", "/", http.Header{"X-Key": {"#abc"}}, "#"},
	} {
		r := httptest.NewRequest("GET", "http://EXAMPLE.com"+c.path, nil)
		r.RemoteAddr = c.remote
		if c.header != nil {
			r.Header = c.header
		}
		x := newExchange(newGuard(t, Config{}))
		x.r = r
		got := string(c.key.append(nil, x))
		if c.want == "#" {
			if !strings.HasPrefix(got, "h:#") || len(got) != 3+64 {
				t.Errorf("%s: got %q, want a hash", c.name, got)
			}
		} else if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNormalPath(t *testing.T) {
	for p, want := range map[string]struct {
		normal string
		plain  bool
	}{
		"":             {"/", false},
		"*":            {"/", false},
		"/":            {"/", true},
		"/a":           {"/a", true},
		"/a/":          {"/a", true},
		"/a//":         {"/a", false},
		"//a":          {"/a", false},
		"/a/../b":      {"/b", false},
		"/../a":        {"/a", false},
		"/a/.":         {"/a", false},
		`/a\..\b`:      {`/a\..\b`, false},
		"/a;x=1":       {"/a;x=1", false},
		"a":            {"/a", false},
		"/a/..":        {"/", false},
		"/.well-known": {"/.well-known", true},
	} {
		if normal, plain := normalPath(p); normal != want.normal || plain != want.plain {
			t.Errorf("%q: got %q, %v; want %q, %v", p, normal, plain, want.normal, want.plain)
		}
	}
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true}, {"/a", "/a/b", false}, {"/a", "/ab", false}, {"/a/", "/a", true}, {"/a/", "/a/b", true},
		{"/a/", "/ab", false}, {"/", "/", true}, {"/", "/x", true}, {"/a/", "/", false},
	} {
		if got := matchPath(c.pattern, c.path); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.path, got)
		}
	}
}

// FuzzBypass checks that no path but the configured ones gets around the limits.
func FuzzBypass(f *testing.F) {
	for _, s := range []string{"/healthz", "/healthz/", "/static/x", "/static/../admin", "//healthz", "/healthz/../admin", "/static/%2e%2e/admin", `/static\..\admin`, "/static;/../admin", "*", ""} {
		f.Add(s)
	}
	g, err := New(Config{Classes: []Class{{Name: "health", Paths: []string{"/healthz", "/static/"}, Bypass: true}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, p string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = p
		x := g.begin(r)
		defer x.end()
		if !x.admit() || x.e.outcome != bypassed {
			return
		}
		if p == "/healthz" || p == "/healthz/" || p == "/static" {
			return
		}
		rest, ok := strings.CutPrefix(p, "/static/")
		for element := range strings.SplitSeq(rest, "/") {
			ok = ok && element != "." && element != ".."
		}
		if !ok || strings.ContainsAny(p, `\;`) {
			t.Errorf("%q bypasses the limits", p)
		}
	})
}
