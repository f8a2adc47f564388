package probe

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Waits is what the endpoint said about waiting, and whether it was so.
type Waits struct {
	Stated  int // refusals that stated a wait
	Refused int // all refusals
	// TooShort and TooLong are how many stated waits were shorter than the true one, or longer
	// than both a second and the true one rounded up to seconds.
	TooShort, TooLong int
	// Tried waits were waited for, and Kept of them ended with being admitted.
	Tried, Kept int
	// Early is by how much the client would have been admitted earlier than stated, at most.
	Early time.Duration
	// Honest tells whether nothing was too short or too long and every trial was kept.
	Honest bool
	// Reason says what was not honest; empty if nothing.
	Reason string
}

// waits judges what all refusals said, and tries some waits out.
func waits(ctx context.Context, c *Config, last *hold, r *Result) *Waits {
	w := &Waits{}
	for i := range r.Keys {
		k := &r.Keys[i]
		w.Refused += k.refusals
		for _, q := range k.said {
			w.Stated++
			least, most, ok := k.Limit.Wait(q.event)
			if !ok {
				continue
			}
			w.Early = max(w.Early, q.stated-most)
			switch {
			case q.stated < least:
				w.TooShort++
				w.reason("a wait of %v was stated where %v were left", q.stated, least.Round(time.Microsecond))
			case q.stated > max(time.Second, roundUp(most)):
				w.TooLong++
				w.reason("a wait of %v was stated where at most %v were left", q.stated, most.Round(time.Microsecond))
			}
		}
	}
	if w.Stated == 0 {
		return nil
	}
	for range c.Trials {
		if !w.try(ctx, c, last) {
			break
		}
	}
	w.Honest = w.Reason == ""
	return w
}

// try asks until it is refused, waits for as long as it was told, and asks once.
func (w *Waits) try(ctx context.Context, c *Config, h *hold) bool {
	stated, ok := w.refusal(ctx, c, h)
	if !ok || stated > c.LongestWait {
		return false
	}
	c.Tell(Progress{Key: h.key, Waiting: stated})
	select {
	case <-ctx.Done():
		return false
	case <-time.After(stated):
	}
	a := h.ask(ctx, h.key)
	if a.Verdict == Failed {
		return false
	}
	w.Tried++
	if a.Verdict == Admitted {
		w.Kept++
	} else {
		w.reason("still refused after the stated wait of %v", stated)
	}
	return true
}

// refusal asks over as many connections as it takes until one or more are refused,
// and returns the longest wait that they state. ok is false if none does, or if nothing is refused any more.
func (w *Waits) refusal(ctx context.Context, c *Config, h *hold) (stated time.Duration, ok bool) {
	answers := make(chan Answer, h.workers)
	for asked := 0; asked < 10*int(min(c.Burst, 1e6))+100 && ctx.Err() == nil; asked += h.workers {
		for range h.workers {
			go func() { answers <- h.ask(ctx, h.key) }()
		}
		refused := false
		for range h.workers {
			if a := <-answers; a.Verdict == Refused {
				refused = true
				stated, ok = max(stated, a.RetryAfter), ok || a.Stated
			}
		}
		if refused {
			return stated, ok
		}
	}
	return 0, false
}

func (w *Waits) reason(format string, args ...any) {
	if w.Reason == "" {
		w.Reason = fmt.Sprintf(format, args...)
	}
}

// roundUp rounds up to seconds.
func roundUp(d time.Duration) time.Duration {
	if d > math.MaxInt64-time.Second {
		return math.MaxInt64
	}
	return (d + time.Second - 1).Truncate(time.Second)
}
