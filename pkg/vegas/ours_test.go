package vegas

import "time"

// gateLimiter drives a gate of this package.
type gateLimiter struct {
	gate    *Gate
	permits []Permit
}

func newGateLimiter(c Controller) *gateLimiter {
	g, err := NewGate(c, GateConfig{})
	if err != nil {
		panic(err)
	}
	return &gateLimiter{gate: g}
}

func (l *gateLimiter) try(now time.Duration, id int) bool {
	for len(l.permits) <= id {
		l.permits = append(l.permits, Permit{})
	}
	p, ok := l.gate.Try(now, Class{})
	l.permits[id] = p
	return ok
}

func (l *gateLimiter) done(now time.Duration, id int, r result) {
	l.permits[id].Release(now, [...]Outcome{good: Success, overload: Overload, cancelled: Ignore}[r])
}

func (l *gateLimiter) limit() int { return l.gate.Stats().Limit }

// ours makes limiters whose clocks are apart by so much from one service to the next.
func ours(apart time.Duration) func(svc int) limiter {
	return func(svc int) limiter {
		return newGateLimiter(NewVegas(Config{Phase: 7*time.Second + time.Duration(svc)*apart}))
	}
}
