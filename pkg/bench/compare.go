package bench

import (
	"errors"
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
		c, err := stat.Compare(base[at].Samples(pieces), new[i].Samples(pieces), stat.CompareConfig{Matters: matters, LessIsBetter: true})
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
