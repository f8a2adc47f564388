package load

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/gcra"
)

// A schedule says when requests are due. It is safe for concurrent use. Requests are numbered
// from 0 over warm-up and measurement together.
type schedule struct {
	profile *gcra.Profile
	burst   uint64
	limit   uint64        // requests to be measured, at most
	end     time.Duration // none is due from here on
	start   time.Duration // of the measurement; what is due before is warm-up
	warm    uint64        // requests of the warm-up
	warmGap float64       // nanoseconds between them

	index   atomic.Uint64
	poisson *poisson // nil if dues are regular
}

// newSchedule plans what is due by a profile: first warm-up at the profile's first rate, then
// the profile itself, up to limit requests and up to length.
func newSchedule(p *gcra.Profile, warmup, length time.Duration, limit, burst uint64, arrivals *rand.Rand) *schedule {
	s := &schedule{profile: p, burst: max(burst, 1), limit: limit, start: warmup, end: warmup + length}
	if length > math.MaxInt64-warmup {
		s.end = math.MaxInt64
	}
	if warmup > 0 {
		rate := p.PerSecond(0)
		if rate < 1 { // a ramp from nothing
			rate = 1
		}
		s.warmGap = 1e9 / rate
		s.warm = uint64(math.Ceil(float64(warmup) / s.warmGap))
	}
	if arrivals != nil {
		s.poisson = &poisson{random: arrivals}
	}
	return s
}

// next reserves the next request and returns its number and when it is due, in time since the
// loop's start. It reports false when none is left.
func (s *schedule) next() (i uint64, due time.Duration, ok bool) {
	if s.poisson != nil {
		return s.poisson.next(s)
	}
	i = s.index.Add(1) - 1
	due, ok = s.due(i)
	return i, due, ok
}

// due returns when request i is due.
func (s *schedule) due(i uint64) (time.Duration, bool) {
	if i < s.warm {
		return time.Duration(float64(i-i%s.burst) * s.warmGap), true
	}
	i -= s.warm
	if i >= s.limit {
		return 0, false
	}
	d, ok := s.profile.Due(i - i%s.burst)
	if !ok || d >= s.end-s.start {
		return 0, false
	}
	return s.start + d, true
}

// A poisson turns the regular schedule into a Poisson process of the same rate: in the time in
// which the rate is one (the integral of the profile), gaps are exponential with mean 1.
type poisson struct {
	mu     sync.Mutex
	random *rand.Rand
	index  uint64
	at     float64 // the integral's value at the next request
	warmAt float64
	count  uint64 // warm-up requests
	over   bool
}

func (p *poisson) next(s *schedule) (i uint64, due time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return 0, 0, false
	}
	if float64(s.start) > p.warmAt {
		due = time.Duration(p.warmAt)
		p.warmAt += p.random.ExpFloat64() * s.warmGap
		i, p.index, p.count = p.index, p.index+1, p.count+1
		return i, due, true
	}
	if p.at == 0 {
		p.at = p.random.ExpFloat64()
	}
	due, ok = s.between(p.at)
	if !ok || p.index-p.count >= s.limit {
		p.over = true
		return 0, 0, false
	}
	i, p.index = p.index, p.index+1
	if (p.index-p.count)%s.burst == 0 { // a burst comes at once, and the gap after it is as long as its own
		for range s.burst {
			p.at += p.random.ExpFloat64()
		}
	}
	return i, due, true
}

// between returns when the integral of the profile reaches x, between whole cells in a
// straight line.
func (s *schedule) between(x float64) (time.Duration, bool) {
	whole := uint64(x)
	from, ok := s.profile.Due(whole)
	if !ok {
		return 0, false
	}
	due := from
	if to, ok := s.profile.Due(whole + 1); ok {
		due += time.Duration((x - float64(whole)) * float64(to-from))
	}
	if due >= s.end-s.start {
		return 0, false
	}
	return s.start + due, true
}

// window returns when the schedule ends: at its given end, or, with a limit of requests,
// when the next one would be due. Of a Poisson process this is the end of the regular one.
func (s *schedule) window() time.Duration {
	if d, ok := s.profile.Due(s.limit); ok && s.limit < 1<<62 && d < s.end-s.start {
		return s.start + d
	}
	if n, limited := s.profile.Length(); limited && n < s.end-s.start {
		return s.start + n
	}
	return s.end
}
