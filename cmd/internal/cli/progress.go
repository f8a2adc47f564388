package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"cqkit/pkg/report"
)

// Progress is one line on standard error that says how far the work is. It shows
// only if standard error is a terminal, --quiet is not given and the work takes
// over a second, and it goes away at the end. Its methods are safe for concurrent
// use. A nil Progress does nothing.
type Progress struct {
	s     *streams
	what  string
	unit  string
	total int64
	width int
	done  atomic.Int64
	told  atomic.Pointer[string] // by Tell
	start time.Time
	stop  chan struct{}
	ended sync.WaitGroup
	once  sync.Once
	shown int // columns on the terminal; guarded by s.mu
}

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// NewProgress begins to show progress on what, for instance "sealing". The total
// is in units, "bytes" or a plural such as "logs"; 0 if it is not known. Stop must
// be called.
func NewProgress(cmd *cobra.Command, what, unit string, total int64) *Progress {
	s := of(cmd)
	p := &Progress{s: s, what: report.Clean(what), unit: unit, total: total, start: time.Now(), stop: make(chan struct{})}
	if _, ok := terminal(s.err); !ok || Quiet(cmd) {
		return p
	}
	p.width = Width(s.err)
	p.ended.Go(p.run)
	return p
}

// Add says that n more units are done.
func (p *Progress) Add(n int64) {
	if p != nil {
		p.done.Add(n)
	}
}

// Tell shows text, which is cleaned, from now on in place of what Add counts.
func (p *Progress) Tell(text string) {
	if p != nil {
		text = report.Clean(text)
		p.told.Store(&text)
	}
}

// Reader returns a reader of r that counts what it reads, in bytes.
func (p *Progress) Reader(r io.Reader) io.Reader { return &countingReader{r, p} }

type countingReader struct {
	r io.Reader
	p *Progress
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.p.Add(int64(n))
	return n, err
}

// Stop ends the line and removes it from the terminal. It can be called again.
func (p *Progress) Stop() {
	if p == nil {
		return
	}
	p.once.Do(func() { close(p.stop) })
	p.ended.Wait()
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.s.line == p {
		p.erase()
		p.s.line = nil
	}
}

func (p *Progress) run() {
	wait := time.NewTimer(progressAfter)
	defer wait.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-wait.C:
			p.show(now)
			wait.Reset(progressEvery)
		}
	}
}

func (p *Progress) show(now time.Time) {
	text := p.text(now.Sub(p.start))
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.line = p
	pad := max(0, p.shown-len(text))
	fmt.Fprintf(p.s.err, "\r%s%s\r%s", text, strings.Repeat(" ", pad), text)
	p.shown = len(text)
}

// erase empties the line, so that a message can take its place. The caller holds
// s.mu.
func (p *Progress) erase() {
	if p == nil || p.shown == 0 {
		return
	}
	fmt.Fprintf(p.s.err, "\r%s\r", strings.Repeat(" ", p.shown))
	p.shown = 0
}

// text says how far the work is after running for d.
func (p *Progress) text(d time.Duration) string {
	if told := p.told.Load(); told != nil {
		return p.fit(p.s.name + ": " + *told)
	}
	done := p.done.Load()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.s.name, p.what)
	amount := func(n int64) string {
		if p.unit == "bytes" {
			return Size(n)
		}
		return fmt.Sprintf("%d", n)
	}
	unit := " " + p.unit
	if p.unit == "bytes" {
		unit = ""
	}
	if p.total > 0 {
		fmt.Fprintf(&b, ", %d %% of %s%s", min(100, done*100/p.total), amount(p.total), unit)
	} else {
		fmt.Fprintf(&b, ", %s%s", amount(done), unit)
	}
	if seconds := d.Seconds(); seconds > 0 && done > 0 {
		rate := float64(done) / seconds
		fmt.Fprintf(&b, ", %s%s/s", amount(int64(rate)), unit)
		if left := float64(p.total-done) / rate; p.total > done && left < 1e6 {
			fmt.Fprintf(&b, ", %s left", time.Duration(left*float64(time.Second)).Round(time.Second))
		}
	}
	return p.fit(b.String())
}

// fit cuts text to the width of the terminal.
func (p *Progress) fit(text string) string {
	if len(text) >= p.width && p.width > 0 {
		// A full line would make some terminals go on to the next.
		text = strings.ToValidUTF8(text[:p.width-1], "")
	}
	return text
}

// Size formats a number of bytes for a person, in powers of ten: "205 MB".
func Size(bytes int64) string {
	value, i := float64(bytes), 0
	for units := "kMGTPE"; i < len(units) && (value >= 999.5 || value <= -999.5); i++ {
		value /= 1000
	}
	switch {
	case bytes == 1:
		return "1 byte"
	case i == 0:
		return fmt.Sprintf("%d bytes", bytes)
	case value < 9.95:
		return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[i-1])
	}
	return fmt.Sprintf("%.0f %cB", value, "kMGTPE"[i-1])
}
