package bench

import (
	"errors"
	"math"
	"slices"

	"cqkit/pkg/stat"
)

// A Verdict is what a comparison of two results came to.
type Verdict string

// The verdicts of docs/bench.md.
const (
	Same      Verdict = "same"
	Better    Verdict = "better"
	Worse     Verdict = "worse"
	Undecided Verdict = "undecided"
	TooFew    Verdict = "too_few" // samples
)

// A Change is how a result differs from the baseline's.
type Change struct {
	Name string
	stat.Comparison
	Verdict Verdict
}

// ErrOther means that two sessions have no figure in common.
var ErrOther = errors.New("no figure is in both sessions")

// Compare compares the results of new that base has, too. What is slower by more than matters (0.1 is 10 %), and
// surely slower, is worse.
func Compare(base, new []Result, matters float64) ([]Change, error) {
	var list []Change
	for i := range new {
		at := slices.IndexFunc(base, func(r Result) bool { return r.Name == new[i].Name })
		if at < 0 {
			continue
		}
		pieces := min(base[at].Pieces, new[i].Pieces)
		cfg := stat.CompareConfig{Matters: matters, LessIsBetter: true}
		if pieces > 1 {
			cfg.Between = wandering * math.Hypot(base[at].wander(), new[i].wander())
		}
		c, err := stat.Compare(base[at].strewn(pieces), new[i].strewn(pieces), cfg)
		if err != nil {
			return nil, err
		}
		list = append(list, Change{new[i].Name, c, judge(c, matters)})
	}
	if len(list) == 0 {
		return nil, ErrOther
	}
	return list, nil
}

// strewn returns samples like [Result.Samples], but each of pieces from all over the session: a disturbance that lasts
// for a part of it then lengthens some pieces of each sample, which their quartile leaves out, and not all of some samples.
func (r *Result) strewn(pieces int) []float64 {
	all := r.pieces()
	n := len(all) / pieces
	if pieces == 1 || n == 0 {
		return all
	}
	out := make([]float64, n)
	part := make([]float64, pieces)
	for i := range out {
		for j := range part {
			part[j] = all[i+j*n]
		}
		out[i] = stat.Undisturbed(part)
	}
	return out
}

// wandering is how much of what sides strayed while they were measured they may differ by, as a standard deviation. It
// was chosen by the trials of docs/bench.md.
const wandering = 0.33

// wander returns how far a session strayed: by what the undisturbed times of its fifths differ, as a ratio's logarithm.
// Samples from all over it do not show that. The highest fifth is left out, as disturbances lengthen; what drifts
// steadily goes three quarters of its way in the others.
func (r *Result) wander() float64 {
	all := r.pieces()
	const parts = 5
	if len(all) < parts {
		return 0
	}
	var fifths []float64
	for i := range parts {
		fifths = append(fifths, stat.Undisturbed(all[len(all)*i/parts:len(all)*(i+1)/parts]))
	}
	slices.Sort(fifths)
	return 4.0 / 3 * math.Log(fifths[3]/fifths[0])
}

func judge(c stat.Comparison, matters float64) Verdict {
	switch {
	case c.Pairs < stat.MinSession:
		return TooFew
	case c.Change.Value > matters && c.Change.Low > 0:
		return Worse
	case c.Change.High > matters:
		return Undecided
	case c.Verdict == stat.Better:
		return Better
	}
	return Same
}

// Overall is the worst of the verdicts: Worse, Undecided, Better or Same. Where all have too few samples
// it is Undecided.
func Overall(changes []Change) Verdict {
	has := func(v Verdict) bool {
		return slices.ContainsFunc(changes, func(c Change) bool { return c.Verdict == v })
	}
	for _, v := range []Verdict{Worse, Undecided, Better, Same} {
		if has(v) {
			return v
		}
	}
	return Undecided
}
