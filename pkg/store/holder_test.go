package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// holderEnv, with a URL, makes the test program an instance that takes leases until it is killed.
const holderEnv = "CQKIT_TEST_HOLDER"

const (
	holderLease = 10
	holderFor   = 300 * time.Millisecond
)

var holderLimit = gcra.Limit{Rate: gcra.Rate{Cells: 500, Per: time.Second}, Burst: 40}

func holderOptions(mode Mode) Options {
	return Options{Limit: holderLimit, Mode: mode, Name: "holders", MaxLease: holderLease, LeaseFor: holderFor, Timeout: 5 * time.Second}
}

// hold uses cells as fast as it gets them. Each use is a line with the instants between which it was decided; a line is written
// before the next is asked for, so what was killed has used at most one cell more than it says.
func hold() {
	s, err := Open(context.Background(), os.Getenv(holderEnv), holderOptions(Leased))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(3)
	}
	for {
		start := time.Now()
		d, err := s.Take(context.Background(), "held", 1)
		if err == nil && d.Allowed {
			fmt.Println("used", start.UnixNano(), time.Now().UnixNano())
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

// TestCrashingHolders kills processes that hold leases, again and again, and checks what all of them used together.
func TestCrashingHolders(t *testing.T) {
	const atATime = 3
	t.Parallel()
	length := 1500 * time.Millisecond
	if testing.Short() {
		length /= 2
	}
	everywhere(t, func(t *testing.T, b backend) {
		var mu sync.Mutex
		var uses []use
		holders, began := 0, time.Now()
		var all sync.WaitGroup
		for i := range atATime {
			all.Go(func() {
				for time.Since(began) < length {
					cmd := exec.Command(os.Args[0])
					cmd.Env = append(os.Environ(), holderEnv+"="+b.url())
					out, err := cmd.StdoutPipe()
					if err == nil {
						err = cmd.Start()
					}
					if err != nil {
						t.Error(err)
						return
					}
					killed := time.AfterFunc(time.Duration(150+100*i)*time.Millisecond, func() { _ = cmd.Process.Kill() })
					for lines := bufio.NewScanner(out); lines.Scan(); {
						var start, end int64
						if _, err := fmt.Sscanf(lines.Text(), "used %d %d", &start, &end); err != nil {
							if strings.HasPrefix(lines.Text(), "error") {
								t.Error(lines.Text())
							}
							continue // cut off
						}
						mu.Lock()
						uses = append(uses, use{time.Unix(0, start).Sub(began), time.Unix(0, end).Sub(began), 1})
						mu.Unlock()
					}
					_ = cmd.Wait()
					killed.Stop()
					mu.Lock()
					holders++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		promise := bound{cells: float64(holderLimit.Burst), slack: time.Millisecond, interval: 2 * time.Millisecond}
		if strings.HasPrefix(b.url(), "nats") {
			promise.slack = 50 * time.Millisecond // MaxUncertainty
		}
		strictly := promise
		// At most so many hold leases at one time; the dead use none.
		promise.cells += min(atATime*holderLease, float64(holderFor)/float64(promise.interval))
		if err := violation(uses, promise); err != nil {
			t.Error(err)
		}
		if len(uses) < int(holderLimit.Burst) || holders < 2*atATime {
			t.Errorf("%d cells were used by %d holders", len(uses), holders)
		}
		t.Logf("%d holders used %d cells; strictly: %v", holders, len(uses), violation(uses, strictly))
		// What the dead held comes back with time: a burst is whole again after B·T.
		s := open(t, b.url(), holderOptions(Strict))
		await(t, "the burst", func() error {
			d, err := s.Peek(t.Context(), "held", holderLimit.Burst)
			if err == nil && !d.Allowed {
				err = d.Err()
			}
			return err
		})
	})
}
