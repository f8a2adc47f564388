package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cqkit/pkg/mav"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/survey"
	"cqkit/pkg/tlog"
)

const minute = 60_000_000

// timeline is one of a log with these legs, a bin a minute and ten records a bin.
func timeline(legs ...survey.Leg) *survey.Timeline {
	line := &survey.Timeline{Timed: true, Width: minute, Legs: legs}
	if len(legs) > 0 {
		last := legs[len(legs)-1]
		line.Length = last.At + last.Length
	}
	for i := int64(0); i <= line.Length/minute; i++ {
		line.Bins = append(line.Bins, survey.Bin{Offset: i * 1_000, Records: 10})
	}
	return line
}

func TestPicture(t *testing.T) {
	const start = 1_704_164_645_000_000
	early, late, longAgo := int64(start-5*minute), int64(start+15*minute), int64(start-1_000*minute)
	one := survey.Leg{Length: 10 * minute, Time: start}
	// Five minutes behind the first, then with the clock set back.
	soon := survey.Leg{At: 10*minute + 1, Length: 10 * minute, Time: start + 15*minute}
	back := survey.Leg{At: 20*minute + 2, Length: 10 * minute, Time: start - 500*minute}
	for _, tt := range []struct {
		name       string
		line       *survey.Timeline
		sealed     *extent
		begin, end float64
		breaks     int
		at         map[int64]float64
	}{
		{"one leg", timeline(one), nil, 0, 1, 0, map[int64]float64{0: 0, 5 * minute: 0.5, 10 * minute: 1, 99 * minute: 1, -3: 0}},
		{"the beginning and the end are missing", timeline(one), &extent{FirstUS: &early, LastUS: &late}, 0.25, 0.75, 0,
			map[int64]float64{0: 0.25, 5 * minute: 0.5}},
		{"far more is missing than is left", timeline(one), &extent{FirstUS: &longAgo, LastUS: &late}, 2.5 / 17.5, 12.5 / 17.5, 1, nil},
		{"a pause to scale", timeline(one, soon), nil, 0, 1, 0, map[int64]float64{10 * minute: 0.4, 10*minute + 1: 0.6}},
		{"a clock set back", timeline(one, soon, back), nil, 0, 1, 2, nil},
		{"nothing left", &survey.Timeline{Timed: true, Width: minute}, &extent{FirstUS: &early, LastUS: &late}, 0, 0, 0, nil},
		{"nothing at all", &survey.Timeline{}, nil, 0, 1, 0, map[int64]float64{0: 0}},
		{"a raw capture", &survey.Timeline{Width: 1, Length: 200}, nil, 0, 1, 0, map[int64]float64{100: 0.5}},
	} {
		p := newPicture(tt.line, tt.sealed)
		near := func(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }
		if !near(p.begin(), tt.begin) || !near(p.end(), tt.end) || len(p.breaks) != tt.breaks {
			t.Errorf("%s: from %g to %g with %d breaks, want %g to %g with %d", tt.name, p.begin(), p.end(), len(p.breaks), tt.begin, tt.end, tt.breaks)
		}
		for at, want := range tt.at {
			if got := p.x(at); !near(got, want) {
				t.Errorf("%s: %d is at %g, want %g", tt.name, at, got, want)
			}
		}
		last := -1.0
		for i := range int64(101) {
			x := p.x(tt.line.Length * i / 100)
			if x < last || x < 0 || x > 1 {
				t.Errorf("%s: %d %% is at %g, what is before at %g", tt.name, i, x, last)
			}
			last = x
		}
		axis := p.axis()
		for i, tick := range axis.Ticks {
			if tick.At < 0 || tick.At > 1+1e-9 || i > 0 && tick.At < axis.Ticks[i-1].At {
				t.Errorf("%s: tick %d at %g", tt.name, i, tick.At)
			}
		}
		if n := len(axis.Ticks); n > 20 || n == 0 && tt.line.Length > 0 {
			t.Errorf("%s: %d ticks", tt.name, n)
		}
	}
}

