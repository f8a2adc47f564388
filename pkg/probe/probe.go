package probe

import (
	"context"
	"time"

	"cqkit/pkg/infer"
)

// A Key is what was found out under one key.
type Key struct {
	Name  string
	Limit infer.Fit
	// Asked is how many requests were sent, and Failed how many of them were neither
	// admitted nor refused.
	Asked, Failed int
	// Err is the newest reason of requests that got no answer, nil if there was none.
	Err  error
	Took time.Duration

	said     []refusal // refusals that stated a wait
	refusals int       // all of them
	share    float64   // of refused requests in the end
}

// A Result is what was found out.
type Result struct {
	Keys []Key
	// RetryAfter is nil if no refusal stated a wait.
	RetryAfter *Waits
	// Isolated is nil if there was only one key, or if nothing was refused.
	Isolated *bool
	// Rate and Burst judge the first key against what was expected.
	Rate, Burst infer.Verdict
	// Distrust says why the result cannot be trusted, in words; empty if it can.
	Distrust []string
}

// Run probes an endpoint. If ctx ends early it returns what was found out so far, and
// the cause.
func Run(ctx context.Context, config Config, ask Asker) (*Result, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Result{}
	holding, letGo := context.WithCancel(ctx)
	defer letGo()
	ended := make(chan struct{})
	var last *hold
	for _, key := range c.Keys {
		last = newHold(key, ask, &c)
		go func() {
			last.run(holding)
			ended <- struct{}{}
		}()
		k, err := c.follow(ctx, last)
		r.Keys = append(r.Keys, k)
		if err != nil || k.Limit.Kind == infer.None {
			break // where nothing is refused, another key can tell nothing
		}
	}
	letGo()
	for range r.Keys {
		<-ended
	}
	r.judge(&c)
	if ctx.Err() == nil {
		r.RetryAfter = waits(ctx, &c, last, r)
	}
	return r, ctx.Err()
}

// follow waits until a key's limit is known well enough, or long enough, and returns it as
// it is then: later, others may ask.
func (c *Config) follow(ctx context.Context, h *hold) (Key, error) {
	<-h.ready
	end := time.Now().Add(c.Longest)
	for look := 500 * time.Millisecond; ; look += look / 4 {
		var err error
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(min(look, time.Until(end))):
		}
		events, said, f := h.snapshot()
		c.Tell(Progress{Key: h.key, Asked: len(events), Admitted: f.Admitted})
		if err == nil && time.Now().Before(end) && !c.known(f, events) {
			continue
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		k := Key{Name: h.key, Limit: f, Asked: len(events) + h.failed, Failed: h.failed, Err: h.err, share: shareRefused(events)}
		k.said, k.refusals = said, countRefused(events)
		if len(events) > 0 {
			k.Took = events[len(events)-1].Answered
		}
		return k, err
	}
}

// known tells whether a limit is known as well as it has to be.
func (c *Config) known(f infer.Fit, events []infer.Event) bool {
	switch f.Kind {
	case infer.Line, infer.Steps:
		return f.PerSecond.High-f.PerSecond.Low <= c.Tolerance/2*f.PerSecond.Best
	case infer.None:
		// Nothing was refused of ten times what may pass, over two seconds.
		t := time.Duration(0)
		if len(events) > 0 {
			t = events[len(events)-1].Answered
		}
		return t > 2*time.Second && float64(f.Admitted) > 10*(float64(c.Burst)+c.PerSecond*t.Seconds())
	}
	return false
}
