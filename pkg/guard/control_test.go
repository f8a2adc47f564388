package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// controlled is a guard with limits that stay and that adapt, a gate, and its control plane.
func controlled(t *testing.T) (g *Guard, control http.Handler, log func() string) {
	t.Helper()
	perS := func(n uint64) gcra.Rate { return gcra.Rate{Cells: n, Per: time.Second} }
	g, err := New(Config{
		Limits: []Limit{
			{Name: "client", Limit: gcra.Limit{Rate: perS(500), Burst: 50}, Key: ByHeader("X-Key")},
			{Name: "all", Limit: gcra.Limit{Rate: perS(1000), Burst: 100}, Key: ByAll(), Adapt: &Adapt{Min: perS(100), Max: perS(2000)}},
		},
		Gate: &Gate{Vegas: vegas.Config{Min: 2, Max: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	logger, log := logTo()
	return g, g.Control(ControlConfig{Tokens: operators(t), Audit: logger, Metrics: g.Metrics(MetricsConfig{})}), log
}

// A call is a request to a control plane.
type call struct {
	method, path, token, match, body string
	contentType                      string
	host                             string
	local                            string // address it came in on
}

func (c call) do(h http.Handler) *httptest.ResponseRecorder {
	if c.method == "" {
		c.method = "GET"
	}
	if c.path == "" {
		c.path = "/limits"
	}
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	r.RemoteAddr = "127.0.0.1:50112"
	set := func(field, value string) {
		if value != "" {
			r.Header.Set(field, value)
		}
	}
	if c.token != "" {
		set("Authorization", "Bearer "+c.token)
	}
	set("If-Match", c.match)
	if c.contentType == "" && c.method != "GET" {
		c.contentType = "application/json"
	}
	set("Content-Type", c.contentType)
	if c.host != "" {
		r.Host = c.host
	}
	if c.local != "" {
		addr, _ := net.ResolveTCPAddr("tcp", c.local)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schema", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, body io.Reader) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(body)
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestControlReads(t *testing.T) {
	g, h, _ := controlled(t)
	w := call{token: aliceToken}.do(h)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || len(w.Header().Get("Etag")) != 18 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	want := `{
  "mode": "enforce",
  "limits": {
    "all": {
      "rate": "1000/s",
      "burst": 100,
      "dry_run": false,
      "adaptive": {
        "min": "100/s",
        "max": "2000/s"
      }
    },
    "client": {
      "rate": "500/s",
      "burst": 50,
      "dry_run": false
    }
  },
  "gate": {
    "min": 2,
    "max": 100
  }
}
`
	if w.Body.String() != want {
		t.Errorf("got %s", w.Body)
	}
	validate(t, schema(t, "flowload-guard-limits.json"), w.Body)
	ask(g.Middleware(http.NotFoundHandler()), "/", "a")
	status := schema(t, "flowload-guard-status.json")
	validate(t, status, call{path: "/status", token: bobToken}.do(h).Body)
	shared, err := New(Config{Limits: []Limit{{Limit: gcra.Limit{Rate: gcra.Rate{Cells: 1, Per: time.Second}, Burst: 1}, Shared: broken{}, Fail: FailOpen}}})
	if err != nil {
		t.Fatal(err)
	}
	h = shared.Control(ControlConfig{})
	validate(t, status, call{path: "/status"}.do(h).Body)
	validate(t, schema(t, "flowload-guard-limits.json"), call{}.do(h).Body)
}

func TestControlChanges(t *testing.T) {
	g, h, log := controlled(t)
	etag := call{token: aliceToken}.do(h).Header().Get("Etag")
	w := call{method: "PATCH", token: aliceToken, match: etag, contentType: "application/merge-patch+json; charset=utf-8",
		body: `{"mode":"dry_run","limits":{"client":{"rate":"600/s"},"all":{"burst":70,"adaptive":{"max":"3k/s"}}},"gate":{"max":50}}`}.do(h)
	if w.Code != 200 || w.Header().Get("Etag") == etag {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	s := g.Settings()
	perS := func(n uint64) gcra.Rate { return gcra.Rate{Cells: n, Per: time.Second} }
	if want := (Settings{Mode: DryRun, Gate: &GateSettings{2, 50}, Limits: []LimitSettings{
		{Name: "client", Limit: gcra.Limit{Rate: perS(600), Burst: 50}},
		{Name: "all", Limit: gcra.Limit{Rate: perS(1000), Burst: 70}, Min: perS(100), Max: perS(3000)},
	}}); !reflect.DeepEqual(describe(s), describe(want)) {
		t.Errorf("got %+v want %+v", s, want)
	}
	line := log()
	for _, want := range []string{`level=INFO msg="limits changed" who=alice remote=127.0.0.1:50112`, `from="\"` + strings.Trim(etag, `"`), `limits.client.rate: 500/s → 600/s`, `mode: enforce → dry_run`, `gate.max: 100 → 50`} {
		if !strings.Contains(line, want) {
			t.Errorf("the log lacks %q: %s", want, line)
		}
	}
	if strings.Count(line, "→") != 5 || strings.Contains(line, aliceToken) {
		t.Errorf("%s", line)
	}
	// What was read can be put back, and then is what it was.
	now := call{token: bobToken}.do(h)
	again := call{method: "PUT", token: bobToken, match: now.Header().Get("Etag"), body: now.Body.String()}.do(h)
	if again.Code != 200 || again.Header().Get("Etag") != now.Header().Get("Etag") || !reflect.DeepEqual(g.Settings(), s) {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	if line := log(); !strings.Contains(line, "who=Bob.2") || !strings.Contains(line, "changes=none") {
		t.Errorf("%s", line)
	}
	if n := series(scrape(t, h))[`flowload_guard_changes_total{result="applied"}`]; n != 2 {
		t.Errorf("%v changes", n)
	}
}

func TestControlRefuses(t *testing.T) {
	g, h, log := controlled(t)
	before := g.Settings()
	etag := call{token: aliceToken}.do(h).Header().Get("Etag")
	whole := call{token: aliceToken}.do(h).Body.String()
	long := `{"mode":"` + strings.Repeat("x", maxSettings) + `"}`
	refused := 0
	for _, tt := range []struct {
		call   call
		status int
		reason string
	}{
		{call{method: "PATCH", match: etag, body: `{}`}, 401, "token"},
		{call{method: "PATCH", token: aliceToken[1:], match: etag, body: `{}`}, 401, "token"},
		{call{token: "x"}, 401, "token"},
		{call{path: "/status"}, 401, "token"},
		{call{path: "/limits/", token: aliceToken}, 404, "there are /limits"},
		{call{method: "DELETE", token: aliceToken}, 405, "there are GET, HEAD, PATCH, PUT"},
		{call{method: "POST", path: "/status", token: aliceToken}, 405, ""},
		{call{method: "PATCH", token: aliceToken, body: `{}`}, 428, "If-Match"},
		{call{method: "PATCH", token: aliceToken, match: `"0000000000000000"`, body: `{}`}, 412, "have changed"},
		{call{method: "PATCH", token: aliceToken, match: "W/" + etag, body: `{}`}, 412, "have changed"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{}`, contentType: "text/plain"}, 415, "application/json or application/merge-patch+json"},
		{call{method: "PUT", token: aliceToken, match: etag, body: whole, contentType: "application/merge-patch+json"}, 415, "is not application/json"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: long}, 413, "over 65536 bytes"},
		{call{method: "PATCH", token: aliceToken, match: etag}, 400, "not JSON"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"mode":"enforce","mode":"dry_run"}`}, 400, `"mode" is there twice`},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `null`}, 400, "is not an object"},
		{call{method: "PUT", token: aliceToken, match: etag, body: `null`}, 422, "is not an object"},
		{call{method: "PUT", token: aliceToken, match: etag, body: `{"mode":"enforce"}`}, 422, "limits: is missing"},
		{call{method: "PUT", token: aliceToken, match: etag, body: strings.Replace(whole, `"mode"`, `"Mode"`, 1)}, 422, "mode: is missing"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"mode":"off"}`}, 422, "mode: is not enforce or dry_run"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"mode":null}`}, 422, "mode: is missing"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"more":1}`}, 422, `there is no "more"`},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":null}}`}, 422, "limits.client: is missing"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"new":{"rate":"1/s","burst":1,"dry_run":false}}}`}, 422, `limits: there is no "new"`},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"rate":"fast"}}}`}, 422, "limits.client.rate: "},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"rate":"0/s"}}}`}, 422, ""},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"rate":500}}}`}, 422, "limits.client.rate: is not a string"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"burst":0}}}`}, 422, `limit "client"`},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"burst":-1}}}`}, 422, "limits.client.burst: is not a whole number"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"burst":1.5}}}`}, 422, "limits.client.burst"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"burst":1e99}}}`}, 422, "limits.client.burst"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"dry_run":1}}}`}, 422, "is not true or false"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"client":{"adaptive":{"min":"1/s","max":"2/s"}}}}`}, 422, `limit "client"`},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"all":{"adaptive":null}}}`}, 422, "limits.all.adaptive: is missing"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"limits":{"all":{"rate":"5k/s"}}}`}, 422, "is not within its bounds"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"gate":{"min":0}}`}, 422, "gate"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"gate":{"min":200}}`}, 422, "gate"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"gate":{"max":9223372036854775807}}`}, 422, "gate"},
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"gate":null}`}, 422, "gate: is missing"},
		// Something that is right beside something that is not.
		{call{method: "PATCH", token: aliceToken, match: etag, body: `{"mode":"dry_run","limits":{"all":{"burst":5},"client":{"burst":0}}}`}, 422, ""},
	} {
		w := tt.call.do(h)
		var answer struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Header().Get("Content-Type") != "application/problem+json" || answer.Status != w.Code || answer.Title == "" {
			t.Errorf("%+v: %v %v %s", tt.call, err, w.Header(), w.Body)
		}
		if w.Code != tt.status || !strings.Contains(answer.Detail, tt.reason) {
			t.Errorf("%.200v: %d %s, want %d %q", tt.call, w.Code, w.Body, tt.status, tt.reason)
		}
		if !reflect.DeepEqual(g.Settings(), before) {
			t.Fatalf("%.200v: changed to %+v", tt.call, g.Settings())
		}
		line := log()
		if strings.Contains(line, aliceToken) || strings.Contains(line, aliceToken[1:]) {
			t.Errorf("the log has a token: %s", line)
		}
		if tt.status >= 412 || tt.status == 400 {
			refused++
			if !strings.Contains(line, fmt.Sprintf(`msg="change of limits refused" who=alice remote=127.0.0.1:50112 status=%d`, tt.status)) {
				t.Errorf("%.200v: logged %q", tt.call, line)
			}
		}
	}
	if n := series(scrape(t, h))[`flowload_guard_changes_total{result="refused"}`]; n != float64(refused) {
		t.Errorf("%v changes were refused, want %d", n, refused)
	}
}

