package survey

import (
	"io"
	"math"
	"sort"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// Timeline is how a log goes on: what is in it, in bins of equal width along its
// course. The course is recorded time without the pauses, in µs, from 0 to Length; of a
// raw capture, whose frames have no times, it is the number of records. The memory a
// Timeline takes does not grow with the log: where a log turns out to be longer, bins
// become twice as wide.
type Timeline struct {
	Timed   bool
	Length  int64
	Width   int64 // of a bin
	Bins    []Bin
	Legs    []Leg // in order, at least one if there are times; empty for a raw capture
	Crowded bool  // there were more legs than are kept; the last one runs over pauses

	// Sources and Messages count records whose checksum holds, in the order of their
	// first appearance. If there are too many, the rest is together in the last one,
	// which is marked.
	Sources  []SourceSeries
	Messages []MessageSeries

	Altitudes []Track

	// Texts are the texts that senders sent to be shown (STATUSTEXT), untrusted and as
	// sent: the first and the last hundred. TextsLeftOut were between those.
	Texts        []Text
	TextsLeftOut uint64
}

// Bin is one bin of a [Timeline].
type Bin struct {
	Offset   int64 // of what comes first in it, or after it where it is empty, in bytes
	Records  uint64
	Bad      uint64 // of these, with a bad checksum
	GapBytes uint64
	Lost     uint64 // frames missing in the sequences; see [Survey]
}

// SourceSeries counts the records of one source by bin.
type SourceSeries struct {
	Source Source
	Others bool
	Total  uint64
	ByBin  []uint64
}

// MessageSeries counts the records of one message by bin.
type MessageSeries struct {
	Name   string // "" if Others
	Others bool
	Total  uint64
	ByBin  []uint64
}

// Track is how high a source said it was, by bin, in metres.
type Track struct {
	Source    Source
	AboveHome bool // else above mean sea level
	// Low, Mean and High are NaN where it said nothing.
	Low, Mean, High []float64
}

// Text is a STATUSTEXT.
type Text struct {
	Time     int64 // µs since 1970 UTC, 0 in a raw capture
	Index    uint64
	Source   Source
	Severity int    // 0 (emergency) to 7 (debug), -1 if it cannot be told
	Text     string // untrusted
}

const (
	maxBins   = 640 // at least half of them are used but in short logs
	maxSeries = 256
	maxTracks = 8
	firstBin  = 1_000_000 // µs
)

// Trace is [Of] that also returns how the log goes on.
func Trace(r io.Reader, head []byte, seeds *tlog.Seeds) (*Survey, *Timeline, error) {
	t := newTracer(tlog.Detect(head, seeds).Format == tlog.Timed)
	s, err := walk(r, head, seeds, t)
	if err != nil {
		return nil, nil, err
	}
	return s, t.finish(), nil
}

// At returns where on the course a place in the log lies, as far as bins tell.
func (t *Timeline) At(offset int64) int64 {
	i := sort.Search(len(t.Bins), func(i int) bool { return t.Bins[i].Offset > offset }) - 1
	if i < 0 {
		return 0
	}
	from, width := t.Bins[i].Offset, t.Width
	if i+1 == len(t.Bins) {
		return min(int64(i)*width, t.Length)
	}
	return min(int64(i)*width+int64(float64(width)*float64(offset-from)/float64(t.Bins[i+1].Offset-from)), t.Length)
}

// AtRecord returns where on the course a record lies, as far as bins tell.
func (t *Timeline) AtRecord(index uint64) int64 {
	for i, b := range t.Bins {
		if index < b.Records {
			return min(int64(i)*t.Width+int64(float64(t.Width)*float64(index)/float64(b.Records)), t.Length)
		}
		index -= b.Records
	}
	return t.Length
}

// AtTime returns where on the course a time lies that belongs to a place not before
// near on the course, if there is such a place, else to any. Times in a pause are
// at its beginning, times before and behind the log at its ends.
func (t *Timeline) AtTime(time, near int64) int64 {
	if len(t.Legs) == 0 {
		return max(0, min(near, t.Length))
	}
	first := max(0, leg(t.Legs, near))
	for n := range t.Legs {
		i := (first + n) % len(t.Legs)
		l := t.Legs[i]
		end := l.End()
		if i+1 < len(t.Legs) && t.Legs[i+1].Time > end {
			end = t.Legs[i+1].Time - 1 // the pause
		}
		if time >= l.Time && time <= end {
			return l.At + min(time-l.Time, l.Length)
		}
	}
	if last := t.Legs[len(t.Legs)-1]; time > last.End() {
		return t.Length
	}
	if time < t.Legs[0].Time {
		return 0
	}
	return max(0, min(near, t.Length))
}

// Time returns the time at a place on the course in µs since 1970 UTC; 0 if there are
// no times.
func (t *Timeline) Time(at int64) int64 {
	i := leg(t.Legs, at)
	if i < 0 {
		return 0
	}
	return t.Legs[i].Time + min(at-t.Legs[i].At, t.Legs[i].Length)
}

// altitudes is a track in the making.
type altitudes struct {
	low, high, sum [maxBins]float64
	n              [maxBins]uint64
}

func (a *altitudes) add(bin int64, v float64) {
	if a.n[bin] == 0 {
		a.low[bin], a.high[bin] = v, v
	} else {
		a.low[bin], a.high[bin] = min(a.low[bin], v), max(a.high[bin], v)
	}
	a.sum[bin] += v
	a.n[bin]++
}

func (a *altitudes) fold() {
	old := *a
	*a = altitudes{}
	for i := range old.n {
		if old.n[i] == 0 {
			continue
		}
		j := i / 2
		if a.n[j] == 0 {
			a.low[j], a.high[j] = old.low[i], old.high[i]
		} else {
			a.low[j], a.high[j] = min(a.low[j], old.low[i]), max(a.high[j], old.high[i])
		}
		a.sum[j] += old.sum[i]
		a.n[j] += old.n[i]
	}
}

func (a *altitudes) track(from Source, aboveHome bool, bins int) Track {
	t := Track{from, aboveHome, make([]float64, bins), make([]float64, bins), make([]float64, bins)}
	for i := range bins {
		if a.n[i] == 0 {
			t.Low[i], t.Mean[i], t.High[i] = math.NaN(), math.NaN(), math.NaN()
			continue
		}
		t.Low[i], t.Mean[i], t.High[i] = a.low[i], a.sum[i]/float64(a.n[i]), a.high[i]
	}
	return t
}

// severityOf returns what a STATUSTEXT payload says, and how urgently.
func severityOf(fields []mav.Field) (severity int, text string) {
	severity = -1
	for _, f := range fields {
		switch f.Name {
		case "severity":
			if len(f.Value) == 1 && f.Value[0] >= '0' && f.Value[0] <= '7' {
				severity = int(f.Value[0] - '0')
			}
		case "text":
			text = f.Value
		}
	}
	return severity, text
}
