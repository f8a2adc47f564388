package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// TestServerClock checks the estimate of the clock of a NATS server on this machine, over networks that are slower in one
// direction, which is the worst for it.
func TestServerClock(t *testing.T) {
	b := sharedServer(t, "nats")
	for _, tt := range []struct {
		name               string
		toServer, toClient time.Duration
	}{{"fast", 0, 0}, {"slow to the server", 15 * time.Millisecond, 0}, {"slow to the client", 0, 15 * time.Millisecond}} {
		t.Run(tt.name, func(t *testing.T) {
			network, url := newProxy(t, b.url())
			network.toServer.Store(int64(tt.toServer))
			network.toClient.Store(int64(tt.toClient))
			s := open(t, url, Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, Name: freshName(), MaxUncertainty: 10 * time.Second, Timeout: 10 * time.Second})
			c := s.server.(*natsServer).clock
			for range 5 {
				before := time.Now().UnixNano()
				at, width, ok := c.estimate()
				after := time.Now().UnixNano()
				if !ok {
					t.Fatal("there is no estimate")
				}
				if at < before-int64(width/2) || at > after+int64(width/2) {
					t.Errorf("the clock is estimated as %v off at most, and is off by %v to %v", width/2, time.Duration(at-after), time.Duration(at-before))
				}
				if err := c.sample(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	t.Run("too uncertain", func(t *testing.T) {
		network, url := newProxy(t, b.url())
		network.toServer.Store(int64(20 * time.Millisecond))
		o := Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, Name: freshName(), MaxUncertainty: 5 * time.Millisecond, Timeout: 10 * time.Second}
		if _, err := Open(t.Context(), url, o); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a clock known to 20 ms is good enough for 5 ms: %v", err)
		}
	})
}

// TestClockAges checks how an estimate gets worse, and that the better one of two is kept.
func TestClockAges(t *testing.T) {
	var told time.Time
	c := newServerClock(func(context.Context) (time.Time, error) { return told, nil })
	if _, _, ok := c.estimate(); ok {
		t.Error("there is an estimate before anybody asked")
	}
	told = time.Now().Add(time.Hour)
	if err := c.sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, _, _ := c.estimate()
	if off := time.Duration(at - time.Now().UnixNano()); off < 59*time.Minute || off > 61*time.Minute {
		t.Errorf("the clock is off by %v, not an hour", off)
	}
	c.mu.Lock()
	young := c.error(c.taken)
	old := c.error(c.taken + 10*time.Second)
	c.mu.Unlock()
	if old-young != 2*time.Millisecond {
		t.Errorf("an estimate gets worse by %v in 10 s", old-young)
	}
	c.notBefore(told.Add(-time.Minute))
	if _, _, ok := c.estimate(); !ok {
		t.Error("what the clock has passed refutes it")
	}
	c.notBefore(told.Add(time.Minute))
	if _, _, ok := c.estimate(); ok {
		t.Error("what comes from its future does not refute it")
	}
}

// TestSkewedInstances has two instances whose estimates are wrong in opposite directions.
func TestSkewedInstances(t *testing.T) {
	b := sharedServer(t, "nats")
	limit := gcra.Limit{Rate: gcra.Rate{Cells: 500, Per: time.Second}, Burst: 20}
	name := freshName()
	var stores []*Store
	for i := range 2 {
		network, url := newProxy(t, b.url())
		delay := []func(int64){network.toServer.Store, network.toClient.Store}[i]
		delay(int64(4 * time.Millisecond))
		stores = append(stores, open(t, url, Options{Limit: limit, Name: name, MaxUncertainty: time.Second, Timeout: 10 * time.Second}))
	}
	uses := hammer(t, stores, 3, "k", 2, 500*time.Millisecond)
	promise := bound{cells: 20, slack: clockSlack, interval: 2 * time.Millisecond}
	for _, s := range stores {
		promise.slack = max(promise.slack, clockSlack+uncertainty(s))
	}
	if promise.slack < 4*time.Millisecond {
		t.Errorf("ε is %v over a network that takes longer", promise.slack)
	}
	if err := violation(uses, promise); err != nil {
		t.Error(err)
	}
}
