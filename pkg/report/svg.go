package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The sizes of a chart in its own units, of which its full width has chartWidth. They
// are pixels on a page of full width.
const (
	chartWidth = 960.0
	left       = 112.0 // where the axis begins
	right      = 948.0 // where it ends
	laneHigh   = 18.0
	laneStep   = 26.0
	plotHigh   = 150.0
	axisHigh   = 38.0
	leastWide  = 2.5 // of a stretch
	colors     = 8
)

// svg collects the elements of a picture.
type svg struct{ strings.Builder }

func (b *svg) addf(format string, args ...any) { fmt.Fprintf(&b.Builder, format, args...) }

// num formats a coordinate.
func num(v float64) string {
	if !(math.Abs(v) < 1e6) { // nor a number
		v = 0
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	if s = strings.TrimSuffix(s, ".0"); s == "-0" {
		return "0"
	}
	return s
}

// across returns where a position from 0 to 1 lies in a chart.
func across(at float64) float64 {
	if !(at > 0) {
		return left
	}
	return left + min(at, 1)*(right-left)
}

func (c *Chart) html(w io.Writer) error {
	var b svg
	height := float64(len(c.Lanes)) * laneStep
	plotTop := height
	if c.Plot != nil {
		if plotTop += 8; len(c.Lanes) > 0 {
			plotTop += 8
		}
		height = plotTop + plotHigh
	}
	if c.Name != "" {
		b.addf("<figcaption>%s</figcaption>\n", escapeHTML(c.Name))
	}
	if c.Summary != "" {
		b.addf("<p>%s</p>\n", escapeHTML(c.Summary))
	}
	if c.Plot != nil {
		c.Plot.key(&b)
	}
	b.addf(`<div class="wide"><svg viewBox="0 0 %s %s" role="img" aria-label="%s">`+"\n",
		num(chartWidth), num(height+axisHigh), escapeHTML(c.Name))
	c.Axis.draw(&b, height)
	for i, l := range c.Lanes {
		l.draw(&b, float64(i)*laneStep+(laneStep-laneHigh)/2)
	}
	if c.Plot != nil {
		c.Plot.draw(&b, plotTop)
	}
	c.Axis.drawBreaks(&b, height)
	b.WriteString("</svg></div>\n")
	_, err := io.WriteString(w, "<figure>\n"+b.String()+"</figure>\n")
	return err
}

// draw draws the labels below a chart of the given height and a line up from each.
func (a Axis) draw(b *svg, height float64) {
	free, waiting := 0.0, ""
	for _, t := range a.Ticks {
		label, below := Clean(t.Label), Clean(t.Below)
		if below == "" {
			below = waiting
		}
		waiting = below
		x, half := across(t.At), float64(max(width(label), width(below)))*3.6
		x0 := max(0, min(x-half, chartWidth-2*half))
		b.addf(`<path class="grid" d="M%s 0V%s"/>`+"\n", num(x), num(height+4))
		if x0 < free || label == "" {
			continue
		}
		free, waiting = x0+2*half+10, ""
		b.addf(`<text class="mid" x="%s" y="%s">%s</text>`+"\n", num(x0+half), num(height+18), escapeHTML(label))
		if below != "" {
			b.addf(`<text class="mid" x="%s" y="%s">%s</text>`+"\n", num(x0+half), num(height+33), escapeHTML(below))
		}
	}
}

func (a Axis) drawBreaks(b *svg, height float64) {
	for _, s := range a.Breaks {
		x0, x1 := across(s.From), across(s.To)
		b.addf(`<rect class="break" x="%s" y="0" width="%s" height="%s">%s</rect>`+"\n",
			num(x0), num(max(x1-x0, 1)), num(height), tip(s.Label))
	}
}

// tip is what a pointer shows that rests on the element it is in.
func tip(label string) string {
	if label == "" {
		return ""
	}
	return "<title>" + escapeHTML(label) + "</title>"
}

func (f Fill) class() string {
	switch f {
	case Sound:
		return "sound"
	case Wrong:
		return "wrong"
	case Doubtful:
		return "doubtful"
	case Foreign:
		return "foreign"
	case Hatched:
		return "hatched"
	}
	return "neutral"
}

func (l Lane) draw(b *svg, y float64) {
	name := Clean(l.Name)
	b.addf(`<text class="end name" x="%s" y="%s">%s</text><rect class="track" x="%s" y="%s" width="%s" height="%s"/>`+"\n",
		num(left-8), num(y+laneHigh-5), escapeHTML(shorten(name, 16)), num(left), num(y), num(right-left), num(laneHigh))
	for _, s := range l.Stretches {
		x0, x1 := across(s.From), across(s.To)
		if x1-x0 < leastWide {
			x0 = max(left, min((x0+x1-leastWide)/2, right-leastWide))
			x1 = x0 + leastWide
		}
		rect := fmt.Sprintf(`<rect class="%s" x="%s" y="%s" width="%s" height="%s">%s</rect>`,
			s.Fill.class(), num(x0), num(y), num(x1-x0), num(laneHigh), tip(s.Label))
		if s.Link != "" {
			rect = `<a href="#` + escapeHTML(s.Link) + `">` + rect + "</a>"
		}
		b.addf("%s\n", rect)
	}
}

// key names the series by their colours.
func (p *Plot) key(b *svg) {
	if len(p.Series) == 0 || len(p.Series) == 1 && p.Series[0].Name == "" {
		return
	}
	b.WriteString("<ul class=\"key\">\n")
	for i, s := range p.Series {
		b.addf(`<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="a%d" width="10" height="10"/></svg>%s</li>`+"\n",
			i%colors, escapeHTML(s.Name))
	}
	b.WriteString("</ul>\n")
}

func (p *Plot) draw(b *svg, top float64) {
	s := p.bounds()
	down := func(v float64) string { return num(top + plotHigh*(1-s.at(v))) }
	for i := 0; i <= 12; i++ {
		v := s.low + float64(i)*s.step
		if v > s.high+s.step/2 {
			break
		}
		b.addf(`<path class="grid" d="M%s %sH%s"/><text class="end" x="%s" y="%s">%s</text>`+"\n", num(left), down(v), num(right),
			num(left-8), num(top+plotHigh*(1-s.at(v))+4), separate(strconv.FormatFloat(v, 'f', s.digits(), 64)))
	}
	b.addf(`<text x="0" y="%s">%s</text>`+"\n", num(top+10), escapeHTML(shorten(Clean(p.Unit), 10)))
	switch p.Kind {
	case Lines:
		for i, series := range p.Series {
			if d := p.band(series, down); d != "" {
				b.addf(`<path class="a%d band" d="%s"/>`+"\n", i%colors, d)
			}
			b.addf(`<path class="l%d" d="%s"/>`+"\n", i%colors, p.line(series.Y, down))
		}
	case Stacked:
		for n := range p.Series {
			b.addf(`<path class="a%d" d="%s"/>`+"\n", n%colors, p.area(n, down))
		}
	case Bars:
		b.addf(`<path class="a0" d="%s"/>`+"\n", p.bars(down))
	}
}

// line is the path through values, with an interruption where there is none.
func (p *Plot) line(values []float64, down func(float64) string) string {
	var d strings.Builder
	pen := "M"
	for i, x := range p.X {
		if i >= len(values) || values[i]-values[i] != 0 {
			pen = "M"
			continue
		}
		d.WriteString(pen + num(across(x)) + " " + down(values[i]))
		if pen == "M" && (i+1 >= len(p.X) || i+1 >= len(values) || values[i+1]-values[i+1] != 0) {
			d.WriteString("h1") // alone: a dot
		}
		pen = "L"
	}
	return d.String()
}

// band is the area between the low and the high values of a series.
func (p *Plot) band(s Series, down func(float64) string) string {
	var d strings.Builder
	n := min(len(p.X), len(s.Low), len(s.High))
	for i := 0; i < n; {
		j := i
		for j < n && s.Low[j]-s.Low[j] == 0 && s.High[j]-s.High[j] == 0 {
			j++
		}
		pen := "M"
		for k := i; k < j; k++ {
			d.WriteString(pen + num(across(p.X[k])) + " " + down(s.High[k]))
			pen = "L"
		}
		for k := j - 1; k >= i; k-- {
			d.WriteString("L" + num(across(p.X[k])) + " " + down(s.Low[k]))
		}
		if j > i {
			d.WriteString("Z")
		}
		i = j + 1
	}
	return d.String()
}

// area is the area that series n takes on top of those before it.
func (p *Plot) area(n int, down func(float64) string) string {
	if len(p.X) == 0 {
		return ""
	}
	var d strings.Builder
	pen := "M"
	for i, x := range p.X {
		d.WriteString(pen + num(across(x)) + " " + down(p.top(i, n+1)))
		pen = "L"
	}
	for i := len(p.X) - 1; i >= 0; i-- {
		d.WriteString("L" + num(across(p.X[i])) + " " + down(p.top(i, n)))
	}
	return d.String() + "Z"
}

// bars are those of the first series, each as wide as the space to the next X.
func (p *Plot) bars(down func(float64) string) string {
	var d strings.Builder
	for i, x := range p.X {
		v := p.top(i, 1)
		if v == 0 {
			continue
		}
		wide := 2.0
		if i+1 < len(p.X) {
			wide = across(p.X[i+1]) - across(x)
		} else if i > 0 {
			wide = across(x) - across(p.X[i-1])
		}
		wide = max(1.5, min(wide, 8))
		d.WriteString("M" + num(across(x)-wide/2) + " " + down(0) + "V" + down(v) + "h" + num(wide) + "V" + down(0) + "Z")
	}
	return d.String()
}

// sparkline is a picture for a cell: at most sparkBars values, the highest of those that
// fall together.
func sparkline(values []float64) string {
	const sparkBars = 60
	n := min(len(values), sparkBars)
	tops := make([]float64, n)
	high := 0.0
	for i := range values {
		j := i * n / len(values)
		tops[j] = max(tops[j], value(values, i))
		high = max(high, tops[j])
	}
	var d strings.Builder
	if high > 0 {
		d.WriteString("M0 20")
		for i, v := range tops {
			y := num(20 - 19*v/high)
			d.WriteString("V" + y + "H" + num(120*float64(i+1)/float64(n)))
		}
		d.WriteString("V20Z")
	}
	return `<svg class="spark" viewBox="0 0 120 20" aria-hidden="true"><path class="a0" d="` + d.String() + `"/></svg>`
}
