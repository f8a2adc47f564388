package load

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"cqkit/pkg/stat"
)

// The search of docs/find.md. It has no clock: it is told what was measured at a limit, and says at
// which limit to measure next, and for how long.
type search struct {
	max     int           // the highest limit
	longest time.Duration // to measure for, in all
	narrow  float64       // half width of the interval, as a share, that ends the search
	random  *rand.Rand
	noise   float64 // of a slice's rate, as a share
	// keeps judges what was measured at a limit by the objectives; nil if there are none.
	keeps func(*level) stat.State

	flow    flow
	levels  map[int]*level
	climb   []int // the limits of the slow start so far
	flat    int   // of them, the last that brought nothing
	ladder  []int // the limits that are still measured in turn, ascending; nil in the slow start
	turn    []int // what is left of the present round
	rounds  int
	added   int // limits put between others
	spent   time.Duration
	chosen  *level
	high    int // the highest limit that did as well as the chosen one
	stopped bool
}

// A level is what was measured at one limit.
type level struct {
	limit  int
	slices []slice
	rates  []float64     // ok a second, of each slice
	trip   time.Duration // mean service time of what was ok, of the last slice that had any
	seen   seen
}

// A slice is one measurement, from when it had settled to its end.
type slice struct{ from, to time.Duration }

const (
	shortSlice = 100 * time.Millisecond // of the slow start
	longSlice  = 250 * time.Millisecond // of a round
	gainNeeded = 1.15                   // by doubling the limit
	flatNeeded = 2                      // doublings without it
	asGood     = 0.98                   // of the best rate
	sureRounds = 4                      // before anything is decided by a few slices
	mostAdded  = 8
)

func newSearch(most int, longest time.Duration, narrow float64, seed uint64) *search {
	return &search{max: most, longest: longest, narrow: narrow, random: rand.New(rand.NewPCG(seed, 0)), levels: map[int]*level{}}
}

func (s *search) level(limit int) *level {
	l := s.levels[limit]
	if l == nil {
		l = &level{limit: limit}
		s.levels[limit] = l
	}
	return l
}

// next returns the limit to measure at and for how long, or that the search is over.
func (s *search) next() (limit int, length time.Duration, ok bool) {
	if s.stopped {
		return 0, 0, false
	}
	if s.spent >= s.longest && s.rounds > 0 {
		s.stopped = true
		s.look()
		s.decide()
		return 0, 0, false
	}
	if s.ladder == nil {
		if len(s.climb) == 0 {
			return 1, shortSlice, true
		}
		last := s.level(s.climb[len(s.climb)-1])
		return min(s.max, 2*last.limit), max(shortSlice, 3*last.trip), true
	}
	l := s.level(s.turn[0])
	return l.limit, max(longSlice, 6*l.trip), true
}

// add takes down that the limit that was asked for last was measured in m, and what it took since
// the slice before. trip is the mean service time of what was ok in it; 0 without.
func (s *search) add(limit int, m slice, trip, took time.Duration) {
	s.spent += took
	l := s.level(limit)
	if trip > 0 {
		l.trip = trip
	}
	l.slices = append(l.slices, m)
	if s.ladder == nil {
		s.climbed(l, s.flow.rate(m.from, m.to-min(2*trip, (m.to-m.from)/2)))
		return
	}
	s.turn = s.turn[1:]
	if len(s.turn) > 0 {
		return
	}
	s.rounds++
	s.look()
	s.decide()
	if len(s.ladder) == 0 {
		s.stopped = true
		return
	}
	s.turn = slices.Clone(s.ladder)
	if s.chosen != nil && s.rounds >= sureRounds {
		s.turn = append(s.turn, s.chosen.limit) // what is reported deserves most of the time
	}
	s.random.Shuffle(len(s.turn), func(i, j int) { s.turn[i], s.turn[j] = s.turn[j], s.turn[i] })
}

