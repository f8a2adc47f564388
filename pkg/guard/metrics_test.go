package guard

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// observed is a guard with one of everything that has figures.
func observed(t *testing.T, mode Mode) *Guard {
	t.Helper()
	g, err := New(Config{
		Mode:    mode,
		Limits:  []Limit{{Name: "client", Limit: gcra.Limit{Rate: gcra.Rate{Cells: 1, Per: time.Hour}, Burst: 3}, Key: ByHeader("X-Key")}},
		Gate:    &Gate{Controller: vegas.Fixed(2)},
		Classes: []Class{{Name: "health", Paths: []string{"/healthz"}, Bypass: true}, {Name: "api", Paths: []string{"/api/"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ask(h http.Handler, path, key string) int {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("X-Key", key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// A figure is what a handler tells under one name.
type figure struct {
	kind   string // counter, gauge or histogram
	labels []string
	series map[string]float64 // by their labels; of a histogram, the count
}

// scrape reads a handler's figures as Prometheus does.
func scrape(t *testing.T, h http.Handler) map[string]figure {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	figures := map[string]figure{}
	for name, family := range families {
		f := figure{kind: strings.ToLower(family.GetType().String()), series: map[string]float64{}}
		for _, m := range family.Metric {
			var labels []string
			f.labels = nil
			for _, l := range m.Label {
				f.labels = append(f.labels, l.GetName())
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			slices.Sort(labels)
			slices.Sort(f.labels)
			f.series[strings.Join(labels, ",")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		figures[name] = f
	}
	return figures
}

// series returns the values of all series, by name{label="value",…} with sorted labels.
func series(figures map[string]figure) map[string]float64 {
	all := map[string]float64{}
	for name, f := range figures {
		for labels, v := range f.series {
			all[name+"{"+labels+"}"] = v
		}
	}
	return all
}

func TestMetricsTellTheTruth(t *testing.T) {
	g := observed(t, Enforce)
	m := g.Metrics(MetricsConfig{})
	inside, leave := make(chan bool), make(chan bool)
	h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/slow":
			inside <- true
			<-leave
		case "/api/none":
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "answer")
	}))
	for i := range 5 {
		if code, want := ask(h, "/api/x", "a"), []int{200, 200, 200, 429, 429}[i]; code != want {
			t.Errorf("request %d: %d", i, code)
		}
	}
	ask(h, "/api/none", "b")
	ask(h, "/healthz", "a")
	ask(h, "/", "c")
	done := make(chan bool)
	for range 2 {
		go func() { ask(h, "/api/slow", "d"); done <- true }()
		<-inside
	}
	if code := ask(h, "/api/x", "e"); code != 503 {
		t.Errorf("beyond the gate: %d", code)
	}
	busy := series(scrape(t, m))
	leave <- true
	leave <- true
	<-done
	<-done
	got := series(scrape(t, m))
	for name, want := range map[string]float64{
		`requests_total{class="api",outcome="admitted"}`:     6,
		`requests_total{class="api",outcome="rate_limited"}`: 2,
		`requests_total{class="api",outcome="shed"}`:         1,
		`requests_total{class="health",outcome="bypassed"}`:  1,
		`requests_total{class="default",outcome="admitted"}`: 1,
		`requests_total{class="default",outcome="draining"}`: 0,
		`responses_total{class="api",code="2xx"}`:            5,
		`responses_total{class="api",code="4xx"}`:            3,
		`responses_total{class="api",code="5xx"}`:            1,
		`response_bytes_total{class="default"}`:              6,
		`request_duration_seconds{class="api"}`:              6,
		`request_duration_seconds{class="health"}`:           1,
		`queue_duration_seconds{class="api"}`:                7,
		`limit_denials_total{limit="client"}`:                2,
		`limit_errors_total{limit="client"}`:                 0,
		`limit_rate{limit="client"}`:                         1.0 / 3600,
		`limit_burst{limit="client"}`:                        3,
		`limit_keys{limit="client"}`:                         5,
		`gate_limit{}`:                                       2,
		`gate_limit_max{}`:                                   1000,
		`gate_in_flight{}`:                                   0,
		`gate_shed_total{reason="full"}`:                     1,
		`enforcing{}`:                                        1,
		`draining{}`:                                         0,
	} {
		if v, ok := got[metricPrefix+name]; !ok || v != want {
			t.Errorf("%s is %v, %v; want %v", name, v, ok, want)
		}
	}
	if n := busy[metricPrefix+"gate_in_flight{}"]; n != 2 {
		t.Errorf("%v were in flight", n)
	}
}

func TestMetricsOfADryRun(t *testing.T) {
	g := observed(t, DryRun)
	m := g.Metrics(MetricsConfig{})
	h := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 5 {
		if code := ask(h, "/", "a"); code != 200 {
			t.Errorf("%d", code)
		}
	}
	got := series(scrape(t, m))
	for name, want := range map[string]float64{
		`dry_run_refusals_total{class="default",outcome="rate_limited"}`: 2,
		`requests_total{class="default",outcome="admitted"}`:             5,
		`limit_denials_total{limit="client"}`:                            2,
		`enforcing{}`:                                                    0,
	} {
		if got[metricPrefix+name] != want {
			t.Errorf("%s is %v, want %v", name, got[metricPrefix+name], want)
		}
	}
}

// TestMetricsAreBounded: nothing a client sends makes another series, and there are no more
// than docs/guard-metrics.md says.
func TestMetricsAreBounded(t *testing.T) {
	g := observed(t, Enforce)
	m := g.Metrics(MetricsConfig{})
	h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200 + len(r.URL.Path)%300) }))
	before := series(scrape(t, m))
	for i := range 2000 {
		r := httptest.NewRequest([]string{"GET", "BREW", "POST"}[i%3], fmt.Sprintf("/%d", i), nil)
		r.Header.Set("X-Key", fmt.Sprint("key", i))
		r.Header.Set("Traceparent", fmt.Sprint(i))
		r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", i/256, i%256)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	after := series(scrape(t, m))
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	lines := 0
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines++
		}
	}
	classes, limits := len(g.classes), len(g.limits)
	if most := classes*(8+3+5+1+2*(len(buckets)+3)) + 8*limits + 16; lines > most {
		t.Errorf("%d series, not up to %d", lines, most)
	}
}

func TestMetricsLint(t *testing.T) {
	g := observed(t, Enforce)
	w := httptest.NewRecorder()
	g.Metrics(MetricsConfig{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	problems, err := promlint.New(bytes.NewReader(w.Body.Bytes())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsFormats(t *testing.T) {
	g := observed(t, Enforce)
	m := g.Metrics(MetricsConfig{Runtime: true})
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("%v %.100s", w.Header(), w.Body)
	}
	for _, name := range []string{"go_goroutines", "go_gc_duration_seconds"} {
		if !strings.Contains(w.Body.String(), "\n"+name) {
			t.Errorf("%s is not there", name)
		}
	}
}

// TestMetricsPage: docs/guard-metrics.md names every figure with its type and labels, and no other.
func TestMetricsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "guard-metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`flowload_guard_[^|]*) \\| (\\w+) \\| ([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		var first string
		for _, name := range regexp.MustCompile("`[^`]+`").FindAllString(m[1], -1) {
			name = strings.Trim(name, "`")
			if suffix, ok := strings.CutPrefix(name, "…"); ok {
				name = strings.TrimSuffix(first, "_min") + suffix
			}
			first = name
			labels := regexp.MustCompile(`\w+`).FindAllString(m[3], -1)
			slices.Sort(labels)
			described[name] = m[2] + " " + strings.Join(labels, " ")
		}
	}
	exposed := map[string]string{}
	for name, f := range scrape(t, observed(t, Enforce).Metrics(MetricsConfig{})) {
		exposed[name] = f.kind + " " + strings.Join(f.labels, " ")
	}
	for name, what := range exposed {
		if described[name] != what {
			t.Errorf("%s is %q, and described as %q", name, what, described[name])
		}
	}
	for name := range described {
		if exposed[name] == "" {
			t.Errorf("%s is described and does not exist", name)
		}
	}
}
