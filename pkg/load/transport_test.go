package load

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUnixSocket(t *testing.T) {
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		name := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", name)
		if err != nil {
			t.Skipf("no unix sockets here: %v", err)
		}
		server := &counter{}
		s := &http.Server{Handler: server}
		go s.Serve(l)
		defer s.Close()
		c := Config{Targets: one(t, "http://any.invalid/x"), Unix: name, Concurrency: 2, Requests: 10}
		engine(&c)
		if got := outcomes(do(t, t.Context(), c)); got != "ok 10" {
			t.Error(got)
		}
		c.Unix = filepath.Join(t.TempDir(), "none")
		if got := outcomes(do(t, t.Context(), c)); got != "refused 10" {
			t.Error(got)
		}
	})
}

func TestResolve(t *testing.T) {
	_, url := serve(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	each(t, nil, func(t *testing.T, engine func(*Config)) {
		for _, resolve := range []map[string]string{
			{"name.invalid": "127.0.0.1"},
			{"name.invalid:" + port: "127.0.0.1"},
			{"name.invalid": "127.0.0.1:" + port},
		} {
			c := Config{Targets: one(t, "http://NAME.invalid:"+port), Resolve: resolve, Concurrency: 1, Requests: 3}
			engine(&c)
			if r := do(t, t.Context(), c); outcomes(r) != "ok 3" {
				t.Errorf("%v: %s %v", resolve, outcomes(r), r.Examples)
			}
		}
	})
}

func TestTLS(t *testing.T) {
	server := &counter{}
	s := httptest.NewUnstartedServer(server)
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quietLog
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for name, c := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"roots":    {&tls.Config{RootCAs: roots}, "ok 10"},
		"insecure": {&tls.Config{InsecureSkipVerify: true}, "ok 10"},
		"system":   {nil, "tls 10"},
		"name":     {&tls.Config{RootCAs: roots, ServerName: "other.invalid"}, "tls 10"},
		"version":  {&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}, "tls 10"},
	} {
		each(t, nil, func(t *testing.T, engine func(*Config)) {
			c2 := Config{Targets: one(t, s.URL), TLS: c.config, Concurrency: 2, Requests: 10}
			engine(&c2)
			c2.Dial = nil
			if r := do(t, t.Context(), c2); outcomes(r) != c.want {
				t.Errorf("%s: got %s %v, want %s", name, outcomes(r), r.Examples, c.want)
			}
		})
	}
	// And a server that does not speak it.
	_, plain := serve(t, nil)
	each(t, ownEngines, func(t *testing.T, engine func(*Config)) {
		c := Config{Targets: one(t, strings.Replace(plain, "http:", "https:", 1)), Concurrency: 1, Requests: 3}
		engine(&c)
		if r := do(t, t.Context(), c); outcomes(r) != "tls 3" {
			t.Errorf("plain server: %s %v", outcomes(r), r.Examples)
		}
	})
}

func TestHTTP2(t *testing.T) {
	var versions sync.Map
	handle := func(w http.ResponseWriter, r *http.Request) {
		versions.Store(r.Proto, true)
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "hello")
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(handle))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	plain := httptest.NewUnstartedServer(http.HandlerFunc(handle))
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	defer plain.Close()
	for _, url := range []string{s.URL, plain.URL} {
		c := Config{Targets: many(t, TargetOptions{}, Request{URL: url, Body: []byte("x")}), HTTP2: true, Concurrency: 4, Requests: 20,
			TLS: &tls.Config{InsecureSkipVerify: true}}
		r := do(t, t.Context(), c)
		if outcomes(r) != "ok 20" || r.Protocol != "HTTP/2.0" {
			t.Errorf("%s: %s %v %s", url, outcomes(r), r.Examples, r.Protocol)
		}
	}
	if _, ok := versions.Load("HTTP/1.1"); ok {
		t.Error("HTTP/1.1 was spoken")
	}
}

func TestRedirectsAndProxy(t *testing.T) {
	server, target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.URL.Path) - 1; n > 0 {
			http.Redirect(w, r, r.URL.Path[:n], http.StatusTemporaryRedirect)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	c := Config{Targets: many(t, TargetOptions{}, Request{URL: target + "/ab", Body: []byte("again")}), Concurrency: 1, Requests: 2, Redirects: 2, Expect: []byte("again")}
	if r := do(t, t.Context(), c); outcomes(r) != "ok 2" || server.served.Load() != 6 {
		t.Errorf("%s, %d served", outcomes(r), server.served.Load())
	}
	c.Redirects = 1
	if r := do(t, t.Context(), c); outcomes(r) != "redirect 2" {
		t.Error(outcomes(r))
	}
	passed := 0
	proxy := httptest.NewServer(&httputil.ReverseProxy{ErrorLog: quietLog, Rewrite: func(p *httputil.ProxyRequest) { passed++ }})
	defer proxy.Close()
	at, _ := url.Parse(proxy.URL)
	c = Config{Targets: one(t, target), Concurrency: 1, Requests: 3, Proxy: http.ProxyURL(at)}
	if r := do(t, t.Context(), c); outcomes(r) != "ok 3" || passed != 3 {
		t.Errorf("%s, the proxy passed %d on", outcomes(r), passed)
	}
}