// climbed goes on with the slow start, or ends it.
func (s *search) climbed(l *level, rate float64) {
	best := 0.0
	for _, limit := range s.climb {
		best = max(best, s.levels[limit].rates[0])
	}
	l.rates = []float64{rate}
	s.climb = append(s.climb, l.limit)
	if rate < gainNeeded*best {
		s.flat++
	} else {
		s.flat = 0
	}
	if s.flat < flatNeeded && l.limit < s.max && s.spent < s.longest/2 {
		return
	}
	best = max(best, rate)
	// By Little's law, what the endpoint works on at its best rate, without a queue, is the rate times
	// the time that a request takes alone: Vegas' estimate of the knee.
	knee := best * s.levels[s.climb[0]].trip.Seconds()
	if knee < 1 || s.climb[0] != 1 {
		knee = float64(l.limit) / 4
	}
	for _, f := range []float64{0.75, 1, 1.3, 1.75, 2.5} {
		s.put(int(math.Ceil(f * knee)))
	}
	for _, limit := range s.climb { // alone, a request may be slower than among others
		if s.levels[limit].rates[0] >= 0.9*best {
			s.put(limit)
			break
		}
	}
	for _, l := range s.levels {
		l.rates, l.slices, l.seen = nil, nil, seen{} // too short to count
	}
	s.turn = slices.Clone(s.ladder)
}

// put adds a limit to those that are measured in turn.
func (s *search) put(limit int) bool {
	limit = min(max(1, limit), s.max)
	i, found := slices.BinarySearch(s.ladder, limit)
	if !found {
		s.ladder = slices.Insert(s.ladder, i, limit)
	}
	return !found
}

// spread returns the mean of a level's rates and its standard error by the noise that the
// slices of all levels show: those of one are too few to tell.
func (s *search) spread(l *level) (mean, stdErr float64) {
	mean = meanOf(l.rates)
	return mean, mean * s.noise / math.Sqrt(float64(len(l.rates)))
}

func meanOf(rates []float64) (mean float64) {
	for _, r := range rates {
		mean += r
	}
	return mean / float64(len(rates))
}

// leastNoise is what the edges of a slice leave open even if nothing else differs.
// While there is one slice of each limit, nothing is known of it.
const (
	leastNoise   = 0.004
	unknownNoise = 0.1
)

// look computes the rates of all slices, and their noise: the relative standard deviation
// within levels, over all of them.
func (s *search) look() {
	var sum, n float64
	for _, l := range s.levels {
		l.rates = l.rates[:0]
		for _, m := range l.slices {
			// What is still in flight is not in the flow yet.
			to := min(m.to, s.flow.until-3*l.trip)
			if to-m.from >= (m.to-m.from)/3 {
				l.rates = append(l.rates, s.flow.rate(m.from, to))
			}
		}
		if mean := meanOf(l.rates); mean > 0 {
			for _, r := range l.rates {
				sum += (r/mean - 1) * (r/mean - 1)
			}
			n += float64(len(l.rates) - 1)
		}
	}
	s.noise = unknownNoise
	if n > 0 {
		s.noise = max(leastNoise, math.Sqrt(sum/n))
	}
}

// decide chooses the lowest limit that does as well as the best, and which limits are
// measured in the next round.
func (s *search) decide() {
	least := 2 // slices that say anything about a limit
	if s.stopped {
		least = 1 // there will be no more
	}
	if s.rounds < least {
		return
	}
	var known []*level // that keep the objectives, ascending
	for _, limit := range slices.Sorted(maps.Keys(s.levels)) {
		l := s.levels[limit]
		if len(l.rates) >= least && (s.keeps == nil || s.keeps(l) != stat.Violated) {
			known = append(known, l)
		}
	}
	s.chosen = nil
	if len(known) == 0 {
		s.descend()
		return
	}
	top := slices.MaxFunc(known, func(a, b *level) int { return cmp.Compare(meanOf(a.rates), meanOf(b.rates)) })
	best, bestErr := s.spread(top)
	dropped := -1 // the highest limit below the chosen one that is surely worse
	next := map[int]bool{top.limit: true}
	for _, l := range known {
		mean, e := s.spread(l)
		apart := best - mean
		surelyWorse := mean < asGood*best && apart > 2.5*math.Hypot(e, bestErr)
		switch {
		case surelyWorse && s.chosen == nil:
			dropped = l.limit
		case surelyWorse:
		case s.chosen == nil && (mean >= asGood*best || len(l.rates) > 1 && apart < 1.5*math.Hypot(e, bestErr)):
			s.chosen = l
			next[l.limit] = true
		case s.chosen == nil || s.rounds < sureRounds:
			next[l.limit] = true
		default: // above the chosen one, and no better: it has only more of a queue
			s.high = max(s.high, l.limit)
		}
	}
	for _, limit := range s.ladder { // new ones
		if len(s.level(limit).rates) < 2 {
			next[limit] = true
		}
	}
	s.ladder = slices.Sorted(maps.Keys(next))
	if s.rounds < sureRounds || s.stopped {
		return
	}
	s.widen(top, best, bestErr)
	s.refine(dropped)
	if l := s.chosen; len(l.rates) >= 2*sureRounds {
		if i := s.interval(); i.High-i.Low <= 2*s.narrow*i.Value && s.settled(dropped) {
			s.stopped = true
		}
	}
}

