package replay

import (
	"encoding/binary"
	"slices"
	"testing"

	"cqkit/pkg/tlog"
)

// TestStranger adds some dozens of frames of a source that comes late, and of others
// that are no one's fault, to a clean log.
func TestStranger(t *testing.T) {
	recs := parse(readShared(t, "attacks", "baseline-0406-010254.tlog"))
	start := recs[0].time + 65_000_000
	v1 := tlog.Frame{0xFE, 0, 0, 2, 2, 0, 0, 0}
	v2 := tlog.Frame{0xFD, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0}
	vehicle, station := []byte{0, 0, 0, 0, 2, 3, 0, 0, 3}, []byte{0, 0, 0, 0, 6, 8, 0, 4, 3}
	ping := make([]byte, 14)
	binary.LittleEndian.PutUint64(ping, 1e15)
	type part struct {
		id      uint32
		payload []byte
	}
	for _, c := range []struct {
		name  string
		like  tlog.Frame
		every int64
		parts []part
		found string // the message named; "" for no finding
	}{
		{"asks for lists", v2, 1_000_000, []part{{21, []byte{1, 1}}, {0, station}}, "PARAM_REQUEST_LIST"},
		{"asks for parameters as a vehicle", v2, 1_000_000, []part{{20, make([]byte, 20)}, {0, vehicle}}, "PARAM_REQUEST_READ"},
		{"pings in another version", v1, 500_000, []part{{4, ping}}, "PING"},
		{"sends telemetry in another version", v1, 500_000, []part{{30, append([]byte{1, 2, 3, 4}, make([]byte, 24)...)}}, "ATTITUDE"},
		{"floods heartbeats", v2, 20_000, []part{{0, station}}, "HEARTBEAT"},
		{"a second station", v2, 1_000_000, []part{{0, station}}, ""},
		{"a gimbal", v2, 1_000_000, []part{{0, station}, {158, make([]byte, 14)}}, ""},
	} {
		out := slices.Clone(recs)
		seq := uint8(0)
		for i := range int64(20_000_000 / c.every) {
			for _, p := range c.parts {
				out = append(out, rec{start + i*c.every + int64(seq%2), makeFrame(c.like, p.id, seq, p.payload), true})
				seq++
			}
		}
		slices.SortStableFunc(out, func(a, b rec) int { return int(max(-1, min(1, a.time-b.time))) })
		r, _ := scanRecs(t, Options{}, out)
		got := ""
		for _, f := range r.Findings {
			if f.Severity >= Medium && f.Source == (Source{2, 2}) {
				got = f.Message
			}
		}
		if got != c.found {
			t.Errorf("%s: got %q, want %q:%s", c.name, got, c.found, brief(r.Findings))
		}
	}
}

// TestAnswered checks that a transfer in which each request is answered is no flood.
func TestAnswered(t *testing.T) {
	recs := parse(readShared(t, "attacks", "baseline-0406-010254.tlog"))
	start := recs[0].time + 65_000_000
	station := tlog.Frame{0xFD, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0}
	craft := tlog.Frame{0xFD, 0, 0, 0, 0, 8, 1, 0, 0, 0, 0, 0}
	for _, answered := range []bool{true, false} {
		out := slices.Clone(recs)
		for i := range int64(500) {
			at := start + i*20_000
			out = append(out, rec{at, makeFrame(craft, 51, uint8(i), []byte{byte(i), 1, 9, 1}), true})
			if answered {
				out = append(out, rec{at + 5000, makeFrame(station, 73, uint8(i), append(make([]byte, 36), 1)), true})
			}
		}
		slices.SortStableFunc(out, func(a, b rec) int { return int(max(-1, min(1, a.time-b.time))) })
		r, _ := scanRecs(t, Options{}, out)
		if got := slices.Contains(kinds(r, Medium), Flood); got == answered {
			t.Errorf("requests answered %v: flood %v:%s", answered, got, brief(r.Findings))
		}
	}
}
