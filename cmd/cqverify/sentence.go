package main

import (
	"fmt"
	"strings"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/seal"
)

// span formats the numbers of a run of records: "130" or "12,001–12,040".
func span(first int64, count uint64) string {
	if count <= 1 {
		return cli.Thousands(first)
	}
	return cli.Thousands(first) + "–" + cli.Thousands(first+int64(count)-1)
}

// where is a finding's column of record numbers: those of the sealed log where the run
// was sealed, else those of the log as it is now.
func (f *finding) where() string {
	switch {
	case f.Segment == "gap" && f.SealedIndex != nil:
		return "before " + cli.Thousands(*f.SealedIndex)
	case f.Segment == "gap" && f.Index != nil:
		return "now before " + cli.Thousands(*f.Index)
	case f.Kind == string(seal.Doubled) || f.SealedIndex == nil && f.Index != nil:
		return "now " + span(*f.Index, f.CountNow)
	case f.SealedIndex != nil:
		return span(*f.SealedIndex, f.Count)
	}
	return ""
}

// sentence says what happened to a run, for a person.
func (f *finding) sentence(v *verdict) string {
	text := f.event(v)
	if f.namesMessage() {
		first := ""
		if f.CountNow > 1 {
			first = "first: "
		}
		text += fmt.Sprintf("; %s%s from %d/%d", first, f.Message, *f.System, *f.Component)
	}
	if f.Offset != nil {
		text += ", at byte " + cli.Thousands(*f.Offset)
	}
	return text
}

// namesMessage reports whether the first message of the run says something about it:
// not where the damage is somewhere in it.
func (f *finding) namesMessage() bool { return f.Message != "" && !f.Within }

func (f *finding) event(v *verdict) string {
	sealed, now := f.things(f.Count, f.Leaves), f.things(f.CountNow, f.LeavesNow)
	switch seal.Kind(f.Kind) {
	case seal.Changed:
		switch {
		case f.Within && sealed == now:
			return "changed somewhere in these " + sealed
		case f.Within:
			return "changed somewhere in these " + sealed + ", now " + now
		case sealed == now:
			return sealed + " changed" + f.took()
		}
		return sealed + " became " + now
	case seal.Dropped:
		return sealed + f.took() + " missing"
	case seal.Inserted:
		return now + f.took() + " never sealed" + f.source()
	case seal.Moved:
		if f.Index == nil {
			return sealed + " moved"
		}
		return now + " moved, now at " + span(*f.Index, f.CountNow)
	case seal.Doubled:
		if f.SealedIndex == nil {
			return now + " copied"
		}
		return "copy of " + plural("record", f.Count) + " " + span(*f.SealedIndex, f.Count)
	case seal.Truncated:
		return f.truncated(v, sealed)
	case seal.Appended:
		return "goes on for " + now + f.took() + f.source()
	}
	return ""
}

func plural(noun string, n uint64) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// footnote explains the columns of the findings, as far as there is something in them
// to explain.
func (v *verdict) footnote() string {
	now, from := "", ""
	for i := range v.Findings[:min(len(v.Findings), shownFindings)] {
		f := &v.Findings[i]
		if strings.HasPrefix(f.where(), "now ") {
			now = ` or, with "now", those of the log as it is`
		}
		if f.namesMessage() {
			from = " Senders are system/component."
		}
	}
	inside := ""
	if v.Embedded != nil && v.Embedded.Counts {
		inside = ` Bytes, and records with "now", count those that carry the seal, too.`
	}
	return "Records count from 0 and are those of the sealed log" + now + "." + inside + " Times are UTC, " +
		"of the first record of a run, or of the one beside what is missing." + from
}

