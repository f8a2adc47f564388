package seal

import (
	"errors"
	"fmt"
	"io"
	"slices"

	sumtlog "golang.org/x/mod/sumdb/tlog"

	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
)

// ErrNotSealed means that the log is not the one the seal was made for, unchanged and
// as long: nothing can be proved from it.
var ErrNotSealed = errors.New("the log is not as it was sealed")

// sealedLog is a log that fits its seal, whose hashes can be looked up: a
// [sumtlog.HashReader] that keeps the roots of the tiles and reads the rest again.
type sealedLog struct {
	log    Log
	parsed *Parsed
	gaps   []GapAt // of all notes
	marks  []int64 // offset of every 256th leaf
	tiles  []merkle.Hash
	hasher merkle.Hasher
}

// openSealed checks that log fits all notes of its seal, as it is or without the carriers of
// the seal. It checks no signature: a proof is worth what the note in it is worth.
func openSealed(log Log, seal []byte, workers int) (*sealedLog, error) {
	p, err := Parse(seal)
	if err != nil {
		return nil, fmt.Errorf("the seal is malformed: %w", err)
	}
	s, err := openParsed(log, nil, p, workers)
	if err != ErrNotSealed {
		return s, err
	}
	without, err := bare(log, carriersOf(p))
	if err != nil {
		return nil, err
	}
	return openParsed(without.Log, without.places(), p, workers)
}

// openParsed is openSealed of a log from which carriers were taken out at the given places.
func openParsed(log Log, places []int64, p *Parsed, workers int) (*sealedLog, error) {
	if last := p.Last(); last.Final && log.Size > last.Bytes {
		return nil, ErrNotSealed
	}
	s := &sealedLog{log: log, parsed: p}
	for _, n := range p.Notes {
		s.gaps = append(s.gaps, n.Gaps...)
	}
	w := newWalker(log, max(workers, 1), nil)
	defer w.close()
	w.places = places
	w.mark = func(offset int64) { s.marks = append(s.marks, offset) }
	if _, err := w.all(p.Notes); err == errDiffers || err == errSpan {
		return nil, ErrNotSealed
	} else if err != nil {
		return nil, err
	}
	s.tiles = w.tree.tiles
	return s, nil
}

// resealed returns the index of a log that fits its notes, as it was when it was
// sealed.
func resealed(log Log, places []int64, notes []*Note, workers int) ([]uint64, error) {
	prefixes := make([]uint64, 0, notes[len(notes)-1].Leaves)
	w := newWalker(log, workers, func(raw []byte) error {
		prefixes = appendPrefixes(prefixes, raw)
		return nil
	})
	defer w.close()
	w.places = places
	if _, err := w.all(notes); err == errDiffers || err == errSpan {
		return nil, errChanged
	} else if err != nil {
		return nil, err
	}
	return prefixes, nil
}

// leafOf returns the leaf number of a record.
func (s *sealedLog) leafOf(record uint64) uint64 {
	leaf := record
	for _, g := range s.gaps {
		if g.Leaf > leaf {
			break
		}
		leaf++
	}
	return leaf
}

// covering returns the first note that covers a leaf, nil if none does.
func (s *sealedLog) covering(leaf uint64) *Note {
	for _, n := range s.parsed.Notes {
		if leaf < n.Leaves {
			return n
		}
	}
	return nil
}

// each calls f for the leaves from first up to but not including end; data is nil for
// a gap, whose hash is given, and valid during the call otherwise.
func (s *sealedLog) each(first, end uint64, f func(data []byte, gap merkle.Hash)) error {
	leaf := first / tileLeaves * tileLeaves
	if first >= end || leaf/tileLeaves >= uint64(len(s.marks)) {
		return nil
	}
	at := s.marks[leaf/tileLeaves]
	next, _ := slices.BinarySearchFunc(s.gaps, leaf, func(g GapAt, leaf uint64) int {
		return int(int64(g.Leaf) - int64(leaf))
	})
	buf := make([]byte, maxRecord)
	for ; leaf < end; leaf++ {
		if next < len(s.gaps) && s.gaps[next].Leaf == leaf {
			var hash merkle.LeafWriter
			n, err := io.Copy(&hash, io.NewSectionReader(s.log, at, s.gaps[next].Bytes))
			if err != nil {
				return fmt.Errorf("reading the log: %w", err)
			}
			if n != s.gaps[next].Bytes {
				return errShrunk
			}
			at += s.gaps[next].Bytes
			if next++; leaf >= first {
				f(nil, hash.Sum())
			}
			continue
		}
		n, err := s.log.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading the log: %w", err)
		}
		size := tlog.RecordLen(buf[:n])
		if size == 0 {
			return ErrNotSealed // it was changed since it was checked
		}
		if leaf >= first {
			f(buf[:size], merkle.Hash{})
		}
		at += int64(size)
	}
	return nil
}

// ReadHashes implements [sumtlog.HashReader].
func (s *sealedLog) ReadHashes(indexes []int64) ([]sumtlog.Hash, error) {
	hashes := make([]sumtlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := sumtlog.SplitStoredHashIndex(index)
		h, err := s.subtree(uint64(n)<<level, uint64(1)<<level)
		if err != nil {
			return nil, err
		}
		hashes[i] = sumtlog.Hash(h)
	}
	return hashes, nil
}

// subtree returns the root of the complete subtree of size leaves from first.
func (s *sealedLog) subtree(first, size uint64) (merkle.Hash, error) {
	if size >= tileLeaves {
		return s.hasher.Root(slices.Clone(s.tiles[first/tileLeaves : (first+size)/tileLeaves])), nil
	}
	hashes := make([]merkle.Hash, 0, size)
	err := s.each(first, first+size, func(data []byte, gap merkle.Hash) {
		if data != nil {
			gap = merkle.LeafHash(data)
		}
		hashes = append(hashes, gap)
	})
	if err != nil {
		return merkle.Hash{}, err
	}
	return s.hasher.Root(hashes), nil
}
