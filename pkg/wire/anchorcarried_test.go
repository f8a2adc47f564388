package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// anchoredFlight is a recorder's log, record by record, of a vehicle 1/1 that anchors its frames, ten a
// window, while a ground station talks, too.
func anchoredFlight(t testing.TB, key *pqsig.PrivateKey) (records [][]byte) {
	t.Helper()
	series := NewAnchorSeries(FingerprintOf(key.Public()), AnchorOptions{Count: 10, Frames: true})
	now := uint64(1_700_000_000_000_000)
	record := func(f tlog.Frame) {
		now += 1000
		records = append(records, append(binary.BigEndian.AppendUint64(nil, now), f...))
	}
	send := func(a *Anchor) {
		if a == nil {
			return
		}
		chunks, err := chunk.Cut(chunk.Chunk{Type: chunk.Anchor, Token: uint16(a.Number)}, signAll(t, key, []*Anchor{a}))
		if err != nil {
			t.Fatal(err)
		}
		for i := range chunks {
			record(chunks[i].AppendFrame(nil, byte(i), 1, 1))
		}
	}
	for i := range 35 {
		f := makeFrame(byte(i), 1, 1, mav.IDHeartbeat, []byte{byte(i), 0, 0, 0, 2, 3, 81, 4, 3})
		record(f)
		send(series.Add(f, int64(now)))
		if i%3 == 0 {
			record(makeFrame(byte(i), 255, 190, mav.IDHeartbeat, []byte{byte(i), 0, 0, 0, 6, 8, 0, 4, 3}))
		}
	}
	send(series.Close())
	return records
}

// isChunk reports whether a record is one.
func isChunk(record []byte) bool { return tlog.Frame(record[tlog.TimeSize:]).ID() == chunk.MessageID }

func judgeCarried(t *testing.T, records [][]byte, key *pqsig.PrivateKey) (series []*CarriedAnchors, refused int, got *Compared) {
	t.Helper()
	log := slices.Concat(records...)
	series, refused, err := FindAnchors(bytes.NewReader(log), Seeds(), always(key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if len(series) == 0 || len(series[0].List) == 0 {
		return series, refused, nil
	}
	c := NewComparison(series[0].Windows(), MerkleCommitment, series[0].Total())
	for _, r := range records {
		if f := tlog.Frame(r[tlog.TimeSize:]); series[0].Anchored(f) {
			c.Presented(TagOf(f))
		}
	}
	return series, refused, c.Result(series[0].Outcome == AnchorsValid)
}

func TestFindAnchors(t *testing.T) {
	key := newKey(t, 1)
	records := anchoredFlight(t, key)
	series, refused, got := judgeCarried(t, records, key)
	if len(series) != 1 || series[0].Outcome != AnchorsValid || series[0].Source != (Address{1, 1}) || refused != 0 || got.Covered != 35 || len(got.Differences) > 0 {
		t.Fatalf("as it was sent: %d series, %d refused, %+v", len(series), refused, got)
	}

	// shuffled within bounds, with repeats, and a recorded flight of another day among it
	r := rand.New(rand.NewPCG(1, 1))
	var chunks [][]byte
	for _, record := range records {
		if isChunk(record) {
			chunks = append(chunks, record)
		}
	}
	old := anchoredFlight(t, key)[:60] // some anchors of it
	frames := slices.DeleteFunc(slices.Clone(records), isChunk)
	mixed := slices.Concat(frames, chunks, chunks[:50], slices.DeleteFunc(old, func(b []byte) bool { return !isChunk(b) }))
	part := mixed[len(frames):]
	r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	series, _, got = judgeCarried(t, mixed, key)
	if len(series) != 2 || len(series[0].List) != 4 || got.Covered != 35 || len(got.Differences) > 0 {
		t.Errorf("mixed: %d series, %+v", len(series), got)
	}

	// another's anchors under the vehicle's address
	forged := slices.Concat(records, slices.DeleteFunc(anchoredFlight(t, newKey(t, 2)), func(b []byte) bool { return !isChunk(b) }))
	if series, refused, got = judgeCarried(t, forged, key); len(series) != 1 || refused != 4 || got.Covered != 35 {
		t.Errorf("forged: %d series, %d refused, %+v", len(series), refused, got)
	}

	// a frame lost or changed on the link, a frame too many, a chunk lost
	at := slices.IndexFunc(records, func(b []byte) bool { return b[tlog.TimeSize+4] == 12 && !isChunk(b) && b[tlog.TimeSize+5] == 1 })
	if _, _, got = judgeCarried(t, slices.Delete(slices.Clone(records), at, at+1), key); got.Intact[1] || len(got.Differences) == 0 {
		t.Errorf("a frame lost: %+v", got)
	}
	if _, _, got = judgeCarried(t, slices.Insert(slices.Clone(records), at, records[0]), key); got.Intact[1] || !got.Intact[0] {
		t.Errorf("a frame too many: %+v", got)
	}
	lost := slices.IndexFunc(records, isChunk)
	series, _, got = judgeCarried(t, slices.Delete(slices.Clone(records), lost, lost+1), key)
	if len(series) != 1 || len(series[0].List) != 3 || series[0].Missing != 1 || got.Covered != 25 {
		t.Errorf("a chunk lost: %+v, %+v", series, got)
	}
	if series, _, _ = judgeCarried(t, slices.DeleteFunc(records, isChunk), key); series != nil {
		t.Errorf("without anchors: %+v", series)
	}
}
