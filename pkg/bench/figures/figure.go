package figures

import (
	"runtime"

	"cqkit/pkg/bench"
)

// A Figure is what is measured, and what stands beside it.
type Figure struct {
	bench.Contender
	Set       string    // "keys", "seal" or "limits"
	Bound     string    // the figure that is the least this one could be; "" if there is none
	Published Published // the zero Published if nothing is
}

// Published is what another project says that the same takes, of another machine.
type Published struct {
	By, Machine string
	NS          float64
}

// A Size is something counted in bytes. Count is called after everything was timed.
type Size struct {
	Name, Per string
	Count     func() (float64, error)
}

// A Set is figures that are measured together.
type Set struct {
	Figures []Figure
	Sizes   []Size
}

// Add adds the figures and sizes of o to s.
func (s *Set) Add(o Set) {
	s.Figures = append(s.Figures, o.Figures...)
	s.Sizes = append(s.Sizes, o.Sizes...)
}

func (s *Set) add(f Figure) { s.Figures = append(s.Figures, f) }

// named says which set the figures are of.
func (s *Set) named(name string) {
	for i := range s.Figures {
		s.Figures[i].Set = name
	}
}

// cleitonq is what CleitonQ publishes in microseconds for the machine that is more like this one; 0 if it does not.
func cleitonq(x86, arm float64) Published {
	us, machine := x86, "x86-64 Core i5"
	if runtime.GOARCH == "arm64" && arm > 0 {
		us, machine = arm, "Neoverse-N2"
	}
	if us == 0 {
		return Published{}
	}
	return Published{"CleitonQ", machine, us * 1e3}
}

// must and check end the program where a call that cannot fail does: what is timed has no way to return an error.
func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// times is f, n times.
func times(f func()) func(int) {
	return func(n int) {
		for range n {
			f()
		}
	}
}
