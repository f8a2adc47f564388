package replay

import (
	"cmp"
	"fmt"
	"slices"

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

// of makes a finding about a source.
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

// losses reports the gaps in the sequence of a source.
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
