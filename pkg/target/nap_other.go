//go:build !linux

package target

import "time"

// near is 0: timers end on time here, or nothing ends sooner.
const near = 0

func nap(time.Duration) bool { return false }
