package guard

import (
	"sync/atomic"

	"cqkit/pkg/vegas"
)

// bounded is a controller between two bounds that can be moved.
type bounded struct {
	vegas.Controller
	min, max atomic.Int64
}

func newBounded(c vegas.Controller, cfg vegas.Config) *bounded {
	if cfg.Max == 0 {
		cfg.Max = max(vegas.DefaultMax, cfg.Min)
	}
	b := &bounded{}
	b.set(max(1, cfg.Min), cfg.Max)
	if c == nil {
		// The bounds are kept here, so that they can change.
		cfg.Initial, cfg.Min, cfg.Max = b.clamp(cfg.Initial), 1, vegas.MaxLimit
		c = vegas.NewVegas(cfg)
	}
	b.Controller = c
	return b
}

func (b *bounded) set(low, high int) {
	b.min.Store(int64(low))
	b.max.Store(int64(high))
}

func (b *bounded) clamp(limit int) int {
	return int(min(max(int64(limit), b.min.Load()), b.max.Load()))
}

// Limit returns the first limit.
func (b *bounded) Limit() int { return b.clamp(b.Controller.Limit()) }

// Update returns the limit after w.
func (b *bounded) Update(w vegas.Window) int { return b.clamp(b.Controller.Update(w)) }
