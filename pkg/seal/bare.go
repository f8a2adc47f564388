package seal

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"cqkit/pkg/chunk"
)

// bareLog is a log without the carriers of one seal: what that seal is about. It reads
// as if they were not there.
type bareLog struct {
	file Log
	Log  // without the carriers
	runs []carrierRun
}

// carrierRun is some carriers that stand together.
type carrierRun struct {
	at     int64 // offset in the bare log, in front of which they stand
	offset int64 // in the file
	size   int64
	before uint64 // carriers before these
	count  uint64
}

// bare takes the carriers of a seal out of the log, wherever they stand.
func bare(file Log, of *carriers) (*bareLog, error) {
	var runs []carrierRun
	err := eachCarrier(file, func(offset int64, record []byte, c chunk.Chunk) bool {
		if !of.are(record, c) {
			return false
		}
		if n := len(runs); n > 0 && runs[n-1].offset+runs[n-1].size == offset {
			runs[n-1].size += int64(len(record))
			runs[n-1].count++
		} else {
			runs = append(runs, carrierRun{offset: offset, size: int64(len(record)), count: 1})
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return newBare(file, runs), nil
}

// newBare takes runs out of a log. It sets what can be told from the others.
func newBare(file Log, runs []carrierRun) *bareLog {
	b := &bareLog{file: file, runs: runs}
	var size int64
	var count uint64
	for i := range runs {
		runs[i].at, runs[i].before = runs[i].offset-size, count
		size += runs[i].size
		count += runs[i].count
	}
	b.Log = Log{b, file.Size - size}
	if len(runs) == 0 {
		b.Log = file
	}
	return b
}

// carriers returns how many there are, and their bytes.
func (b *bareLog) carriers() (count uint64, size int64) {
	if b == nil || len(b.runs) == 0 {
		return 0, 0
	}
	last := b.runs[len(b.runs)-1]
	return last.before + last.count, b.file.Size - b.Size
}

// ReadAt reads the bare log.
func (b *bareLog) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("reading at %d", off)
	}
	i := b.next(off)
	for n < len(p) {
		end, skipped := int64(math.MaxInt64), int64(0)
		if i < len(b.runs) {
			end = b.runs[i].at
		}
		if i > 0 {
			skipped = b.runs[i-1].offset + b.runs[i-1].size - b.runs[i-1].at
		}
		piece := p[n:]
		if room := end - off; int64(len(piece)) > room {
			piece = piece[:room]
		}
		m, err := b.file.ReadAt(piece, off+skipped)
		n += m
		off += int64(m)
		if m < len(piece) {
			return n, err
		}
		i++
	}
	return n, nil
}

// next returns the first run that stands behind the byte at a bare offset.
func (b *bareLog) next(off int64) int {
	return sort.Search(len(b.runs), func(i int) bool { return b.runs[i].at > off })
}

// inFile returns where the byte at a bare offset stands in the file, and how many carriers
// come before it.
func (b *bareLog) inFile(off int64) (offset int64, carriers uint64) {
	i := b.next(off)
	if i == 0 {
		return off, 0
	}
	r := b.runs[i-1]
	return off - r.at + r.offset + r.size, r.before + r.count
}

// places returns where in the bare log there are carriers, in ascending order.
func (b *bareLog) places() []int64 {
	if b == nil {
		return nil
	}
	places := make([]int64, len(b.runs))
	for i, r := range b.runs {
		places[i] = r.at
	}
	return places
}

// inStep returns the log with those carriers put back that do not stand between two
// segments, whose beginnings are told in ascending order by calls of the function
// that it returns first.
func (b *bareLog) inStep() (begins func(offset int64), done func() *bareLog) {
	var kept []carrierRun
	next := 0
	begins = func(offset int64) {
		for next < len(b.runs) && b.runs[next].at <= offset {
			if b.runs[next].at == offset {
				kept = append(kept, b.runs[next])
			}
			next++
		}
	}
	return begins, func() *bareLog {
		begins(b.Size) // the end is a place, too
		if len(kept) == len(b.runs) {
			return b
		}
		return newBare(b.file, slices.Clone(kept))
	}
}

// locate turns findings about the bare log into findings about the file: where they
// stand in it, and which of its records and segments they are, carriers counted.
func (b *bareLog) locate(findings []Finding) {
	if b == nil {
		return
	}
	for i := range findings {
		f := &findings[i]
		if f.Offset < 0 {
			continue
		}
		last, _ := b.inFile(f.Offset + f.Bytes - 1)
		offset, before := b.inFile(f.Offset)
		f.Offset, f.Bytes = offset, last+1-offset
		f.Index += int64(before)
		f.Leaf += int64(before)
	}
}

var _ io.ReaderAt = (*bareLog)(nil)
