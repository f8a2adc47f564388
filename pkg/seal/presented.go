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

	sealedBytes int64 // of the sealed log

	seeds    *tlog.Seeds
	sum      Contents
	leaves   uint64
	prefixes []uint64 // of the leaf hashes
	gaps     []uint64 // leaf numbers of the gaps
	gapHash  []merkle.Hash
	marks    []int64       // offset of every 256th leaf
	tiles    []merkle.Hash // as a seal of this log would have
}

// cut scans the whole log once more. It keeps 8 bytes a segment.
func cut(log Log, seeds *tlog.Seeds, workers int) (*presented, error) {
	p := &presented{log: log, seeds: seeds}
	t := newTree(workers, func(raw []byte) error {
		p.prefixes = appendPrefixes(p.prefixes, raw)
		return nil
	})
	defer t.close()
	scan := tlog.NewScanner(io.NewSectionReader(log, 0, log.Size), seeds, tlog.Timed)
	var hash merkle.LeafWriter
	inGap := false
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		if !inGap && t.count%tileLeaves == 0 {
			p.marks = append(p.marks, seg.Offset)
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

// find reads the leaf with the given number again.
func (p *presented) find(number uint64) (leaf, error) {
	var found leaf
	err := p.each(number, number+1, func(l leaf) { found = l })
	return found, err
}

// each calls f for the leaves from first up to but not including end. data is valid
// during the call.
func (p *presented) each(first, end uint64, f func(leaf)) error {
	if first >= end || first >= p.leaves {
		return nil
	}
	number := first / tileLeaves * tileLeaves
	offset := p.marks[first/tileLeaves]
	scan := tlog.NewScanner(io.NewSectionReader(p.log, offset, p.log.Size-offset), p.seeds, tlog.Timed)
	var gap *leaf
	for number < end {
		seg, err := scan.Next()
		if err == io.EOF {
			return nil
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
