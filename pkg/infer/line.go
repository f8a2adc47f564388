package infer

import (
	"math"
	"slices"
)

// point is a bound: a time in seconds since the first request, and a number of requests.
type point struct{ t, n float64 }

// line is a limit that admits b + r·t requests in t seconds.
type line struct{ r, b float64 }

// hull returns the points of ps that a line above all (sign 1) or below all
// (sign -1) of them can touch: the upper or lower convex hull, by time (Andrew's monotone chain).
func hull(ps []point, sign float64) []point {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b point) int {
		switch {
		case a.t < b.t, a.t == b.t && sign*a.n > sign*b.n:
			return -1
		case a.t > b.t, a.t == b.t && sign*a.n < sign*b.n:
			return 1
		}
		return 0
	})
	var h []point
	for _, p := range ps {
		if len(h) > 0 && h[len(h)-1].t == p.t {
			continue // the first of these is the outermost
		}
		for len(h) >= 2 && sign*cross(h[len(h)-2], h[len(h)-1], p) >= 0 {
			h = h[:len(h)-1]
		}
		h = append(h, p)
	}
	return h
}

// cross is positive where o, a, b turn left.
func cross(o, a, b point) float64 { return (a.t-o.t)*(b.n-o.n) - (a.n-o.n)*(b.t-o.t) }

// between is the lines that lie on or above some points and on or below others, with
// rates of at least 0. The points are hulls.
type between struct{ below, above []point }

// gap returns by how much the points must be moved apart, half of it each, for one
// line of rate r to fit: negative if there is room. It is convex in r.
func (w between) gap(r float64) (gap, b float64) {
	least, most := math.Inf(-1), math.Inf(1)
	for _, p := range w.below {
		least = max(least, p.n-r*p.t)
	}
	for _, p := range w.above {
		most = min(most, p.n-r*p.t)
	}
	return least - most, (least + most) / 2
}

// best returns the line with most room on both sides, and half its gap.
func (w between) best(fastest float64) (l line, slack float64) {
	low, high := 0.0, fastest
	for range 200 { // golden section would save a third
		a, b := low+(high-low)/3, high-(high-low)/3
		ga, _ := w.gap(a)
		gb, _ := w.gap(b)
		if ga <= gb {
			high = b
		} else {
			low = a
		}
	}
	r := (low + high) / 2
	gap, b := w.gap(r)
	return line{r, b}, gap / 2
}

// corners returns the extreme lines that fit if all points give way by slack: the corners of the
// polygon in the plane of (r, b), each through two of the points.
func (w between) corners(slack float64) []line {
	var ps []point
	for _, p := range w.below {
		ps = append(ps, point{p.t, p.n - slack})
	}
	for _, p := range w.above {
		ps = append(ps, point{p.t, p.n + slack})
	}
	moved := between{ps[:len(w.below)], ps[len(w.below):]}
	var found []line
	fits := func(r, b float64) bool {
		const rounding = 1e-9
		for _, p := range moved.below {
			if b+r*p.t < p.n-rounding*(1+math.Abs(p.n)) {
				return false
			}
		}
		for _, p := range moved.above {
			if b+r*p.t > p.n+rounding*(1+math.Abs(p.n)) {
				return false
			}
		}
		return true
	}
	for i, p := range ps {
		if fits(0, p.n) {
			found = append(found, line{0, p.n})
		}
		for _, q := range ps[i+1:] {
			if p.t == q.t {
				continue
			}
			if r := (q.n - p.n) / (q.t - p.t); r >= 0 && fits(r, p.n-r*p.t) {
				found = append(found, line{r, p.n - r*p.t})
			}
		}
	}
	return found
}
