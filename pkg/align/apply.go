package align

import (
	"fmt"
	"slices"
)

// Apply makes the presented sequence out of the sealed one by a script. Of
// presented it takes only the elements of Inserted and Changed runs, which no
// script over sealed can know; all others come from sealed. The error says
// which run breaks the rules: the runs must partition the presented sequence in
// order; those of kind Kept, Changed, Dropped and Moved must partition the sealed
// one; Kept must ascend in both; and between the kept neighbours of a Changed
// or Dropped run must be the place where its elements stood.
//
// Apply is the definition of a script, for tests and for readers; it trades
// speed for plainness.
func Apply(sealed, presented []uint64, runs []Run) ([]uint64, error) {
	out := make([]uint64, 0, len(presented))
	whereabouts := make([]bool, len(sealed))
	keptEnd := 0
	pending := 0 // first run since the last kept one
	for i, r := range runs {
		fail := func(reason string) ([]uint64, error) {
			return nil, fmt.Errorf("run %d, %s %d+%d to %d+%d: %s",
				i, r.Kind, r.Sealed, r.SealedCount, r.Presented, r.PresentedCount, reason)
		}
		if r.Sealed < 0 || r.SealedCount < 0 || r.SealedCount > len(sealed) || r.Sealed > len(sealed)-r.SealedCount {
			return fail("outside the sealed sequence")
		}
		if r.PresentedCount < 0 || r.PresentedCount > len(presented) || r.Presented > len(presented)-r.PresentedCount {
			return fail("outside the presented sequence")
		}
		if r.Presented != len(out) {
			return fail(fmt.Sprintf("does not begin at %d", len(out)))
		}
		copies, own := r.Kind == Kept || r.Kind == Moved || r.Kind == Doubled, r.Kind == Changed || r.Kind == Inserted
		switch {
		case copies && (r.SealedCount != r.PresentedCount || r.SealedCount == 0),
			r.Kind == Changed && (r.SealedCount == 0 || r.PresentedCount == 0),
			r.Kind == Dropped && (r.SealedCount == 0 || r.PresentedCount != 0),
			r.Kind == Inserted && (r.SealedCount != 0 || r.PresentedCount == 0):
			return fail("counts do not fit the kind")
		case copies:
			out = append(out, sealed[r.Sealed:r.Sealed+r.SealedCount]...)
		case own:
			out = append(out, presented[r.Presented:r.Presented+r.PresentedCount]...)
		case r.Kind != Dropped:
			return fail("unknown kind")
		}
		if r.Kind != Doubled && r.Kind != Inserted {
			for s := r.Sealed; s < r.Sealed+r.SealedCount; s++ {
				if whereabouts[s] {
					return fail(fmt.Sprintf("sealed element %d was spoken for", s))
				}
				whereabouts[s] = true
			}
		}
		if r.Kind != Moved && r.Kind != Doubled && r.Sealed < keptEnd {
			return fail(fmt.Sprintf("stands after the kept elements up to %d", keptEnd))
		}
		if r.Kind == Kept {
			for _, p := range runs[pending:i] {
				if p.Kind != Moved && p.Kind != Doubled && p.Sealed+p.SealedCount > r.Sealed {
					return fail(fmt.Sprintf("stands before the kept elements from %d", r.Sealed))
				}
			}
			keptEnd, pending = r.Sealed+r.SealedCount, i+1
		}
	}
	if len(out) != len(presented) {
		return nil, fmt.Errorf("script makes %d elements of %d", len(out), len(presented))
	}
	if s := slices.Index(whereabouts, false); s >= 0 {
		return nil, fmt.Errorf("sealed element %d is not spoken for", s)
	}
	return out, nil
}
