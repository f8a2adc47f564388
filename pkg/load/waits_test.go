package load

import (
	"testing"
	"time"
)

// TestWaits lets a limit of 50 a second with a burst of 10 refuse what is asked 200 times a second, and
// state waits that are true, too short and too long.
func TestWaits(t *testing.T) {
	const interval, cell = 5 * time.Millisecond, 20 * time.Millisecond
	for _, c := range []struct {
		name        string
		state       func(wait time.Duration) time.Duration
		short, long bool
		every       time.Duration
		nothing     bool
	}{
		{name: "true", state: func(d time.Duration) time.Duration { return d + time.Millisecond }, every: interval},
		{name: "rounded up to seconds", state: func(time.Duration) time.Duration { return time.Second }, every: interval},
		{name: "zero", state: func(time.Duration) time.Duration { return 0 }, short: true, every: interval},
		{name: "too long", state: func(time.Duration) time.Duration { return time.Minute }, long: true, every: interval},
		{name: "hardly ever refused", state: func(time.Duration) time.Duration { return 0 }, every: 19 * time.Millisecond, nothing: true},
		{name: "not stated", state: func(time.Duration) time.Duration { return -1 }, every: interval, nothing: true},
	} {
		var w Waits
		var tat time.Duration
		for i := range 1000 {
			now := time.Duration(i) * c.every
			o := &Observation{Sent: now, Done: now + 100*time.Microsecond, RetryAfter: -1}
			if next := max(tat, now) + cell; next-now <= 10*cell {
				tat = next
			} else {
				o.Outcome, o.RetryAfter = TooMany, c.state(next-now-10*cell)
			}
			w.Observe(o)
		}
		w.Observe(&Observation{Outcome: ServerError})
		w.Observe(&Observation{Outcome: Timeout})
		var a Advice
		w.Judge(&a)
		if (a.Judged == 0) != c.nothing || (a.TooShort > 0) != c.short || (a.TooLong > 0) != c.long {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}
