package survey

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

func trace(t testing.TB, data []byte) (*Survey, *Timeline) {
	t.Helper()
	s, line, err := Trace(bytes.NewReader(data), data[:min(len(data), tlog.HeadSize)], tlog.NewSeeds(mav.Seeds()))
	if err != nil {
		t.Fatal(err)
	}
	return s, line
}

// crc is CRC-16/MCRF4XX.
func crc(data []byte) uint16 {
	c := uint16(0xffff)
	for _, b := range data {
		x := b ^ byte(c)
		x ^= x << 4
		c = c>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	return c
}

// record is a MAVLink 2 record with a sound checksum.
func record(time int64, from Source, seq uint8, id uint32, payload []byte) []byte {
	r := binary.BigEndian.AppendUint64(nil, uint64(time))
	frame := append([]byte{0xfd, byte(len(payload)), 0, 0, seq, from.System, from.Component, byte(id), byte(id >> 8), byte(id >> 16)}, payload...)
	sum := crc(append(frame[1:len(frame):len(frame)], mav.Seeds()[id]))
	return append(r, binary.LittleEndian.AppendUint16(frame, sum)...)
}

const second = 1_000_000

// start is 2024-01-02 03:04:05 UTC.
const start = 1_704_164_645 * second

func heartbeat(time int64, seq int) []byte {
	return record(time, Source{1, 1}, uint8(seq), 0, []byte{0, 0, 0, 0, 2, 3, 81, 4, 3})
}

// totals checks that a timeline counts what a survey counts.
func totals(t *testing.T, s *Survey, line *Timeline) {
	t.Helper()
	var b Bin
	for _, x := range line.Bins {
		b.Records += x.Records
		b.Bad += x.Bad
		b.GapBytes += x.GapBytes
		b.Lost += x.Lost
	}
	if b.Records != s.Records || b.Bad != s.Bad || b.GapBytes != uint64(s.GapBytes) || b.Lost != s.SequenceLost {
		t.Errorf("bins have %+v in all, survey: %d records, %d bad, %d bytes in gaps, %d lost", b, s.Records, s.Bad, s.GapBytes, s.SequenceLost)
	}
	var bySource, byMessage uint64
	for _, x := range line.Sources {
		bySource += x.Total
		if !x.Others && s.Sources[x.Source] != x.Total || sum(x.ByBin) != x.Total || len(x.ByBin) != len(line.Bins) {
			t.Errorf("source %v: %d, %d in bins, survey has %d", x.Source, x.Total, sum(x.ByBin), s.Sources[x.Source])
		}
	}
	for _, x := range line.Messages {
		byMessage += x.Total
		if !x.Others && s.Messages[x.Name] != x.Total || sum(x.ByBin) != x.Total {
			t.Errorf("message %s: %d, survey has %d", x.Name, x.Total, s.Messages[x.Name])
		}
	}
	if bySource != s.OK || byMessage != s.OK {
		t.Errorf("%d by source, %d by message, survey has %d", bySource, byMessage, s.OK)
	}
	if line.Length < 0 || len(line.Bins) > maxBins || int64(len(line.Bins)) > line.Length/line.Width+1 {
		t.Errorf("length %d in %d bins of %d", line.Length, len(line.Bins), line.Width)
	}
	last := int64(0)
	for i, b := range line.Bins {
		if b.Offset < last {
			t.Errorf("bin %d begins at byte %d, the one before at %d", i, b.Offset, last)
		}
		last = b.Offset
	}
	at := int64(0)
	for i, l := range line.Legs {
		if l.At != at || l.Length < 0 {
			t.Errorf("leg %d begins at %d, not %d: %+v", i, l.At, at, l)
		}
		at += l.Length + 1
	}
	if line.Timed && len(line.Legs) > 0 && at != line.Length+1 {
		t.Errorf("legs have %d in all, of %d", at, line.Length)
	}
}

func TestTraceOfLogs(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(logs, "*"))
	if len(files) == 0 {
		t.Skip("no shared logs beside the repository")
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, line := trace(t, data)
			totals(t, s, line)
			t.Logf("%d legs, %.0f s, %d bins of %g s, %d sources, %d messages, %d tracks, %d texts", len(line.Legs), float64(line.Length)/second,
				len(line.Bins), float64(line.Width)/second, len(line.Sources), len(line.Messages), len(line.Altitudes), len(line.Texts))
		})
	}
}

