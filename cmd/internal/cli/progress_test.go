package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

func TestProgressText(t *testing.T) {
	tests := []struct {
		name  string
		unit  string
		total int64
		done  int64
		after time.Duration
		width int
		want  string
	}{
		{"nothing yet", "logs", 10, 0, time.Second, 80, "cqtest: sealing, 0 % of 10 logs"},
		{"some", "logs", 10, 4, 2 * time.Second, 80, "cqtest: sealing, 40 % of 10 logs, 2 logs/s, 3s left"},
		{"bytes", "bytes", 200e6, 50e6, time.Second, 80, "cqtest: sealing, 25 % of 200 MB, 50 MB/s, 3s left"},
		{"total unknown", "bytes", 0, 50e6, time.Second, 80, "cqtest: sealing, 50 MB, 50 MB/s"},
		{"more than foreseen", "logs", 10, 20, time.Second, 80, "cqtest: sealing, 100 % of 10 logs, 20 logs/s"},
		{"narrow", "logs", 10, 4, 2 * time.Second, 20, "cqtest: sealing, 40"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &Progress{s: &streams{name: "cqtest"}, what: "sealing", unit: tt.unit, total: tt.total, width: tt.width}
			p.Add(tt.done)
			if got := p.text(tt.after); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB",
		205e6: "205 MB", 999499: "999 kB", 999500: "1.0 MB", 1<<63 - 1: "9.2 EB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestProgressOnTerminal runs the line's own loop, which NewProgress starts for
// terminals only, on a clock that does not take its time.
func TestProgressOnTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		s := &streams{name: "cqtest", err: &screen}
		p := &Progress{s: s, what: "sealing", unit: "logs", total: 10, width: 80, start: time.Now(), stop: make(chan struct{})}
		p.ended.Go(p.run)
		shown := func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return screen.String()
		}
		p.Add(1)
		time.Sleep(999 * time.Millisecond)
		if got := shown(); got != "" {
			t.Errorf("shown within a second: %q", got)
		}
		time.Sleep(2 * time.Millisecond)
		if got := shown(); !strings.Contains(got, "10 % of 10 logs") {
			t.Errorf("after a second: %q", got)
		}
		s.print("warning: ", "odd")
		if got := shown(); !strings.HasSuffix(got, " \rcqtest: warning: odd\n") {
			t.Errorf("a message did not get a line of its own: %q", got)
		}
		time.Sleep(300 * time.Millisecond)
		p.Tell("5/s\x1b[31m ok")
		time.Sleep(300 * time.Millisecond)
		if got := shown(); !strings.Contains(got, "cqtest: 5/s") || strings.Contains(got, "\x1b[31m") {
			t.Errorf("what was told: %q", got)
		}
		p.Stop()
		p.Stop()
		if got := shown(); !strings.HasSuffix(got, " \r") || strings.Count(got, "10 %") < 4 {
			t.Errorf("at the end: %q", got)
		}
		s.print("", "done")
		if got := shown(); !strings.HasSuffix(got, "\rcqtest: done\n") {
			t.Errorf("after the end: %q", got)
		}
	})
}

func TestProgressWithoutTerminal(t *testing.T) {
	cmd := program(func(cmd *cobra.Command, _ []string) error {
		p := NewProgress(cmd, "reading", "bytes", 3)
		if _, err := io.ReadAll(p.Reader(strings.NewReader("abc"))); err != nil {
			return err
		}
		if p.done.Load() != 3 {
			t.Errorf("counted %d bytes, want 3", p.done.Load())
		}
		p.show(time.Now())
		p.Stop()
		var none *Progress
		none.Add(1)
		none.Stop()
		return nil
	})
	if _, _, stderr := try(cmd, ""); !strings.HasSuffix(stderr, " \r") {
		t.Errorf("stderr %q", stderr)
	}
}
