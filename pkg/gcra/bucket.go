package gcra

import (
	"errors"
	"math"
	"math/bits"
	"sync"
	"time"
)

// A Bucket is a token bucket that is refilled at fixed instants, the multiples of a
// period. (One that is refilled continuously is a [Limiter].) It is safe for concurrent use and must
// not be copied. The zero Bucket denies everything.
type Bucket struct {
	mu           sync.Mutex
	size, refill uint64
	period       uint64
	tokens       uint64
	filled       uint64 // multiples of the period so far
}

// NewBucket returns a full bucket of size tokens, to which refill are added at every
// multiple of the period, as far as there is room. Over any interval d of the times passed in, at most
// size + refill·(⌊d/period⌋ + 1) cells pass.
func NewBucket(size, refill uint64, period time.Duration) (*Bucket, error) {
	if size == 0 || refill == 0 || period <= 0 {
		return nil, errors.New("token bucket whose size, refill or period is not positive")
	}
	if period > MaxTime {
		return nil, errors.New("token bucket whose period is over 18 years")
	}
	return &Bucket{size: size, refill: refill, period: uint64(period), tokens: size}, nil
}

// nowNanos returns now in nanoseconds, from 0 to MaxTime.
func nowNanos(now time.Duration) uint64 { return uint64(min(max(now, 0), MaxTime)) }

// fill adds what is due at a time.
func (b *Bucket) fill(at uint64) {
	if times := at / b.period; times > b.filled {
		b.tokens, b.filled = b.after(times), times
	}
}

// after returns the tokens there are for a call after so many multiples of the period. A call from before
// the last refill does not get what came after it.
func (b *Bucket) after(times uint64) uint64 {
	if times < b.filled {
		if times = b.filled - times; times >= b.tokens/b.refill+1 {
			return 0
		}
		return b.tokens - min(times*b.refill, b.tokens)
	}
	missing := b.size - b.tokens
	if missing == 0 || times-b.filled > (missing-1)/b.refill {
		return b.size
	}
	return b.tokens + (times-b.filled)*b.refill
}

// Take asks for n tokens at now.
func (b *Bucket) Take(now time.Duration, n uint64) Decision { return b.decide(now, n, true) }

// Peek tells whether n tokens are there at now, and changes nothing.
func (b *Bucket) Peek(now time.Duration, n uint64) Decision { return b.decide(now, n, false) }

func (b *Bucket) decide(now time.Duration, n uint64, take bool) Decision {
	at := nowNanos(now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size == 0 {
		return Decision{}
	}
	if take && n > 0 {
		b.fill(at)
	}
	times := at / b.period
	tokens := b.after(times)
	d := Decision{Limit: b.size, Remaining: tokens, epoch: b.filled}
	switch {
	case n > b.size:
		d.why = tooLarge
	case n > tokens:
		d.why = limited
		d.RetryAfter = b.until(at, n)
	default:
		d.Allowed, d.why = true, passed
		if take && n > 0 {
			b.tokens -= n
			tokens -= n
			d.Remaining, d.cells = tokens, n
		}
	}
	d.ResetAfter = b.until(at, b.size)
	return d
}

// until returns the time from at until n tokens are there.
func (b *Bucket) until(at, n uint64) time.Duration {
	var times uint64
	if n > b.tokens {
		times = b.filled + (n-b.tokens-1)/b.refill + 1
	} else {
		times = b.filled - min((b.tokens-n)/b.refill, b.filled)
	}
	hi, due := bits.Mul64(times, b.period)
	if hi > 0 || due > math.MaxInt64 {
		due = math.MaxInt64
	}
	return time.Duration(due - min(at, due))
}

// Refund puts the tokens of d back, if the bucket has not been refilled since: a refill might have
// been cut short without them.
func (b *Bucket) Refund(now time.Duration, d *Decision) bool {
	n, _, times, ok := d.refundable()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !ok || b.size == 0 {
		return false
	}
	b.fill(nowNanos(now))
	if b.filled != times {
		return false
	}
	b.tokens += n
	return true
}