func TestTraceCourse(t *testing.T) {
	var log []byte
	var offsets []int64
	n := 0
	add := func(time int64) {
		offsets = append(offsets, int64(len(log)))
		log = append(log, heartbeat(time, n)...)
		n++
	}
	for i := range 100 { // 99 s
		add(start + int64(i)*second)
	}
	add(start + 3_000*second) // one wrong time is no pause
	for i := range 50 {       // from 100 s to 149 s
		add(start + int64(100+i)*second)
	}
	for i := range 20 { // a pause, then 19 s
		add(start + int64(1_000+i)*second)
	}
	for i := range 200 { // the clock is set back by a year, then 199 s
		add(start + int64(i-365*86_400)*second)
	}
	s, line := trace(t, log)
	totals(t, s, line)
	end := int64(149 * second) // of the first leg: the next is a step behind
	if line.Time(end) != start+149*second || line.Time(end+1) != start+1_000*second {
		t.Errorf("the pause is from %d to %d", line.Time(end), line.Time(end+1))
	}
	want := []Leg{
		{0, 149 * second, 0, start},
		{149*second + 1, 19 * second, offsets[151], start + 1_000*second},
		// While a jump back is not yet believed the course stands; then it makes up for it.
		{168*second + 2, 60*second + 100*second, offsets[171], start - 365*86_400*second},
	}
	if len(line.Legs) != len(want) {
		t.Fatalf("legs %+v, want %+v", line.Legs, want)
	}
	for i := range want {
		if line.Legs[i] != want[i] {
			t.Errorf("leg %d: %+v, want %+v", i, line.Legs[i], want[i])
		}
	}
	for _, tt := range []struct {
		name             string
		time, near, want int64
	}{
		{"begin", start, 0, 0},
		{"within", start + 50*second, 0, 50 * second},
		{"in the pause", start + 500*second, 0, 149 * second},
		{"behind the pause", start + 1_010*second, 0, 159*second + 1},
		{"set back", start + (10-365*86_400)*second, 0, 178*second + 2},
		{"before all", 1_000_000_000 * second, 0, 0},
		{"after all", start + 5_000*second, 0, 328*second + 2},
	} {
		if got := line.AtTime(tt.time, tt.near); got != tt.want {
			t.Errorf("%s: at %d s, want %d s", tt.name, got/second, tt.want/second)
		}
	}
	if got := line.At(offsets[50]); got != 50*second {
		t.Errorf("record 50 is at %d", got)
	}
	if got := line.AtRecord(50); got != 50*second {
		t.Errorf("record 50 is at %d", got)
	}
	if got := line.AtRecord(1 << 40); got != line.Length {
		t.Errorf("a record behind the end is at %d", got)
	}
	if got := line.Time(60 * second); got != start+60*second {
		t.Errorf("60 s into the log it is %d", got)
	}
}

func TestTraceGrows(t *testing.T) {
	var log []byte
	rng := rand.New(rand.NewPCG(1, 2))
	time := int64(start)
	for i := range 5_000 {
		time += rng.Int64N(2 * Pause) // as many pauses as steps
		if i%97 == 0 {
			log = append(log, "console text"...)
		}
		from, id := Source{uint8(rng.IntN(40)), uint8(rng.IntN(40))}, []uint32{0, 30, 33, 74, 253}[rng.IntN(5)]
		log = append(log, record(time, from, uint8(rng.IntN(256)), id, []byte{byte(rng.IntN(7)), 'a', 'b', 1, 2, 3, 4, 5, 6})...)
	}
	s, line := trace(t, log)
	totals(t, s, line)
	if !line.Crowded || len(line.Legs) != maxLegs || len(line.Sources) != maxSeries+1 || !line.Sources[maxSeries].Others {
		t.Errorf("%d legs, crowded %v, %d sources", len(line.Legs), line.Crowded, len(line.Sources))
	}
	if len(line.Altitudes) != maxTracks {
		t.Errorf("%d tracks", len(line.Altitudes))
	}
	if len(line.Texts) != 2*keptTexts || line.TextsLeftOut == 0 || line.Texts[keptTexts].Index <= line.Texts[keptTexts-1].Index {
		t.Errorf("%d texts, %d left out", len(line.Texts), line.TextsLeftOut)
	}
	for i, x := range line.Texts[1:] {
		if x.Index <= line.Texts[i].Index {
			t.Errorf("text %d is of record %d, the one before of %d", i+1, x.Index, line.Texts[i].Index)
		}
	}
	for _, at := range []int64{-5, 0, line.Length / 3, line.Length, line.Length + 9} {
		if got := line.AtTime(line.Time(at), at); got < 0 || got > line.Length {
			t.Errorf("%d became %d", at, got)
		}
	}
}

