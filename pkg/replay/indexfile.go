package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// indexMagic is the first line of an index file; see docs/replay.md.
const indexMagic = "cqkit replay index v1\n"

const (
	printSize  = 8 + 4 + 4 + 8 + 8
	leastEntry = 2 + 8 + 8 + 8 + 4 // of a log without a name
)

// Marshal returns the index as a file.
func (x *Index) Marshal() []byte {
	b := make([]byte, 0, len(indexMagic)+8+len(x.logs)*64+len(x.prints)*printSize+sha256.Size)
	b = append(b, indexMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(x.logs)))
	for _, l := range x.logs {
		b = binary.BigEndian.AppendUint16(b, uint16(len(l.name)))
		b = append(b, l.name...)
		b = binary.BigEndian.AppendUint64(b, uint64(l.records))
		b = binary.BigEndian.AppendUint64(b, uint64(l.first))
		b = binary.BigEndian.AppendUint64(b, uint64(l.last))
		b = binary.BigEndian.AppendUint32(b, l.all)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(x.prints)))
	for _, p := range x.prints {
		b = binary.BigEndian.AppendUint64(b, p.hash)
		b = binary.BigEndian.AppendUint32(b, p.log)
		b = binary.BigEndian.AppendUint32(b, p.index)
		b = binary.BigEndian.AppendUint64(b, uint64(p.offset))
		b = binary.BigEndian.AppendUint64(b, uint64(p.time))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// ParseIndex reads an index file. It accepts only what Marshal writes; an error tells
// at which offset it is not that.
func ParseIndex(data []byte) (*Index, error) {
	r := &indexReader{data: data}
	if !bytes.HasPrefix(data, []byte(indexMagic)) {
		return nil, r.errorf("not an index of cqverify replay, or of another version")
	}
	if len(data) < len(indexMagic)+8+sha256.Size {
		return nil, r.errorf("the index is cut off")
	}
	body := data[:len(data)-sha256.Size]
	if sha256.Sum256(body) != [sha256.Size]byte(data[len(body):]) {
		return nil, r.errorf("the index is damaged: its checksum does not hold")
	}
	r.data, r.at = body, len(indexMagic)
	x := new(Index)
	logs := r.u32()
	if r.err == nil && int64(logs)*leastEntry > int64(len(body)-r.at) {
		return nil, r.errorf("%d logs do not fit", logs)
	}
	for range logs {
		l := indexedLog{name: string(r.take(int(r.u16())))}
		l.records, l.first, l.last, l.all = int64(r.u64()), int64(r.u64()), int64(r.u64()), r.u32()
		if r.err != nil {
			return nil, r.err
		}
		if l.records < 0 {
			return nil, r.errorf("a negative number of records")
		}
		x.logs = append(x.logs, l)
	}
	prints := r.u32()
	if r.err != nil || int64(prints)*printSize != int64(len(body)-r.at) {
		return nil, r.errorf("the number of prints does not fit")
	}
	x.prints = make([]indexedPrint, 0, prints)
	for range prints {
		p := indexedPrint{r.u64(), r.u32(), r.u32(), int64(r.u64()), int64(r.u64())}
		if p.hash%printEvery != 0 || p.log >= logs || p.offset < 0 {
			return nil, r.errorf("an impossible print")
		}
		if n := len(x.prints); n > 0 {
			if o := &x.prints[n-1]; p.log < o.log || p.log == o.log && p.index <= o.index {
				return nil, r.errorf("a print out of order")
			}
		}
		if !x.enter(p) {
			return nil, r.errorf("a print that stands there already")
		}
	}
	return x, nil
}

type indexReader struct {
	data []byte
	at   int
	err  error
}

func (r *indexReader) errorf(format string, args ...any) error {
	if r.err == nil {
		r.err = fmt.Errorf("offset %d: "+format, append([]any{r.at}, args...)...)
	}
	return r.err
}

// take returns the next n bytes, zeros once they have run out.
func (r *indexReader) take(n int) []byte {
	if r.err != nil || n > len(r.data)-r.at {
		r.errorf("the index is cut off")
		return make([]byte, n)
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *indexReader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *indexReader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *indexReader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
