package wire

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the time this thread has run. On a busy machine it is what things take; the
// time on the wall is what they wait.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
