package replay

import (
	"fmt"

	"cqkit/pkg/mav"
)

// command reports a repeated command that its sender's counter stepped over.
func (d *Detector) command(s *source, c commandInfo) {
	if mav.ClassOf(c.message) == mav.Setpoint && s.counters.several() {
		return
	}
	f := d.of(s, ReplayedCommand, High, c.at, c.at, 1, c.message, "a command repeated byte for byte, "+steppedOver)
	original := c.original
	f.Original = &original
	if !c.exact {
		f.Severity = Medium
		f.Detail = "a command repeated under a number " + steppedOver
	}
	if s.counters.several() {
		f.Severity--
		f.Detail += severalCounters
	}
	d.report(f)
}

const (
	steppedOver     = "out of its sender's order, which went on as if it had not been sent"
	severalCounters = "; but this source has several counters anyway"
)

// stretches reports the repeats of a source.
func (d *Detector) stretches(s *source, flooded bool) {
	doubled := d.doubles(s, flooded)
	var vague Finding // what repeats under several counters
	for i := range s.copies.done {
		r := &s.copies.done[i]
		if !r.stretch() {
			d.commandsOf(s, r, doubled)
			continue
		}
		severity := High
		if r.clocked < clockedLeast {
			if flooded {
				continue // a flood of equal frames repeats itself
			}
			switch {
			case s.counters.several():
				if vague.Count == 0 {
					vague = d.of(s, ReplayedStretch, Low, r.first, r.last, 0, r.message, "")
					original := r.original
					vague.Original = &original
				}
				vague.Count += r.frames
				vague.Last = r.last
				continue
			case d.clock.steps.count >= logMany:
				severity = Medium
			}
		}
		f := d.of(s, ReplayedStretch, severity, r.first, r.last, r.frames, r.message, "")
		original := r.original
		f.Original = &original
		f.Detail = fmt.Sprintf("%s that stood before come again", frames(r.frames))
		if d.timed {
			f.Detail += ", " + later(r.quickest)
		}
		if r.resumed > 0 {
			f.Detail += fmt.Sprintf("; the sender's own counter goes on between or behind them (%s)", times(r.resumed))
		}
		if n := int64(len(r.commands)) + r.moreCmds; n > 0 {
			f.Detail += fmt.Sprintf("; %d of them change the vehicle's state", n)
		}
		d.report(f)
	}
	if vague.Count > 0 {
		vague.Detail = frames(vague.Count) + " that stood before come again" + severalCounters
		d.report(vague)
	}
	for _, c := range s.commands {
		d.command(s, c)
	}
}

// doubles reports the frames of a source that came twice at once, and returns whether
// that is how its link is: from its beginning to its end.
func (d *Detector) doubles(s *source, flooded bool) bool {
	r := &s.copies.double
	if r.count == 0 {
		return false
	}
	always := 5*(r.last.Time-r.first.Time) >= 4*(s.last.Time-s.counters.begun.Time)
	if r.count < resumedLeast || flooded {
		return always
	}
	f := d.of(s, ReplayedStretch, Medium, r.first, r.last, r.count, r.message,
		fmt.Sprintf("%s came once more within %s", frames(r.count), span(r.slowest)))
	original := r.original
	f.Original = &original
	if always {
		f.Severity = Low
		f.Detail += ", all along: the link delivers twice"
	}
	d.report(f)
	return always
}

// commandsOf reports the single commands of a run that is too short for a stretch.
func (d *Detector) commandsOf(s *source, r *run, doubled bool) {
	for _, c := range r.commands {
		if mav.ClassOf(c.message) == mav.Setpoint && (r.resumed == 0 || s.counters.several()) {
			continue // a stream of equal set-points repeats itself behind a loss
		}
		lag := c.at.Time - c.original.Time
		f := d.of(s, ReplayedCommand, High, c.at, c.at, 1, c.message, "")
		original := c.original
		f.Original = &original
		f.Detail = "a command repeated byte for byte, " + steppedOver
		switch {
		case d.timed && lag >= 0 && lag < doubleCommand:
			f.Severity = Low
			f.Detail = fmt.Sprintf("a command that came once more within %s, as a link does that delivers twice", span(lag))
		case doubled || s.counters.several():
			f.Severity = Medium
			f.Detail += severalCounters
		}
		d.report(f)
	}
}

// transmitters reports several counters of one source.
func (d *Detector) transmitters(s *source) {
	c := &s.counters
	over := c.over
	if over >= 2 {
		// Where a station sends much the same all the time, its own frames may pass for
		// repeats while another one counts beside it.
		for i := range s.copies.done {
			if r := &s.copies.done[i]; r.clocked < clockedLeast {
				over += r.resumed
			}
		}
	}
	if s.Source == radio || !c.beyondChance(over) || 2*s.static >= s.frames {
		return
	}
	late, first := c.newcomer, c.firstForeign
	if late {
		first = c.newcomerAt
	}
	kind, most := uint32(0), int64(0)
	for id, n := range c.foreignKinds {
		if n > most || n == most && id < kind {
			kind, most = id, n
		}
	}
	f := d.of(s, SecondTransmitter, Medium, first, c.foreignLast, c.foreignCount, kind, "")
	f.Detail = fmt.Sprintf("two sequence counters under one id: one went on %s as if the other's frames had not been sent", times(over))
	versions := s.versions[1] > 0 && s.versions[2] > 0 && (c.versions[1] != c.versions[2])
	if versions {
		f.Detail += fmt.Sprintf("; the newcomer speaks MAVLink %d", map[bool]int{true: 1, false: 2}[c.versions[1]])
	}
	switch {
	case d.clock.steps.count >= logMany:
		f.Detail += "; several programs wrote this file, which may be all"
	case late && s.vehicle():
		f.Severity = High
		f.Detail += "; it came to a vehicle that was there already"
	case late && c.commanding():
		f.Severity = High
		f.Detail += "; it came late and sends commands"
	case versions && s.vehicle():
		f.Severity = High
	case !late:
		f.Detail += "; both are there from the start, so it may be how this sender is built or heard"
	}
	d.report(f)
}
