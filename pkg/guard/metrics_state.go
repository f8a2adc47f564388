package guard

import "github.com/prometheus/client_golang/prometheus"

// stateCollector tells what limits and gate are like at the moment of asking.
type stateCollector struct{ g *Guard }

func stateDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(metricPrefix+name, help, labels, nil)
}

var (
	descRate      = stateDesc("limit_rate", "Cells a second of each key, as in force.", "limit")
	descBurst     = stateDesc("limit_burst", "Cells at once of each key, as in force.", "limit")
	descKeys      = stateDesc("limit_keys", "Keys in the table of a rate limit.", "limit")
	descTable     = stateDesc("limit_table_bytes", "Size of the table of a rate limit.", "limit")
	descEvictions = stateDesc("limit_evictions_total", "Keys that owed nothing and were forgotten.", "limit")
	descOverflows = stateDesc("limit_overflows_total", "Decisions about keys that found no room and share a limit.", "limit")

	descGateLimit    = stateDesc("gate_limit", "Concurrency limit in force.")
	descGateMin      = stateDesc("gate_limit_min", "Lower bound of the concurrency limit.")
	descGateMax      = stateDesc("gate_limit_max", "Upper bound of the concurrency limit.")
	descGateInFlight = stateDesc("gate_in_flight", "Requests that hold a permit.")
	descGateWaiting  = stateDesc("gate_waiting", "Requests in the queue of the gate.")
	descGateShed     = stateDesc("gate_shed_total", "Requests that got no permit, by the reason.", "reason")
	descGateRTT      = stateDesc("gate_window_rtt_seconds", "Mean round-trip time of the last window, between its 10 % and 90 % quantiles.")
	descGateSamples  = stateDesc("gate_window_samples", "Answers that the round-trip time of the last window is made of.")
	descGateOverload = stateDesc("gate_window_overloads", "Answers in the last window that said the backend has too much to do.")

	descEnforcing = stateDesc("enforcing", "1 if the guard refuses, 0 if it only tells what it would refuse.")
	descDraining  = stateDesc("draining", "1 once the guard is being drained.")
)

// Describe implements [prometheus.Collector].
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRate, descBurst, descKeys, descTable, descEvictions, descOverflows, descGateLimit, descGateMin, descGateMax,
		descGateInFlight, descGateWaiting, descGateShed, descGateRTT, descGateSamples, descGateOverload, descEnforcing, descDraining} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	s := c.g.Status()
	for name, l := range s.Limits {
		gauge(descRate, l.RatePerS, name)
		gauge(descBurst, float64(l.Burst), name)
		if l.Table != nil {
			gauge(descKeys, float64(l.Table.Keys), name)
			gauge(descTable, float64(l.Table.TableBytes), name)
			counter(descEvictions, float64(l.Table.Evicted), name)
			counter(descOverflows, float64(l.Table.Overflowed), name)
		}
	}
	if gate := s.Gate; gate != nil {
		gauge(descGateLimit, float64(gate.Limit))
		gauge(descGateMin, float64(gate.Min))
		gauge(descGateMax, float64(gate.Max))
		gauge(descGateInFlight, float64(gate.InFlight))
		gauge(descGateWaiting, float64(gate.Waiting))
		counter(descGateShed, float64(gate.Full), "full")
		counter(descGateShed, float64(gate.Late), "late")
		counter(descGateShed, float64(gate.Cancelled), "cancelled")
		gauge(descGateRTT, float64(gate.RTTNS)/1e9)
		gauge(descGateSamples, float64(gate.Samples))
		gauge(descGateOverload, float64(gate.Overloads))
	}
	gauge(descEnforcing, oneIf(s.Mode == modeNames[Enforce]))
	gauge(descDraining, oneIf(s.Draining))
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
