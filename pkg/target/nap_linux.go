package target

import (
	"sync/atomic"
	"syscall"
	"time"
)

// near is how long before its end a wait goes on with nanosleep. The timers of Go end
// up to a millisecond late, because epoll_wait counts in milliseconds.
const near = 1200 * time.Microsecond

// maxNaps is how many may sleep that way at once: each keeps a thread, and more make each
// answer dearer without making half of them any sooner.
const maxNaps = 4

var naps atomic.Int32

// nap sleeps for about d, and reports false if it may not. The runtime's signals can
// wake it early.
func nap(d time.Duration) bool {
	if naps.Add(1) > maxNaps {
		naps.Add(-1)
		return false
	}
	t := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&t, nil)
	naps.Add(-1)
	return true
}
