package gcra

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
)

// A Profile is a rate that changes with time, in phases. It says when each cell is due. It
// does not change and is safe for concurrent use. The zero Profile has no cells.
type Profile struct {
	phases []phase
	text   string
}

// A phase is a part of a profile. Its rate is constant, a ramp or a sine.
type phase struct {
	kind      phaseKind
	rate, to  Rate // of a sine: its mean and its amplitude
	period    time.Duration
	start     time.Duration
	length    time.Duration // endless if 0
	first     uint64        // the first cell that is due in the phase
	lead      float64       // cells from the phase's start to the first
	end       uint64        // the first cell after the phase
	firstLate time.Duration // constant: when the first is due, after start
}

// maxPhases bounds the work of one parse, and of one Due.
const maxPhases = 1000

type phaseKind uint8

const (
	constant phaseKind = iota
	ramp
	sine
)

// Constant returns the profile of a rate without end. It refuses rates that no limiter keeps.
func Constant(r Rate) (*Profile, error) {
	if _, err := r.interval(); err != nil {
		return nil, err
	}
	return newProfile([]phase{{rate: r}}, r.String())
}

// ParseProfile reads a profile such as "1k/s:10s,2k/s:30s", "100/s..2k/s:60s" or
// "sine:500/s+-200/s:30s", in the grammar of docs/gcra.md.
func ParseProfile(s string) (*Profile, error) {
	if n := strings.Count(s, ",") + 1; n > maxPhases {
		return nil, fmt.Errorf("profile has %d phases, at most %d may be", n, maxPhases)
	}
	var phases []phase
	for text := range strings.SplitSeq(s, ",") {
		p, err := parsePhase(text)
		if err != nil {
			return nil, err
		}
		phases = append(phases, p)
	}
	return newProfile(phases, s)
}

func parsePhase(s string) (phase, error) {
	if rest, ok := strings.CutPrefix(s, "sine:"); ok {
		return parseSine(s, rest)
	}
	rate, length, limited := strings.Cut(s, ":")
	var p phase
	var err error
	if from, to, ok := strings.Cut(rate, ".."); ok {
		if !limited {
			return p, fmt.Errorf("ramp %q has no duration, as in 100/s..2k/s:60s", s)
		}
		p.kind = ramp
		if p.rate, err = parseRampEnd(from); err != nil {
			return p, err
		}
		if p.to, err = parseRampEnd(to); err != nil {
			return p, err
		}
		if p.rate.Cells == 0 && p.to.Cells == 0 {
			return p, fmt.Errorf("ramp %q has no cells", s)
		}
	} else if p.rate, err = ParseRate(rate); err != nil {
		return p, err
	}
	if limited {
		p.length, err = parseLength(s, length)
	}
	return p, err
}

// parseRampEnd reads a rate that may be 0.
func parseRampEnd(s string) (Rate, error) {
	if number, unit, ok := strings.Cut(s, "/"); ok && number == "0" && units[unit] > 0 {
		return Rate{}, nil
	}
	return ParseRate(s)
}

func parseSine(s, rest string) (phase, error) {
	p := phase{kind: sine}
	mean, rest, ok := strings.Cut(rest, "+-")
	if !ok {
		return p, fmt.Errorf("sine %q has no amplitude, as in sine:500/s+-200/s:30s", s)
	}
	amplitude, rest, ok := strings.Cut(rest, ":")
	if !ok {
		return p, fmt.Errorf("sine %q has no period, as in sine:500/s+-200/s:30s", s)
	}
	period, length, limited := strings.Cut(rest, ":")
	var err error
	if p.rate, err = ParseRate(mean); err != nil {
		return p, err
	}
	if p.to, err = ParseRate(amplitude); err != nil {
		return p, err
	}
	if p.to.rat().Cmp(p.rate.rat()) > 0 {
		return p, fmt.Errorf("sine %q has an amplitude above its mean", s)
	}
	if p.period, err = parseLength(s, period); err == nil && limited {
		p.length, err = parseLength(s, length)
	}
	return p, err
}

func parseLength(s, length string) (time.Duration, error) {
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 || d > MaxTime {
		return 0, fmt.Errorf("phase %q has the duration %q, not one such as 10s or 1m30s", s, length)
	}
	return d, nil
}

// rat returns the rate in cells a nanosecond.
func (r Rate) rat() *big.Rat {
	if r.Per <= 0 {
		return new(big.Rat)
	}
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Cells), big.NewInt(int64(r.Per)))
}

func newProfile(phases []phase, text string) (*Profile, error) {
	var start time.Duration
	total := new(big.Rat) // cells up to the phase
	for i := range phases {
		p := &phases[i]
		if p.length == 0 && i < len(phases)-1 {
			return nil, fmt.Errorf("profile %q has a phase without a duration before the last", text)
		}
		if start > MaxTime-p.length {
			return nil, errors.New("profile is longer than 18 years")
		}
		p.start = start
		first, ok := ceil(total)
		if !ok {
			return nil, fmt.Errorf("profile %q has too many cells", text)
		}
		lead := new(big.Rat).Sub(new(big.Rat).SetInt(new(big.Int).SetUint64(first)), total)
		p.first, p.end = first, math.MaxUint64
		p.lead, _ = lead.Float64()
		if p.kind == constant {
			late, ok := ceil(lead.Quo(lead, p.rate.rat()))
			if !ok || late > uint64(MaxTime) { // a rate of one in 18 years, at least
				late = uint64(MaxTime)
			}
			p.firstLate = time.Duration(late)
		}
		if p.length > 0 {
			total.Add(total, p.cells())
			if p.end, ok = ceil(total); !ok {
				return nil, fmt.Errorf("profile %q has too many cells", text)
			}
			start += p.length
		}
	}
	return &Profile{phases, text}, nil
}