func TestRawTicks(t *testing.T) {
	for _, tt := range []struct {
		length int64
		want   string
	}{{3, "0 1 2 3"}, {8, "0 1 2 3 4 5 6 7 8"}, {9, "0 2 4 6 8"}, {200, "0 50 100 150 200"}, {35_000, "0 5,000 10,000 15,000 20,000 25,000 30,000 35,000"}} {
		var got []string
		for _, tick := range newPicture(&survey.Timeline{Width: 1, Length: tt.length}, nil).axis().Ticks {
			got = append(got, tick.Label)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%d records: %q, want %q", tt.length, got, tt.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	const start = 1_704_164_645_000_000
	p := newPicture(timeline(survey.Leg{Length: 100 * minute, Time: start}), nil)
	n := func(v int64) *int64 { return &v }
	for _, tt := range []struct {
		name     string
		f        finding
		from, to float64
	}{
		{"by its bytes", finding{Kind: "inserted", Offset: n(10_000), Bytes: 5_000}, 0.10, 0.15},
		{"more precisely by its times", finding{Kind: "inserted", Offset: n(10_000), Bytes: 5_000, TimeUS: n(start + 10.5*minute), UntilUS: n(start + 15.5*minute)}, 0.105, 0.155},
		{"times from elsewhere", finding{Kind: "doubled", Offset: n(10_000), Bytes: 5_000, TimeUS: n(start + 70*minute), UntilUS: n(start + 75*minute)}, 0.10, 0.15},
		{"missing", finding{Kind: "dropped", TimeUS: n(start + 20*minute), UntilUS: n(start + 30*minute)}, 0.20, 0.30},
		{"missing, no one knows where", finding{Kind: "dropped"}, 0, 0},
		{"beginning", finding{Kind: "truncated", SealedLeaf: n(0)}, 0, 0},
		{"end", finding{Kind: "truncated", SealedLeaf: n(7)}, 1, 1},
	} {
		from, to, _ := tt.f.place(p, 0)
		if from-tt.from > 1e-6 || tt.from-from > 1e-6 || to-tt.to > 1e-6 || tt.to-to > 1e-6 {
			t.Errorf("%s: from %g to %g, want %g to %g", tt.name, from, to, tt.from, tt.to)
		}
	}
}

func TestMergeBoundsLanes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var all []report.Stretch
	for range 100_000 {
		from := rng.Float64()
		all = append(all, report.Stretch{From: from, To: from + rng.Float64()*1e-5, Label: "one"})
	}
	merged := merge(slices.Clone(all), report.Wrong)
	if len(merged) > 1+int(1/tooClose) {
		t.Errorf("%d stretches", len(merged))
	}
	for _, s := range all {
		if !slices.ContainsFunc(merged, func(m report.Stretch) bool { return m.From <= s.From && s.To <= m.To }) {
			t.Fatalf("%+v is lost", s)
		}
	}
	if !strings.HasSuffix(merged[0].Label, "findings, the first: one") {
		t.Errorf("label %q", merged[0].Label)
	}
}

// worst is a log in which everything is as bad for the size of a page as it can be: many
// senders, messages, pauses, long texts, gaps and losses.
func worst(n int) []byte {
	rng := rand.New(rand.NewPCG(5, 6))
	seeds := mav.Seeds()
	ids := make([]uint32, 0, len(seeds))
	for id := range seeds {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var log []byte
	time := int64(begin)
	for i := range n {
		if time += rng.Int64N(20_000_000); i%50 == 0 {
			time += 10 * minute
		}
		if i%20 == 0 {
			log = append(log, "<&\"'>"...)
		}
		id, payload := ids[rng.IntN(len(ids))], bytes.Repeat([]byte{0xff}, 30)
		if i%3 == 0 {
			id, payload = statusText(strings.Repeat("<&\"'>", 10))
		}
		log = append(log, timed(time, foreignFrame(seeds, id, uint8(rng.IntN(256)), uint8(i%250+1), payload))...)
	}
	return log
}

// foreignFrame is a frame of another system.
func foreignFrame(seeds map[uint32]byte, id uint32, sequence, system uint8, payload []byte) []byte {
	frame := makeFrame(seeds, id, sequence, payload)
	frame[5] = system
	sum := x25(append(slices.Clone(frame[1:len(frame)-2]), seeds[id]))
	return append(frame[:len(frame)-2], byte(sum), byte(sum>>8))
}

// x25 is CRC-16/MCRF4XX.
func x25(data []byte) uint16 {
	c := uint16(0xffff)
	for _, b := range data {
		x := b ^ byte(c)
		x ^= x << 4
		c = c>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	return c
}

func TestPagesStaySmall(t *testing.T) {
	log := worst(20_000)
	s, line, err := survey.Trace(bytes.NewReader(log), log[:tlog.HeadSize], tlog.NewSeeds(mav.Seeds()))
	if err != nil {
		t.Fatal(err)
	}
	if s.OK < 19_000 || len(line.Legs) < 200 || len(line.Sources) < 250 || len(line.Messages) < 250 || len(line.Texts) != 200 {
		t.Fatalf("not bad enough: %d sound records, %d legs, %d senders, %d messages, %d texts", s.OK, len(line.Legs), len(line.Sources), len(line.Messages), len(line.Texts))
	}
	n := &info{Log: "worst.tlog", Sources: map[string]uint64{}, Messages: map[string]uint64{}}
	n.fill(s)
	v := &verdict{Log: n.Log, Verdict: string(seal.Altered), Reason: "it is", FirstUS: n.FirstUS, LastUS: n.LastUS, drawing: &drawing{n, line}}
	v.replay = &replayLog{Log: n.Log, Summary: &replaySummary{High: 1}}
	kinds := []seal.Kind{seal.Changed, seal.Dropped, seal.Inserted, seal.Moved, seal.Doubled}
	for i := range int64(50_000) {
		at, index, bytes := i*int64(len(log))/50_000, i, int64(3)
		time := *n.FirstUS + i*(*n.LastUS-*n.FirstUS)/50_000
		system := uint8(1)
		v.Findings = append(v.Findings, finding{Kind: string(kinds[i%5]), Segment: "record", SealedIndex: &index, Index: &index, Count: 1, CountNow: 1,
			Offset: &at, Bytes: bytes, TimeUS: &time, UntilUS: &time, Message: "GLOBAL_POSITION_INT", System: &system, Component: &system})
		v.replay.findings = append(v.replay.findings, replayFinding{Kind: []string{"flood", "clock", "replayed_stretch"}[i%3],
			Severity: []string{"high", "medium", "low"}[i/3%3], Index: i * 20_000 / 50_000, LastIndex: i * 20_000 / 50_000, Detail: strings.Repeat("word ", 20)})
	}
	var page bytes.Buffer
	if err := verdictPage([]*verdict{v}, true).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if page.Len() > 1<<20 {
		t.Errorf("the page has %d bytes", page.Len())
	}
	t.Logf("%d bytes", page.Len())
	for _, bad := range []string{"NaN", "Inf", "<&"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	checkLinks(t, page.String())
}

// checkLinks checks that all links lead to something, and no two things have one name.
func checkLinks(t *testing.T, page string) {
	t.Helper()
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if names[m[1]] {
			t.Errorf("two things are called %q", m[1])
		}
		names[m[1]] = true
	}
	links := regexp.MustCompile(` href="#([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, m := range links {
		if !names[m[1]] {
			t.Errorf("a link leads to %q, which is not there", m[1])
		}
	}
	if len(links) == 0 {
		t.Error("there are no links")
	}
}

// TestPagesOfRealLogs makes a page of every log of the test data: as it is, and of one
// that lost its middle.
func TestPagesOfRealLogs(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "*", "*log"))
	if len(files) == 0 {
		t.Skip("no shared logs beside the repository")
	}
	if testing.Short() {
		files = files[:3]
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, args := range [][]string{{"info"}, {"replay", "--fail-on", "never"}} {
				code, page, stderr := run(t.Context(), nil, append(args, "--format", "html", file)...)
				if code != 0 || stderr != "" || !strings.HasSuffix(page, "</html>\n") {
					t.Fatalf("%q: code %d\n%s", args, code, stderr)
				}
				if len(page) > 1<<20 || strings.Contains(page, "NaN") || strings.Contains(page, "Inf\"") {
					t.Errorf("%q: %d bytes", args, len(page))
				}
			}
		})
	}
	t.Run("several", func(t *testing.T) {
		folder := t.TempDir()
		for i, file := range files[:3] {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, half := range []int{len(data), len(data) / 2} { // so that there are copies
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d-%d.tlog", i, half)), data[:half], 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		code, page, stderr := run(t.Context(), nil, "replay", "--fail-on", "never", "--format", "html", folder)
		if code != 0 || strings.Count(page, "<figure>") < 12 {
			t.Fatalf("code %d, %d pictures\n%s", code, strings.Count(page, "<figure>"), stderr)
		}
		checkLinks(t, page)
	})
}