// widen adds a higher limit while the highest is the best, and surely so.
func (s *search) widen(top *level, best, bestErr float64) {
	highest := s.ladder[len(s.ladder)-1]
	if top.limit != highest || highest == s.max || s.high > highest || s.added >= mostAdded {
		return
	}
	for limit, l := range s.levels {
		if limit < highest && len(l.rates) >= 2 {
			if mean, e := s.spread(l); mean >= asGood*best || best-mean < 2*math.Hypot(e, bestErr) {
				return
			}
		}
	}
	if s.put(highest + max(1, highest/2)) {
		s.added++
	}
}

// refine adds a limit between the chosen one and the next lower one, which was dropped, or
// between the best that keeps the objectives and the next higher one that does not.
func (s *search) refine(dropped int) {
	if s.keeps != nil && s.added < mostAdded && s.spent < 2*s.longest/3 {
		highest, above := s.ladder[len(s.ladder)-1], 0
		for limit, l := range s.levels {
			if limit > highest && (above == 0 || limit < above) && s.keeps(l) == stat.Violated {
				above = limit
			}
		}
		if above-highest > 1 && float64(above) > 1.1*float64(highest) && s.put((highest+above)/2) {
			s.added++
			return
		}
	}
	if s.settled(dropped) || s.added >= mostAdded || s.spent > 2*s.longest/3 {
		return
	}
	if s.put((dropped + s.chosen.limit + 1) / 2) {
		s.added++
	}
}

// settled tells whether no lower limit is worth trying.
func (s *search) settled(dropped int) bool {
	return dropped < 0 || s.chosen.limit-dropped <= 1 || float64(s.chosen.limit) <= 1.15*float64(dropped)
}

// descend goes below all limits that do not keep the objectives.
func (s *search) descend() {
	lowest := s.ladder[0]
	if len(s.levels[lowest].rates) < 2 {
		return
	}
	if lowest == 1 {
		s.ladder = nil // not even one at a time
		return
	}
	s.ladder = nil
	s.put((lowest + 1) / 2)
}

// interval returns the capacity with its 95 % interval: the bootstrap's of the slices at the chosen
// limit and at higher ones that do no worse and no better. A queue does not change the rate.
func (s *search) interval() stat.Interval {
	mean, e := s.spread(s.chosen)
	rates := slices.Clone(s.chosen.rates)
	for limit, l := range s.levels {
		if limit > s.chosen.limit && len(l.rates) >= 2 {
			if m, e2 := s.spread(l); math.Abs(m-mean) <= 2*math.Hypot(e, e2) {
				rates = append(rates, l.rates...)
			}
		}
	}
	mean = meanOf(rates)
	e = 2 * mean * s.noise / math.Sqrt(float64(len(rates)))
	i := stat.Interval{Value: mean, Low: mean - e, High: mean + e}
	if len(rates) >= 5 {
		slices.Sort(rates) // the order of levels is random
		i = i.Hull(stat.Bootstrap(len(rates), func(pick []int) float64 {
			sum := 0.0
			for _, i := range pick {
				sum += rates[i]
			}
			return sum / float64(len(pick))
		}, stat.BootstrapConfig{Seed: uint64(s.chosen.limit)}))
	}
	return i.Within(0, math.MaxFloat64)
}

// alike returns the lowest and the highest limit that do as well as the chosen one.
func (s *search) alike() (low, high int) {
	low, high = s.chosen.limit, max(s.high, s.chosen.limit)
	for _, limit := range s.ladder {
		if l := s.levels[limit]; l != nil && len(l.rates) >= 2 {
			low, high = min(low, limit), max(high, limit)
		}
	}
	return low, high
}
