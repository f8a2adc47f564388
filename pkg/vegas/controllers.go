package vegas

// Fixed is a Controller that leaves the limit alone: it starts with its own value
// (at least 1) and keeps whatever [Gate.Resize] sets. It is safe for concurrent use.
type Fixed int

// Limit returns f, at least 1.
func (f Fixed) Limit() int { return max(1, int(f)) }

// Update returns the limit that was in force.
func (f Fixed) Update(w Window) int { return w.Limit }

// AIMD is a Controller that knows only overload errors: one more after a window
// without any that used at least half of the limit, a tenth less (and at least one)
// after any other (additive increase, multiplicative decrease: D.-M. Chiu and
// R. Jain, Computer Networks and ISDN Systems 17 (1989), section 2.2). For backends that refuse
// rather than queue. The zero AIMD starts at 1 and goes up to 1000. It is not safe
// for concurrent use.
type AIMD struct {
	// Initial and Max are the first and the highest limit. Zero means 1 and 1000.
	Initial, Max int

	limit float64
}

func (a *AIMD) max() float64 {
	if a.Max < 1 {
		return DefaultMax
	}
	return float64(a.Max)
}

// Limit returns the present limit.
func (a *AIMD) Limit() int {
	if a.limit == 0 {
		a.limit = min(float64(max(1, a.Initial)), a.max())
	}
	return int(a.limit)
}

// Update returns the limit after w.
func (a *AIMD) Update(w Window) int {
	limit := float64(a.Limit())
	switch {
	case w.Overloads > 0:
		limit = min(0.9*limit, limit-1)
	case 2*w.MaxInFlight >= w.Limit:
		limit++
	}
	a.limit = min(max(1, limit), a.max())
	return int(a.limit)
}
