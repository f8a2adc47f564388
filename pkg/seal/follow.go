package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"cqkit/pkg/tlog"
)

// Following says how to seal a log while it grows. Options.EveryRecords counts as in
// [Sign]; Options.EverySpan is not used.
type Following struct {
	Options

	// Every, if positive, is how long, by the wall clock, records stay without a note.
	Every time.Duration

	// Append is given each piece of the seal as it is made, to be put behind those before and
	// made durable: notes, and the tiles at the end. final is set with the final note and what
	// follows. It is required, and an error of it ends the following.
	Append func(piece []byte, final bool) error

	// Emit, if set, is given each MAVLink frame that carries the seal, without its time, for the
	// link: only with Embed. It must not wait; the frame is valid during the call.
	Emit func(frame []byte)

	// Earlier is the seal of an earlier following that did not come to its end, to be gone on
	// with, and Log the log it is about; see [Resume].
	Earlier *Resumed
}

// Follow seals a log while it is written. It reads r, which waits where the log has not
// grown yet, until io.EOF, and then makes the final note. If it returns an error, the pieces
// appended are an open seal, if there is one at all. What the scanner has not decided yet,
// usually the last ten records or so, waits for what comes next. When a seal of 64 MiB, or
// 65,536 notes, is nearly full, only the final note is still made.
func Follow(r io.Reader, seeds *tlog.Seeds, key SigningKey, o Following) (*Summary, error) {
	o.EverySpan = 0
	s, err := newSigner(key, o.Options)
	if err != nil {
		return nil, err
	}
	if o.Earlier != nil {
		if err := s.resume(o.Earlier); err != nil {
			return nil, err
		}
	}
	defer s.tree.close()
	s.appended, s.emit = o.Append, o.Emit
	var mu sync.Mutex
	stop := s.everySoOften(&mu, o.Every)
	counted := &counter{r: r}
	err = s.all(counted, seeds, &mu)
	if late := stop(); err == nil {
		err = late
	}
	if err == nil {
		err = s.finish(s.from + counted.n)
	}
	if err != nil {
		return nil, err
	}
	if err := s.handOver(true); err != nil {
		return nil, err
	}
	return &s.sum, nil
}

// everySoOften makes notes in a goroutine of its own. stop ends that and returns why a note
// could not be made.
func (s *signer) everySoOften(mu sync.Locker, every time.Duration) (stop func() error) {
	if every <= 0 {
		return func() error { return nil }
	}
	ended, done := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				done <- nil
				return
			case <-tick.C:
			}
			mu.Lock()
			var err error
			if s.afterRecord && s.sum.Records > s.noteRecords && s.roomForMore() {
				err = s.note(false)
			}
			mu.Unlock()
			if err != nil {
				done <- err
				return
			}
		}
	}()
	return func() error {
		close(ended)
		return <-done
	}
}

// lastNoteRoom is kept free in a seal that grows, for its final note and the tiles.
const lastNoteRoom = 4 << 20

// roomForMore reports whether a note can be made and the final one still has room. Who
// follows a log for days goes without further notes rather than without an end.
func (s *signer) roomForMore() bool {
	return s.appended == nil || len(s.out) < MaxSealBytes-lastNoteRoom && s.sum.Notes < maxNotes-1
}

// handOver gives what was made since the last call to the caller's function.
func (s *signer) handOver(final bool) error {
	if s.appended == nil || len(s.out) == s.handed {
		return nil
	}
	piece := s.out[s.handed:]
	s.handed = len(s.out)
	return s.appended(piece, final)
}

// Resumed is a seal that did not come to its end, and the log as far as it goes.
type Resumed struct {
	log    Log
	parsed *Parsed
	text   []byte
}

// Resume checks that a log fits a seal of an earlier following, so that [Follow] can go on with
// it: whole notes by the same key, none of them final, that the log fits. keep is how many bytes
// of the seal stay; the rest, of a note that was torn, is to be cut off. Follow must then be
// given what stands in the log from offset at on. The error is [ErrNotSealed] if the log does not fit.
func Resume(seal []byte, log Log, key SigningKey, workers int) (r *Resumed, keep int, at int64, err error) {
	p, err := Parse(seal)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("the seal is malformed: %w", err)
	}
	last := p.Last()
	if last.Final {
		return nil, 0, 0, ErrFinal
	}
	if last.Key != key.Fingerprint {
		return nil, 0, 0, errors.New("the seal is by another key")
	}
	public := Key{Public: key.Private.Public(), Fingerprint: key.Fingerprint}
	var text []byte
	for i, n := range p.Notes {
		if err := n.verify(public); err != nil {
			return nil, 0, 0, fmt.Errorf("note %d: the signature does not hold", i+1)
		}
		if i > 0 {
			text = append(text, '\n')
		}
		text = append(text, n.encode()...)
	}
	_, err = walk(log, nil, p.Notes, max(workers, 1))
	if err == errDiffers || err == errSpan {
		return nil, 0, 0, ErrNotSealed
	}
	if err != nil {
		return nil, 0, 0, err
	}
	return &Resumed{log, p, text}, len(text), last.Bytes, nil
}

// ErrFinal means that a seal has a final note: nothing can follow it.
var ErrFinal = errors.New("the seal has come to its end")

// resume makes the signer what it was behind the last note of a seal.
func (s *signer) resume(from *Resumed) error {
	last := from.parsed.Last()
	w := newWalkerOn(from.log, s.tree)
	_, err := w.all(from.parsed.Notes)
	w.giveBack()
	if err != nil {
		return err
	}
	s.id, s.from, s.out, s.handed = last.ID, last.Bytes, bytes.Clone(from.text), len(from.text)
	for _, n := range from.parsed.Notes {
		s.sum.Gaps += uint64(len(n.Gaps))
		for _, g := range n.Gaps {
			s.sum.GapBytes += g.Bytes
		}
	}
	s.sum.Notes, s.sum.Bytes, s.sum.Records = len(from.parsed.Notes), last.Bytes, last.Leaves-s.sum.Gaps
	s.sum.HasSpan, s.sum.First, s.sum.Last = last.HasSpan, last.First, last.Last
	s.sum.Origin, s.sum.SigningSecrets = last.Origin(), w.secrets
	digest := last.Digest()
	s.last, s.prev, s.noteRecords, s.noteTime = last, &digest, s.sum.Records, last.Last
	s.o.Nonces.Raise(last.Nonce)
	if s.o.Signer = last.Signer; s.o.Embed != nil {
		return errors.New("a seal inside its log cannot be gone on with")
	}
	return nil
}
