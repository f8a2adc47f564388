package seal

import (
	"bytes"
	"fmt"
	"io"

	"cqkit/pkg/chunk"
	"cqkit/pkg/tlog"
)

// eachCarrier calls f for every record in the log that has the form of a carrier, at whatever
// byte it begins, in the order of the file. Behind one that f takes it goes on looking;
// in one that f does not take, too. What f is given is valid during the call.
func eachCarrier(log Log, f func(offset int64, record []byte, c chunk.Chunk) (took bool)) error {
	lent := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(lent)
	var (
		r    = io.NewSectionReader(log, 0, log.Size)
		buf  = lent[:0]
		base int64 // offset of buf[0]
		from int   // in buf: what comes before was looked at
	)
	for eof := false; !eof; {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			if eof = true; base+int64(len(buf)) < log.Size {
				return errShrunk
			}
		default:
			return fmt.Errorf("reading the log: %w", err)
		}
		for from <= len(buf) {
			i := bytes.Index(buf[from:], carrierMark)
			if i < 0 {
				from = max(from, len(buf)-len(carrierMark)+1)
				break
			}
			from += i
			start := from - markAt
			if start >= 0 && start+maxRecord > len(buf) && !eof {
				break // all of it comes with the next bytes
			}
			if start >= 0 {
				if size := tlog.RecordLen(buf[start:]); size > 0 {
					record := buf[start : start+size]
					if c, ok := asCarrier(record); ok && f(base+int64(start), record, c) {
						from = start + size + markAt
						continue
					}
				}
			}
			from++
		}
		// Keep the beginning of a carrier whose mark comes next.
		keep := min(max(0, from-markAt), len(buf))
		base += int64(keep)
		buf = lent[:copy(lent[:], buf[keep:])]
		from -= keep
	}
	return nil
}
