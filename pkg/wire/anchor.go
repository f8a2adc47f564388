package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"cqkit/pkg/merkle"
	"cqkit/pkg/pqsig"
)

const (
	kindAnchor    = 6
	contextAnchor = "cqkit/anchor/v2"
)

// Where the fields of an anchor stand in its statement; docs/wire-v2-anchor.md has the
// table.
const (
	atAnchorOrigin   = 36
	atAnchorFlags    = 52
	atAnchorNumber   = 53
	atAnchorPrevious = 61
	atAnchorFirst    = 93
	atAnchorCount    = 101
	atAnchorFrom     = 105
	atAnchorUntil    = 113
	atAnchorRoot     = 121
	anchorStatement  = 153
)

const (
	anchorFrames = 1 << iota
	anchorLast
)

// AnchorSize is the length of an anchor's message, in bytes.
const AnchorSize = anchorStatement + SignatureSize

// MaxAnchorCount is the greatest number of records in an anchor's window.
const MaxAnchorCount = 1 << 20

// Tag is what an anchor commits to for each record: the leaf hash of the record, or of its
// frame alone. In version 1 it is the tag of a packet.
type Tag [sha256.Size]byte

// TagOf returns the tag of a record or a frame as it was captured (RFC 6962, Section
// 2.1).
func TagOf(data []byte) Tag { return Tag(merkle.LeafHash(data)) }

// An Anchor states what the records of a window were.
type Anchor struct {
	Signer   Fingerprint
	Origin   Origin // of its series
	Frames   bool   // the tags are those of frames without their times
	Last     bool   // nothing follows in the series
	Number   uint64 // in the series, from 1
	Previous [sha256.Size]byte
	First    uint64 // index in the series of the window's first record
	Count    uint32 // of its records; 0 in the last anchor only
	From     int64  // time of its first record, µs since 1970 UTC; 0 if there is none
	Until    int64  // of its last
	Root     [sha256.Size]byte
}

// check returns what is wrong with the fields, "" if nothing is.
func (a *Anchor) check() string {
	switch {
	case a.Signer == Fingerprint{}:
		return "no signer"
	case a.Origin == Origin{}:
		return "no origin"
	case a.Number == 0:
		return "number 0"
	case (a.Number == 1) != (a.Previous == [sha256.Size]byte{}):
		return "its predecessor does not go with its number"
	case a.Number == 1 && a.First != 0:
		return "the first anchor does not begin at the first record"
	case a.Count > MaxAnchorCount, a.Count == 0 && !a.Last, a.First+uint64(a.Count) < a.First:
		return "its count is out of range"
	case a.Count == 0 && a.Root != [sha256.Size]byte(merkle.EmptyRoot()):
		return "a root of nothing that is not that of nothing"
	case (a.Frames || a.Count == 0) && (a.From != 0 || a.Until != 0):
		return "times without records that have any"
	}
	return ""
}

// AppendStatement appends the statement of the anchor to b, with no signature. It fails
// for an anchor that breaks the rules of docs/wire-v2-anchor.md.
func (a *Anchor) AppendStatement(b []byte) ([]byte, error) {
	if wrong := a.check(); wrong != "" {
		return nil, malformed("%s", wrong)
	}
	var flags byte
	if a.Frames {
		flags |= anchorFrames
	}
	if a.Last {
		flags |= anchorLast
	}
	b = append(b, version, kindAnchor)
	b = binary.LittleEndian.AppendUint16(b, anchorStatement-headSize)
	b = append(append(b, a.Signer[:]...), a.Origin[:]...)
	b = binary.LittleEndian.AppendUint64(append(b, flags), a.Number)
	b = append(b, a.Previous[:]...)
	b = binary.LittleEndian.AppendUint64(b, a.First)
	b = binary.LittleEndian.AppendUint32(b, a.Count)
	b = binary.LittleEndian.AppendUint64(b, uint64(a.From))
	b = binary.LittleEndian.AppendUint64(b, uint64(a.Until))
	return append(b, a.Root[:]...), nil
}

