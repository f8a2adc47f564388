package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"sync"
	"time"

	"cqkit/pkg/merkle"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// prefixSize is how many bytes of a leaf hash the index keeps.
const prefixSize = 8

// Options say how to seal. Signer, Clock and Nonces are required.
type Options struct {
	Signer string // the name on the signature line; see CheckSignerName
	Name   string // the log's file name, informative; see FileName

	// Index, if set, is written the index, 8 bytes a segment. It is complete and
	// worth keeping only if Sign returns no error.
	Index io.Writer

	// Embed, if set, is written the log with its seal inside (docs/seal-format.md,
	// "In-band"). Like Index it is complete only if Sign returns no error.
	Embed io.Writer

	// EveryRecords and EverySpan, if positive, add a note whenever so many records,
	// or so much time by the records' clock, have passed since the last one.
	EveryRecords uint64
	EverySpan    time.Duration

	Clock   func() time.Time // for the notes' time and nonce
	Nonces  *nonce.Source    // shared by all seals made with the key
	Workers int              // goroutines that hash; 1 if less
}

// Summary says what was sealed.
type Summary struct {
	Origin         string
	Notes          int
	Records        uint64
	Gaps           uint64
	GapBytes       int64
	Bytes          int64
	HasSpan        bool
	First, Last    int64  // time of the first and last record, µs since 1970 UTC
	SigningSecrets uint64 // SETUP_SIGNING frames: each holds a MAVLink signing key
	Carriers       uint64 // records that carry the seal, with Options.Embed
	CarrierBytes   int64
}

// idSetupSigning is MAVLink's SETUP_SIGNING, whose payload is a secret key.
const idSetupSigning = 256

// Sign reads a log to its end and returns its seal: notes and tiles. It keeps a few
// megabytes and 1/8 byte a segment in memory. If it returns an error there is no seal.
func Sign(r io.Reader, seeds *tlog.Seeds, key SigningKey, o Options) ([]byte, *Summary, error) {
	s, err := newSigner(key, o)
	if err != nil {
		return nil, nil, err
	}
	defer s.tree.close()
	counted := &counter{r: r}
	if err := s.all(counted, seeds, nil); err != nil {
		return nil, nil, err
	}
	if err := s.finish(counted.n); err != nil {
		return nil, nil, err
	}
	return s.out, &s.sum, nil
}

// all adds what r holds. It holds mu, if that is set, while it adds a segment.
func (s *signer) all(r io.Reader, seeds *tlog.Seeds, mu sync.Locker) error {
	scan := tlog.NewScanner(r, seeds, tlog.Timed)
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if mu != nil {
			mu.Lock()
		}
		err = s.add(seg)
		if mu != nil {
			mu.Unlock()
		}
		if err != nil {
			return err
		}
	}
}

