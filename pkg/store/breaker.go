package store

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	tolerated  = 5 // failures in a row that open a breaker
	firstPause = 100 * time.Millisecond
)

// A breaker keeps callers from a server that does not answer: closed, open for a pause, then
// half-open with one probe. It is a function of the times it is given.
type breaker struct {
	longest time.Duration // pause
	random  func() float64

	bad atomic.Int32 // failures in a row while closed, or -1 if it is not; written under mu

	mu      sync.Mutex
	probing bool
	pause   time.Duration // before the random part
	until   time.Duration
}

func newBreaker(longest time.Duration) *breaker {
	return &breaker{longest: longest, random: rand.Float64}
}

// A pass is the leave to ask the server, and whether it is the probe.
type pass struct{ probe bool }

// enter asks for leave at now. Who gets it calls exit.
func (b *breaker) enter(now time.Duration) (pass, bool) {
	if b.bad.Load() >= 0 {
		return pass{}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bad.Load() >= 0 {
		return pass{}, true
	}
	if b.probing || now < b.until {
		return pass{}, false
	}
	b.probing = true
	return pass{probe: true}, true
}

type outcome uint8

const (
	answered outcome = iota
	failed
	abandoned // by the caller; says nothing of the server
)

// exit reports what came of a pass.
func (b *breaker) exit(p pass, now time.Duration, o outcome) {
	bad := b.bad.Load()
	if !p.probe && (bad < 0 || o == abandoned || o == answered && bad == 0) {
		return // what was asked before the breaker opened says nothing of now
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.probe {
		b.probing = false
		switch o {
		case answered:
			b.bad.Store(0)
		case failed:
			b.wait(now, min(2*b.pause, b.longest))
		}
		return
	}
	switch bad = b.bad.Load(); {
	case bad < 0:
	case o == answered:
		b.bad.Store(0)
	case bad+1 < tolerated:
		b.bad.Store(bad + 1)
	default:
		b.bad.Store(-1)
		b.wait(now, min(firstPause, b.longest))
	}
}

// wait sets the pause, of which up to half is left out at random.
func (b *breaker) wait(now, pause time.Duration) {
	b.pause = pause
	b.until = now + pause/2 + time.Duration(b.random()*float64(pause/2))
}

// left returns for how long nobody will ask, 0 if someone may.
func (b *breaker) left(now time.Duration) time.Duration {
	if b.bad.Load() >= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.until-now)
}

// isOpen tells whether the breaker is open or half-open.
func (b *breaker) isOpen() bool { return b.bad.Load() < 0 }