// Sign returns the message of the anchor: its statement and the signature over it. s must be
// the key that a.Signer names. Besides s's errors there is one for an anchor that breaks
// the rules.
func (a *Anchor) Sign(s Signer) ([]byte, error) {
	statement, err := a.AppendStatement(make([]byte, 0, AnchorSize))
	if err != nil {
		return nil, err
	}
	return signStatement(s, statement, contextAnchor)
}

// Digest returns what the next anchor of the series has as Previous. It is zero for an
// anchor that breaks the rules.
func (a *Anchor) Digest() [sha256.Size]byte {
	statement, err := a.AppendStatement(nil)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(statement)
}

// ParseAnchor reads a message without verifying it: what it returns is only claimed. The
// error is [ErrMalformed]. It does not retain message.
func ParseAnchor(message []byte) (*Anchor, error) {
	kind, b, _, err := split(message)
	if err != nil {
		return nil, err
	}
	if kind != kindAnchor || len(b) != anchorStatement {
		return nil, malformed("kind %d with %d bytes is no anchor", kind, len(b))
	}
	flags := b[atAnchorFlags]
	if flags&^(anchorFrames|anchorLast) != 0 {
		return nil, malformed("flags %#x", flags)
	}
	a := &Anchor{
		Frames: flags&anchorFrames != 0,
		Last:   flags&anchorLast != 0,
		Number: binary.LittleEndian.Uint64(b[atAnchorNumber:]),
		First:  binary.LittleEndian.Uint64(b[atAnchorFirst:]),
		Count:  binary.LittleEndian.Uint32(b[atAnchorCount:]),
		From:   int64(binary.LittleEndian.Uint64(b[atAnchorFrom:])),
		Until:  int64(binary.LittleEndian.Uint64(b[atAnchorUntil:])),
	}
	copy(a.Signer[:], b[headSize:])
	copy(a.Origin[:], b[atAnchorOrigin:])
	copy(a.Previous[:], b[atAnchorPrevious:])
	copy(a.Root[:], b[atAnchorRoot:])
	if wrong := a.check(); wrong != "" {
		return nil, malformed("%s", wrong)
	}
	return a, nil
}

// VerifyAnchor parses a message and verifies it with the key that it names. The error is
// [ErrMalformed], [ErrUnknownSigner] or pqsig.ErrBadSignature; with the last two there is
// an anchor, which is only claimed.
func VerifyAnchor(message []byte, keys KeyFunc) (*Anchor, error) {
	a, err := ParseAnchor(message)
	if err != nil {
		return nil, err
	}
	key := keys(a.Signer)
	if key == nil {
		return a, ErrUnknownSigner
	}
	return a, a.verify(message, key)
}

// verify verifies the signature of the message that the anchor was read from.
func (a *Anchor) verify(message []byte, key *pqsig.PublicKey) error {
	return key.Verify(message[:anchorStatement], contextAnchor, message[anchorStatement:])
}

// contradicts returns what is wrong with an anchor that comes after another, "" if
// nothing is. Both verify.
func (a *Anchor) contradicts(before *Anchor) string {
	end := before.First + uint64(before.Count)
	switch {
	case a.Signer != before.Signer || a.Origin != before.Origin || a.Frames != before.Frames:
		return "is of another series"
	case a.Number <= before.Number:
		return "does not come after the one before it"
	case before.Last:
		return "follows the last one"
	case a.Number == before.Number+1:
		digest := before.Digest()
		if !bytes.Equal(a.Previous[:], digest[:]) {
			return "names another predecessor than the one before it"
		}
		if a.First != end {
			return "begins elsewhere than the one before it ends"
		}
	case a.First < end || a.First-end < a.Number-before.Number-1:
		return "begins before the missing ones end" // each of them has a record
	}
	return ""
}
