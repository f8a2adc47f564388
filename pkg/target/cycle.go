package target

import (
	"fmt"
	"strings"
	"time"
)

// A Cycle is the last Off of every Period since the beginning. The zero Cycle is
// never off.
type Cycle struct {
	Off, Period time.Duration
}

// ParseCycle reads a cycle such as "1s/8s": off for one second in eight.
func ParseCycle(s string) (Cycle, error) {
	off, period, ok := strings.Cut(s, "/")
	if ok {
		o, err := time.ParseDuration(off)
		p, err2 := time.ParseDuration(period)
		if c := (Cycle{o, p}); err == nil && err2 == nil && c.Check() == nil {
			return c, nil
		}
	}
	return Cycle{}, fmt.Errorf("%q is not of the form 1s/8s, a time in a longer one", s)
}

// Check returns an error unless c is zero or Off lies between 0 and Period.
func (c Cycle) Check() error {
	if c != (Cycle{}) && (c.Off <= 0 || c.Period <= c.Off) {
		return fmt.Errorf("off for %v in every %v", c.Off, c.Period)
	}
	return nil
}

// String returns the cycle in the form it is parsed from.
func (c Cycle) String() string { return c.Off.String() + "/" + c.Period.String() }

// Share returns the share of time that is not off.
func (c Cycle) Share() float64 {
	if c.Period == 0 {
		return 1
	}
	return float64(c.Period-c.Off) / float64(c.Period)
}

// work returns how much of the time up to t was not off.
func (c Cycle) work(t time.Duration) time.Duration {
	if c.Period == 0 {
		return t
	}
	on := c.Period - c.Off
	return t/c.Period*on + min(t%c.Period, on)
}

// real returns when so much time has not been off: the last such moment, the end of
// an off time.
func (c Cycle) real(w time.Duration) time.Duration {
	if c.Period == 0 {
		return w
	}
	on := c.Period - c.Off
	return w/on*c.Period + w%on
}

// next returns t, or the end of the off time that t is in.
func (c Cycle) next(t time.Duration) time.Duration { return max(t, c.real(c.work(t))) }

// begins returns when the first off time that ends after t begins.
func (c Cycle) begins(t time.Duration) time.Duration { return t/c.Period*c.Period + c.Period - c.Off }