// finish makes the final note and the tiles of a log of the given size.
func (s *signer) finish(size int64) error {
	if s.sum.Bytes != size || s.inGap { // a seal of less must never come to be
		return fmt.Errorf("only %d bytes of the log's %d were cut", s.sum.Bytes, size)
	}
	if err := s.note(true); err != nil {
		return err
	}
	tiles := joinTiles(s.tree.allTiles())
	text := pemTiles(tiles)
	if len(text) == 0 || len(s.out)+len(text) > MaxSealBytes {
		return nil
	}
	s.out = append(s.out, text...)
	return s.embed(tilesPart, s.last, tiles)
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

type signer struct {
	key  SigningKey
	o    Options
	tree *tree
	id   [16]byte
	sum  Summary
	out  []byte

	from    int64   // offset of what is added first
	gaps    []GapAt // since the last note
	gapHash merkle.LeafWriter
	inGap   bool

	afterRecord bool // a note that is not final can be made

	last        *Note
	prev        *[32]byte // its digest
	noteRecords uint64    // records at the last note
	noteTime    int64     // record time at the last note
	index       hash.Hash

	appended func(piece []byte, final bool) error // told what is made, by Follow
	handed   int                                  // how much of out it was told
	emit     func(frame []byte)
}

func newSigner(key SigningKey, o Options) (*signer, error) {
	if key.Private.Public().Algorithm() != pqsig.MLDSA87 {
		return nil, fmt.Errorf("a %v key cannot seal a log, an ML-DSA-87 key can", key.Private.Public().Algorithm())
	}
	if err := CheckSignerName(o.Signer); err != nil {
		return nil, err
	}
	s := &signer{key: key, o: o}
	rand.Read(s.id[:]) // never fails
	var sink func([]byte) error
	if o.Index != nil {
		s.index = sha256.New()
		sink = func(prefixes []byte) error {
			s.index.Write(prefixes)
			if _, err := o.Index.Write(prefixes); err != nil {
				return fmt.Errorf("writing the index: %w", err)
			}
			return nil
		}
	}
	s.tree = newTree(max(o.Workers, 1), sink)
	return s, nil
}

func (s *signer) add(seg *tlog.Segment) error {
	size := int64(len(seg.Data))
	s.sum.Bytes += size
	if s.o.Embed != nil {
		if _, err := s.o.Embed.Write(seg.Data); err != nil {
			return fmt.Errorf("writing the log with its seal: %w", err)
		}
	}
	if seg.Kind == tlog.Gap {
		if !s.inGap {
			s.gaps = append(s.gaps, GapAt{Offset: s.from + seg.Offset, Leaf: s.tree.count})
			s.gapHash.Reset()
		}
		s.gaps[len(s.gaps)-1].Bytes += size
		s.sum.GapBytes += size
		s.gapHash.Write(seg.Data)
		s.afterRecord = false
		if s.inGap = seg.More; !s.inGap {
			s.sum.Gaps++
			s.tree.addHash(s.gapHash.Sum())
		}
		return nil
	}
	s.tree.add(seg.Data)
	s.afterRecord = true
	now := spanTime(seg.Time())
	if s.sum.Records++; s.sum.Records == 1 {
		s.sum.HasSpan, s.sum.First, s.noteTime = true, now, now
	}
	s.sum.Last = now
	s.noteTime = min(s.noteTime, now) // a clock that steps back must not end the notes
	if seg.Frame().ID() == idSetupSigning {
		s.sum.SigningSecrets++
	}
	due := s.o.EveryRecords > 0 && s.sum.Records-s.noteRecords >= s.o.EveryRecords ||
		s.o.EverySpan > 0 && now-s.noteTime >= s.o.EverySpan.Microseconds()
	if due && s.roomForMore() {
		return s.note(false)
	}
	return nil
}

// spanTime is a record's time as a span line can state it.
func spanTime(us int64) int64 {
	if us < 0 { // 2^63 or more
		return math.MaxInt64
	}
	return us
}

// note appends a signed note over everything so far.
func (s *signer) note(final bool) error {
	leaves, root, err := s.tree.root()
	if err != nil {
		return err
	}
	now := s.o.Clock()
	count, err := s.o.Nonces.Next(now.UnixNano())
	if err != nil || count > math.MaxInt64 {
		return errors.Join(errors.New("no nonce is left for this key"), err)
	}
	n := &Note{
		ID: s.id, Leaves: leaves, Root: root, Bytes: s.sum.Bytes,
		HasSpan: s.sum.HasSpan, First: s.sum.First, Last: s.sum.Last, Gaps: s.gaps,
		Key: s.key.Fingerprint, Signer: s.o.Signer, Nonce: count, Time: now.UTC().Truncate(time.Second),
		Prev: s.prev, Final: final, Name: FileName(s.o.Name),
	}
	if final && s.index != nil {
		n.Index = (*[32]byte)(s.index.Sum(nil))
	}
	signed, err := n.sign(s.key)
	if err != nil {
		return err
	}
	if len(s.out) > 0 {
		s.out = append(s.out, '\n')
	}
	if s.out = append(s.out, signed...); len(s.out) > MaxSealBytes {
		return fmt.Errorf("the seal would be larger than %d MiB: the log has %d gaps and %d notes", MaxSealBytes>>20, s.sum.Gaps, s.sum.Notes)
	}
	if s.sum.Notes++; s.sum.Notes > maxNotes {
		return fmt.Errorf("the seal would have more than %d notes: ask for fewer", maxNotes)
	}
	digest := n.Digest()
	s.last, s.prev, s.gaps, s.noteRecords, s.noteTime = n, &digest, nil, s.sum.Records, s.sum.Last
	s.sum.Origin = n.Origin()
	if err := s.embed(notePart, n, signed); err != nil || final {
		return err
	}
	return s.handOver(false)
}

// embed writes the carriers of a note, or of the tiles behind the last one.
func (s *signer) embed(kind partKind, n *Note, whole []byte) error {
	if s.o.Embed == nil {
		return nil
	}
	for _, p := range cutParts(kind, n, uint32(s.sum.Notes-1), whole, s.sum.Carriers) {
		raw := p.appendCarriers(nil)
		if _, err := s.o.Embed.Write(raw); err != nil {
			return fmt.Errorf("writing the log with its seal: %w", err)
		}
		if s.emit != nil {
			p.eachFrame(s.emit)
		}
		s.sum.Carriers += p.carriers()
		s.sum.CarrierBytes += int64(len(raw))
	}
	return nil
}
