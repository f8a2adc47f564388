package load

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPoller waits in each way there is: none ends early without an event, and all see one.
func TestPoller(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		for _, raw := range []bool{false, true} {
			p, err := newPoller()
			if err != nil {
				t.Fatal(err)
			}
			p.coarse = coarse
			start := time.Now()
			for time.Since(start) < 3*time.Millisecond { // a signal may end a wait
				if n := p.wait(3*time.Millisecond-time.Since(start), raw); n != 0 {
					t.Errorf("coarse %t, raw %t: %d events of nothing", coarse, raw, n)
				}
			}
			if p.wait(0, raw) != 0 {
				t.Error("an event of nothing")
			}
			p.wake()
			p.wake()
			if n := p.wait(time.Minute, raw); n != 1 || int(p.events[0].Fd) != p.wakeFD {
				t.Errorf("coarse %t, raw %t: woken with %d events", coarse, raw, n)
			}
			p.close()
		}
	}
}

// TestSharpen undoes what it does to the thread.
func TestSharpen(t *testing.T) {
	slack := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Skipf("no timer slack here: %v", err)
		}
		return n
	}
	s := newSleeper(true)
	defer s.close()
	if slack() != 1 {
		t.Errorf("slack %d", slack())
	}
	undo := sharpen()
	undo()
	if slack() != 1 {
		t.Errorf("slack %d after undoing one of two", slack())
	}
}
