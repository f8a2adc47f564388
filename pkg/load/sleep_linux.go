package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A sleeper sleeps as exactly as the system can. It belongs to one goroutine, which keeps
// its thread.
type sleeper struct {
	fine bool
	undo func()
}

// newSleeper returns a sleeper. Without fine it uses the runtime's timers, as tests in virtual
// time need.
func newSleeper(fine bool) *sleeper {
	s := &sleeper{fine: fine, undo: func() {}}
	if fine {
		runtime.LockOSThread()
		s.undo = sharpen()
	}
	return s
}

func (s *sleeper) close() {
	s.undo()
	if s.fine {
		runtime.UnlockOSThread()
	}
}

// margin is how much earlier than a moment the runtime's timers are to end.
func (s *sleeper) margin() time.Duration {
	if s.fine {
		return coarse / 2
	}
	return 0
}

func (s *sleeper) sleep(d time.Duration) {
	if !s.fine {
		time.Sleep(d)
		return
	}
	ts := unix.NsecToTimespec(int64(d))
	unix.Nanosleep(&ts, nil) // a signal may end it early; the caller looks at the clock
}
