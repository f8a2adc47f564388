package guard

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

const (
	caller      = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	callerTrace = "0af7651916cd43dd8448eb211c80319c"
)

// traced is an observed guard with everything OpenTelemetry has.
func traced(t *testing.T) (*Guard, *tracetest.SpanRecorder, *sdkmetric.ManualReader) {
	t.Helper()
	g := observed(t, Enforce)
	spans, figures := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	if err := g.Trace(TraceConfig{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(figures)),
		Propagator:     propagation.TraceContext{},
	}); err != nil {
		t.Fatal(err)
	}
	return g, spans, figures
}

func attributesOf(span sdktrace.ReadOnlySpan) map[string]string {
	all := map[string]string{}
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func TestSpans(t *testing.T) {
	g, spans, _ := traced(t)
	var seen http.Header
	h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		if !trace.SpanFromContext(r.Context()).IsRecording() {
			t.Error("the handler has no span")
		}
	}))
	header := http.Header{"X-Key": {"secret"}, "Traceparent": {caller}}
	for range 4 {
		r := httptest.NewRequest("GET", "/api/secret?token=secret", nil)
		r.Header = header
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if header.Get("Traceparent") != caller {
		t.Error("the caller's header was written to")
	}
	ended := spans.Ended()
	if len(ended) != 4 {
		t.Fatalf("%d spans", len(ended))
	}
	first, last := ended[0], ended[3]
	if first.SpanKind() != trace.SpanKindServer || first.Parent().TraceID().String() != callerTrace {
		t.Errorf("%v of %v", first.SpanKind(), first.Parent())
	}
	if parent := ended[2].SpanContext(); seen.Get("Traceparent") != fmt.Sprintf("00-%s-%s-01", parent.TraceID(), parent.SpanID()) {
		t.Errorf("the upstream is told %q", seen.Get("Traceparent"))
	}
	for name, want := range map[string]string{"guard.class": "api", "guard.outcome": "admitted", "http.request.method": "GET", "http.response.status_code": "200"} {
		if got := attributesOf(first)[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"guard.outcome": "rate_limited", "guard.limit": "client", "http.response.status_code": "429"} {
		if got := attributesOf(last)[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if first.Status().Code == codes.Error || last.Status().Code == codes.Error {
		t.Error("a refusal is no error")
	}
	for _, span := range ended {
		for name, value := range attributesOf(span) {
			if strings.Contains(value, "secret") {
				t.Errorf("%s is %q", name, value)
			}
		}
		if events := span.Events(); len(events) != 1 || events[0].Name != "decided" {
			t.Errorf("%+v", events)
		}
	}
}

// TestSpansOfOthers: a guard that nobody traces leaves the spans of others alone.
func TestSpansOfOthers(t *testing.T) {
	g := observed(t, Enforce)
	if err := g.Trace(TraceConfig{}); err != nil {
		t.Fatal(err)
	}
	spans := tracetest.NewSpanRecorder()
	ctx, span := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("other").Start(t.Context(), "other")
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.Header.Set("Traceparent", caller)
	g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != caller {
			t.Errorf("%q is passed on", r.Header.Get("Traceparent"))
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if len(spans.Ended()) != 0 || len(span.(sdktrace.ReadOnlySpan).Attributes()) != 0 {
		t.Error("the span of another was ended or written to")
	}
}

func TestTraceFigures(t *testing.T) {
	g, _, reader := traced(t)
	h := g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 5 {
		ask(h, "/api/x", "a")
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					got[m.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = float64(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got[m.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = float64(p.Count)
				}
			}
		}
	}
	for name, want := range map[string]float64{
		"guard.requests guard.class=api,guard.outcome=admitted":             3,
		"guard.requests guard.class=api,guard.outcome=rate_limited":         2,
		"guard.request.duration guard.class=api,guard.outcome=admitted":     3,
		"guard.queue.duration guard.class=api,guard.outcome=rate_limited":   2,
		"guard.request.duration guard.class=api,guard.outcome=rate_limited": 2,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v; there are %v", name, got[name], want, got)
		}
	}
}

func TestTraceRefuses(t *testing.T) {
	for _, c := range []TraceConfig{{TracerProvider: 1}, {MeterProvider: "x"}, {Propagator: struct{}{}}} {
		if err := observed(t, Enforce).Trace(c); err == nil {
			t.Errorf("%+v", c)
		}
	}
}
