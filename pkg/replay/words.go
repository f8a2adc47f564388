package replay

import (
	"fmt"
	"time"
)

func frames(n int64) string { return count(n, "frame") }

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// later formats how long after the original a repeat stands, in µs.
func later(us int64) string {
	switch {
	case us > 0:
		return span(us) + " later"
	case us < 0:
		return "with times of " + span(us) + " earlier"
	}
	return "with the same times"
}

// span formats µs.
func span(us int64) string {
	if us < 0 {
		us = -us
	}
	d := time.Duration(us) * time.Microsecond
	switch {
	case us > 100*365*24*3600*1_000_000:
		return "more than a century"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

func perSecond(x float64) string {
	if x == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f a second", x)
}