func TestControlWithoutTokens(t *testing.T) {
	g, _, _ := controlled(t)
	logger, log := logTo()
	h := g.Control(ControlConfig{Audit: logger, Metrics: nil})
	if w := (call{}).do(h); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	if w := (call{method: "PATCH", match: "*", body: `{}`}).do(h); w.Code != 403 || !strings.Contains(w.Body.String(), "without tokens") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := (call{path: "/metrics"}).do(h); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	log()
	for host, want := range map[string]int{"127.0.0.1:9000": 200, "localhost": 200, "[::1]:9000": 200, "LOCALHOST:1": 200, "rebound.example:9000": 403, "127.0.0.1.rebound.example": 403, "localhost.rebound.example": 403} {
		for _, path := range []string{"/limits", "/status", "/healthz"} {
			if w := (call{path: path, host: host, local: "127.0.0.1:9000"}).do(h); w.Code != want {
				t.Errorf("%s of %s: %d", path, host, w.Code)
			}
		}
	}
	if w := (call{host: "guard.example", local: "192.0.2.1:9000"}).do(h); w.Code != 200 {
		t.Errorf("not on loopback: %d", w.Code)
	}
}

func TestControlProtectAll(t *testing.T) {
	g, open, _ := controlled(t)
	all := g.Control(ControlConfig{Tokens: operators(t), ProtectAll: true, Metrics: g.Metrics(MetricsConfig{})})
	for _, path := range []string{"/metrics", "/healthz"} {
		if w := (call{path: path}).do(open); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
		if w := (call{path: path}).do(all); w.Code != 401 || w.Header().Get("Www-Authenticate") == "" {
			t.Errorf("%s, protected: %d", path, w.Code)
		}
		if w := (call{path: path, token: bobToken}).do(all); w.Code != 200 {
			t.Errorf("%s, with a token: %d", path, w.Code)
		}
	}
	if err := g.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := (call{path: "/healthz"}).do(open); w.Code != 503 {
		t.Errorf("while draining: %d", w.Code)
	}
}

