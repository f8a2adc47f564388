package load

import (
	"context"
	"time"

	"cqkit/pkg/latency"
)

// A monitor watches a run: it interrupts it when its context ends, samples what is in flight
// and tells how it goes.
type monitor struct {
	r     *run
	trace []TracePoint
	every time.Duration // between trace points
	at    time.Duration // of the last one
	ok    uint64

	began   host // as the host was when the measurement began
	beganAt time.Duration

	told             time.Duration // of the last progress
	toldSent, toldOK uint64
	recent           latency.Histogram
}

const (
	watchEvery = 100 * time.Millisecond
	mostTrace  = 4096 // points; then every other goes, and they come half as often
)

func newMonitor(r *run) *monitor {
	return &monitor{r: r, every: watchEvery, at: r.start, began: readHost(), beganAt: r.now()}
}

// watch runs until done is closed.
func (m *monitor) watch(ctx context.Context, done <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	end := ctx.Done()
	for {
		select {
		case <-done:
			return
		case <-end:
			m.r.halt()
			end = nil
		case <-tick.C:
			m.sample(m.r.now())
		}
	}
}

// counts adds up what the loops show.
func (m *monitor) counts() (inFlight int, sent, ok, failed uint64) {
	for _, t := range m.r.tallies {
		inFlight += int(t.live.inFlight.Load())
		sent += t.live.sent.Load()
		ok += t.live.ok.Load()
		failed += t.live.failed.Load()
	}
	return max(inFlight, 0), sent, ok, failed
}

func (r *run) limitNow() int {
	if r.gate != nil {
		return int(r.limit.Load())
	}
	return r.places
}

func (m *monitor) sample(now time.Duration) {
	r := m.r
	if now >= r.start && m.beganAt < r.start { // the warm-up is over
		m.began, m.beganAt = readHost(), now
	}
	inFlight, sent, ok, failed := m.counts()
	if d := now - m.at; d >= m.every-watchEvery/10 && now > r.start && now < r.end+watchEvery {
		m.trace = append(m.trace, TracePoint{T: now - r.start, Limit: r.limitNow(), InFlight: inFlight,
			OKPerS: float64(ok-m.ok) / d.Seconds()})
		m.at, m.ok = now, ok
		if len(m.trace) == mostTrace {
			m.thin()
		}
	}
	if r.cfg.Progress == nil {
		return
	}
	for _, t := range r.tallies {
		if h := t.live.recent.Swap(nil); h != nil {
			m.recent.Add(h)
		}
	}
	d := now - m.told
	if left := r.cfg.ProgressEvery - d; left > watchEvery/10 {
		if left < 2*watchEvery { // so that it is there in time
			for _, t := range r.tallies {
				t.live.want.Store(true)
			}
		}
		return
	}
	p := Progress{At: now - r.start, Left: max(0, r.end-now), Sent: sent, Failed: failed, Limit: r.limitNow(), InFlight: inFlight,
		SentPerS: float64(sent-m.toldSent) / d.Seconds(), OKPerS: float64(ok-m.toldOK) / d.Seconds(),
		P50: m.recent.Quantile(0.5), P99: m.recent.Quantile(0.99)}
	if r.end-r.start >= MaxDuration {
		p.Left = -1
	}
	m.told, m.toldSent, m.toldOK = now, sent, ok
	m.recent.Reset()
	r.cfg.Progress(p)
}

// thin leaves every other point, with what was answered since the one before that stays.
func (m *monitor) thin() {
	kept := m.trace[:0]
	for i := 1; i < len(m.trace); i += 2 {
		p := m.trace[i]
		p.OKPerS = (p.OKPerS + m.trace[i-1].OKPerS) / 2
		kept = append(kept, p)
	}
	m.trace = kept
	m.every *= 2
}
