package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// findingLanes are the lanes of a verdict's findings and how they look.
var findingLanes = []struct {
	kind seal.Kind
	name string
	fill report.Fill
}{
	{seal.Changed, "changed", report.Wrong},
	{seal.Dropped, "missing", report.Hatched},
	{seal.Truncated, "cut off", report.Hatched},
	{seal.Inserted, "inserted", report.Foreign},
	{seal.Doubled, "copied", report.Foreign},
	{seal.Appended, "appended", report.Foreign},
	{seal.Moved, "moved", report.Doubtful},
}

// lanes draw what was sealed and what became of it, and say it in words.
func (v *verdict) lanes(p *picture, prefix string) ([]report.Lane, string) {
	base := report.Stretch{From: p.begin(), To: p.end(), Fill: report.Neutral, Label: "not vouched for by any seal"}
	whole, name, words := base, "log", "Grey: no seal vouches for the log."
	switch seal.Outcome(v.Verdict) {
	case seal.Valid:
		name, words = "sealed", "Green: as it was sealed, which is all of it."
		whole.Fill, whole.Label = report.Sound, "as it was sealed"
	case seal.Superseded:
		name, words = "sealed", "Orange: as it was sealed, but a later seal of the same log is known."
		whole.Fill, whole.Label = report.Doubtful, "as it was sealed, but not the latest"
	case seal.Open:
		name, words = "sealed", "Green: as it was sealed, as far as the seal goes. Grey: not covered by it."
		whole.Fill, whole.Label = report.Sound, "as it was sealed"
		if v.Bytes > v.CoveredBytes {
			whole.To = p.x(p.line.At(v.coveredTo))
			rest := report.Stretch{From: whole.To, To: p.end(), Fill: report.Neutral, Label: "not covered by the seal"}
			return []report.Lane{{Name: name, Stretches: []report.Stretch{rest, whole}}}, words
		}
	case seal.Altered:
		name, words = "sealed", "Green: as it was sealed. Whatever is not has a row of its own, and is cut out of the green; hatched: nothing is there any more."
		whole.Fill, whole.Label = report.Sound, "as it was sealed"
		return v.findingLanes(p, prefix, whole), words
	}
	return []report.Lane{{Name: name, Stretches: []report.Stretch{whole}}}, words
}

func (v *verdict) findingLanes(p *picture, prefix string, whole report.Stretch) []report.Lane {
	byKind := map[string][]report.Stretch{}
	near := int64(0)
	for i := range v.Findings {
		f := &v.Findings[i]
		s := report.Stretch{Label: f.where() + ": " + f.sentence(v)}
		s.From, s.To, near = f.place(p, near)
		if i < htmlFindings {
			s.Link = fmt.Sprintf("%sf%d", prefix, i)
		}
		byKind[f.Kind] = append(byKind[f.Kind], s)
	}
	lanes := []report.Lane{{Name: "sealed", Stretches: []report.Stretch{whole}}}
	for _, l := range findingLanes {
		found := merge(byKind[string(l.kind)], l.fill)
		if len(found) == 0 {
			continue
		}
		lanes = append(lanes, report.Lane{Name: l.name, Stretches: found})
		for _, s := range found {
			s.Link, s.Label = "", "" // its own lane says it
			lanes[0].Stretches = append(lanes[0].Stretches, s)
		}
	}
	return lanes
}

// place returns where a finding lies on the axis. near is a place on the course not far
// before it, which matters where clocks were set back; the last result is for the next.
func (f *finding) place(p *picture, near int64) (from, to float64, next int64) {
	line := p.line
	if f.Kind == string(seal.Truncated) {
		if f.SealedLeaf != nil && *f.SealedLeaf == 0 {
			return 0, p.begin(), near
		}
		return p.end(), 1, line.Length
	}
	first, last := near, near
	switch {
	case f.Offset != nil:
		first, last = line.At(*f.Offset), line.At(*f.Offset+f.Bytes)
	case f.TimeUS != nil:
		first = line.AtTime(*f.TimeUS, near)
		last = line.AtTime(*f.UntilUS, first)
	}
	if f.TimeUS != nil && f.Offset != nil { // times tell more than bins, if they fit
		if t := line.AtTime(*f.TimeUS, first); t >= first-2*line.Width && t <= first+2*line.Width {
			first = t
		}
		if t := line.AtTime(*f.UntilUS, last); t >= last-2*line.Width && t <= last+2*line.Width {
			last = t
		}
	}
	last = max(first, last)
	return p.x(first), p.x(last), first
}

