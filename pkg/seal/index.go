package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// startIndexCheck compares the index with the hash the note signs while the caller
// does something else. The error says why the index cannot be used.
func startIndexCheck(index *Log, n *Note) <-chan error {
	result := make(chan error, 1)
	go func() { result <- checkIndex(index, n) }()
	return result
}

func checkIndex(index *Log, n *Note) error {
	switch {
	case n.Index == nil && index == nil, n.Leaves == 0 && index == nil:
		return nil
	case n.Index == nil:
		return errors.New("there is an index, but the seal was made without one: ignored")
	case index == nil:
		return errors.New("the index is missing: damage can be narrowed down to 256 records only")
	case index.Size%prefixSize != 0 || uint64(index.Size/prefixSize) != n.Leaves:
		return fmt.Errorf("the index is damaged: it has %d bytes, not %d: ignored", index.Size, n.Leaves*prefixSize)
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(index, 0, index.Size), make([]byte, 256<<10)); err != nil {
		return fmt.Errorf("the index cannot be read: %v: ignored", err)
	}
	if [32]byte(h.Sum(nil)) != *n.Index {
		return errors.New("the index is damaged: it is not the one the seal signs: ignored")
	}
	return nil
}

// readIndex reads a checked index.
func readIndex(index *Log) ([]uint64, error) {
	prefixes := make([]uint64, 0, index.Size/prefixSize)
	buf := make([]byte, 256<<10)
	r := io.NewSectionReader(index, 0, index.Size)
	for {
		n, err := io.ReadFull(r, buf)
		prefixes = appendPrefixes(prefixes, buf[:n])
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return prefixes, nil
		default:
			return nil, fmt.Errorf("reading the index: %w", err)
		}
	}
}

func appendPrefixes(to []uint64, raw []byte) []uint64 {
	for ; len(raw) >= prefixSize; raw = raw[prefixSize:] {
		to = append(to, binary.BigEndian.Uint64(raw))
	}
	return to
}
