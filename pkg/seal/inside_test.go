package seal

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// chunkSeeds also know the frames of carriers.
var chunkSeeds = func() *tlog.Seeds {
	all := mav.Seeds()
	all[chunk.MessageID] = chunk.CRCExtra
	return tlog.NewSeeds(all)
}()

// embedded is a log with its seal inside, and beside it for comparison.
type embedded struct {
	sealed
	file []byte
}

func embedLog(t testing.TB, log []byte, change func(*Options)) embedded {
	t.Helper()
	var file bytes.Buffer
	s := sealLog(t, log, func(o *Options) {
		if o.Embed = &file; change != nil {
			change(o)
		}
	})
	return embedded{s, file.Bytes()}
}

// request asks about a file by what is inside it alone.
func (e embedded) request(t testing.TB, presented []byte) Request {
	q := e.sealed.request(t, presented)
	q.Seal, q.Alone = nil, true
	return q
}

// carrierRecords returns where the carriers of a file stand.
func (e embedded) carriers(t testing.TB) []carrierRun {
	t.Helper()
	p, err := Parse(e.seal)
	if err != nil {
		t.Fatal(err)
	}
	var all []carrierRun
	of := carriersOf(p)
	err = eachCarrier(asLog(e.file), func(offset int64, record []byte, c chunk.Chunk) bool {
		if !of.are(record, c) {
			return false
		}
		all = append(all, carrierRun{offset: offset, size: int64(len(record))})
		return true
	})
	if err != nil || uint64(len(all)) != e.sum.Carriers {
		t.Fatalf("%d carriers, not %d: %v", len(all), e.sum.Carriers, err)
	}
	return all
}

func insideLogs(t *testing.T) map[string][]byte {
	logs := map[string][]byte{
		"copter":   testLog(t),
		"empty":    nil,
		"one":      segments(testLog(t))[0],
		"garbage":  []byte("this is no log"),
		"dirty":    bytes.Join([][]byte{[]byte("x"), testLog(t)[:50_000], make([]byte, 700_000), testLog(t)[50_000:100_001]}, nil),
		"lone end": append(bytes.Join(segments(testLog(t))[:10], nil), 0, 1, 2, 3),
	}
	shared, _ := filepath.Glob("../../../shared/data/tlogs/*")
	for _, f := range shared {
		if data, err := os.ReadFile(f); err == nil && filepath.Ext(f) != ".md" && len(data) < 2<<20/scaleDown(4) {
			logs[filepath.Base(f)] = data
		}
	}
	return logs
}

func TestInside(t *testing.T) {
	t.Parallel()
	for name, log := range insideLogs(t) {
		for _, every := range []uint64{0, 1000} {
			e := embedLog(t, log, func(o *Options) { o.EveryRecords = every })
			if int64(len(e.file)) != int64(len(log))+e.sum.CarrierBytes {
				t.Errorf("%s: %d bytes, want %d and %d", name, len(e.file), len(log), e.sum.CarrierBytes)
			}
			v := judge(t, e.request(t, e.file))
			if v.Outcome != Valid || len(v.Warnings) > 0 || len(v.Findings) > 0 || !v.Inside {
				t.Fatalf("%s: %s (%s), warnings %q", name, v.Outcome, v.Reason, v.Warnings)
			}
			if v.Carriers != e.sum.Carriers || v.CarrierBytes != e.sum.CarrierBytes || v.Notes != e.sum.Notes ||
				v.Presented.Records != e.sum.Records || v.Covered != int64(len(log)) {
				t.Errorf("%s: %+v, want %+v", name, v, e.sum)
			}
			both := e.sealed.request(t, e.file)
			if v := judge(t, both); v.Outcome != Valid || len(v.Warnings) > 0 || !v.Inside {
				t.Errorf("%s, a seal beside, too: %s (%s) %q", name, v.Outcome, v.Reason, v.Warnings)
			}
			var out bytes.Buffer
			text, err := Extract(&out, asLog(e.file), 2)
			if err != nil || !bytes.Equal(out.Bytes(), log) || !bytes.Equal(text, e.seal) {
				t.Errorf("%s: extracting gives another log or seal: %v", name, err)
			}
		}
	}
}

// TestInsideScanned checks that whoever knows the message cuts the file as the log is
// cut, with the carriers as sound records in between.
func TestInsideScanned(t *testing.T) {
	t.Parallel()
	for name, log := range insideLogs(t) {
		e := embedLog(t, log, func(o *Options) { o.EveryRecords = 500 })
		var rest []segment
		carriers := uint64(0)
		scan := tlog.NewSliceScanner(e.file, chunkSeeds, tlog.Timed)
		for {
			seg, err := scan.Next()
			if err != nil {
				break
			}
			if seg.Kind == tlog.Record && seg.Frame().ID() == chunk.MessageID {
				if carriers++; seg.Check != tlog.OK {
					t.Errorf("%s: a carrier at %d is not sound", name, seg.Offset)
				}
				continue
			}
			rest = append(rest, segment{data: seg.Data})
		}
		if carriers != e.sum.Carriers || !slices.EqualFunc(rest, cutAll(log), sameData) {
			t.Errorf("%s: %d carriers of %d, %d segments", name, carriers, e.sum.Carriers, len(rest))
		}
	}
}

// TestInsideChanged changes every byte of the carriers of a file, and some others.
func TestInsideChanged(t *testing.T) {
	t.Parallel()
	log := bytes.Join(segments(testLog(t))[:700], nil)
	e := embedLog(t, log, func(o *Options) { o.EveryRecords = 300 })
	r := rand.New(rand.NewPCG(1, 2))
	step := max(1, len(e.file)/scale(600))
	for at := 0; at < len(e.file); at += 1 + r.IntN(2*step) {
		data := bytes.Clone(e.file)
		data[at] ^= byte(1 + r.IntN(255))
		if v := judge(t, e.request(t, data)); v.Outcome == Valid {
			t.Fatalf("byte %d changed: valid", at)
		}
	}
	for size := len(e.file) - 1; size > 0; size -= 1 + r.IntN(2*step) {
		if v := judge(t, e.request(t, e.file[:size])); v.Outcome == Valid {
			t.Fatalf("cut to %d: valid", size)
		}
	}
}