// tooClose is how near two stretches are, on an axis from 0 to 1, that cannot be seen
// apart. It bounds how many there are in a lane.
const tooClose = 0.005

// merge sorts stretches and joins those that cannot be seen apart.
func merge(stretches []report.Stretch, fill report.Fill) []report.Stretch {
	slices.SortStableFunc(stretches, func(a, b report.Stretch) int { return cmp.Compare(a.From, b.From) })
	var merged []report.Stretch
	n := 0
	first := ""
	for _, s := range stretches {
		s.Fill = fill
		if k := len(merged) - 1; k >= 0 && s.From <= merged[k].To+tooClose {
			n++
			merged[k].To = max(merged[k].To, s.To)
			merged[k].Label = fmt.Sprintf("%s findings, the first: %s", cli.Thousands(int64(n)), first)
			continue
		}
		n, first = 1, s.Label
		merged = append(merged, s)
	}
	return merged
}

// lanes draw findings of replays and anomalies of a sorted log, a lane a kind. Losses have a chart of
// their own.
func (l *replayLog) lanes(p *picture, prefix string) []report.Lane {
	if l == nil {
		return nil
	}
	var lanes []report.Lane
	var kinds []string
	byKind := map[string]map[string][]report.Stretch{}
	for i := range l.findings {
		f := &l.findings[i]
		if f.Kind == "loss" {
			continue
		}
		if byKind[f.Kind] == nil {
			kinds, byKind[f.Kind] = append(kinds, f.Kind), map[string][]report.Stretch{}
		}
		s := report.Stretch{
			From: p.x(p.line.AtRecord(uint64(max(0, f.Index)))), To: p.x(p.line.AtRecord(uint64(max(0, f.Index, f.LastIndex)))),
			Label: fmt.Sprintf("%s, %s: %s", f.Severity, f.span(), f.sentence(l)),
		}
		if i < htmlFindings {
			s.Link = fmt.Sprintf("%sr%d", prefix, i)
		}
		byKind[f.Kind][f.Severity] = append(byKind[f.Kind][f.Severity], s)
	}
	for _, kind := range kinds {
		lane := report.Lane{Name: laneName(kind)}
		lane.Stretches = append(lane.Stretches, merge(byKind[kind]["low"], report.Neutral)...)
		lane.Stretches = append(lane.Stretches, merge(byKind[kind]["medium"], report.Doubtful)...)
		lane.Stretches = append(lane.Stretches, merge(byKind[kind]["high"], report.Wrong)...)
		lanes = append(lanes, lane)
	}
	return lanes
}

// laneName is a kind of finding in the room there is.
func laneName(kind string) string {
	switch kind {
	case "replayed_stretch":
		return "replayed"
	case "second_transmitter":
		return "2nd transmitter"
	case "forged_signature":
		return "forged"
	case "replayed_command":
		return "replayed cmd"
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// gapLane draws where bytes are that are no record; none without such bytes.
func gapLane(p *picture) []report.Lane {
	var found []report.Stretch
	for i, b := range p.line.Bins {
		if b.GapBytes > 0 {
			from := int64(i) * p.line.Width
			found = append(found, report.Stretch{From: p.x(from), To: p.x(min(from+p.line.Width, p.line.Length)),
				Label: cli.Count(int64(b.GapBytes), "byte") + " that are no record"})
		}
	}
	if found == nil {
		return nil
	}
	return []report.Lane{{Name: "no records", Stretches: merge(found, report.Neutral)}}
}
