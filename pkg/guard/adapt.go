package guard

import (
	"sync/atomic"
	"time"

	"cqkit/pkg/gcra"
)

// What the law of docs/guard.md is made of.
const (
	adaptSlack   = 0.01 // share of requests shed that is no sign of too much
	adaptFewest  = 10   // requests at the gate that say something
	adaptDeepest = 0.5  // most that a rate falls to at once
	adaptGrowth  = 1.05 // per period
)

// An adapter sets the rate of a limit by what the gate does with the requests that it lets
// through.
type adapter struct {
	Adapt
	due    atomic.Int64 // when the rate is set next
	denied atomic.Bool  // the limit refused someone in this period

	served, dropped uint64 // by the gate, when the rate was last set
}

func newAdapter(a Adapt) *adapter {
	n := &adapter{Adapt: a}
	n.due.Store(int64(a.Every))
	return n
}

// adaptRates sets the rates that are due. It is called as requests end.
func (g *Guard) adaptRates(now time.Duration) {
	for _, l := range g.limits {
		if l.adapt != nil && int64(now) >= l.adapt.due.Load() {
			g.adaptRate(l, now)
		}
	}
}

func (g *Guard) adaptRate(l *limiter, now time.Duration) {
	if !g.settings.TryLock() {
		return // no request waits for settings to change
	}
	defer g.settings.Unlock()
	a := l.adapt
	if int64(now) < a.due.Load() {
		return // someone else did
	}
	a.due.Store(int64(now + a.Every))
	served, dropped := g.served.Load(), g.dropped.Load()
	s, d := served-a.served, dropped-a.dropped
	if s+d < adaptFewest && d > 0 {
		return // go on counting
	}
	a.served, a.dropped = served, dropped
	factor := a.law(s, d, a.denied.Swap(false))
	if factor == 1 {
		return
	}
	if l.setRate(now, l.keyed.Limit().Rate.PerSecond()*factor) == nil {
		g.announce()
	}
}

// setRate puts a rate in force, within the bounds.
func (l *limiter) setRate(now time.Duration, perSecond float64) error {
	in := l.keyed.Limit()
	r, err := gcra.PerSecond(perSecond)
	switch {
	case perSecond >= l.adapt.Max.PerSecond():
		r = l.adapt.Max
	case err != nil || perSecond <= l.adapt.Min.PerSecond():
		r = l.adapt.Min
	}
	if r == in.Rate {
		return nil
	}
	return l.keyed.Change(now, gcra.Limit{Rate: r, Burst: in.Burst})
}

// law returns by how much a rate is multiplied after a period in which the gate served and dropped so
// many, and the limit denied someone or not.
func (a *adapter) law(served, dropped uint64, denied bool) float64 {
	share := 0.0
	if dropped > 0 {
		share = float64(dropped) / float64(served+dropped)
	}
	switch {
	case share > adaptSlack:
		return max(adaptDeepest, 1-share)
	case denied:
		return adaptGrowth
	}
	return 1
}
