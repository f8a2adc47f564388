package wire

import (
	"errors"
	"slices"
	"sync"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/nonce"
	"cqkit/pkg/tlog"
)

// Why a receiver refuses a command, besides ErrMalformed, ErrUnknownSigner, ErrContradiction and
// pqsig.ErrBadSignature. Nothing of a refused command counts.
var (
	// ErrNotLive means that a command was signed after capture.
	ErrNotLive = errors.New("signed after capture: no receiver obeys it")
	// ErrForeign means that a command is for another receiver, session or target.
	ErrForeign = errors.New("the command is for somebody else")
	// ErrReplayed means that a nonce is not above the last accepted, or was accepted
	// before.
	ErrReplayed = errors.New("the command was accepted before, or a later one was")
)

// ReceiverOptions say what a receiver obeys.
type ReceiverOptions struct {
	Self       Fingerprint // of the receiver's key
	System     uint8       // what it is in MAVLink
	Components []uint8     // likewise; none means any
	Keys       KeyFunc     // whose commands it obeys

	// Session is the session it is in. The zero SessionID does without one, for which
	// Floor is needed.
	Session SessionID
	// Floor accepts a nonce of a signer, at most once, across restarts, as a
	// nonce.DurableTracker does. It is called last, for each command that is about to be
	// obeyed. Nil is for sessions, where memory is enough.
	Floor func(signer Fingerprint, nonce uint64) (bool, error)
	// Late accepts commands that were overtaken, as nonce.Window does, and not only those
	// above the last one. It is for senders that count 1, 2, 3.
	Late bool

	// Limits bound what is held of messages begun.
	Limits chunk.Limits
}

// Receiver decides which commands to obey; docs/wire-v2.md, "Receiving commands, live".
type Receiver struct {
	o         ReceiverOptions
	assembler *chunk.Assembler

	mu     sync.Mutex
	nonces map[Fingerprint]*nonceState
}

// nonceState is what was accepted of a signer.
type nonceState struct {
	last nonce.Tracker
	late nonce.Window
}

// NewReceiver returns a receiver that has accepted nothing. It fails for options that
// would leave it open to replays.
func NewReceiver(o ReceiverOptions) (*Receiver, error) {
	switch none := o.Session == (SessionID{}); {
	case o.Self == (Fingerprint{}) || o.Keys == nil:
		return nil, errors.New("a receiver needs a key of its own, and keys to obey")
	case none && o.Floor == nil:
		return nil, errors.New("without a session a receiver needs a floor that outlives it")
	case none && o.Late:
		return nil, errors.New("late commands are for sessions")
	}
	return &Receiver{o: o, assembler: chunk.NewAssembler(o.Limits), nonces: map[Fingerprint]*nonceState{}}, nil
}

// Add takes a frame from the link, whose checksum holds, at now, by a clock that goes on.
// It returns the command that the frame completes, if it is to be obeyed, and the reason
// if it is not; neither for every other frame. What is to be obeyed is the returned
// command: the frame beside it may be another one. Add must not be called
// concurrently.
func (r *Receiver) Add(f tlog.Frame, now time.Duration) (*Command, error) {
	if f.ID() != chunk.MessageID || f.Version() != 2 {
		return nil, nil
	}
	c, err := chunk.Parse(f.Payload())
	if err != nil || c.Type != chunk.Command {
		return nil, nil
	}
	messages, err := r.assembler.Add(chunk.Source{System: f.System(), Component: f.Component()}, c, now, 0)
	if err != nil || len(messages) == 0 {
		return nil, nil
	}
	if messages[0].Repeat { // judged before
		return nil, ErrReplayed
	}
	return r.Open(messages[0].Bytes)
}

// Open decides on a whole message. The signature comes last, so that what is refused
// for another reason costs next to nothing. It is safe for concurrent use.
func (r *Receiver) Open(message []byte) (*Command, error) {
	c, err := ParseCommand(message)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Logged():
		return nil, ErrNotLive
	case c.Receiver != r.o.Self || c.Session != r.o.Session || !r.meant(c.Target):
		return nil, ErrForeign
	}
	key := r.o.Keys(c.Signer)
	if key == nil {
		return nil, ErrUnknownSigner
	}
	if err := c.checkTarget(); err != nil {
		return nil, err
	}
	state := r.state(c.Signer)
	if r.o.Late && !state.late.Fresh(c.Nonce) || !r.o.Late && c.Nonce <= state.last.Last() {
		return nil, ErrReplayed
	}
	if err := c.verify(message, key); err != nil {
		return nil, err
	}
	if r.o.Late && !state.late.Accept(c.Nonce) || !r.o.Late && !state.last.Accept(c.Nonce) {
		return nil, ErrReplayed
	}
	if r.o.Floor != nil {
		ok, err := r.o.Floor(c.Signer, c.Nonce)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, ErrReplayed
		}
	}
	return c, nil
}

// meant reports whether a target is this receiver.
func (r *Receiver) meant(target Address) bool {
	return (target.System == 0 || target.System == r.o.System) &&
		(target.Component == 0 || len(r.o.Components) == 0 || slices.Contains(r.o.Components, target.Component))
}

// state returns what was accepted of a signer, whose key is one of those that count.
func (r *Receiver) state(f Fingerprint) *nonceState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.nonces[f]
	if s == nil {
		s = new(nonceState)
		r.nonces[f] = s
	}
	return s
}
