package nonce

import (
	"context"
	"math"
	"sync"
)

// DurableSource gives out numbers that rise across restarts, whatever the clock says
// and whenever the process dies: before it gives out a number, a [File] says that
// this and some more are taken. A process that is killed loses what it had reserved;
// nobody gets those numbers again. Several processes may share a file and an [ID]: each
// reserves numbers of its own, which rise in each process and are distinct over all.
// A DurableSource is safe for concurrent use. Make one with [NewDurableSource].
type DurableSource struct {
	file  *File
	id    ID
	ahead uint64

	mu sync.Mutex
	// last was given out; what is above it up to limit is reserved.
	last, limit uint64
}

// NewDurableSource returns a source that remembers in f, under id, what it has
// reserved, ahead numbers at a time; 0 means 1, a write for each. The cost of a write,
// which syncs a file and its folder, falls on one call of Next in ahead, and a restart
// skips at most that many numbers. Nothing is read or written until the first Next.
func NewDurableSource(f *File, id ID, ahead uint64) *DurableSource {
	return &DurableSource{file: f, id: id, ahead: max(ahead, 1)}
}

// Next returns a number that no source of this file and ID has given out, greater
// than all that this one has. Where it has to reserve, it waits for the file's turn
// until ctx ends. Errors are those of [File.Update], after which Next may be called
// again, and [ErrExhausted] when 2^64-1 is reserved and given out, or lost.
func (s *DurableSource) Next(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == s.limit {
		var from, to uint64
		err := s.file.Update(ctx, func(state *State) error {
			m, _ := state.Get(s.id)
			from = max(m.Nonce, s.last) // someone may have removed the file
			if from == math.MaxUint64 {
				return ErrExhausted
			}
			to = from + min(s.ahead, math.MaxUint64-from)
			m.Nonce = to
			_, err := state.Offer(s.id, m)
			return err
		})
		if err != nil {
			return 0, err
		}
		s.last, s.limit = from, to
	}
	s.last++
	return s.last, nil
}

// DurableTracker is a [Tracker] that outlives its process: before it accepts a
// number, a [File] says so. Several processes may share a file and an [ID]; a number
// is then accepted by at most one of them. It is safe for concurrent use. Make one with
// [NewDurableTracker].
type DurableTracker struct {
	file  *File
	id    ID
	ahead uint64

	mu sync.Mutex
	// last was accepted; what is above it up to limit may be, without a write.
	last, limit uint64
}

// NewDurableTracker returns a tracker that remembers in f, under id, what it has
// accepted. With ahead = 0 every accepted number is written, and a restart forgets
// nothing and refuses nothing in vain. With more, accepting n writes n+ahead, and only
// a number above that is the next write; a restarted process, and every other
// process, refuses up to n+ahead. For numbers that follow a clock of nanoseconds, an
// ahead of 1e9 is one write a second at most, and a restart makes the tracker deaf to what was
// sent less than a second after the last write.
func NewDurableTracker(f *File, id ID, ahead uint64) *DurableTracker {
	return &DurableTracker{file: f, id: id, ahead: ahead}
}

// Accept reports whether n is greater than every number accepted before, in this
// process or an earlier one, and if so remembers it. When it returns true, that n was
// taken is on the disk. Offer only what has been authenticated; see [Tracker.Accept].
// The error is that of [File.Update]; n is then not accepted, and may be refused from then
// on.
func (t *DurableTracker) Accept(ctx context.Context, n uint64) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case n <= t.last:
		return false, nil
	case n <= t.limit:
		t.last = n
		return true, nil
	}
	limit := uint64(0) // stays if n is taken
	err := t.file.Update(ctx, func(state *State) error {
		m, _ := state.Get(t.id)
		if n <= m.Nonce {
			return nil // by another process, or an earlier one
		}
		limit = n + min(t.ahead, math.MaxUint64-n)
		m.Nonce = limit
		_, err := state.Offer(t.id, m)
		return err
	})
	if err != nil || limit == 0 {
		return false, err
	}
	t.last, t.limit = n, limit
	return true, nil
}
