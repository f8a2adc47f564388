package seal

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"cqkit/pkg/chunk"
	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
)

// Log is a presented log: bytes that can be read more than once.
type Log struct {
	io.ReaderAt
	Size int64
}

// errDiffers means the log is not what the notes say. Nothing else is claimed.
var errDiffers = errors.New("the log differs from the sealed one")

// errShrunk means that a log ended before the size it had when it was opened.
var errShrunk = fmt.Errorf("reading the log: it became shorter while it was read: %w", io.ErrUnexpectedEOF)

// errChanged means that a log is not what it was when it was read before.
var errChanged = errors.New("reading the log: it changed while it was read")

// errSpan means that the log fits the tree but not the times the note states.
var errSpan = errors.New("the seal states other times than the records it covers have")

// walked is what a walk through a log found out.
type walked struct {
	holds   int    // notes that hold
	secrets uint64 // SETUP_SIGNING frames met
	chunks  bool   // chunk frames, which may carry notes, were met
}

// walk recomputes the tree of the log as far as the notes go, cutting it as they say,
// and compares each note's root. It returns how many notes hold and, unless all do,
// errDiffers; any other error is a failed read. places are where carriers were taken
// out: a segment that goes on there differs from what was sealed.
func walk(log Log, places []int64, notes []*Note, workers int) (found walked, err error) {
	w := newWalker(log, workers, nil)
	defer w.close()
	w.places = places
	found.holds, err = w.all(notes)
	found.secrets, found.chunks = w.secrets, w.chunks
	return found, err
}

// newWalker returns a walker at the beginning of log. sink is as in newTree.
func newWalker(log Log, workers int, sink func([]byte) error) *walker {
	return newWalkerOn(log, newTree(workers, sink))
}

// newWalkerOn returns a walker that adds to a tree.
func newWalkerOn(log Log, t *tree) *walker {
	lent := buffers.Get().(*[bufferSize]byte)
	return &walker{
		r:    io.NewSectionReader(log, 0, log.Size),
		size: log.Size,
		lent: lent,
		buf:  lent[:0],
		tree: t,
	}
}

// close gives back what the walker works with. It must be called once.
func (w *walker) close() {
	w.tree.close()
	w.giveBack()
}

// giveBack gives back the buffer only.
func (w *walker) giveBack() {
	buffers.Put(w.lent)
	w.lent, w.buf = nil, nil
}

// buffers keeps what files are read into: most logs are small, and a new buffer for
// each would have to be cleared first and collected afterwards.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// bufferSize is as much of a log as is read at a time.
const bufferSize = 1 << 20

// all walks through all notes and returns how many hold.
func (w *walker) all(notes []*Note) (int, error) {
	for i, n := range notes {
		if err := w.to(n); err != nil {
			return i, err
		}
		leaves, root, err := w.tree.root()
		if err != nil {
			return i, err
		}
		if leaves != n.Leaves || root != n.Root {
			return i, errDiffers
		}
		if n.HasSpan && (n.First != spanTime(w.first) || n.Last != spanTime(w.last)) {
			return i, errSpan
		}
	}
	return len(notes), nil
}

type walker struct {
	r       io.Reader
	size    int64 // of the log
	lent    *[bufferSize]byte
	buf     []byte // of lent
	pos     int
	base    int64 // offset of buf[0]
	eof     bool
	tree    *tree
	secrets uint64
	chunks  bool
	places  []int64 // where a segment must end, in ascending order

	timed       bool
	first, last int64 // times of the first and last record so far

	mark func(offset int64) // told where every 256th leaf begins, if set
}

func (w *walker) offset() int64 { return w.base + int64(w.pos) }

// to walks to the end of a note.
func (w *walker) to(n *Note) error {
	for _, g := range n.Gaps {
		if err := w.recordsTo(g.Offset); err != nil {
			return err
		}
		if w.tree.count != g.Leaf || w.placeBefore(g.Offset+g.Bytes) {
			return errDiffers
		}
		if err := w.gap(g.Bytes); err != nil {
			return err
		}
	}
	return w.recordsTo(n.Bytes)
}

// recordsTo walks over records up to the offset end, where one must end, as one must
// at each place before.
func (w *walker) recordsTo(end int64) error {
	for w.placeBefore(end) {
		if err := w.records(w.places[0]); err != nil {
			return err
		}
	}
	return w.records(end)
}

// placeBefore reports whether there is a place behind the walker and before end. It
// forgets those it has passed.
func (w *walker) placeBefore(end int64) bool {
	for len(w.places) > 0 && w.places[0] <= w.offset() {
		w.places = w.places[1:]
	}
	return len(w.places) > 0 && w.places[0] < end
}

// records walks over records up to the offset end, where one must end.
func (w *walker) records(end int64) error {
	for w.offset() < end {
		if len(w.buf)-w.pos < maxRecord && !w.eof {
			if err := w.fill(); err != nil {
				return err
			}
		}
		// All whole records in the buffer, without asking for more in between.
		stop := len(w.buf)
		if room := end - w.base; room < int64(stop) {
			stop = int(room)
		}
		for w.pos < stop {
			rest := w.buf[w.pos:stop]
			n := tlog.RecordLen(rest)
			if n == 0 {
				if len(rest) < maxRecord && stop == len(w.buf) && !w.eof {
					break
				}
				return errDiffers
			}
			switch tlog.Frame(rest[tlog.TimeSize:]).ID() {
			case idSetupSigning:
				w.secrets++
			case chunk.MessageID:
				w.chunks = true
			}
			if w.last = tlog.Time(rest); !w.timed {
				w.timed, w.first = true, w.last
			}
			w.leaf()
			w.tree.add(rest[:n])
			w.pos += n
		}
		if w.pos == len(w.buf) && w.eof && w.offset() < end {
			return errDiffers
		}
	}
	return nil
}

// gap walks over a gap of size bytes.
func (w *walker) gap(size int64) error {
	w.leaf()
	var hash merkle.LeafWriter
	for size > 0 {
		if w.pos == len(w.buf) {
			if w.eof {
				return errDiffers
			}
			if err := w.fill(); err != nil {
				return err
			}
			continue
		}
		n := int(min(size, int64(len(w.buf)-w.pos)))
		hash.Write(w.buf[w.pos : w.pos+n])
		w.pos += n
		size -= int64(n)
	}
	w.tree.addHash(hash.Sum())
	return nil
}

func (w *walker) leaf() {
	if w.mark != nil && w.tree.count%tileLeaves == 0 {
		w.mark(w.offset())
	}
}

// fill reads more, keeping what is not walked over.
func (w *walker) fill() error {
	n := copy(w.buf[:cap(w.buf)], w.buf[w.pos:])
	w.base += int64(w.pos)
	w.pos = 0
	m, err := io.ReadFull(w.r, w.buf[n:cap(w.buf)])
	w.buf = w.buf[:n+m]
	switch err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		if w.base+int64(len(w.buf)) < w.size {
			return errShrunk
		}
		w.eof = true
	default:
		return fmt.Errorf("reading the log: %w", err)
	}
	return nil
}
