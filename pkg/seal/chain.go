package seal

import (
	"bytes"
	"encoding/pem"
	"fmt"

	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
	"cqkit/pkg/trust"
)

// Parsed is a seal that keeps every rule of the format that can be checked without the
// key and the log. Nothing in it is verified.
type Parsed struct {
	Notes []*Note // in order, at least one
	Torn  bool    // the file ends inside a further note, which is left out

	// Tiles are the roots of the 256-leaf subtrees, nil if there are none or they do
	// not fold to the last note's root. TilesErr says what is wrong with them.
	Tiles    []merkle.Hash
	TilesErr error

	// Attestations of the last note stand behind the tiles.
	Attestations []trust.Attestation

	attestErr error // why there are no more of them
}

// Last returns the note that counts.
func (p *Parsed) Last() *Note { return p.Notes[len(p.Notes)-1] }

// Parse reads a seal. The error is a [*MalformedError] that says why a verifier must
// refuse it.
func Parse(data []byte) (*Parsed, error) {
	if len(data) > MaxSealBytes {
		return nil, &MalformedError{Reason: fmt.Sprintf("the seal is larger than %d MiB", MaxSealBytes>>20)}
	}
	p := noteParser{rest: data}
	s := new(Parsed)
	for {
		start := p.rest
		n, err := p.note()
		if err == errTorn && len(s.Notes) > 0 && beginsNote(start, s.Notes[0]) {
			s.Torn = true
			break
		}
		if err != nil {
			return nil, err
		}
		if len(s.Notes) == maxNotes {
			return nil, &MalformedError{Reason: fmt.Sprintf("more than %d notes", maxNotes)}
		}
		s.Notes = append(s.Notes, n)
		if n.Final || len(p.rest) == 0 || p.rest[0] != '\n' || looksLikeTiles(p.rest) {
			break
		}
		if _, err := p.next(); err != nil {
			return nil, err
		}
		if len(p.rest) == 0 { // cut off right behind the empty line
			s.Torn = true
			break
		}
	}
	if err := s.checkChain(); err != nil {
		return nil, err
	}
	if err := s.parseTiles(&p); err != nil {
		return nil, err
	}
	return s, nil
}

// beginsNote reports whether a torn note is about the same log as an earlier one, as
// far as it goes.
func beginsNote(torn []byte, earlier *Note) bool {
	origin := []byte(earlier.Origin() + "\n")
	n := min(len(torn), len(origin))
	return bytes.Equal(torn[:n], origin[:n])
}

// checkChain checks each note against the one before.
func (s *Parsed) checkChain() error {
	var before extentOf
	for i, n := range s.Notes {
		wrong := func(format string, args ...any) error {
			return &MalformedError{Reason: fmt.Sprintf("note %d: ", i+1) + fmt.Sprintf(format, args...)}
		}
		if i == 0 {
			if n.Prev != nil {
				return wrong("the notes before it are missing")
			}
		} else {
			prev := s.Notes[i-1]
			switch {
			case n.ID != prev.ID:
				return wrong("it belongs to another log")
			case n.Key != prev.Key || n.Signer != prev.Signer:
				return wrong("it is by another signer")
			case n.Prev == nil || *n.Prev != prev.Digest():
				return wrong("it does not follow the note before it")
			case n.Leaves < prev.Leaves || n.Bytes < prev.Bytes:
				return wrong("it covers less than the note before it")
			case n.Nonce <= prev.Nonce:
				return wrong("its nonce does not rise")
			case prev.Index != nil:
				return wrong("a note before it names an index")
			}
		}
		if err := n.checkGaps(before); err != nil {
			return wrong("%v", err)
		}
		before = extentOf{n.Leaves, n.Bytes, before.gaps + uint64(len(n.Gaps))}
	}
	return nil
}

const (
	tilesType  = "CQKIT FLIGHT LOG TILES"
	tilesBegin = "-----BEGIN " + tilesType + "-----"
	tilesEnd   = "-----END " + tilesType + "-----"
)

