//go:build !linux

package load

import "time"

// A sleeper sleeps as exactly as the runtime's timers are.
type sleeper struct{}

func newSleeper(bool) *sleeper { return &sleeper{} }

func (*sleeper) close() {}

func (*sleeper) margin() time.Duration { return 0 }

func (*sleeper) sleep(d time.Duration) { time.Sleep(d) }
