package guard

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// MetricsConfig says what [Guard.Metrics] tells. The zero value is the guard's own figures.
type MetricsConfig struct {
	// Runtime adds the figures of the Go runtime and of the process.
	Runtime bool
}

// Metrics tells the figures of a guard.
type Metrics struct {
	handler          http.Handler
	applied, refused prometheus.Counter // changes through the control plane
}

// ServeHTTP answers with the figures in the format that is asked for.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// changed counts a change. A nil Metrics does nothing.
func (m *Metrics) changed(applied bool) {
	switch {
	case m == nil:
	case applied:
		m.applied.Inc()
	default:
		m.refused.Inc()
	}
}

// Metrics returns a handler that tells a guard's figures in the formats of Prometheus; see
// docs/guard-metrics.md. It counts from this call on, and must be called before the guard is in
// use.
func (g *Guard) Metrics(c MetricsConfig) *Metrics {
	registry := prometheus.NewRegistry()
	m := newMetrics(g)
	registry.MustRegister(m.collectors()...)
	registry.MustRegister(&stateCollector{g})
	changes := prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + "changes_total", Help: "Changes through the control plane."}, []string{"result"})
	registry.MustRegister(changes)
	if c.Runtime {
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	g.observe(m)
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
	return &Metrics{handler, changes.WithLabelValues("applied"), changes.WithLabelValues("refused")}
}

const metricPrefix = "flowload_guard_"

// buckets are the bounds of the histograms, in seconds.
var buckets = []float64{0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16, 32}

// metrics counts requests. Every series there can be is made at the beginning.
type metrics struct {
	requests, dryRun, responses, bytes, denials, failures *prometheus.CounterVec
	duration, queue                                       *prometheus.HistogramVec

	classes map[string]*classMetrics
	limits  map[string]limitMetrics
}

type classMetrics struct {
	requests, dryRun [outcomes]prometheus.Counter
	responses        [6]prometheus.Counter // by the first digit of the status
	bytes            prometheus.Counter
	duration, queue  prometheus.Observer
}

type limitMetrics struct{ denials, failures prometheus.Counter }

func newMetrics(g *Guard) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPrefix + name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: metricPrefix + name, Help: help, Buckets: buckets}, []string{"class"})
	}
	m := &metrics{
		requests:  counter("requests_total", "Requests, by what became of them.", "class", "outcome"),
		dryRun:    counter("dry_run_refusals_total", "Requests that only a dry run let pass, by what would have become of them.", "class", "outcome"),
		responses: counter("responses_total", "Answers, by the class of their status.", "class", "code"),
		bytes:     counter("response_bytes_total", "Bytes of the bodies of answers.", "class"),
		denials:   counter("limit_denials_total", "Requests that a rate limit refused, or would have but for a dry run.", "limit"),
		failures:  counter("limit_errors_total", "Requests for which a shared rate limit could not decide.", "limit"),
		duration:  histogram("request_duration_seconds", "Time from the arrival of a request to the end of its answer, of those that reached the handler."),
		queue:     histogram("queue_duration_seconds", "Time that requests waited for the gate, of those that it let through or shed."),
		classes:   map[string]*classMetrics{},
		limits:    map[string]limitMetrics{},
	}
	for _, class := range g.classes {
		c := &classMetrics{
			bytes:    m.bytes.WithLabelValues(class.Name),
			duration: m.duration.WithLabelValues(class.Name),
			queue:    m.queue.WithLabelValues(class.Name),
		}
		for o := range outcomes {
			c.requests[o] = m.requests.WithLabelValues(class.Name, o.String())
		}
		for _, o := range dryOutcomes {
			c.dryRun[o] = m.dryRun.WithLabelValues(class.Name, o.String())
		}
		for digit := 1; digit < len(c.responses); digit++ {
			c.responses[digit] = m.responses.WithLabelValues(class.Name, string(rune('0'+digit))+"xx")
		}
		m.classes[class.Name] = c
	}
	for _, l := range g.limits {
		m.limits[l.Name] = limitMetrics{m.denials.WithLabelValues(l.Name), m.failures.WithLabelValues(l.Name)}
	}
	return m
}

// dryOutcomes are what a dry run can keep from a request.
var dryOutcomes = []outcome{rateLimited, shed, limiterError}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.dryRun, m.responses, m.bytes, m.denials, m.failures, m.duration, m.queue}
}

func (m *metrics) begin(r *http.Request) *http.Request { return r }
func (m *metrics) decided(*http.Request, *event)       {}

func (m *metrics) finished(_ *http.Request, e *event) {
	c := m.classes[e.class]
	if c == nil {
		return // there is no such class
	}
	c.requests[e.outcome].Inc()
	if e.dry != admitted && c.dryRun[e.dry] != nil {
		c.dryRun[e.dry].Inc()
	}
	if digit := e.status / 100; digit > 0 && digit < len(c.responses) {
		c.responses[digit].Inc()
	}
	c.bytes.Add(float64(e.bytes))
	switch e.outcome {
	case admitted, upstreamError:
		c.duration.Observe(e.total.Seconds())
		c.queue.Observe(e.wait.Seconds())
	case bypassed:
		c.duration.Observe(e.total.Seconds())
	case shed:
		c.queue.Observe(e.wait.Seconds())
	}
	if e.limit == "" {
		return
	}
	l := m.limits[e.limit]
	if e.failed {
		l.failures.Inc()
	}
	if e.outcome == rateLimited || e.dry == rateLimited {
		l.denials.Inc()
	}
}