// total says in a line what all findings come to: "12 records changed, 3 missing".
func (v *verdict) total() string {
	if v.Verdict == string(seal.Foreign) {
		return ""
	}
	verbs := []struct {
		kind seal.Kind
		verb string
	}{
		{seal.Changed, "changed"}, {seal.Dropped, "missing"}, {seal.Truncated, "cut off"}, {seal.Inserted, "inserted"},
		{seal.Moved, "moved"}, {seal.Doubled, "copied"}, {seal.Appended, "appended"},
	}
	var parts []string
	var gaps, within bool
	noun := func(n uint64) string {
		if len(parts) == 0 {
			return cli.Count(int64(n), "record")
		}
		return cli.Thousands(int64(n))
	}
	for _, k := range verbs {
		var n uint64
		for i := range v.Findings {
			f := &v.Findings[i]
			switch {
			case f.Kind != string(k.kind):
			case f.Within:
				within = true
			case f.Segment == "gap":
				gaps = true
			default:
				n += max(f.Count, f.CountNow)
			}
		}
		if n > 0 {
			parts = append(parts, noun(n)+" "+k.verb)
		}
	}
	if gaps {
		parts = append(parts, "damage between records")
	}
	if within {
		parts = append(parts, "damage that cannot be narrowed down further")
	}
	return strings.Join(parts, ", ")
}

// truncated says how much of the log's beginning or end is missing.
func (f *finding) truncated(v *verdict, sealed string) string {
	end, missing := "end", ""
	if f.SealedLeaf != nil && *f.SealedLeaf == 0 {
		end = "beginning"
	}
	if s := v.Sealed; s != nil && s.FirstUS != nil {
		switch {
		case v.FirstUS == nil:
			missing = duration(*s.LastUS - *s.FirstUS)
		case end == "beginning":
			missing = duration(*v.FirstUS - *s.FirstUS)
		default:
			missing = duration(*s.LastUS - *v.LastUS)
		}
		missing = " (" + missing + ")"
	}
	return fmt.Sprintf("the %s of the log is missing: %s%s", end, sealed, missing)
}

// things counts records, or gaps where there are no records.
func (f *finding) things(records, leaves uint64) string {
	if records == 0 && leaves > 0 {
		return cli.Count(int64(leaves), "gap")
	}
	return cli.Count(int64(records), "record")
}

// took is how long a run of several records lasted, or a missing one leaves open.
func (f *finding) took() string {
	if f.TimeUS == nil || f.Count+f.CountNow < 2 || *f.UntilUS <= *f.TimeUS {
		return ""
	}
	return " (" + duration(*f.UntilUS-*f.TimeUS) + ")"
}

// source says where an inserted run stands in another log.
func (f *finding) source() string {
	if f.From == nil {
		return ""
	}
	verb := "it is"
	if f.CountNow != 1 {
		verb = "they are"
	}
	return fmt.Sprintf("; %s %s %s of %q, by its seal %q", verb, plural("record", f.CountNow), span(f.From.Index, f.CountNow), f.From.Log, f.From.Seal)
}

// duration formats microseconds for a person: "0.4 s", "3.2 s", "12m30s".
func duration(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d < 0 || us > 1<<53:
		return "time unknown"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// clock formats a record's time: of day, with the date where the log spans several.
func clock(us int64, days bool) string {
	layout := "15:04:05.000"
	if days {
		layout = "2006-01-02 15:04:05"
	}
	return time.UnixMicro(us).UTC().Format(layout)
}

// severalDays reports whether the log's records, now or as sealed, lie on more than
// one day.
func (v *verdict) severalDays() bool {
	first, last := v.FirstUS, v.LastUS
	if v.Sealed != nil && v.Sealed.FirstUS != nil {
		if first == nil {
			first, last = v.Sealed.FirstUS, v.Sealed.LastUS
		} else {
			a, b := min(*first, *v.Sealed.FirstUS), max(*last, *v.Sealed.LastUS)
			first, last = &a, &b
		}
	}
	return first != nil && time.UnixMicro(*first).UTC().Format(time.DateOnly) != time.UnixMicro(*last).UTC().Format(time.DateOnly)
}

// period formats the times of a log's first and last record.
func period(first, last *int64) string {
	if first == nil {
		return ""
	}
	from, to := time.UnixMicro(*first).UTC(), time.UnixMicro(*last).UTC()
	layout := "2006-01-02 15:04:05"
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		layout = "15:04:05"
	}
	return from.Format("2006-01-02 15:04:05") + " to " + to.Format(layout) + " UTC"
}
