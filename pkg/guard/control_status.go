package guard

// Status is what a guard is doing now, as GET /status of [Guard.Control] tells it. Its JSON form
// is docs/schema/flowload-guard-status.json.
type Status struct {
	Mode     string                 `json:"mode"` // enforce or dry_run
	Draining bool                   `json:"draining"`
	UptimeNS int64                  `json:"uptime_ns"`
	Limits   map[string]LimitStatus `json:"limits"`
	Gate     *GateStatus            `json:"gate,omitempty"`
}

// LimitStatus is a rate limit in force.
type LimitStatus struct {
	RatePerS float64      `json:"rate_per_s"`
	Burst    uint64       `json:"burst"`
	Table    *TableStatus `json:"table,omitempty"` // nil without keys in this process
}

// TableStatus is what the keys of a limit are like, and how often it decided in this process.
type TableStatus struct {
	Keys       int64  `json:"keys"`
	TableBytes int64  `json:"table_bytes"`
	Allowed    uint64 `json:"allowed"`
	Denied     uint64 `json:"denied"`
	Evicted    uint64 `json:"evicted"`
	Overflowed uint64 `json:"overflowed"`
}

// GateStatus is the concurrency limit in force, with its bounds, and the last window.
type GateStatus struct {
	Limit    int `json:"limit"`
	Min      int `json:"min"`
	Max      int `json:"max"`
	InFlight int `json:"in_flight"`
	Waiting  int `json:"waiting"`

	Full      int64 `json:"full"`
	Late      int64 `json:"late"`
	Cancelled int64 `json:"cancelled"`

	RTTNS     int64 `json:"rtt_ns"`
	Samples   int   `json:"samples"`
	Overloads int   `json:"overloads"`
}

// Status returns what the guard is doing now.
func (g *Guard) Status() Status {
	now := g.now()
	s := Status{Mode: modeNames[g.mode.Load()], Draining: g.closing.Load(), UptimeNS: int64(now), Limits: map[string]LimitStatus{}}
	for _, l := range g.limits {
		in := l.limit()
		one := LimitStatus{RatePerS: in.Rate.PerSecond(), Burst: in.Burst}
		if l.keyed != nil {
			t := l.keyed.Stats()
			one.Table = &TableStatus{t.Keys, t.SizeBytes, t.Allowed, t.Denied, t.Evicted, t.Overflowed}
		}
		s.Limits[l.Name] = one
	}
	if g.gate != nil {
		t := g.gate.Stats()
		s.Gate = &GateStatus{t.Limit, int(g.bounds.min.Load()), int(g.bounds.max.Load()), t.InFlight, t.Waiting, t.Refused, t.Late, t.Cancelled,
			int64(t.Last.RTT), t.Last.Samples, t.Last.Overloads}
	}
	return s
}
