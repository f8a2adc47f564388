package gcra

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"time"
)

// A Rate is Cells in every Per. The zero Rate is none, and no limiter takes it.
type Rate struct {
	Cells uint64
	Per   time.Duration
}

// Every returns the rate of one cell in every d.
func Every(d time.Duration) Rate { return Rate{1, d} }

// PerSecond returns the rate of x cells a second. It refuses NaN, infinities, zero,
// negative numbers and rates that no [Limiter] keeps. A number of up to nine decimals
// is kept exactly; any other is rounded down, by less than one part in 10^9.
func PerSecond(x float64) (Rate, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) || x <= 0 {
		return Rate{}, fmt.Errorf("rate of %v a second is not a positive number", x)
	}
	if x > ticksPerNano*1e9 {
		return Rate{}, fmt.Errorf("rate of %v a second: %w", x, errTooFast)
	}
	scaled, ok := new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, 64))
	if !ok {
		return Rate{}, fmt.Errorf("rate of %v a second is not a number", x)
	}
	scaled.Mul(scaled, big.NewRat(1e9, 1)) // cells in 10^9 s
	var r Rate
	switch {
	case scaled.IsInt() || x >= 1:
		cells := new(big.Int).Quo(scaled.Num(), scaled.Denom())
		r = reduced(cells, big.NewInt(1e18))
	default:
		interval := scaled.Inv(scaled).Mul(scaled, big.NewRat(1e18, 1)) // ns a cell
		ns := new(big.Int).Add(interval.Num(), interval.Denom())
		ns.Sub(ns, big.NewInt(1)).Quo(ns, interval.Denom())
		r = reduced(big.NewInt(1), ns)
	}
	if _, err := r.interval(); err != nil {
		return Rate{}, fmt.Errorf("rate of %v a second: %w", x, errTooSlow)
	}
	return r, nil
}

// reduced returns cells in ns nanoseconds in lowest terms, or the zero Rate if
// that does not fit.
func reduced(cells, ns *big.Int) Rate {
	if cells.Sign() <= 0 || ns.Sign() <= 0 {
		return Rate{}
	}
	g := new(big.Int).GCD(nil, nil, cells, ns)
	c, p := new(big.Int).Quo(cells, g), new(big.Int).Quo(ns, g)
	if !c.IsUint64() || !p.IsInt64() {
		return Rate{}
	}
	return Rate{c.Uint64(), time.Duration(p.Int64())}
}

var (
	errNoRate  = errors.New("rate is not positive")
	errTooFast = errors.New("rate is over 16 cells a nanosecond")
	errTooSlow = errors.New("rate is under one cell in 18 years")
)

// interval returns T, the ticks of one cell, rounded up.
func (r Rate) interval() (uint64, error) {
	if r.Cells == 0 || r.Per <= 0 {
		return 0, errNoRate
	}
	hi, lo := bits.Mul64(uint64(r.Per), ticksPerNano)
	if hi == 0 && lo < r.Cells {
		return 0, errTooFast
	}
	if hi >= r.Cells {
		return 0, errTooSlow
	}
	q, rem := bits.Div64(hi, lo, r.Cells)
	if rem > 0 {
		q++ // cannot overflow: rem < Cells means q is below the exact quotient, below 2^64
	}
	if q == 0 || q > maxCapacity {
		return 0, errTooSlow
	}
	return q, nil
}

// PerSecond returns the rate in cells a second, rounded to a float64; 0 for the
// zero Rate.
func (r Rate) PerSecond() float64 {
	if r.Cells == 0 || r.Per <= 0 {
		return 0
	}
	return float64(r.Cells) / (float64(r.Per) / 1e9)
}

// String returns the rate in the grammar of [ParseRate] if that can say it exactly, and
// otherwise as "3 per 7ns", which ParseRate does not read.
func (r Rate) String() string {
	if r.Cells == 0 || r.Per <= 0 {
		return "0/s"
	}
	for _, decimals := range []int{0, 9} {
		for _, u := range unitsByPreference {
			if s, ok := r.in(u, decimals); ok {
				return s + "/" + u
			}
		}
	}
	return fmt.Sprintf("%d per %v", r.Cells, r.Per)
}

// in returns how many cells there are in a unit, if that takes no more than so many decimals.
func (r Rate) in(unit string, decimals int) (string, bool) {
	x := new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Cells), big.NewInt(int64(r.Per)))
	x.Mul(x, new(big.Rat).SetInt64(int64(units[unit])))
	n, exact := x.FloatPrec()
	if !exact || n > decimals {
		return "", false
	}
	s := x.FloatString(n)
	digits := len(s)
	if n > 0 {
		digits--
	}
	return s, digits <= maxDigits
}

// A Limit is a rate and a burst, the cells that pass at once from rest. The
// zero Limit is none, and no limiter takes it.
type Limit struct {
	Rate  Rate
	Burst uint64
}

// Check returns why no limiter can keep the limit, or nil: a rate that is not positive,
// is over 16 cells a nanosecond or under one in 18 years, a burst of 0, or one that takes more than
// 18 years at this rate.
func (l Limit) Check() error {
	_, err := l.params()
	return err
}

func (l Limit) params() (params, error) {
	t, err := l.Rate.interval()
	if err != nil {
		return params{}, err
	}
	if l.Burst == 0 {
		return params{}, errors.New("burst is 0")
	}
	hi, lo := bits.Mul64(t, l.Burst)
	if hi > 0 || lo > maxCapacity {
		return params{}, fmt.Errorf("burst of %d takes more than 18 years at its rate", l.Burst)
	}
	return params{interval: t, capacity: lo, burst: l.Burst, fastest: t, stretch: 1, least: l.Burst, most: l.Burst}, nil
}

// EffectiveRate returns the rate that is kept: 1/T, with the interval T rounded up to 1/16 ns.
// It is never above l.Rate, and the zero Rate if the limit cannot be kept.
func (l Limit) EffectiveRate() Rate {
	t, err := l.Rate.interval()
	if err != nil {
		return Rate{}
	}
	return effective(t)
}

func effective(t uint64) Rate {
	shift := min(bits.TrailingZeros64(t), 4)
	return Rate{ticksPerNano >> shift, time.Duration(t >> shift)}
}

// String returns the limit in the grammar of [ParseLimit], as far as [Rate.String] can.
func (l Limit) String() string { return fmt.Sprintf("%v:burst=%d", l.Rate, l.Burst) }
