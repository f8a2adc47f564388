package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// drift is how wrong two clocks together may go: 100 ppm each.
const drift = 200e-6

// A serverClock estimates a server's clock from what the server tells, and knows how wrong it may be.
type serverClock struct {
	ask   func(context.Context) (time.Time, error)
	start time.Time

	mu     sync.Mutex
	offset int64         // of the server's clock, in ns since 1970, to the time since start
	half   time.Duration // how wrong the offset was at most when it was sampled
	taken  time.Duration // when that was; 0 is never
}

func newServerClock(ask func(context.Context) (time.Time, error)) *serverClock {
	return &serverClock{ask: ask, start: time.Now()}
}

// now returns the server's clock in ns since 1970, with ε not above longest. It asks the server if it does
// not know that well.
func (c *serverClock) now(ctx context.Context, longest time.Duration) (int64, error) {
	if at, width, ok := c.estimate(); ok && width <= longest {
		return at, nil
	}
	for range 3 {
		if err := c.sample(ctx); err != nil {
			return 0, err
		}
		if at, width, ok := c.estimate(); ok && width <= longest {
			return at, nil
		}
	}
	_, width, _ := c.estimate()
	return 0, fmt.Errorf("the server's clock is known to %v only", width)
}

// estimate returns the server's clock and ε, twice the greatest error.
func (c *serverClock) estimate() (at int64, width time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := time.Since(c.start)
	return int64(since) + c.offset, 2 * c.error(since), c.taken > 0
}

// error is how wrong the offset may be. c is locked.
func (c *serverClock) error(since time.Duration) time.Duration {
	return c.half + time.Duration(drift*float64(since-c.taken))
}

// sample asks the server once and keeps the answer if it is better than what is known.
func (c *serverClock) sample(ctx context.Context) error {
	sent := time.Since(c.start)
	told, err := c.ask(ctx)
	if err != nil {
		return err
	}
	received := time.Since(c.start)
	half := (received-sent)/2 + 1
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken == 0 || half <= c.error(received) {
		c.offset, c.half, c.taken = told.UnixNano()-int64(sent+half), half, received
	}
	return nil
}

// notBefore says that the server's clock has reached a time. If the estimate cannot be true, it is forgotten.
func (c *serverClock) notBefore(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := time.Since(c.start)
	if c.taken > 0 && t.UnixNano() > int64(since+c.error(since))+c.offset {
		c.taken = 0
	}
}

// forget makes the next question ask the server.
func (c *serverClock) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = 0
}
