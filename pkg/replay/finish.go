package replay

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cqkit/pkg/mav"
)

// Finish ends the log and returns what was found. The detector is of no further use.
func (d *Detector) Finish() *Result {
	d.res.Format, d.res.Records = d.format, d.index
	if d.clock.known {
		d.res.First, d.res.Last = d.start, d.clock.last.Time
	}
	d.finishSigning()
	for _, s := range d.order {
		flooded := d.floods(s)
		d.finishCounters(s)
		d.stranger(s, flooded)
		d.bootClocks(s)
		d.losses(s)
	}
	d.logClocks()
	d.noises()
	for _, f := range d.replays {
		d.report(*f)
	}
	if d.secrets.Count > 0 {
		d.report(d.secrets)
	}
	d.res.Findings = d.found
	slices.SortStableFunc(d.res.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.First.Index, b.First.Index), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Source.System, b.Source.System), cmp.Compare(a.Source.Component, b.Source.Component))
	})
	if d.opts.Prints {
		d.res.Prints = d.prints.finish(&d.res)
	}
	return &d.res
}

// finishCounters reports what the counters of a source tell.
func (d *Detector) finishCounters(s *source) {
	flooded := false
	for _, r := range s.rates {
		flooded = flooded || r.flood.frames > 0
	}
	s.copies.finish()
	s.several = s.several || s.counters.several()
	s.repeats = s.repeats || len(s.copies.done) > 0
	d.transmitters(s)
	d.stretches(s, flooded)
}

// report adds a finding.
func (d *Detector) report(f Finding) {
	n := 0
	if len(d.found) >= MaxFindings {
		for i := range d.found {
			if d.found[i].Kind == f.Kind {
				n++
			}
		}
	}
	if n >= MaxFindings {
		d.res.Dropped++
		return
	}
	d.found = append(d.found, f)
}

func (d *Detector) of(s *source, kind Kind, severity Severity, first, last Place, count int64, message uint32, detail string) Finding {
	return Finding{
		Kind: kind, Severity: severity, First: first, Last: last, Count: count,
		HasSource: true, Source: s.Source, Message: mav.Name(message), Detail: detail,
	}
}

// secret notes a SETUP_SIGNING frame.
func (d *Detector) secret(s *source, at Place) {
	if d.secrets.Count == 0 {
		d.secrets = d.of(s, KeyExposed, Medium, at, at, 0, mav.IDSetupSigning,
			"the secret signing key of the link stands in this log in plain; whoever has the log can sign")
	}
	d.secrets.Count++
	d.secrets.Last = at
}

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

// floods reports messages that came far too often, and returns whether any did.
func (d *Detector) floods(s *source) bool {
	any := false
	ids := make([]uint32, 0, len(s.rates))
	for id := range s.rates {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		r := s.rates[id]
		r.end(d, id, r.second+10)
		if r.flood.frames == 0 {
			continue
		}
		any = true
		d.report(d.of(s, Flood, High, r.flood.first, r.flood.last, r.flood.frames, id,
			fmt.Sprintf("%s in %d s, up to %d a second; %s before", frames(r.flood.frames), r.flood.seconds, r.flood.most, perSecond(r.flood.before))))
	}
	if h := &s.lists; h.count > 0 {
		any = true
		d.report(d.of(s, Flood, Medium, h.first, h.last, h.count, h.message,
			fmt.Sprintf("a whole list was asked for %s while the vehicle talked", times(h.count))))
	}
	return any
}

// stranger reports a source that came late, says little and does not fit the link.
func (d *Detector) stranger(s *source, flooded bool) {
	if flooded || !d.timed || !d.hasVehicle || s.Source == radio || s.frames < 10 ||
		s.first.Time-d.firstVehicle.Time < establishedTime || len(s.rates) == 0 || len(s.rates) > 3 {
		return
	}
	version := 1
	if s.versions[2] > 0 {
		version = 2
	}
	others := int64(0)
	for _, o := range d.order {
		if o != s && o.Source != radio {
			others += o.versions[version]
		}
	}
	requests, most, kind := int64(0), int64(-1), uint32(0)
	for id, r := range s.rates {
		switch r.class {
		case mav.Alive, mav.Request, mav.RequestList, mav.Command:
			requests += r.total
		}
		weight := r.total
		if id == mav.IDHeartbeat {
			weight = 0 // what it wants says more than that it lives
		}
		if weight > most || weight == most && id < kind {
			most, kind = weight, id
		}
	}
	var why []string
	strange := false
	if others == 0 && s.versions[3-version] == 0 {
		why = append(why, fmt.Sprintf("it speaks MAVLink %d, as no one else here does", version))
		strange = true
	}
	if s.autopilot && !s.telemetry {
		why = append(why, "it says it is a vehicle but sends no telemetry")
	}
	if seconds := float64(s.last.Time-s.first.Time) / 1e6; requests == s.frames && float64(s.frames) > 1.5*(seconds+1) {
		why = append(why, "it does nothing but ask and say that it lives, more often than once a second")
	}
	if !strange && len(why) < 2 {
		return
	}
	detail := "a source that came later than the vehicle: "
	for i, w := range why {
		if i > 0 {
			detail += "; "
		}
		detail += w
	}
	d.report(d.of(s, Flood, Medium, s.first, s.last, s.frames, kind, detail))
}

