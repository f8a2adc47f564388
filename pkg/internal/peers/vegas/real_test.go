package vegas

import (
	"context"
	"time"

	cqvegas "cqkit/pkg/vegas"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/platinummonkey/go-concurrency-limits/core"
	platinum "github.com/platinummonkey/go-concurrency-limits/limiter"
	"github.com/platinummonkey/go-concurrency-limits/strategy"
)

// cqkit drives the gate of this project.
type cqkit struct {
	gate    *cqvegas.Gate
	permits []cqvegas.Permit
}

func newCqkit(int) limiter {
	g, err := cqvegas.NewGate(cqvegas.NewVegas(cqvegas.Config{Phase: 7 * time.Second}), cqvegas.GateConfig{})
	if err != nil {
		panic(err)
	}
	return &cqkit{gate: g}
}

func (l *cqkit) try(now time.Duration, id int) bool {
	for len(l.permits) <= id {
		l.permits = append(l.permits, cqvegas.Permit{})
	}
	p, ok := l.gate.Try(now, cqvegas.Class{})
	l.permits[id] = p
	return ok
}

func (l *cqkit) done(now time.Duration, id int, r result) {
	l.permits[id].Release(now, [...]cqvegas.Outcome{good: cqvegas.Success, overload: cqvegas.Overload, cancelled: cqvegas.Ignore}[r])
}

func (l *cqkit) limit() int { return l.gate.Stats().Limit }

// A clock moves the clock of a bubble of testing/synctest, which the others read, to the simulator's.
type clock struct{ origin time.Time }

func (c clock) set(now time.Duration) {
	if d := now - time.Since(c.origin); d > 0 {
		time.Sleep(d)
	}
}

// failsafe drives failsafe-go's adaptive limiter with its defaults.
type failsafe struct {
	clock
	l       adaptivelimiter.AdaptiveLimiter[any]
	permits []adaptivelimiter.Permit
}

func newFailsafe(int) limiter {
	return &failsafe{clock: clock{time.Now()}, l: adaptivelimiter.NewWithDefaults[any]()}
}

func (l *failsafe) try(now time.Duration, id int) bool {
	for len(l.permits) <= id {
		l.permits = append(l.permits, nil)
	}
	if !l.l.CanAcquirePermit() {
		return false
	}
	l.set(now)
	p, ok := l.l.TryAcquirePermit()
	l.permits[id] = p
	return ok
}

func (l *failsafe) done(now time.Duration, id int, r result) {
	l.set(now)
	if r == good {
		l.permits[id].Record()
	} else {
		l.permits[id].Drop()
	}
}

func (l *failsafe) limit() int { return l.l.Limit() }

// platinummonkey drives go-concurrency-limits' default limiter, which is a Vegas.
type platinummonkey struct {
	clock
	l        *platinum.DefaultLimiter
	listener []core.Listener
}

func newPlatinum(int) limiter {
	l, err := platinum.NewDefaultLimiterWithDefaults("", strategy.NewSimpleStrategy(20), nil, core.EmptyMetricRegistryInstance)
	if err != nil {
		panic(err)
	}
	return &platinummonkey{clock: clock{time.Now()}, l: l}
}

func (l *platinummonkey) try(now time.Duration, id int) bool {
	for len(l.listener) <= id {
		l.listener = append(l.listener, nil)
	}
	l.set(now)
	p, ok := l.l.Acquire(context.Background())
	l.listener[id] = p
	return ok
}

func (l *platinummonkey) done(now time.Duration, id int, r result) {
	l.set(now)
	switch r {
	case good:
		l.listener[id].OnSuccess()
	case overload:
		l.listener[id].OnDropped()
	default:
		l.listener[id].OnIgnore()
	}
}

func (l *platinummonkey) limit() int { return l.l.EstimatedLimit() }
