package replay

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func scanShared(t *testing.T, opts Options, path ...string) *Result {
	t.Helper()
	r, err := Scan(bytes.NewReader(readShared(t, path...)), seeds, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// explained are the findings of medium severity in logs whose manifest speaks of no
// attack and no second writer; docs/replay.md explains each.
var explained = map[string][]Kind{
	"tlogs/ardusub-qgc-v2-2023.tlog":                {SecondTransmitter}, // a router numbers what it sends for the station
	"tlogs/big-append-chronological-2012-2021.tlog": {Clock, SecondTransmitter},
	"tlogs/px4flow-v1-2015.tlog":                    {ReplayedStretch}, // ten frames read twice, 60 ms apart
}

func TestUntouched(t *testing.T) {
	for _, name := range clean {
		r := scanShared(t, Options{}, filepath.FromSlash(name))
		want := slices.Clone(explained[name])
		for i := range r.Findings {
			f := &r.Findings[i]
			switch f.Severity {
			case High:
				t.Errorf("%s: %+v", name, *f)
			case Medium:
				k := slices.Index(want, f.Kind)
				if k < 0 {
					t.Errorf("%s: not explained: %+v", name, *f)
					continue
				}
				want = slices.Delete(want, k, k+1)
			}
		}
		if len(want) > 0 {
			t.Errorf("%s: no longer found: %v; correct docs/replay.md", name, want)
		}
	}
}

// TestLabelled checks that attacks are named by their source and message.
func TestLabelled(t *testing.T) {
	for _, c := range []struct {
		log     string
		kinds   []Kind
		source  Source
		message string
		first   int64 // the intruder's first frame, or some frames later
	}{
		{"attacks/mavlink_flood-0406-012428.tlog", []Kind{Flood}, Source{2, 2}, "HEARTBEAT", 3025},
		{"attacks/mavlink_flood_heartbeat-0410-17_40_15.tlog", []Kind{Flood, SecondTransmitter}, Source{1, 1}, "HEARTBEAT", 3359},
		{"attacks/mavlink_flood_mission_request-0410-17_23_45.tlog", []Kind{SecondTransmitter, Flood}, Source{1, 1}, "MISSION_REQUEST_INT", 3378},
		{"attacks/mavlink_flood_param_request-0409-18_45_50.tlog", []Kind{Flood}, Source{2, 2}, "PARAM_REQUEST_LIST", 1085},
		{"attacks/mavlink_flood_ping-0409-18_36_32.tlog", []Kind{Flood}, Source{2, 2}, "PING", 1116},
		{"attacks/mavlink_flood_terrain_request-0410-18_04_29.tlog", []Kind{SecondTransmitter}, Source{1, 1}, "TERRAIN_REQUEST", 1086},
		{"tlogs/copter-flood-attack-2026.tlog", []Kind{Flood}, Source{2, 2}, "HEARTBEAT", 3252},
		{"tlogs/multi-vehicle-interleaved-2025.tlog", []Kind{SecondTransmitter}, Source{255, 0}, "COMMAND_LONG", 5289},
	} {
		r := scanShared(t, Options{}, filepath.FromSlash(c.log))
		found := slices.ContainsFunc(r.Findings, func(f Finding) bool {
			return f.Severity >= Medium && slices.Contains(c.kinds, f.Kind) && f.Source == c.source && f.Message == c.message &&
				f.First.Index >= c.first && f.First.Index <= c.first+100
		})
		if !found {
			t.Errorf("%s: no %v of %s from %v near record %d:%s", c.log, c.kinds, c.message, c.source, c.first, brief(r.Findings))
		}
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Severity == High && f.Source != c.source {
				t.Errorf("%s: innocent source: %+v", c.log, *f)
			}
		}
	}
}

// TestNotMAVLink checks that floods beside MAVLink show as what they are here: loss.
func TestNotMAVLink(t *testing.T) {
	for _, log := range []string{"udp_flood-0406-011746.tlog", "udp_limited_flood-0408-214456.tlog"} {
		r := scanShared(t, Options{}, "attacks", log)
		if r.Worst() != Low || len(r.Findings) != 1 || r.Findings[0].Kind != Loss {
			t.Errorf("%s: %+v", log, r.Findings)
		}
	}
}

func TestSpecial(t *testing.T) {
	r := scanShared(t, Options{}, "tlogs", "rover-serialnoise-2022.tlog")
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return f.Kind == Loss && strings.Contains(f.Detail, "noise on the link") && f.Count == 29
	}) {
		t.Errorf("rover: the noise is not told: %v", r.Findings)
	}
	r = scanShared(t, Options{}, "tlogs", "multi-vehicle-interleaved-2025.tlog")
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return f.Kind == Clock && f.Severity == Medium && f.Count == 198 && strings.Contains(f.Detail, "several programs may have written this file")
	}) {
		t.Errorf("multi-vehicle: the writers are not told: %v", r.Findings)
	}
	// no times, no vehicle: the same flight as the .tlog, and nothing but loss
	if r = scanShared(t, Options{}, "tlogs", "copter-mp-v1-2018-mission1.rlog"); r.Worst() != Low || r.First != 0 {
		t.Errorf("raw capture: %v", r.Findings)
	}
}

// TestLoss compares with pymavlink's mavloss, whose numbers are in the truth files.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		log        string
		gaps, lost int64
	}{
		{"arduplane-mp-v1-2012.tlog", 265, 2484},
		{"copter-kresge01-v1-2015.tlog", 50, 199},
		{"ardusub-qgc-v2-2023.tlog", 886, 7664},
	} {
		r := scanShared(t, Options{}, "tlogs", c.log)
		var lost int64
		for _, f := range r.Findings {
			if f.Kind == Loss {
				lost += f.Count
			}
		}
		if lost != c.lost {
			t.Errorf("%s: %d lost, pymavlink counts %d in %d gaps", c.log, lost, c.lost, c.gaps)
		}
	}
}
