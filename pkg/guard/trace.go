package guard

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceConfig says where [Guard.Trace] sends spans and figures. Each field that is nil stands for
// what the program has set in the package go.opentelemetry.io/otel, which does nothing
// unless it did.
type TraceConfig struct {
	TracerProvider any // a go.opentelemetry.io/otel/trace.TracerProvider
	MeterProvider  any // a go.opentelemetry.io/otel/metric.MeterProvider
	Propagator     any // a go.opentelemetry.io/otel/propagation.TextMapPropagator
}

const scope = "cqkit/pkg/guard"

// Trace makes a span of every request and counts requests through the OpenTelemetry API; see
// docs/guard-metrics.md. It must be called before the guard is in use. It returns an error if a
// field of c is not what it should be.
func (g *Guard) Trace(c TraceConfig) error {
	tracers, err := provider(c.TracerProvider, "TracerProvider", otel.GetTracerProvider)
	if err != nil {
		return err
	}
	meters, err := provider(c.MeterProvider, "MeterProvider", otel.GetMeterProvider)
	if err != nil {
		return err
	}
	t := &tracing{tracer: tracers.Tracer(scope)}
	if t.propagator, err = provider(c.Propagator, "Propagator", otel.GetTextMapPropagator); err != nil {
		return err
	}
	meter := meters.Meter(scope)
	if t.requests, err = meter.Int64Counter("guard.requests", metric.WithDescription("Requests, by what became of them."), metric.WithUnit("{request}")); err != nil {
		return err
	}
	if t.duration, err = meter.Float64Histogram("guard.request.duration", metric.WithDescription("From the arrival of a request to the end of its answer."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(buckets...)); err != nil {
		return err
	}
	if t.queue, err = meter.Float64Histogram("guard.queue.duration", metric.WithDescription("Time that requests waited for the gate."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(buckets...)); err != nil {
		return err
	}
	t.attributes = map[string]*[outcomes]measured{}
	for _, class := range g.classes {
		t.attributes[class.Name] = new([outcomes]measured)
		for o := range outcomes {
			set := metric.WithAttributeSet(attribute.NewSet(attribute.String("guard.class", class.Name), attribute.String("guard.outcome", o.String())))
			t.attributes[class.Name][o] = measured{[]metric.AddOption{set}, []metric.RecordOption{set}}
		}
	}
	g.observe(t)
	return nil
}

// provider returns v as a T, or what global returns if v is nil.
func provider[T any](v any, field string, global func() T) (T, error) {
	if v == nil {
		return global(), nil
	}
	p, ok := v.(T)
	if !ok {
		return p, fmt.Errorf("%s is a %T, which does not do", field, v)
	}
	return p, nil
}

// tracing is the observer that tells OpenTelemetry.
type tracing struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator

	requests        metric.Int64Counter
	duration, queue metric.Float64Histogram
	attributes      map[string]*[outcomes]measured // by class
}

// measured is what goes with a figure, made once.
type measured struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

// The kinds of spans, made once.
var (
	serverSpan = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	clientSpan = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
)

// begin starts a span, and gives its context to the upstream in a header of its own.
func (t *tracing) begin(r *http.Request) *http.Request {
	ctx := r.Context()
	kind := clientSpan
	if r.RequestURI != "" { // it came to a server
		kind = serverSpan
		ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := t.tracer.Start(ctx, "guard", kind...)
	if !span.SpanContext().IsValid() {
		return r // nobody listens
	}
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", method(r.Method)))
	}
	r = r.WithContext(context.WithValue(ctx, t, span))
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return r
}

// method is a method as the semantic conventions have it: others than the known ones are
// _OTHER, so that a client cannot make up attributes.
func method(m string) string {
	switch m {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	}
	return "_OTHER"
}

// span returns the span that begin made, and none of those around it.
func (t *tracing) span(r *http.Request) trace.Span {
	span, ok := r.Context().Value(t).(trace.Span)
	if !ok {
		return trace.SpanFromContext(context.Background()) // one that does nothing
	}
	return span
}

func (t *tracing) decided(r *http.Request, e *event) {
	span := t.span(r)
	if !span.IsRecording() {
		return
	}
	span.AddEvent("decided", trace.WithAttributes(
		attribute.String("guard.outcome", e.outcome.String()),
		attribute.Float64("guard.queue_wait_ms", float64(e.wait)/float64(time.Millisecond))))
}

func (t *tracing) finished(r *http.Request, e *event) {
	ctx := r.Context()
	if byOutcome := t.attributes[e.class]; byOutcome != nil && t.requests.Enabled(ctx) {
		// The figures are those of the request even if its context has ended.
		ctx, of := context.WithoutCancel(ctx), byOutcome[e.outcome]
		t.requests.Add(ctx, 1, of.add...)
		t.duration.Record(ctx, e.total.Seconds(), of.record...)
		t.queue.Record(ctx, e.wait.Seconds(), of.record...)
	}
	span := t.span(r)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("guard.class", e.class), attribute.String("guard.outcome", e.outcome.String()),
			attribute.Float64("guard.queue_wait_ms", float64(e.wait)/float64(time.Millisecond)))
		if e.limit != "" {
			span.SetAttributes(attribute.String("guard.limit", e.limit))
		}
		if e.dry != admitted {
			span.SetAttributes(attribute.String("guard.dry_run", e.dry.String()))
		}
		if e.status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", e.status))
		}
		if e.outcome == limiterError || e.outcome == upstreamError {
			span.SetStatus(codes.Error, e.outcome.String())
		}
	}
	span.End()
}
