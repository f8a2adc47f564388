package seal

import (
	"fmt"
	"io"
	"slices"

	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
)

// presented is a log cut by the scanner, for when it does not fit its notes: what
// each leaf is, and where to find it again.
type presented struct {
	log Log

	sealedBytes int64  // of the sealed log
	keptEnd     uint64 // end of the last leaves that stand as they were sealed, if known

	seeds    *tlog.Seeds
	sum      Contents
	leaves   uint64
	prefixes []uint64 // of the leaf hashes
	gaps     []uint64 // leaf numbers of the gaps
	gapHash  []merkle.Hash
	marks    []int64       // offset of every 256th leaf
	tiles    []merkle.Hash // as a seal of this log would have

	near nearby
}

// nearby are the leaves around the one that was found last.
type nearby struct {
	valid  bool
	tile   uint64
	leaves []leaf
	data   []byte // of the records among them
}

// cut scans the whole log once more. It keeps 8 bytes a segment. begins is told where
// each segment begins, if it is set.
func cut(log Log, seeds *tlog.Seeds, workers int, begins func(offset int64)) (*presented, error) {
	p := &presented{log: log, seeds: seeds}
	t := newTree(workers, func(raw []byte) error {
		p.prefixes = appendPrefixes(p.prefixes, raw)
		return nil
	})
	defer t.close()
	scan := tlog.NewScanner(io.NewSectionReader(log, 0, log.Size), seeds, tlog.Timed)
	var hash merkle.LeafWriter
	inGap := false
	end := int64(0)
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		end += int64(len(seg.Data))
		if !inGap && t.count%tileLeaves == 0 {
			p.marks = append(p.marks, seg.Offset)
		}
		if !inGap && begins != nil {
			begins(seg.Offset)
		}
		if seg.Kind == tlog.Record {
			p.sum.span(seg.Time())
			t.add(seg.Data)
			continue
		}
		if !inGap {
			p.gaps = append(p.gaps, t.count)
			hash.Reset()
		}
		hash.Write(seg.Data)
		if inGap = seg.More; !inGap {
			p.gapHash = append(p.gapHash, hash.Sum())
			t.addHash(hash.Sum())
		}
	}
	if end != log.Size || inGap {
		return nil, errShrunk
	}
	var err error
	p.leaves, _, err = t.root()
	p.tiles = t.allTiles()
	p.sum.Gaps = uint64(len(p.gaps))
	p.sum.Records = p.leaves - p.sum.Gaps
	p.sum.Bytes = log.Size
	return p, err
}

// leaf is one segment of the presented log, found again.
type leaf struct {
	offset int64
	bytes  int64
	gap    bool
	time   int64
	data   []byte // of a record
}

// find reads the leaf with the given number again, and those around it, among which
// the next one is likely to be. data is valid until the next call.
func (p *presented) find(number uint64) (leaf, error) {
	n := &p.near
	if tile := number / tileLeaves; !n.valid || n.tile != tile {
		*n = nearby{tile: tile, leaves: n.leaves[:0], data: n.data[:0]}
		if n.data == nil {
			n.data = make([]byte, 0, tileLeaves*maxRecord) // so that it never moves
		}
		err := p.each(tile*tileLeaves, min((tile+1)*tileLeaves, p.leaves), func(l leaf) {
			if !l.gap {
				start := len(n.data)
				n.data = append(n.data, l.data...)
				l.data = n.data[start:]
			}
			n.leaves = append(n.leaves, l)
		})
		if err != nil {
			return leaf{}, err
		}
		n.valid = true
	}
	return n.leaves[number%tileLeaves], nil
}

// each calls f for the leaves from first up to but not including end, which must not
// lie behind the last one. data is valid during the call. The error is errChanged if
// records and gaps do not alternate as they did when the log was cut.
func (p *presented) each(first, end uint64, f func(leaf)) error {
	if first >= end {
		return nil
	}
	number := first / tileLeaves * tileLeaves
	offset := p.marks[first/tileLeaves]
	scan := tlog.NewScanner(io.NewSectionReader(p.log, offset, p.log.Size-offset), p.seeds, tlog.Timed)
	gaps, _ := slices.BinarySearch(p.gaps, number) // gaps before number
	var gap *leaf
	for number < end {
		seg, err := scan.Next()
		if err == io.EOF {
			return errChanged
		}
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		l := leaf{offset: offset + seg.Offset, bytes: int64(len(seg.Data)), gap: seg.Kind == tlog.Gap, time: seg.Time()}
		if l.gap {
			if gap != nil {
				l.offset, l.bytes = gap.offset, gap.bytes+l.bytes
			}
			if gap = nil; seg.More {
				gap = &l
				continue
			}
		} else {
			l.data = seg.Data
		}
		if l.gap != (gaps < len(p.gaps) && p.gaps[gaps] == number) {
			// What a failed read leaves is a gap, with the error behind it.
			if _, err := scan.Next(); err != nil && err != io.EOF {
				return fmt.Errorf("reading the log: %w", err)
			}
			return errChanged
		}
		if l.gap {
			gaps++
		}
		if number >= first {
			f(l)
		}
		number++
	}
	return nil
}

// hashes returns the leaf hashes of the leaves from first up to but not including end.
func (p *presented) hashes(first, end uint64) ([]merkle.Hash, error) {
	hashes := make([]merkle.Hash, 0, end-first)
	err := p.each(first, end, func(l leaf) {
		if l.gap {
			i, _ := slices.BinarySearch(p.gaps, first+uint64(len(hashes)))
			hashes = append(hashes, p.gapHash[i])
			return
		}
		hashes = append(hashes, merkle.LeafHash(l.data))
	})
	return hashes, err
}

// recordsBefore returns how many of the leaves below number are records, given the
// leaf numbers of the gaps in ascending order.
func recordsBefore(gaps []uint64, number uint64) uint64 {
	i, _ := slices.BinarySearch(gaps, number)
	return number - uint64(i)
}