// parseTiles reads what follows the last note: nothing, tiles, or damaged tiles.
func (s *Parsed) parseTiles(p *noteParser) error {
	rest := p.rest
	if len(rest) == 0 || s.Torn {
		return nil
	}
	if rest = s.cutAttestations(rest); len(rest) == 0 {
		return nil
	}
	if !looksLikeTiles(rest) {
		p.line++
		return p.fail("something else than tiles follows the last note")
	}
	block, after := pem.Decode(rest)
	last := s.Last()
	switch {
	case block == nil || block.Type != tilesType || len(block.Headers) > 0 || len(after) > 0 ||
		!bytes.Equal(pem.EncodeToMemory(block), rest):
		s.TilesErr = fmt.Errorf("the tiles are damaged")
	case uint64(len(block.Bytes)) != (last.Leaves+tileLeaves-1)/tileLeaves*merkle.Size:
		s.TilesErr = fmt.Errorf("the tiles are damaged: wrong number")
	default:
		tiles := splitTiles(block.Bytes)
		if new(merkle.Hasher).Root(append([]merkle.Hash(nil), tiles...)) != last.Root {
			s.TilesErr = fmt.Errorf("the tiles do not belong to this seal")
			break
		}
		s.Tiles = tiles
	}
	return nil
}

// looksLikeTiles tells damaged tiles from anything that somebody joined to the seal.
func looksLikeTiles(rest []byte) bool {
	return !holdsNote(rest) && (bytes.Contains(rest, []byte(tilesBegin)) || bytes.Contains(rest, []byte(tilesEnd)) ||
		bytes.HasPrefix([]byte(tilesBegin), rest))
}

// holdsNote reports whether a line of what follows the last note is one of a note.
func holdsNote(rest []byte) bool {
	for line := range bytes.Lines(rest) {
		if bytes.HasPrefix(line, []byte(sigPrefix)) || bytes.HasPrefix(line, []byte("cqkit/")) {
			return true
		}
	}
	return false
}

// Sizes of a record in bytes, as its own header can state them.
const (
	minRecord = tlog.TimeSize + 6 + 2
	maxRecord = tlog.MaxRecord
)

// extentOf is how far a note goes, or nothing goes before the first one.
type extentOf struct {
	leaves uint64
	bytes  int64
	gaps   uint64
}

// checkGaps checks that the note's gaps lie behind before, in order and apart, and
// that the bytes between can hold as many records as the leaf numbers say.
func (n *Note) checkGaps(before extentOf) error {
	at, leaf, gap := before.bytes, before.leaves, false
	between := func(offset int64, next uint64) string {
		if offset < at || next < leaf {
			return "gaps overlap or are out of order"
		}
		size, records := uint64(offset-at), next-leaf
		// The products cannot overflow: records is at most the log's bytes.
		if records > size/minRecord || (size+maxRecord-1)/maxRecord > records {
			return fmt.Sprintf("%d records do not fit in %d bytes", records, size)
		}
		return ""
	}
	for _, g := range n.Gaps {
		if g.Bytes == 0 {
			return &MalformedError{Reason: "a gap is empty"}
		}
		if gap && g.Offset == at {
			return &MalformedError{Reason: "gaps touch"}
		}
		if reason := between(g.Offset, g.Leaf); reason != "" {
			return &MalformedError{Reason: reason}
		}
		if g.Leaf >= n.Leaves || g.Offset > n.Bytes || g.Bytes > n.Bytes-g.Offset {
			return &MalformedError{Reason: "a gap lies outside the sealed bytes"}
		}
		at, leaf, gap = g.Offset+g.Bytes, g.Leaf+1, true
	}
	if reason := between(n.Bytes, n.Leaves); reason != "" {
		return &MalformedError{Reason: reason}
	}
	if gap && !n.Final && at == n.Bytes {
		return &MalformedError{Reason: "a note that is not final ends in a gap"}
	}
	records := n.Leaves - before.gaps - uint64(len(n.Gaps))
	if n.HasSpan != (records > 0) {
		return &MalformedError{Reason: "span does not fit the number of records"}
	}
	return nil
}
