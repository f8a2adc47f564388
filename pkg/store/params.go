package store

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"cqkit/pkg/gcra"
)

const (
	longest = 1 << 61   // the greatest B·T, in ticks
	deepest = 1<<62 - 1 // debts beyond it are all the same; twice as much fits in an int64
)

// grace is how long entries that owe nothing are kept, against clocks that step back.
const grace = 2 * time.Second

// params is a limit as a server keeps it, in ticks.
type params struct {
	limit    gcra.Limit
	interval int64 // T
	capacity int64 // B·T
	burst    uint64
	perMicro int64 // ticks in 1 µs: 1000 or 1024
}

// nanoParams counts in nanoseconds.
func nanoParams(l gcra.Limit) (params, error) { return newParams(l, 1000, 1) }

// newParams returns l in ticks, T rounded up to a multiple of some of them.
func newParams(l gcra.Limit, perMicro, multiple int64) (params, error) {
	if err := l.Check(); err != nil {
		return params{}, err
	}
	// T = ⌈Per·perMicro/(1000·Cells·multiple)⌉·multiple
	hi, lo := bits.Mul64(uint64(l.Rate.Per), uint64(perMicro))
	over, divisor := bits.Mul64(l.Rate.Cells, uint64(1000*multiple))
	t := uint64(1) // more cells than there are ticks
	if over == 0 {
		if hi >= divisor {
			return params{}, errTooLong
		}
		var rem uint64
		if t, rem = bits.Div64(hi, lo, divisor); rem > 0 || t == 0 {
			t++
		}
	}
	if t > longest/uint64(multiple) {
		return params{}, errTooLong
	}
	t *= uint64(multiple)
	hi, lo = bits.Mul64(t, l.Burst)
	if hi > 0 || lo > longest {
		return params{}, errTooLong
	}
	return params{limit: l, interval: int64(t), capacity: int64(lo), burst: l.Burst, perMicro: perMicro}, nil
}

var errTooLong = fmt.Errorf("a burst takes more than the 18 years that can be kept")

// effective returns the rate that is kept, 1/T.
func (p *params) effective() gcra.Rate {
	if p.perMicro == 1000 {
		return gcra.Rate{Cells: 1, Per: time.Duration(p.interval)}
	}
	shift := min(bits.TrailingZeros64(uint64(p.interval)), 7) // 128 ticks are 125 ns
	if per := p.interval >> shift; per <= math.MaxInt64/125 {
		return gcra.Rate{Cells: 128 >> shift, Per: time.Duration(per * 125)}
	}
	return gcra.Rate{Cells: 1, Per: p.duration(p.interval)}
}

// duration returns ticks as a duration, rounded up.
func (p *params) duration(ticks int64) time.Duration {
	if p.perMicro == 1000 || ticks <= 0 {
		return time.Duration(max(ticks, 0))
	}
	micros, rest := ticks/p.perMicro, ticks%p.perMicro
	return time.Duration(micros*1000 + (rest*1000+p.perMicro-1)/p.perMicro)
}

// ticks returns a duration in ticks, rounded down.
func (p *params) ticks(d time.Duration) int64 {
	if p.perMicro == 1000 {
		return int64(d)
	}
	micros, rest := int64(d)/1000, int64(d)%1000
	return micros*p.perMicro + rest*p.perMicro/1000
}

// cost returns n·T, at most the deepest debt.
func (p *params) cost(n uint64) int64 {
	hi, lo := bits.Mul64(n, uint64(p.interval))
	if hi > 0 || lo > deepest {
		return 2 * longest
	}
	return int64(lo)
}

// remaining returns the cells that pass when owed is owed.
func (p *params) remaining(owed int64) uint64 {
	if owed >= p.capacity {
		return 0
	}
	return uint64((p.capacity - owed) / p.interval)
}

// passes tells whether n cells pass when owed is owed.
func (p *params) passes(n uint64, owed int64) bool {
	return n <= p.burst && owed <= p.capacity-int64(n)*p.interval
}

// convert returns what is owed when it was counted with the interval was.
func (p *params) convert(owed, was int64) int64 {
	if owed <= 0 || was == p.interval || was <= 0 {
		return max(owed, 0)
	}
	hi, lo := bits.Mul64(uint64(owed), uint64(p.interval))
	if hi >= uint64(was) {
		return 2 * longest
	}
	q, _ := bits.Div64(hi, lo, uint64(was))
	return int64(min(q+1, deepest))
}

// apply is the decision on an entry that owes owed: charge cells are added whatever they owe
// then, and granted are as many of least to most as pass.
func (p *params) apply(owed int64, a ask) (granted uint64, after int64) {
	owed = min(owed+p.cost(a.charge), deepest)
	if granted = min(a.most, p.remaining(owed)); granted < a.least {
		granted = 0
	}
	return granted, owed + int64(granted)*p.interval
}