// stubborn is a shared limit that can be changed, but once.
type stubborn struct {
	broken
	changes int
}

func (s *stubborn) Change(context.Context, gcra.Limit) error {
	if s.changes++; s.changes > 1 {
		return errors.New("the store is gone")
	}
	return nil
}

// TestControlUndoes: what a change did before a store refused it is taken back.
func TestControlUndoes(t *testing.T) {
	one := gcra.Limit{Rate: gcra.Rate{Cells: 1, Per: time.Second}, Burst: 1}
	g, err := New(Config{Limits: []Limit{{Name: "own", Limit: one}, {Name: "shared", Limit: one, Shared: &stubborn{}, Fail: FailOpen}}})
	if err != nil {
		t.Fatal(err)
	}
	logger, log := logTo()
	h := g.Control(ControlConfig{Tokens: operators(t), Audit: logger})
	change := func(body string) *httptest.ResponseRecorder {
		return call{method: "PATCH", token: aliceToken, match: "*", body: body}.do(h)
	}
	if w := change(`{"limits":{"shared":{"burst":2}}}`); w.Code != 200 || g.Settings().Limits[1].Limit.Burst != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	before := g.Settings()
	if w := change(`{"limits":{"own":{"burst":3},"shared":{"burst":3}}}`); w.Code != 502 || !strings.Contains(w.Body.String(), "the store is gone; nothing has been changed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !reflect.DeepEqual(describe(g.Settings()), describe(before)) {
		t.Errorf("got %+v want %+v", g.Settings(), before)
	}
	if line := log(); !strings.Contains(line, `msg="change of limits refused" who=alice remote=127.0.0.1:50112 status=502`) {
		t.Error(line)
	}
}

