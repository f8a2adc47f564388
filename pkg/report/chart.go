package report

import (
	"io"
	"math"
)

// Chart is a picture along a horizontal axis: [Lane]s with stretches on them, a [Plot],
// or both. HTML draws it as SVG; the other forms print its Summary as a paragraph.
// All positions along the axis are from 0, its left end, to 1.
type Chart struct {
	// Name is the caption.
	Name string
	// Summary says in words what there is to see, for those who do not see it.
	Summary string
	Axis    Axis
	Lanes   []Lane
	Plot    *Plot
}

// Axis is the horizontal axis of a [Chart].
type Axis struct {
	Ticks  []Tick    // from left to right; labels that would overlap are left out
	Breaks []Stretch // where the axis does not run on evenly, such as in a long pause
}

// Tick is a labelled position. Below stands under the label, like the date under a time;
// where the label is left out it goes to the next one.
type Tick struct {
	At    float64
	Label string
	Below string
}

// Lane is a named row of stretches. Later stretches are drawn over earlier ones.
type Lane struct {
	Name      string
	Stretches []Stretch
}

// Stretch is a part of the axis. However short, it is drawn wide enough to be seen.
type Stretch struct {
	From, To float64
	Fill     Fill
	// Label says what it is; a pointer that rests on it shows it.
	Label string
	// Link names a row of a [Grid] on the page, by its Anchor, to which the stretch leads.
	Link string
}

// Fill is how a stretch looks.
type Fill uint8

// The fills. Each differs from the others in light, dark and on paper; what it means is
// said by the lane's name.
const (
	Neutral Fill = iota
	Sound
	Wrong
	Doubtful
	Foreign
	Hatched // nothing is there
)

// Plot is one or more series of values over the axis of a [Chart].
type Plot struct {
	Kind PlotKind
	Unit string    // what the vertical axis counts
	X    []float64 // ascending
	// Series have a value for each X; one that is not a number interrupts a line and
	// counts as 0 in the other kinds. Beyond the eighth, colours come again.
	Series []Series
}

// PlotKind is how the values of a [Plot] are drawn.
type PlotKind uint8

// The kinds of plot.
const (
	Lines   PlotKind = iota // a line a series, on an axis that need not begin at 0
	Stacked                 // areas on top of each other; no value is below 0
	Bars                    // a bar for each X from 0 up, of the first series
)

// Series is a named series of values.
type Series struct {
	Name string
	Y    []float64
	// Low and High, if set, are drawn as a band behind the line of [Lines].
	Low, High []float64
}

func (c *Chart) text(w io.Writer, style Style) error {
	if c.Summary == "" {
		return nil
	}
	return Paragraph(c.Summary).text(w, style)
}

func (c *Chart) markdown(w io.Writer) error {
	if c.Summary == "" {
		return nil
	}
	return Paragraph(c.Summary).markdown(w)
}

// scale is a vertical axis from low to high with a line each step.
type scale struct{ low, high, step float64 }

// newScale returns a scale with three to seven steps of 1, 2 or 5 times a power of ten
// that holds low and high, which may be equal.
func newScale(low, high float64) scale {
	low, high = max(min(low, 1e15), -1e15), max(min(high, 1e15), -1e15)
	if high-low < 1e-6 {
		high = low + 1
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/3)))
	for _, factor := range []float64{5, 2} {
		if (high-low)/(step*factor) >= 3 {
			step *= factor
			break
		}
	}
	return scale{math.Floor(low/step+1e-9) * step, math.Ceil(high/step-1e-9) * step, step}
}

// digits is how many digits after the point tell the steps apart.
func (s scale) digits() int { return max(0, -int(math.Floor(math.Log10(s.step)+1e-9))) }

// at returns where v lies between 0, the scale's low end, and 1.
func (s scale) at(v float64) float64 {
	return max(0, min(1, (v-s.low)/(s.high-s.low)))
}

// bounds returns the scale that a plot needs.
func (p *Plot) bounds() scale {
	low, high := math.Inf(1), math.Inf(-1)
	look := func(v float64) {
		if v-v == 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	switch p.Kind {
	case Lines:
		for _, s := range p.Series {
			for _, values := range [][]float64{s.Y, s.Low, s.High} {
				for _, v := range values {
					look(v)
				}
			}
		}
	default:
		look(0)
		for i := range p.X {
			look(p.top(i, len(p.Series)))
		}
	}
	if low > high {
		low, high = 0, 1
	}
	return newScale(low, high)
}

// top returns how high the first n series reach together at X number i.
func (p *Plot) top(i, n int) float64 {
	sum := 0.0
	for _, s := range p.Series[:min(n, len(p.Series))] {
		sum += value(s.Y, i)
		if p.Kind == Bars {
			break
		}
	}
	return sum
}

// value is a number from 0 up, whatever values has at i.
func value(values []float64, i int) float64 {
	if i >= len(values) || !(values[i] > 0) || math.IsInf(values[i], 1) {
		return 0
	}
	return values[i]
}