func TestTraceTextsAndAltitudes(t *testing.T) {
	var log []byte
	height := func(id uint32, at int, v uint32) []byte {
		p := make([]byte, 28)
		binary.LittleEndian.PutUint32(p[at:], v)
		p[27] = 1 // so that no zeros are cut off
		return p
	}
	for i := range 10 {
		time := start + int64(i)*second
		log = append(log, record(time, Source{1, 1}, uint8(3*i), mav.IDVFRHUD, height(74, 8, math.Float32bits(500))[:20])...)
		log = append(log, record(time, Source{1, 1}, uint8(3*i+1), mav.IDGlobalPositionInt, height(33, 16, uint32(i)*1000))...)
		log = append(log, record(time, Source{1, 1}, uint8(3*i+2), mav.IDStatusText, append([]byte{4}, fmt.Sprintf("<b>%d", i)...))...)
	}
	log = append(log, record(start+9*second, Source{2, 1}, 0, mav.IDVFRHUD, height(74, 8, math.Float32bits(-4))[:20])...)
	s, line := trace(t, log)
	totals(t, s, line)
	if len(line.Altitudes) != 2 || !line.Altitudes[0].AboveHome || line.Altitudes[1].AboveHome {
		t.Fatalf("tracks %+v", line.Altitudes)
	}
	for i := range line.Bins {
		if a := line.Altitudes[0]; a.Low[i] != float64(i) || a.High[i] != float64(i) || a.Mean[i] != float64(i) {
			t.Errorf("bin %d: %g %g %g", i, a.Low[i], a.Mean[i], a.High[i])
		}
		if a := line.Altitudes[1].Mean[i]; i == 9 && a != -4 || i < 9 && !math.IsNaN(a) {
			t.Errorf("bin %d: second vehicle at %g", i, a)
		}
	}
	if len(line.Texts) != 10 || line.Texts[3] != (Text{start + 3*second, 11, Source{1, 1}, 4, "<b>3"}) {
		t.Errorf("texts %+v", line.Texts)
	}
}

func TestTraceRaw(t *testing.T) {
	var log []byte
	for i := range 2_000 {
		log = append(log, heartbeat(start, i)[tlog.TimeSize:]...)
	}
	s, line := trace(t, log)
	totals(t, s, line)
	if line.Timed || len(line.Legs) != 0 || line.Length != 2_000 || line.Time(3) != 0 {
		t.Errorf("%v, %d legs, length %d", line.Timed, len(line.Legs), line.Length)
	}
	if got := line.At(int64(len(log) / 2)); got != 1_000 {
		t.Errorf("the middle is at %d", got)
	}
}

func TestTraceNothing(t *testing.T) {
	for _, data := range []string{"", "no log", strings.Repeat("\x00", 100_000)} {
		s, line := trace(t, []byte(data))
		totals(t, s, line)
		if line.Length != 0 || line.At(5) != 0 || line.AtTime(start, 3) != 0 || line.Time(0) != 0 {
			t.Errorf("%d bytes: %+v", len(data), line)
		}
	}
}

// BenchmarkTrace says what a timeline costs beside the survey alone.
func BenchmarkTrace(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(logs, "ardusub-qgc-v2-2023.tlog"))
	if err != nil {
		b.Skip("no shared logs beside the repository")
	}
	seeds := tlog.NewSeeds(mav.Seeds())
	b.Run("survey", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			Of(bytes.NewReader(data), data[:tlog.HeadSize], seeds)
		}
	})
	b.Run("timeline", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			Trace(bytes.NewReader(data), data[:tlog.HeadSize], seeds)
		}
	})
}