func (d *Detector) bootClocks(s *source) {
	b := &s.boot
	if b.returned.count > 0 {
		f := d.of(s, Clock, High, b.returned.first, b.returned.last, b.returned.count, b.returned.message,
			fmt.Sprintf("frames of another boot time, %s away, between frames of this one (%s)", span(b.returned.most), times(b.returned.count)))
		if s.several {
			f.Severity = Medium
			f.Detail += "; see second_transmitter"
		}
		d.report(f)
	}
	if b.steps.count > 0 {
		f := d.of(s, Clock, Medium, b.steps.first, b.steps.last, b.steps.count, b.steps.message,
			fmt.Sprintf("the boot time runs back by up to %s without a reboot (%s)", span(b.steps.most), times(b.steps.count)))
		original := b.steps.original
		f.Original = &original
		if b.steps.most <= moment {
			f.Severity = Low
		}
		d.report(f)
	}
	if b.days.count > 0 {
		d.report(d.of(s, Clock, Low, b.days.first, b.days.last, b.days.count, b.days.message,
			fmt.Sprintf("the vehicle's time of day runs back by up to %s (%s)", span(b.days.most), times(b.days.count))))
	}
}

func (d *Detector) logClocks() {
	l := &d.clock
	if l.returned.count > 0 {
		d.report(Finding{Kind: Clock, Severity: High, First: l.returned.first, Last: l.returned.last, Count: l.returned.count,
			Detail: fmt.Sprintf("records of another time, %s away, between records of this one (%s)", span(l.returned.most), times(l.returned.count))})
	}
	if l.steps.count > 0 {
		f := Finding{Kind: Clock, Severity: Low, First: l.steps.first, Last: l.steps.last, Count: l.steps.count,
			Detail: fmt.Sprintf("the time of the records runs back by up to %s (%s)", span(l.steps.most), times(l.steps.count))}
		if l.steps.most > logTolerance || l.steps.count >= logMany {
			f.Severity = Medium
		}
		if l.steps.count >= logMany {
			f.Detail += "; several programs may have written this file at once"
			if d.holes.count > 0 {
				f.Detail += fmt.Sprintf(", which would also explain its %s", count(d.holes.count, "torn place"))
			}
		}
		d.report(f)
	}
}

func (d *Detector) losses(s *source) {
	l := &s.loss
	if l.gaps == 0 || 2*s.static >= s.frames {
		return
	}
	f := d.of(s, Loss, Low, l.first, l.last, l.lost, l.firstKind,
		fmt.Sprintf("%s missing at %s of the sequence", frames(l.lost), count(l.gaps, "place")))
	if s.several || s.repeats {
		f.Detail += "; the source has several counters or repeats, so the number means little"
	}
	d.report(f)
}

// noises reports frames of unknown messages from sources that say nothing else.
func (d *Detector) noises() {
	n, sources := int64(0), int64(0)
	for src, count := range d.noiseFrom {
		if s := d.sources[int(src.System)<<8|int(src.Component)]; s.frames == 0 {
			n += count
			sources++
		}
	}
	if n == 0 {
		return
	}
	d.report(Finding{Kind: Loss, Severity: Low, First: d.noise.First, Last: d.noise.Last, Count: n,
		Detail: fmt.Sprintf("%s of unknown messages from %s that say nothing else: noise on the link that was recorded", frames(n), count(sources, "source"))})
}

func frames(n int64) string { return count(n, "frame") }

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// later formats how long after the original a repeat stands, in µs.
func later(us int64) string {
	switch {
	case us > 0:
		return span(us) + " later"
	case us < 0:
		return "with times of " + span(us) + " earlier"
	}
	return "with the same times"
}

// span formats µs.
func span(us int64) string {
	if us < 0 {
		us = -us
	}
	d := time.Duration(us) * time.Microsecond
	switch {
	case us > 100*365*24*3600*1_000_000:
		return "more than a century"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

func perSecond(x float64) string {
	if x == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f a second", x)
}
