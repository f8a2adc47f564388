package replay

import (
	"bytes"
	"fmt"
	"slices"

	"cqkit/pkg/mav"
)

// attack changes a clean log in one way at a random place.
type attack struct {
	name  string
	kinds []Kind // one of which must be found
	key   bool   // the scan knows the key
	make  func(w *workshop) []rec
	// clean: the change is what an honest sender does, and must not be found
	clean bool
	// share is the least part that must be found, 0 if nothing is demanded
	share float64
}

var attacks = []attack{
	{name: "command, verbatim, after 1 s", kinds: []Kind{ReplayedCommand, ReplayedStretch, SignedReplay}, make: resend(1_000_000, verbatim)},
	{name: "command, verbatim, after 30 s", kinds: []Kind{ReplayedCommand, ReplayedStretch, SignedReplay}, make: resend(30_000_000, verbatim), share: 0.95},
	{name: "command, the next number, after 1 s", kinds: []Kind{ReplayedCommand, SignedReplay}, make: resend(1_000_000, nextNumber)},
	{name: "command, the next number, after 30 s", kinds: []Kind{ReplayedCommand, SignedReplay}, make: resend(30_000_000, nextNumber)},
	{name: "command, any number, after 30 s", kinds: []Kind{ReplayedCommand, SignedReplay}, make: resend(30_000_000, anyNumber)},
	{name: "command, sent again by its sender", kinds: []Kind{ReplayedCommand}, make: honest, clean: true},
	{name: "stretch of 10 s, as a block", kinds: []Kind{ReplayedStretch, SignedReplay}, make: block, share: 1},
	{name: "stretch of 10 s, woven in", kinds: []Kind{ReplayedStretch, SignedReplay}, make: woven(0, nil), share: 1},
	{name: "stretch of 10 s, woven in, 30 % lost", kinds: []Kind{ReplayedStretch, SignedReplay}, make: woven(0.3, nil), share: 1},
	{name: "stretch of the vehicle only, woven in", kinds: []Kind{ReplayedStretch, SignedReplay}, make: woven(0, onlyCraft), share: 1},
	{name: "stretch of the station only, woven in", kinds: []Kind{ReplayedStretch, ReplayedCommand, SignedReplay}, make: woven(0, onlyStation)},
	{name: "second transmitter, vehicle", kinds: []Kind{SecondTransmitter}, make: spoof(theCraft, []uint32{mav.IDHeartbeat, 33}, 500_000), share: 1},
	{name: "second transmitter, station", kinds: []Kind{SecondTransmitter}, make: spoof(theStation, []uint32{mav.IDCommandLong}, 500_000), share: 1},
	{name: "splice of another log, retimed", kinds: []Kind{Copied}, make: splice(true), share: 1},
	{name: "splice of another log, its own times", kinds: []Kind{Copied}, make: splice(false), share: 1},
	{name: "splice, without the other log", kinds: []Kind{Clock, SecondTransmitter}, make: splice(true)},
	{name: "signed frame, once more", kinds: []Kind{SignedReplay}, make: resign(1), share: 1},
	{name: "20 signed frames, once more", kinds: []Kind{SignedReplay}, make: resign(20), share: 1},
	{name: "one bit of a signed frame, with the key", kinds: []Kind{ForgedSignature}, key: true, make: flip, share: 1},
}

// overlaps reports whether a finding tells of the records between two places.
func overlaps(f *Finding, first, last int64) bool {
	return f.First.Index <= last+2 && f.Last.Index >= first-2
}

// try makes an attack and reports whether it was found, ok false if the log has no
// place for it.
func (a *attack) try(w *workshop, x *Index) (found, ok bool, why string) {
	recs := a.make(w)
	if recs == nil {
		return false, false, ""
	}
	log, marks := write(slices.Concat(w.whole[:w.lo], recs, w.whole[w.hi:]))
	opts := Options{Prints: x != nil}
	if a.key {
		opts.Key = &testKey
	}
	r, err := Scan(bytes.NewReader(log), seeds, opts)
	if err != nil {
		return false, false, err.Error()
	}
	findings := r.Findings
	if x != nil {
		findings = append(findings, x.Compare("", r.Prints)...)
	}
	first, last := marks[0], marks[len(marks)-1]
	for i := range findings {
		f := &findings[i]
		if f.Severity >= Medium && slices.Contains(a.kinds, f.Kind) && overlaps(f, first, last) {
			return true, true, fmt.Sprint(*f)
		}
	}
	return false, true, fmt.Sprintf("records %d to %d: %v", first, last, brief(findings))
}

func brief(findings []Finding) string {
	s := ""
	for _, f := range findings {
		if f.Kind != Loss {
			s += fmt.Sprintf("\n    %s %s %d..%d %s %s: %s", f.Severity, f.Kind, f.First.Index, f.Last.Index, f.Source, f.Message, f.Detail)
		}
	}
	return s
}
