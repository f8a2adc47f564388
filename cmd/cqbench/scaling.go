package main

import (
	"fmt"
	"maps"
	"slices"

	"cqkit/pkg/bench/figures"
	"cqkit/pkg/report"
)

// The JSON of how rates grow with goroutines.
type scalingJSON struct {
	Name string      `json:"name"`
	At   []speedJSON `json:"at"`
}

type speedJSON struct {
	Goroutines int     `json:"goroutines"`
	Speed      float64 `json:"speed"` // rate by that of one goroutine
}

// fluxLimiter is the name under which its published table stands beside figures.
const fluxLimiter = "flux-limiter"

// scaling is how many times as much is done by several goroutines as by one, a row a figure; the first
// is what flux-limiter publishes. There is none unless figures were measured both ways.
func (out *outcome) scaling() []scalingJSON {
	list := []scalingJSON{{Name: fluxLimiter}}
	for _, n := range slices.Sorted(maps.Keys(figures.FluxLimiter)) {
		list[0].At = append(list[0].At, speedJSON{n, figures.FluxLimiter[n]})
	}
	for _, name := range figures.Scaled {
		one := out.result(name)
		if one == nil || one.Noisy() {
			continue
		}
		s := scalingJSON{name, []speedJSON{{1, 1}}}
		for _, n := range out.goroutines() {
			if r := out.result(fmt.Sprintf("%s/%d", name, n)); r != nil && !r.Noisy() {
				s.At = append(s.At, speedJSON{n, one.Median().Value / r.Median().Value})
			}
		}
		if len(s.At) > 1 {
			list = append(list, s)
		}
	}
	if len(list) == 1 {
		return []scalingJSON{}
	}
	return list
}

// goroutines are the numbers above one with which something was measured, ascending.
func (out *outcome) goroutines() (list []int) {
	for _, r := range out.session.Results {
		for _, name := range figures.Scaled {
			var n int
			if _, err := fmt.Sscanf(r.Name, name+"/%d", &n); err == nil {
				list = append(list, n)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// at returns the speed with n goroutines, and false if it is not known.
func (s *scalingJSON) at(n int) (float64, bool) {
	i := slices.IndexFunc(s.At, func(a speedJSON) bool { return a.Goroutines == n })
	if i < 0 {
		return 0, false
	}
	return s.At[i].Speed, true
}

// scalingGrid has a column a number of goroutines.
func scalingGrid(list []scalingJSON) *report.Grid {
	var counts []int
	for _, s := range list {
		for _, a := range s.At {
			counts = append(counts, a.Goroutines)
		}
	}
	counts = slices.Compact(slices.Sorted(slices.Values(counts)))
	g := &report.Grid{Columns: []report.Column{{Name: "Goroutines"}}}
	for _, n := range counts {
		g.Columns = append(g.Columns, report.Column{Name: fmt.Sprint(n)})
	}
	var rows [][]report.Cell
	for _, s := range list {
		row := []report.Cell{report.String(s.Name)}
		for _, n := range counts {
			cell := report.Cell{}
			if speed, ok := s.at(n); ok {
				cell = report.Number(fmt.Sprintf("%.1f×", speed), fmt.Sprint(speed))
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	g.Rows = report.RowsOf(rows...)
	return g
}
