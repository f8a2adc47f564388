package guard

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header       { return n.h }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkObservers is what it costs a request to be told about.
func BenchmarkObservers(b *testing.B) {
	for _, tt := range []struct {
		name string
		add  func(*Guard)
	}{
		{"none", func(*Guard) {}},
		{"metrics", func(g *Guard) { g.Metrics(MetricsConfig{}) }},
		{"log", func(g *Guard) { g.Log(slog.New(slog.DiscardHandler), time.Hour) }},
		{"trace", func(g *Guard) {
			if err := g.Trace(TraceConfig{}); err != nil {
				b.Fatal(err)
			}
		}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			g, err := New(Config{
				Limits: []Limit{{Limit: gcra.Limit{Rate: gcra.Rate{Cells: 1_000_000_000, Per: time.Second}, Burst: 1_000_000}}},
				Gate:   &Gate{},
			})
			if err != nil {
				b.Fatal(err)
			}
			tt.add(g)
			h := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r := httptest.NewRequest("GET", "/", nil)
			w := nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
