package wire

import (
	"cmp"
	"io"
	"slices"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// CarriedAnchors is a series of anchors that a log carries in chunks, as they were sent over
// the link.
type CarriedAnchors struct {
	*Anchors
	Source Address // who sent them
}

// Anchored reports whether a frame is one of those that the series is about: of a series of
// frames those of its own source but for chunks, else all.
func (c *CarriedAnchors) Anchored(f tlog.Frame) bool {
	return !c.Claimed.Frames || f.System() == c.Source.System && f.Component() == c.Source.Component && f.ID() != chunk.MessageID
}

// How many series, and how many anchors of all of them, are taken from a log.
const (
	maxCarriedSeries  = 256
	maxCarriedAnchors = 1 << 20
)

// FindAnchors finds the anchors that the log in r carries, and judges them series by series, as
// [ReadAnchors] does; the one with the most anchors comes first. Those that do not verify with
// a key that counts are left out, since anyone on a link can send them: refused is how many
// there are. It verifies each message once and reads the log once. The error is r's.
func FindAnchors(r io.Reader, seeds *tlog.Seeds, keys func(Fingerprint, int64) (*pqsig.PublicKey, error)) (series []*CarriedAnchors, refused int, err error) {
	type name struct {
		source Address
		signer Fingerprint
		origin Origin
	}
	found, total := map[name][]*Anchor{}, 0
	assembler := chunk.NewAssembler(chunk.Limits{})
	err = EachRecord(r, seeds, func(seg *tlog.Segment) error {
		f := seg.Frame()
		if f == nil || f.ID() != chunk.MessageID || f.Version() != 2 || seg.Check != tlog.OK {
			return nil
		}
		c, err := chunk.Parse(f.Payload())
		if err != nil || c.Type != chunk.Anchor {
			return nil
		}
		source := Address{f.System(), f.Component()}
		at := time.Duration(min(max(seg.Time(), -1<<52), 1<<52)) * time.Microsecond
		messages, _ := assembler.Add(chunk.Source(source), c, at, 0) // what parses is taken
		for _, m := range messages {
			if m.Repeat {
				continue
			}
			a, err := verifyAnchorAt(m.Bytes, keys)
			if err != nil {
				refused++
				continue
			}
			n := name{source, a.Signer, a.Origin}
			if list, known := found[n]; total < maxCarriedAnchors && (known || len(found) < maxCarriedSeries) {
				found[n] = append(list, a)
				total++
			}
		}
		return nil
	}, nil)
	if err != nil {
		return nil, 0, err
	}
	for n, list := range found {
		slices.SortStableFunc(list, func(a, b *Anchor) int { return cmp.Compare(a.Number, b.Number) })
		list = slices.CompactFunc(list, func(a, b *Anchor) bool { return *a == *b }) // sent again
		series = append(series, &CarriedAnchors{newAnchors(list, make([]error, len(list)), 0), n.source})
	}
	slices.SortFunc(series, func(a, b *CarriedAnchors) int {
		return cmp.Or(cmp.Compare(len(b.List), len(a.List)), slices.Compare(a.Claimed.Origin[:], b.Claimed.Origin[:]))
	})
	return series, refused, nil
}
