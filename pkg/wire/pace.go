package wire

import (
	"context"
	"fmt"
	"io"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/gcra"
)

// Pace is how fast a [Pacer] sends. The zero Pace is useful on a local network and too
// fast for a radio.
type Pace struct {
	// BytesPerSecond bounds the rate; 0 means 250,000, about a thousand chunks a second.
	BytesPerSecond uint64
	// Burst is how many bytes may go at once after a pause; less than a whole frame
	// with a chunk means just that.
	Burst int
}

// Pacer sends frames over a link no faster than the link carries them. A signed command is
// some twenty frames that are ready at the same moment; relays and radios drop most of
// such a burst (docs/live.md has figures). Over any time d, at most Burst +
// d·BytesPerSecond bytes are written. A Pacer is safe for concurrent use: each Send is served in its
// turn, frame by frame.
type Pacer struct {
	w     io.Writer
	limit *gcra.Limiter
	most  int
	start time.Time
}

// NewPacer returns a pacer that writes to w, which must be safe for concurrent use if
// the pacer is used so; a net.Conn is.
func NewPacer(w io.Writer, p Pace) (*Pacer, error) {
	if p.BytesPerSecond == 0 {
		p.BytesPerSecond = 250_000
	}
	p.Burst = max(p.Burst, chunk.MaxFrame)
	rate, err := gcra.PerSecond(float64(p.BytesPerSecond))
	if err != nil {
		return nil, fmt.Errorf("pace: %w", err)
	}
	limit, err := gcra.New(rate, uint64(p.Burst))
	if err != nil {
		return nil, fmt.Errorf("pace: %w", err)
	}
	return &Pacer{w: w, limit: limit, most: p.Burst, start: time.Now()}, nil
}

// Send writes each frame by a Write of its own, so that it is one datagram on a network
// of datagrams, and returns when the last one is written. It stops with ctx's error, the writer's, or one
// that wraps [gcra.ErrWait] if ctx has a deadline before the next frame's turn. A frame longer than
// the pace's Burst is an error.
func (p *Pacer) Send(ctx context.Context, frames ...[]byte) error {
	for _, f := range frames {
		if len(f) > p.most {
			return fmt.Errorf("a frame of %d bytes is longer than a burst of %d", len(f), p.most)
		}
		if _, err := gcra.Wait(ctx, func() time.Duration { return time.Since(p.start) }, p.limit, uint64(len(f))); err != nil {
			return err
		}
		if _, err := p.w.Write(f); err != nil {
			return err
		}
	}
	return nil
}
