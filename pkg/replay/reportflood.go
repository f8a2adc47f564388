package replay

import (
	"fmt"
	"slices"

	"cqkit/pkg/mav"
)

// floods reports messages that came far too often, and returns whether any did.
func (d *Detector) floods(s *source) bool {
	any := false
	ids := make([]uint32, 0, len(s.rates))
	for id := range s.rates {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		r := s.rates[id]
		r.end(d, id, r.second+10)
		if r.flood.frames == 0 {
			continue
		}
		any = true
		d.report(d.of(s, Flood, High, r.flood.first, r.flood.last, r.flood.frames, id,
			fmt.Sprintf("%s in %d s, up to %d a second; %s before", frames(r.flood.frames), r.flood.seconds, r.flood.most, perSecond(r.flood.before))))
	}
	if h := &s.lists; h.count > 0 {
		any = true
		d.report(d.of(s, Flood, Medium, h.first, h.last, h.count, h.message,
			fmt.Sprintf("a whole list was asked for %s while the vehicle talked", times(h.count))))
	}
	return any
}

// stranger reports a source that came late, says little and does not fit the link.
func (d *Detector) stranger(s *source, flooded bool) {
	if flooded || !d.timed || !d.hasVehicle || s.Source == radio || s.frames < 10 ||
		s.first.Time-d.firstVehicle.Time < establishedTime || len(s.rates) == 0 || len(s.rates) > 3 {
		return
	}
	version := 1
	if s.versions[2] > 0 {
		version = 2
	}
	others := int64(0)
	for _, o := range d.order {
		if o != s && o.Source != radio {
			others += o.versions[version]
		}
	}
	requests, most, kind := int64(0), int64(-1), uint32(0)
	for id, r := range s.rates {
		switch r.class {
		case mav.Alive, mav.Request, mav.RequestList, mav.Command:
			requests += r.total
		}
		weight := r.total
		if id == mav.IDHeartbeat {
			weight = 0 // what it wants says more than that it lives
		}
		if weight > most || weight == most && id < kind {
			most, kind = weight, id
		}
	}
	var why []string
	strange := false
	if others == 0 && s.versions[3-version] == 0 {
		why = append(why, fmt.Sprintf("it speaks MAVLink %d, as no one else here does", version))
		strange = true
	}
	if s.autopilot && !s.telemetry {
		why = append(why, "it says it is a vehicle but sends no telemetry")
	}
	if seconds := float64(s.last.Time-s.first.Time) / 1e6; requests == s.frames && float64(s.frames) > 1.5*(seconds+1) {
		why = append(why, "it does nothing but ask and say that it lives, more often than once a second")
	}
	if !strange && len(why) < 2 {
		return
	}
	detail := "a source that came later than the vehicle: "
	for i, w := range why {
		if i > 0 {
			detail += "; "
		}
		detail += w
	}
	d.report(d.of(s, Flood, Medium, s.first, s.last, s.frames, kind, detail))
}