// TestControlOneWins: of those who change the same settings at once, one does, and no
// change is lost.
func TestControlOneWins(t *testing.T) {
	g, h, _ := controlled(t)
	for round := range 20 {
		etag := call{token: aliceToken}.do(h).Header().Get("Etag")
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for i := range 8 {
			wg.Go(func() {
				w := call{method: "PATCH", token: aliceToken, match: etag, body: fmt.Sprintf(`{"limits":{"client":{"burst":%d}}}`, 1000+round*8+i)}.do(h)
				mu.Lock()
				codes[w.Code]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if codes[200] != 1 || codes[412] != 7 {
			t.Fatalf("round %d: %v", round, codes)
		}
	}
	if w := (call{method: "PATCH", token: aliceToken, match: "*", body: `{"limits":{"client":{"burst":7}}}`}).do(h); w.Code != 200 || g.Settings().Limits[0].Limit.Burst != 7 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestControlChangesWhatIsServed: a change holds from the next request on.
func TestControlChangesWhatIsServed(t *testing.T) {
	g, h, _ := controlled(t)
	served := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	set := func(body string) {
		t.Helper()
		if w := (call{method: "PATCH", token: aliceToken, match: "*", body: body}).do(h); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	count := func(key string) (ok int) {
		for range 20 {
			if ask(served, "/", key) == 200 {
				ok++
			}
		}
		return ok
	}
	set(`{"limits":{"client":{"rate":"1/h","burst":5}}}`)
	if n := count("a"); n != 5 {
		t.Errorf("%d pass", n)
	}
	set(`{"limits":{"client":{"dry_run":true}}}`)
	if n := count("a"); n != 20 {
		t.Errorf("%d pass a dry run", n)
	}
	set(`{"limits":{"client":{"dry_run":false,"burst":8}}}`)
	if n := count("b"); n != 8 {
		t.Errorf("%d pass the new burst", n)
	}
	set(`{"mode":"dry_run"}`)
	if n := count("b"); n != 20 {
		t.Errorf("%d pass", n)
	}
}

func TestAccessLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, log := controlled(t)
		for range 500 {
			call{path: "/limits?" + strings.Repeat("x", 5000), token: "x"}.do(h)
		}
		time.Sleep(time.Second)
		call{path: "/" + strings.Repeat("y", 5000), token: "x"}.do(h) // is not there: no token is asked for
		call{path: "/status", token: "x"}.do(h)
		lines := log()
		if n := strings.Count(lines, "access refused"); n != 11 || !strings.HasSuffix(lines, "path=/status unsaid=490\n") || len(lines) > 3000 {
			t.Errorf("%d lines: %s", n, lines)
		}
	})
}
