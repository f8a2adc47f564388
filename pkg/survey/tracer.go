package survey

import (
	"slices"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// tracer makes a Timeline.
type tracer struct {
	timed   bool
	course  course
	width   int64
	used    int // bins, up to the last one that something is in
	bins    [maxBins]Bin
	records uint64

	sources  rows
	messages rows
	heights  map[height]*altitudes

	texts    []Text
	lastText []Text // a ring
	nTexts   uint64
}

type height struct {
	from      Source
	aboveHome bool
}

// rows are counts by bin of up to maxSeries things and of all others together.
type rows struct {
	place map[uint32]int
	ids   []uint32
	bins  [][]uint64 // the one of the others is at maxSeries
}

func (r *rows) add(id uint32, bin int64) {
	i, ok := r.place[id]
	if !ok {
		if i = len(r.bins); i > maxSeries {
			i = maxSeries
		} else {
			r.ids, r.bins = append(r.ids, id), append(r.bins, make([]uint64, maxBins))
			if i < maxSeries {
				r.place[id] = i
			}
		}
	}
	r.bins[i][bin]++
}

func newTracer(timed bool) *tracer {
	t := &tracer{
		timed: timed, width: firstBin, heights: make(map[height]*altitudes),
		sources: rows{place: make(map[uint32]int)}, messages: rows{place: make(map[uint32]int)},
	}
	if !timed {
		t.width = 1
	}
	for i := range t.bins {
		t.bins[i].Offset = -1
	}
	return t
}

// bin returns the bin of where the log now is.
func (t *tracer) bin(offset int64) int64 {
	i := t.course.at / t.width
	for i >= maxBins {
		t.fold()
		i = t.course.at / t.width
	}
	t.used = max(t.used, int(i)+1)
	if b := &t.bins[i]; b.Offset < 0 {
		b.Offset = offset
	}
	return i
}

// fold makes bins twice as wide.
func (t *tracer) fold() {
	t.width *= 2
	old := t.bins
	for i := range t.bins {
		b := Bin{Offset: -1}
		if i < maxBins/2 {
			x, y := old[2*i], old[2*i+1]
			b = Bin{x.Offset, x.Records + y.Records, x.Bad + y.Bad, x.GapBytes + y.GapBytes, x.Lost + y.Lost}
			if x.Offset < 0 {
				b.Offset = y.Offset
			}
		}
		t.bins[i] = b
	}
	t.used = (t.used + 1) / 2
	for _, counts := range slices.Concat(t.sources.bins, t.messages.bins) {
		for i := range maxBins / 2 {
			counts[i] = counts[2*i] + counts[2*i+1]
		}
		clear(counts[maxBins/2:])
	}
	for _, a := range t.heights {
		a.fold()
	}
}

// gap notes bytes that are no record.
func (t *tracer) gap(seg *tlog.Segment) {
	t.bins[t.bin(seg.Offset)].GapBytes += uint64(len(seg.Data))
}

// record notes a record, and how many frames were lost right before it.
func (t *tracer) record(seg *tlog.Segment, lost uint64) {
	if t.timed && seg.Check != tlog.Bad {
		t.course.step(seg.Time(), seg.Offset)
	}
	i := t.bin(seg.Offset)
	b := &t.bins[i]
	b.Records++
	b.Lost += lost
	t.records++
	if seg.Check == tlog.Bad {
		b.Bad++
	}
	if seg.Check == tlog.OK {
		t.frame(seg, i)
	}
	if !t.timed {
		t.course.at++
	}
}

func (t *tracer) frame(seg *tlog.Segment, bin int64) {
	f := seg.Frame()
	id, from := f.ID(), Source{f.System(), f.Component()}
	t.sources.add(uint32(from.System)<<8|uint32(from.Component), bin)
	t.messages.add(id, bin)
	switch id {
	case mav.IDGlobalPositionInt, mav.IDVFRHUD:
		a, ok := mav.AltitudeOf(id, f.Payload())
		if !ok {
			return
		}
		k := height{from, a.AboveHome}
		h := t.heights[k]
		if h == nil {
			if len(t.heights) == 2*maxTracks {
				return
			}
			h = new(altitudes)
			t.heights[k] = h
		}
		h.add(bin, a.Meters)
	case mav.IDStatusText:
		severity, text := severityOf(mav.Fields(id, f.Version(), f.Payload()))
		t.text(Text{seg.Time(), t.records - 1, from, severity, text})
	}
}

// keptTexts is how many texts are kept of the beginning, and how many of the end.
const keptTexts = 100

func (t *tracer) text(x Text) {
	switch {
	case len(t.texts) < keptTexts:
		t.texts = append(t.texts, x)
	case len(t.lastText) < keptTexts:
		t.lastText = append(t.lastText, x)
	default:
		t.lastText[t.nTexts%keptTexts] = x
	}
	t.nTexts++
}

func (t *tracer) finish() *Timeline {
	t.course.finish()
	n := t.used
	line := &Timeline{
		Timed: t.timed, Length: t.course.at, Width: t.width, Bins: slices.Clone(t.bins[:n]),
		Legs: t.course.legs, Crowded: t.course.crowded,
	}
	next := int64(0)
	for i, b := range slices.Backward(line.Bins) {
		if b.Offset < 0 {
			line.Bins[i].Offset = next
		}
		next = line.Bins[i].Offset
	}
	for i, counts := range t.sources.bins {
		s := SourceSeries{Others: i == maxSeries, ByBin: counts[:n], Total: sum(counts)}
		if !s.Others {
			s.Source = Source{uint8(t.sources.ids[i] >> 8), uint8(t.sources.ids[i])}
		}
		line.Sources = append(line.Sources, s)
	}
	for i, counts := range t.messages.bins {
		s := MessageSeries{Others: i == maxSeries, ByBin: counts[:n], Total: sum(counts)}
		if !s.Others {
			s.Name = mav.Name(t.messages.ids[i])
		}
		line.Messages = append(line.Messages, s)
	}
	for _, s := range line.Sources { // in their order, and one track each
		for _, aboveHome := range []bool{true, false} {
			if a := t.heights[height{s.Source, aboveHome}]; a != nil && !s.Others && len(line.Altitudes) < maxTracks {
				line.Altitudes = append(line.Altitudes, a.track(s.Source, aboveHome, n))
				break
			}
		}
	}
	line.Texts = t.texts
	if k := len(t.lastText); k == keptTexts {
		at := int(t.nTexts % keptTexts)
		line.Texts = slices.Concat(line.Texts, t.lastText[at:], t.lastText[:at])
	} else {
		line.Texts = append(line.Texts, t.lastText...)
	}
	line.TextsLeftOut = t.nTexts - uint64(len(line.Texts))
	return line
}

func sum(counts []uint64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	return n
}
