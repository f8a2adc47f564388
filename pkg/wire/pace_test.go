package wire_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/wire"
)

// meter notes down what is written when.
type meter struct {
	mu    sync.Mutex
	start time.Time
	when  []time.Duration
	size  []int
	err   error
}

func (m *meter) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.when, m.size = append(m.when, time.Since(m.start)), append(m.size, len(b))
	return len(b), m.err
}

// TestPacer lets several goroutines send, and checks the promise over every interval: at
// most burst + d·rate bytes.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, burst, frame, frames = 5800, 600, 265, 40
		m := &meter{start: time.Now()}
		p, err := wire.NewPacer(m, wire.Pace{BytesPerSecond: rate, Burst: burst})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for range frames {
					if err := p.Send(t.Context(), make([]byte, frame)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if len(m.when) != 3*frames {
			t.Fatalf("%d writes", len(m.when))
		}
		for i := range m.when {
			sum := 0
			for j := i; j < len(m.when); j++ {
				sum += m.size[j]
				if d := m.when[j] - m.when[i]; float64(sum) > burst+d.Seconds()*rate+1e-3 {
					t.Fatalf("%d bytes in %v", sum, d)
				}
			}
		}
		// Nor slower than it has to be.
		if got, want := m.when[len(m.when)-1].Seconds(), (3.0*frames*frame-burst)/rate; got > want*1.001 {
			t.Errorf("took %.3f s, want %.3f", got, want)
		}
	})
}

func TestPacerErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{start: time.Now()}
		p, err := wire.NewPacer(m, wire.Pace{BytesPerSecond: 100})
		if err != nil {
			t.Fatal(err)
		}
		frame := make([]byte, 265)
		if err := p.Send(t.Context(), make([]byte, 266)); err == nil {
			t.Error("a frame longer than a burst was sent")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Send(ctx, frame, frame); !errors.Is(err, gcra.ErrWait) {
			t.Errorf("past the deadline: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		if err := p.Send(ctx, frame, frame); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if len(m.when) > 1 {
			t.Errorf("%d frames were sent", len(m.when))
		}
		m.err = io.ErrClosedPipe
		if err := p.Send(t.Context(), frame); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("closed: %v", err)
		}
	})
}
