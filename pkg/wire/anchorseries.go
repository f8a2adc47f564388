package wire

import (
	"crypto/rand"
	"time"

	"cqkit/pkg/merkle"
)

// AnchorOptions say when the windows of a series close. The zero AnchorOptions are the
// usual ones.
type AnchorOptions struct {
	// Count closes a window of so many records, at most [MaxAnchorCount]; 0 means 256.
	Count int
	// Span closes a window before a record that is so much later than its first; 0 means
	// 10 s, and below 0 nothing.
	Span time.Duration
	// Frames says that what is added are frames, without times.
	Frames bool
}

// withDefaults returns o with what is not given filled in.
func (o AnchorOptions) withDefaults() AnchorOptions {
	if o.Count <= 0 {
		o.Count = 256
	}
	o.Count = min(o.Count, MaxAnchorCount)
	if o.Span == 0 {
		o.Span = 10 * time.Second
	}
	return o
}

// AnchorSeries makes the anchors of what is added to it, window by window. It is made by
// [NewAnchorSeries] and not safe for concurrent use. It holds 32 bytes for each record of
// a window.
type AnchorSeries struct {
	o     AnchorOptions
	next  Anchor // the one that is being filled
	tags  []merkle.Hash
	began int64 // the time of the window's first record, also of frames
	hash  merkle.Hasher
}

// NewAnchorSeries begins a series, with a new origin, for the key of the given
// fingerprint.
func NewAnchorSeries(signer Fingerprint, o AnchorOptions) *AnchorSeries {
	s := &AnchorSeries{o: o.withDefaults()}
	s.next = Anchor{Signer: signer, Frames: o.Frames, Number: 1}
	rand.Read(s.next.Origin[:]) // it never fails, nor returns all zeros in the life of the universe
	return s
}

// Origin returns the origin of the series.
func (s *AnchorSeries) Origin() Origin { return s.next.Origin }

// Add adds a record, or a frame in a series of frames, with its time in µs since 1970 UTC. If
// that closes the window, or closes the one before it, the anchor of that is returned, to be
// signed and sent, and else nil. Of a series of frames the time only closes windows.
func (s *AnchorSeries) Add(data []byte, time int64) *Anchor {
	tag := TagOf(data)
	return s.AddTag(tag, time)
}

// AddTag is Add of what has the given tag.
func (s *AnchorSeries) AddTag(tag Tag, time int64) *Anchor {
	var closed *Anchor
	if len(s.tags) > 0 && s.o.Span > 0 && time > s.began && uint64(time)-uint64(s.began) >= uint64(s.o.Span.Microseconds()) {
		closed = s.close(false)
	}
	if len(s.tags) == 0 {
		s.began = time
		if !s.o.Frames {
			s.next.From = time
		}
	}
	if !s.o.Frames {
		s.next.Until = time
	}
	s.tags = append(s.tags, merkle.Hash(tag))
	if len(s.tags) >= s.o.Count && closed == nil {
		return s.close(false)
	}
	return closed
}

// Close ends the series and returns its last anchor. Nothing can be added afterwards.
func (s *AnchorSeries) Close() *Anchor { return s.close(true) }

func (s *AnchorSeries) close(last bool) *Anchor {
	a := s.next
	a.Last, a.Count = last, uint32(len(s.tags))
	a.Root = s.hash.Root(s.tags) // which overwrites them
	s.tags = s.tags[:0]
	s.next = Anchor{
		Signer: a.Signer, Origin: a.Origin, Frames: a.Frames,
		Number: a.Number + 1, Previous: a.Digest(), First: a.First + uint64(a.Count),
	}
	return &a
}
