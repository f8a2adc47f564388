package gcra

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		clock := func() time.Duration { return time.Since(start) }
		l, err := New(Rate{10, time.Second}, 2)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan int)
		for i := range 6 {
			go func() {
				d, err := Wait(t.Context(), clock, l, 1)
				if err != nil || !d.Allowed {
					t.Errorf("waiter %d: %v", i, err)
				}
				if want := time.Duration(max(i-1, 0)) * 100 * time.Millisecond; clock() != want {
					t.Errorf("waiter %d goes at %v, want %v", i, clock(), want)
				}
				served <- i
			}()
			synctest.Wait()
		}
		for i := range 6 {
			if got := <-served; got != i {
				t.Errorf("waiter %d is served as number %d", got, i)
			}
		}
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		clock := func() time.Duration { return time.Since(start) }
		l, err := New(Rate{1, time.Second}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Wait(t.Context(), clock, l, 2); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		if _, err := Wait(t.Context(), clock, new(Limiter), 1); !errors.Is(err, ErrUnset) {
			t.Errorf("zero: %v", err)
		}
		l.Take(0, 1)
		// A deadline that is too early fails at once and takes nothing.
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := Wait(ctx, clock, l, 1); !errors.Is(err, ErrWait) || !errors.Is(err, context.DeadlineExceeded) || clock() != 0 {
			t.Errorf("deadline: %v after %v", err, clock())
		}
		// So does a context that has ended; one that ends later gives back what was taken.
		ended, end := context.WithCancel(t.Context())
		go func() {
			time.Sleep(300 * time.Millisecond)
			end()
		}()
		if _, err := Wait(ended, clock, l, 1); !errors.Is(err, context.Canceled) || clock() != 300*time.Millisecond {
			t.Errorf("cancel: %v after %v", err, clock())
		}
		if _, err := Wait(ended, clock, l, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("ended: %v", err)
		}
		if d := l.Peek(time.Second, 1); !d.Allowed {
			t.Errorf("waits that failed have taken cells: %+v", d)
		}
		far, cancelFar := context.WithTimeout(t.Context(), time.Minute)
		defer cancelFar()
		if _, err := Wait(far, clock, l, 1); err != nil || clock() != time.Second {
			t.Errorf("in time: %v after %v", err, clock())
		}
	})
}

// TestWaitAsksTheClock lets the limiter's clock run slower than the timers.
func TestWaitAsksTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		clock := func() time.Duration { return time.Since(start) / 3 }
		l, err := New(Rate{1, time.Second}, 1)
		if err != nil {
			t.Fatal(err)
		}
		l.Take(0, 1)
		if _, err := Wait(t.Context(), clock, l, 1); err != nil || clock() < time.Second {
			t.Errorf("%v, at %v", err, clock())
		}
	})
}