// ceil returns x rounded up, for 0 ≤ x ≤ 2^63.
func ceil(x *big.Rat) (uint64, bool) {
	n := new(big.Int).Add(x.Num(), new(big.Int).Sub(x.Denom(), big.NewInt(1)))
	n.Quo(n, x.Denom())
	return n.Uint64(), n.IsInt64()
}

// cells returns how many cells the whole phase has: exactly, but for a sine of no whole number of periods.
func (p *phase) cells() *big.Rat {
	r := p.rate.rat()
	length := new(big.Rat).SetInt64(int64(p.length))
	switch {
	case p.kind == ramp:
		r.Add(r, p.to.rat())
		r.Mul(r, big.NewRat(1, 2))
	case p.kind == sine && p.length%p.period != 0:
		wave := new(big.Rat).SetFloat64(p.wave(p.length % p.period))
		return wave.Add(wave, r.Mul(r, length))
	}
	return r.Mul(r, length)
}

// wave returns the cells that a sine has at t above its mean.
func (p *phase) wave(t time.Duration) float64 {
	angle := 2 * math.Pi * float64(t) / float64(p.period)
	return p.to.PerSecond() * p.period.Seconds() / (2 * math.Pi) * (1 - math.Cos(angle))
}

// Due returns when cell i, from 0, is due: when the integral of the rate reaches i, rounded up to
// nanoseconds. It never decreases as i rises. It reports false for cells after the profile's end, or
// after [MaxTime].
func (p *Profile) Due(i uint64) (time.Duration, bool) {
	for k := range p.phases {
		ph := &p.phases[k]
		if i >= ph.end {
			continue
		}
		after := ph.due(i - ph.first)
		if ph.length > 0 {
			after = min(after, ph.length)
		}
		if after > MaxTime-ph.start {
			return 0, false
		}
		return ph.start + after, true
	}
	return 0, false
}

// due returns when cell i of the phase is due after its start, at most MaxTime + 1.
func (p *phase) due(i uint64) time.Duration {
	switch p.kind {
	case constant:
		after, ok := ceilMulDiv(i, uint64(p.rate.Per), p.rate.Cells)
		if !ok || after > uint64(MaxTime) {
			return MaxTime + 1
		}
		return min(p.firstLate+time.Duration(after), MaxTime+1)
	case ramp:
		from, slope := p.rate.PerSecond(), (p.to.PerSecond()-p.rate.PerSecond())/p.length.Seconds()
		want := p.lead + float64(i)
		return bisect(p.length, func(t time.Duration) bool {
			s := t.Seconds()
			return s*(from+slope*s/2) >= want
		})
	default:
		mean := p.rate.PerSecond()
		perPeriod := mean * p.period.Seconds()
		want := p.lead + float64(i)
		whole := math.Floor(want / perPeriod)
		if whole >= float64(MaxTime/p.period) {
			return MaxTime + 1
		}
		want -= whole * perPeriod
		return time.Duration(whole)*p.period + bisect(p.period, func(t time.Duration) bool {
			return t.Seconds()*mean+p.wave(t) >= want
		})
	}
}

// bisect returns the first time up to last at which reached says so, or last. Also if rounding makes
// reached waver, a goal that is further away is not reached before a nearer one.
func bisect(last time.Duration, reached func(time.Duration) bool) time.Duration {
	lo, hi := time.Duration(-1), last
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; reached(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// PerSecond returns the rate at t in cells a second, 0 after the end.
func (p *Profile) PerSecond(t time.Duration) float64 {
	for k := range p.phases {
		ph := &p.phases[k]
		if ph.length > 0 && t >= ph.start+ph.length {
			continue
		}
		in := float64(max(t-ph.start, 0))
		switch ph.kind {
		case ramp:
			return ph.rate.PerSecond() + (ph.to.PerSecond()-ph.rate.PerSecond())*in/float64(ph.length)
		case sine:
			return ph.rate.PerSecond() + ph.to.PerSecond()*math.Sin(2*math.Pi*in/float64(ph.period))
		default:
			return ph.rate.PerSecond()
		}
	}
	return 0
}

// Length returns how long the profile is, and false if it has no end.
func (p *Profile) Length() (time.Duration, bool) {
	if len(p.phases) == 0 {
		return 0, true
	}
	last := p.phases[len(p.phases)-1]
	return last.start + last.length, last.length > 0
}

// Cells returns how many cells the profile has, and false if it has no end.
func (p *Profile) Cells() (uint64, bool) {
	if len(p.phases) == 0 {
		return 0, true
	}
	last := p.phases[len(p.phases)-1]
	return last.end, last.length > 0
}

// String returns the profile as it was given.
func (p *Profile) String() string { return p.text }
