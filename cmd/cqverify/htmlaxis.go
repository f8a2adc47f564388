package main

import (
	"fmt"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/survey"
)

// picture places what happened in a log on the horizontal axis of charts, which goes
// from 0 to 1. The axis is the log's course with its pauses put back in, true to scale
// or, where they are long, as a break; and with what is missing before and behind.
type picture struct {
	line   *survey.Timeline
	starts []float64 // where each leg begins, in units of the course
	legs   []survey.Leg
	total  float64
	head   margin
	tail   margin
	breaks []report.Stretch
}

// margin is a part of the axis outside the log: how wide, in units of the course, and how
// long it really is in µs.
type margin struct {
	wide   float64
	really int64
}

const (
	trueShare  = 0.25 // of the course: a pause of more is drawn as a break
	breakShare = 0.02 // of the course: how wide a break is
	allBreaks  = 0.3  // of the course: how wide all breaks are together, at most
)

// newPicture makes the axis of a log of which sealed, if it is not nil, was sealed.
func newPicture(line *survey.Timeline, sealed *extent) *picture {
	p := &picture{line: line, legs: line.Legs}
	if len(p.legs) == 0 { // no times
		p.legs = []survey.Leg{{Length: line.Length}}
	}
	course := float64(line.Length)
	if s := sealed; s != nil && s.FirstUS != nil && len(line.Legs) > 0 {
		first, last := p.legs[0], p.legs[len(p.legs)-1]
		p.head.really, p.tail.really = max(0, first.Time-*s.FirstUS), max(0, *s.LastUS-last.End())
	} else if s != nil && s.FirstUS != nil && line.Length == 0 {
		p.tail.really = max(0, *s.LastUS-*s.FirstUS)
	}
	if course == 0 {
		course = max(1, float64(p.head.really+p.tail.really))
	}
	outside := func(s *margin) {
		if s.wide = float64(s.really); s.wide > course {
			s.wide = course * trueShare
		}
	}
	outside(&p.head)
	outside(&p.tail)
	broken := course * min(breakShare, allBreaks/float64(len(p.legs)))
	x := p.head.wide
	for i, l := range p.legs {
		if i > 0 {
			before := p.legs[i-1]
			pause := l.Time - before.End()
			if pause > 0 && float64(pause) <= course*trueShare/float64(len(p.legs)-1) {
				x += float64(pause)
			} else {
				label := "the clock is set back by " + duration(-pause)
				if pause > 0 {
					label = duration(pause) + " without records"
				}
				p.breaks = append(p.breaks, report.Stretch{From: x, To: x + broken, Label: label})
				x += broken
			}
		}
		p.starts = append(p.starts, x)
		x += float64(l.Length)
	}
	p.total = max(x+p.tail.wide, 1)
	if len(p.legs) == 1 && line.Length == 0 && p.head.wide+p.tail.wide == 0 {
		p.total = course
	}
	for i := range p.breaks {
		p.breaks[i].From /= p.total
		p.breaks[i].To /= p.total
	}
	if float64(p.head.really) != p.head.wide {
		p.breaks = append(p.breaks, report.Stretch{To: broken / p.total, Label: "not to scale: " + duration(p.head.really)})
	}
	if float64(p.tail.really) != p.tail.wide {
		p.breaks = append(p.breaks, report.Stretch{From: 1 - broken/p.total, To: 1, Label: "not to scale: " + duration(p.tail.really)})
	}
	return p
}

// x returns where a place on the course lies on the axis.
func (p *picture) x(at int64) float64 {
	i := len(p.legs) - 1
	for i > 0 && p.legs[i].At > at {
		i--
	}
	within := max(0, min(at-p.legs[i].At, p.legs[i].Length))
	return (p.starts[i] + float64(within)) / p.total
}

// begin and end return where the log begins and ends on the axis.
func (p *picture) begin() float64 { return p.head.wide / p.total }
func (p *picture) end() float64   { return 1 - p.tail.wide/p.total }

// axis returns the axis with round times below it.
func (p *picture) axis() report.Axis {
	a := report.Axis{Breaks: p.breaks}
	if !p.line.Timed || len(p.line.Legs) == 0 {
		step := int64(1)
		for i := 0; p.line.Length/step > 8; i++ { // 1, 2, 5, 10, 20…
			step = step * []int64{2, 5, 2}[i%3] / []int64{1, 2, 1}[i%3]
		}
		for at := int64(0); p.line.Length > 0 && at <= p.line.Length; at += step {
			a.Ticks = append(a.Ticks, report.Tick{At: p.x(at), Label: cli.Thousands(at)})
		}
		return a
	}
	step := roundStep(int64(p.total / 8))
	day := ""
	for i, l := range p.legs {
		from, to, x := l.Time, l.End(), p.starts[i]
		if i == 0 && p.head.wide == float64(p.head.really) {
			from, x = from-p.head.really, 0
		}
		if i == len(p.legs)-1 && p.tail.wide == float64(p.tail.really) {
			to += p.tail.really
		}
		first := (from + step - 1) / step * step
		if first > to { // too short for a round time
			a.Ticks = append(a.Ticks, tick(x/p.total, from, 1, &day))
		}
		for t := first; t <= to && len(a.Ticks) < 100; t += step {
			a.Ticks = append(a.Ticks, tick((x+float64(t-from))/p.total, t, step, &day))
		}
	}
	return a
}

// tick labels a time below an axis with a label every step µs, with the date where it
// is not that of the label before.
func tick(at float64, us, step int64, day *string) report.Tick {
	t := time.UnixMicro(us).UTC()
	mark := report.Tick{At: at, Label: t.Format("15:04")}
	if step < int64(time.Minute/time.Microsecond) {
		mark.Label = t.Format("15:04:05")
	}
	if d := t.Format(time.DateOnly); d != *day {
		*day, mark.Below = d, d
	}
	return mark
}

// roundStep returns the round time of at least least µs.
func roundStep(least int64) int64 {
	const second, minute, hour = 1_000_000, 60_000_000, 3_600_000_000
	for _, s := range []int64{second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second, minute, 2 * minute, 5 * minute,
		10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour} {
		if s >= least {
			return s
		}
	}
	return (least + 24*hour - 1) / (24 * hour) * 24 * hour
}

// when formats a place on the course for a person.
func (p *picture) when(at int64) string {
	if t := p.line.Time(at); t != 0 {
		return time.UnixMicro(t).UTC().Format("15:04:05")
	}
	return fmt.Sprintf("record %s", cli.Thousands(at))
}
