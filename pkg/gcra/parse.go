package gcra

import (
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

var unitsByPreference = []string{"s", "m", "h", "d", "ms"}

const (
	maxDigits   = 18
	maxDecimals = 9
)

// ParseRate reads a rate such as "500/s", "30k/m" or "2/h", in the grammar of
// docs/gcra.md. It refuses rates that no limiter keeps.
func ParseRate(s string) (Rate, error) {
	number, unit, ok := strings.Cut(s, "/")
	if !ok {
		return Rate{}, fmt.Errorf("rate %q has no unit, as in 500/s", s)
	}
	per, ok := units[unit]
	if !ok {
		return Rate{}, fmt.Errorf("rate %q has the unit %q, not ms, s, m, h or d", s, unit)
	}
	cells, scale, err := parseNumber(number)
	if err != nil {
		return Rate{}, fmt.Errorf("rate %q: %w", s, err)
	}
	r := reduced(cells, scale.Mul(scale, big.NewInt(int64(per))))
	if _, err := r.interval(); err != nil {
		if cells.Sign() > 0 && r == (Rate{}) {
			err = errTooFast
			if cells.Cmp(scale) < 0 {
				err = errTooSlow
			}
		}
		return Rate{}, fmt.Errorf("rate %q: %w", s, err)
	}
	return r, nil
}

// parseNumber reads a decimal number with an optional k, M or G as a fraction.
func parseNumber(s string) (num, denom *big.Int, err error) {
	digits, factor := s, int64(1)
	switch {
	case strings.HasSuffix(s, "k"):
		digits, factor = s[:len(s)-1], 1e3
	case strings.HasSuffix(s, "M"):
		digits, factor = s[:len(s)-1], 1e6
	case strings.HasSuffix(s, "G"):
		digits, factor = s[:len(s)-1], 1e9
	}
	whole, decimals, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && (!allDigits(decimals) || len(decimals) > maxDecimals) || len(whole)+len(decimals) > maxDigits {
		return nil, nil, fmt.Errorf("%q is not a number of at most 18 digits, 9 of them decimals", s)
	}
	n, _ := new(big.Int).SetString(whole+decimals, 10)
	d := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(decimals))), nil)
	return n.Mul(n, big.NewInt(factor)), d, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ParseLimit reads a limit such as "500/s:burst=50". Without a burst, it is the
// cells of one second, rounded up.
func ParseLimit(s string) (Limit, error) {
	rate, rest, given := strings.Cut(s, ":")
	r, err := ParseRate(rate)
	if err != nil {
		return Limit{}, err
	}
	l := Limit{Rate: r, Burst: r.inOneSecond()}
	if given {
		burst, ok := strings.CutPrefix(rest, "burst=")
		if !ok {
			return Limit{}, fmt.Errorf("limit %q has %q where only burst= can be", s, rest)
		}
		if !allDigits(burst) || len(burst) > maxDigits {
			return Limit{}, fmt.Errorf("limit %q has the burst %q, not a whole number of at most 18 digits", s, burst)
		}
		l.Burst, _ = strconv.ParseUint(burst, 10, 64) // 18 digits fit
	}
	if err := l.Check(); err != nil {
		return Limit{}, fmt.Errorf("limit %q: %w", s, err)
	}
	return l, nil
}

// inOneSecond returns the cells of one second, rounded up, for a rate that can be kept.
func (r Rate) inOneSecond() uint64 {
	hi, lo := bits.Mul64(r.Cells, uint64(time.Second))
	q, rem := bits.Div64(hi, lo, uint64(r.Per)) // at most 1.6e10, so hi < Per
	if rem > 0 {
		q++
	}
	return q
}
