package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

// Settings are what can be changed while a guard runs.
type Settings struct {
	Mode   Mode
	Limits []LimitSettings // in the order of Config.Limits
	Gate   *GateSettings   // nil without a gate
}

// LimitSettings are those of one rate limit.
type LimitSettings struct {
	Name   string
	Limit  gcra.Limit // as set; with Adapt, the rate in force is another
	DryRun bool

	// Min and Max are the bounds of a rate that follows the gate, zero if it does not.
	Min, Max gcra.Rate
}

// GateSettings are the bounds of the concurrency limit.
type GateSettings struct{ Min, Max int }

// Settings returns the settings in force.
func (g *Guard) Settings() Settings {
	g.settings.Lock()
	defer g.settings.Unlock()
	return g.current()
}

func (g *Guard) current() Settings {
	s := Settings{Mode: Mode(g.mode.Load())}
	for _, l := range g.limits {
		one := LimitSettings{Name: l.Name, Limit: *l.set.Load(), DryRun: l.dry.Load()}
		if l.adapt != nil {
			one.Min, one.Max = l.adapt.Min, l.adapt.Max
		}
		s.Limits = append(s.Limits, one)
	}
	if g.gate != nil {
		s.Gate = &GateSettings{int(g.bounds.min.Load()), int(g.bounds.max.Load())}
	}
	return s
}

// changer is a Decider whose limit can be changed.
type changer interface {
	Change(ctx context.Context, limit gcra.Limit) error
}

// Apply puts settings in force, from the next request on. No client gains a burst by that; see
// docs/gcra.md. Limits are told by their names, and all must be there. An error has changed
// nothing, unless it is that of a shared limit which refused: then the limits before it have changed.
func (g *Guard) Apply(s Settings) error {
	g.settings.Lock()
	defer g.settings.Unlock()
	if err := g.checkSettings(s); err != nil {
		return err
	}
	for _, one := range s.Limits {
		if err := g.limiter(one.Name).apply(g, one); err != nil {
			return fmt.Errorf("limit %q: %w", one.Name, err)
		}
	}
	g.announce()
	g.mode.Store(uint32(s.Mode))
	if s.Gate != nil {
		g.bounds.set(s.Gate.Min, s.Gate.Max)
		g.gate.Resize(g.bounds.clamp(g.gate.Stats().Limit))
	}
	return nil
}

// limiter returns the limit of a name, or nil.
func (g *Guard) limiter(name string) *limiter {
	for _, l := range g.limits {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// checkSettings returns why settings cannot be applied.
func (g *Guard) checkSettings(s Settings) error {
	if s.Mode > DryRun {
		return errors.New("mode is none that exists")
	}
	if len(s.Limits) != len(g.limits) {
		return fmt.Errorf("settings for %d limits, of which there are %d", len(s.Limits), len(g.limits))
	}
	for i, one := range s.Limits {
		if slices.ContainsFunc(s.Limits[:i], func(o LimitSettings) bool { return o.Name == one.Name }) {
			return fmt.Errorf("limit %q: settings are there twice", one.Name)
		}
		l := g.limiter(one.Name)
		if l == nil {
			return fmt.Errorf("limit %q: there is none", one.Name)
		}
		if err := l.check(one); err != nil {
			return fmt.Errorf("limit %q: %w", one.Name, err)
		}
	}
	if (s.Gate == nil) != (g.gate == nil) {
		return errors.New("whether there is a gate cannot be changed")
	}
	if s.Gate != nil && (s.Gate.Min < 1 || s.Gate.Max < s.Gate.Min || s.Gate.Max > vegas.MaxLimit) {
		return fmt.Errorf("gate: limits from %d to %d: must be from 1 to %d", s.Gate.Min, s.Gate.Max, vegas.MaxLimit)
	}
	return nil
}

// check returns why settings of a limit cannot be applied. What it lets pass cannot be refused
// later: the debts of the largest burst so far can be kept at the new rates, too.
func (l *limiter) check(s LimitSettings) error {
	if err := s.Limit.Check(); err != nil {
		return err
	}
	if l.Shared != nil {
		if _, ok := l.Shared.(changer); !ok && s.Limit != *l.set.Load() {
			return errors.New("is shared and cannot be changed here")
		}
	}
	worst := gcra.Limit{Rate: s.Limit.Rate, Burst: max(l.most, s.Limit.Burst)}
	if l.adapt == nil {
		if s.Min != (gcra.Rate{}) || s.Max != (gcra.Rate{}) {
			return errors.New("does not follow the gate, and has no bounds")
		}
		return worst.Check()
	}
	return checkBounds(s.Min, s.Max, worst)
}

// apply puts checked settings of a limit in force.
func (l *limiter) apply(g *Guard, s LimitSettings) error {
	if s.Limit != *l.set.Load() {
		if c, ok := l.Shared.(changer); ok {
			ctx, cancel := context.WithTimeout(context.Background(), l.Timeout)
			defer cancel()
			if err := c.Change(ctx, s.Limit); err != nil {
				return err
			}
		} else if err := l.keyed.Change(g.now(), s.Limit); err != nil {
			return err
		}
		l.set.Store(&s.Limit)
		l.most = max(l.most, s.Limit.Burst)
	}
	l.dry.Store(s.DryRun)
	if l.adapt == nil {
		return nil
	}
	l.adapt.Min, l.adapt.Max = s.Min, s.Max
	return l.setRate(g.now(), l.keyed.Limit().Rate.PerSecond())
}
