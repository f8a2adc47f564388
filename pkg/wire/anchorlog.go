package wire

import (
	"bufio"
	"io"
	"runtime"
	"sync"

	"cqkit/pkg/tlog"
)

// AnchorSummary is what became of a log.
type AnchorSummary struct {
	Format   tlog.Format
	Origin   Origin
	Bytes    int64 // read
	Records  int64
	Gaps     int64
	GapBytes int64
	Anchors  int64
	First    int64 // times of the first and the last record, µs since 1970 UTC
	Last     int64
}

// AnchorLog makes a series of anchors over the log that r holds, signed with key, whose
// fingerprint signer is. It writes their messages to anchors and the tag archive to tags,
// which may be nil. It reads the log once and signs on all cores. The error is that of r,
// of a writer or of key; what was written by then is of no use.
func AnchorLog(r io.Reader, anchors, tags io.Writer, seeds *tlog.Seeds, key Signer, signer Fingerprint, o AnchorOptions) (*AnchorSummary, error) {
	series := NewAnchorSeries(signer, o)
	out := anchorWriter{w: anchors, key: key}
	sum := &AnchorSummary{Origin: series.Origin()}
	if tags == nil {
		tags = io.Discard
	}
	archive := bufio.NewWriter(tags)
	err := EachRecord(r, seeds, func(seg *tlog.Segment) error {
		if sum.Count(seg); seg.Kind == tlog.Gap {
			return nil
		}
		tag := TagOf(anchored(seg, o.Frames))
		if _, err := archive.Write(tag[:]); err != nil {
			return err
		}
		return out.add(series.AddTag(tag, seg.Time()))
	}, &sum.Format)
	if err != nil {
		return nil, err
	}
	if err := out.add(series.Close()); err != nil {
		return nil, err
	}
	if err := out.flush(); err != nil {
		return nil, err
	}
	sum.Anchors = out.written
	return sum, archive.Flush()
}

// Count counts a segment of the log.
func (s *AnchorSummary) Count(seg *tlog.Segment) {
	s.Bytes += int64(len(seg.Data))
	if seg.Kind == tlog.Gap {
		s.GapBytes += int64(len(seg.Data))
		if !seg.More {
			s.Gaps++
		}
		return
	}
	if s.Records == 0 {
		s.First = seg.Time()
	}
	s.Records, s.Last = s.Records+1, seg.Time()
}

// anchored returns the part of a record that its tag is of.
func anchored(seg *tlog.Segment, frames bool) []byte {
	if frames {
		return seg.Frame()
	}
	return seg.Data
}

// EachRecord calls fn with each segment of the log that r holds, to its end, and sets format, if
// it is not nil, before the first one. The error is that of r, or fn's.
func EachRecord(r io.Reader, seeds *tlog.Seeds, fn func(*tlog.Segment) error, format *tlog.Format) error {
	head := bufio.NewReaderSize(r, tlog.HeadSize)
	first, err := head.Peek(tlog.HeadSize)
	if err != nil && err != io.EOF {
		return err
	}
	look := tlog.Detect(first, seeds)
	if format != nil {
		*format = look.Format
	}
	scan := tlog.NewScanner(head, seeds, look.Format)
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(seg); err != nil {
			return err
		}
	}
}

// anchorWriter signs anchors, many at once, and writes them in their order.
type anchorWriter struct {
	w       io.Writer
	key     Signer
	pending []*Anchor
	written int64
}

func (w *anchorWriter) add(a *Anchor) error {
	if a == nil {
		return nil
	}
	if w.pending = append(w.pending, a); len(w.pending) < 64*runtime.GOMAXPROCS(0) {
		return nil
	}
	return w.flush()
}

func (w *anchorWriter) flush() error {
	messages, errs := make([][]byte, len(w.pending)), make([]error, len(w.pending))
	each(len(w.pending), 0, func(i int) { messages[i], errs[i] = w.pending[i].Sign(w.key) })
	for i := range messages {
		if errs[i] != nil {
			return errs[i]
		}
		if _, err := w.w.Write(messages[i]); err != nil {
			return err
		}
		w.written++
	}
	w.pending = w.pending[:0]
	return nil
}

// each calls fn with 0 to n - 1 on so many goroutines, 0 for one a core.
func each(n, workers int, fn func(i int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	jobs := make(chan int, n)
	for i := range n {
		jobs <- i
	}
	close(jobs)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range jobs {
				fn(i)
			}
		})
	}
	wg.Wait()
}
