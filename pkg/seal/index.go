package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// startIndexCheck compares the index with the hash the note signs, with more than one
// worker while the caller does something else. The returned function waits for the
// result, which says why the index cannot be used.
func startIndexCheck(index *Log, n *Note, workers int) (wait func() error) {
	if workers == 1 {
		return func() error { return checkIndex(index, n) }
	}
	result := make(chan error, 1)
	go func() { result <- checkIndex(index, n) }()
	return func() error { return <-result }
}

func checkIndex(index *Log, n *Note) error {
	switch {
	case n.Index == nil && index == nil, n.Leaves == 0 && index == nil:
		return nil
	case n.Index == nil && !n.Final:
		return nil // only the final note names it
	case n.Index == nil:
		return errors.New("there is an index, but the seal was made without one: ignored")
	case index == nil:
		return errors.New("the index is missing: damage can be narrowed down to 256 records only")
	case index.Size%prefixSize != 0 || uint64(index.Size/prefixSize) != n.Leaves:
		return fmt.Errorf("the index is damaged: it has %s bytes, not %s: ignored", thousands(index.Size), thousands(int64(n.Leaves*prefixSize)))
	}
	return eachPrefixes(index, n, func([]byte) {})
}

// eachPrefixes calls f for the index, piece by piece, and checks it against the hash
// that the note signs. If it returns an error, nothing f was given may be used.
func eachPrefixes(index *Log, n *Note, f func([]byte)) error {
	h := sha256.New()
	lent := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(lent)
	buf := lent[:256<<10]
	r := io.NewSectionReader(index, 0, index.Size)
	for {
		k, err := io.ReadFull(r, buf)
		h.Write(buf[:k])
		f(buf[:k])
		switch err {
		case nil:
			continue
		case io.EOF, io.ErrUnexpectedEOF:
		default:
			return fmt.Errorf("the index cannot be read: %v: ignored", err)
		}
		if [32]byte(h.Sum(nil)) != *n.Index {
			return errors.New("the index is damaged: it is not the one the seal signs: ignored")
		}
		return nil
	}
}

// readIndex reads an index that was checked, and checks what it reads.
func readIndex(index *Log, n *Note) ([]uint64, error) {
	prefixes := make([]uint64, 0, index.Size/prefixSize)
	err := eachPrefixes(index, n, func(raw []byte) { prefixes = appendPrefixes(prefixes, raw) })
	if err == nil && uint64(len(prefixes)) != n.Leaves {
		err = errors.New("the index is damaged: it became shorter: ignored")
	}
	return prefixes, err
}

func appendPrefixes(to []uint64, raw []byte) []uint64 {
	for ; len(raw) >= prefixSize; raw = raw[prefixSize:] {
		to = append(to, binary.BigEndian.Uint64(raw))
	}
	return to
}
