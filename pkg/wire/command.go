package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// Limits of what a command holds.
const (
	// MaxPayload is the greatest length of a MAVLink payload, in bytes.
	MaxPayload = 255
	// MaxMessageID is the greatest id of a MAVLink message.
	MaxMessageID = 1<<24 - 1
)

// Address is the system and component that a frame comes from or goes to.
type Address struct{ System, Component uint8 }

// String returns "system/component".
func (a Address) String() string { return fmt.Sprintf("%d/%d", a.System, a.Component) }

// SessionID names a session: the first bytes of its transcript's hash. The zero
// SessionID is none.
type SessionID [16]byte

// Origin names one signing of a log. The zero Origin is none.
type Origin [16]byte

// Command is what a statement of either kind says. Live ones have a Receiver, those
// made after capture an Origin; exactly one of the two is set.
type Command struct {
	Signer   Fingerprint
	Receiver Fingerprint // zero after capture
	Session  SessionID   // zero: none
	Nonce    uint64      // at least 1
	Source   Address     // of the frame
	Target   Address     // as the payload has it, 0 for what it has not
	ID       uint32      // of the MAVLink message, 24 bits
	Payload  []byte      // without trailing zeros

	Origin Origin // zero for live commands
	Record uint64 // index in the log as it was captured; 0 for live commands
	Time   int64  // of the record, µs since 1970 UTC; 0 for live commands
}

// Logged reports whether the command was signed after capture.
func (c *Command) Logged() bool { return c.Origin != Origin{} }

// Offsets within a statement, docs/wire-v2.md, "Commands".
const (
	atSigner   = headSize
	atReceiver = atSigner + 32
	atSession  = atReceiver + 32
	atNonce    = atSession + 16
	atSource   = atNonce + 8
	atTarget   = atSource + 2
	atID       = atTarget + 2
	atLive     = atID + 3 // where the length of a live command's payload is
	atOrigin   = atID + 3
	atRecord   = atOrigin + 16
	atTime     = atRecord + 8
	atLogged   = atTime + 8 // and of a logged one's
)

// check refuses what no statement can say.
func (c *Command) check() error {
	switch {
	case c.Signer == Fingerprint{}:
		return errors.New("no signer")
	case c.Nonce == 0:
		return errors.New("nonce 0")
	case c.ID > MaxMessageID:
		return fmt.Errorf("message id %d is above %d", c.ID, MaxMessageID)
	case len(c.Payload) > MaxPayload:
		return fmt.Errorf("payload of %d bytes", len(c.Payload))
	case len(c.Payload) > 0 && c.Payload[len(c.Payload)-1] == 0:
		return errors.New("payload with trailing zeros")
	case c.Logged() && (c.Receiver != Fingerprint{} || c.Session != SessionID{}):
		return errors.New("a logged command with a receiver or a session")
	case !c.Logged() && c.Receiver == Fingerprint{}:
		return errors.New("a live command without a receiver")
	case !c.Logged() && (c.Record != 0 || c.Time != 0):
		return errors.New("a live command with a record")
	}
	return nil
}

// AppendStatement appends the statement of the command to b, with no signature. It
// fails for a command that breaks the rules given at its fields.
func (c *Command) AppendStatement(b []byte) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	kind, fixed := byte(kindCommand), atLive
	if c.Logged() {
		kind, fixed = kindLogged, atLogged
	}
	b = append(b, version, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(fixed-headSize+1+len(c.Payload)))
	b = append(b, c.Signer[:]...)
	b = append(b, c.Receiver[:]...)
	b = append(b, c.Session[:]...)
	b = binary.LittleEndian.AppendUint64(b, c.Nonce)
	b = append(b, c.Source.System, c.Source.Component, c.Target.System, c.Target.Component, byte(c.ID), byte(c.ID>>8), byte(c.ID>>16))
	if c.Logged() {
		b = append(b, c.Origin[:]...)
		b = binary.LittleEndian.AppendUint64(b, c.Record)
		b = binary.LittleEndian.AppendUint64(b, uint64(c.Time))
	}
	b = append(b, byte(len(c.Payload)))
	return append(b, c.Payload...), nil
}

// Sign returns the message of the command: its statement and the signature over it,
// under the context of its kind. s must be the key that c.Signer names. Besides s's
// errors there is one for a command that breaks the rules given at its fields.
func (c *Command) Sign(s Signer) ([]byte, error) {
	message, err := c.AppendStatement(make([]byte, 0, atLogged+1+len(c.Payload)+SignatureSize))
	if err != nil {
		return nil, err
	}
	context := contextCommand
	if c.Logged() {
		context = contextLogged
	}
	signature, err := s.Sign(message, context)
	if err != nil {
		return nil, err
	}
	if len(signature) != SignatureSize {
		return nil, fmt.Errorf("a signature of %d bytes: commands are signed with %v", len(signature), pqsig.MLDSA87)
	}
	return append(message, signature...), nil
}

// ParseCommand reads a message without verifying it: what it returns is only claimed.
// The error is ErrMalformed. The payload is a view into message, which must not
// change while it is in use.
func ParseCommand(message []byte) (*Command, error) {
	kind, s, _, err := split(message)
	if err != nil {
		return nil, err
	}
	fixed := atLive
	switch kind {
	case kindCommand:
	case kindLogged:
		fixed = atLogged
	default:
		return nil, malformed("kind %d is no command", kind)
	}
	if len(s) <= fixed || len(s) != fixed+1+int(s[fixed]) {
		return nil, malformed("a command of %d bytes", len(s))
	}
	c := &Command{
		Signer: Fingerprint(s[atSigner:]), Receiver: Fingerprint(s[atReceiver:]), Session: SessionID(s[atSession:]),
		Nonce:  binary.LittleEndian.Uint64(s[atNonce:]),
		Source: Address{s[atSource], s[atSource+1]}, Target: Address{s[atTarget], s[atTarget+1]},
		ID:      uint32(s[atID]) | uint32(s[atID+1])<<8 | uint32(s[atID+2])<<16,
		Payload: s[fixed+1:],
	}
	if kind == kindLogged {
		if c.Origin = Origin(s[atOrigin:]); c.Origin == (Origin{}) {
			return nil, malformed("a logged command without an origin")
		}
		c.Record, c.Time = binary.LittleEndian.Uint64(s[atRecord:]), int64(binary.LittleEndian.Uint64(s[atTime:]))
	}
	if err := c.check(); err != nil {
		return nil, malformed("%v", err)
	}
	return c, nil
}

// ErrContradiction means that a command names another target than its payload. An
// honest signer makes none.
var ErrContradiction = errors.New("the target differs from the one in the payload")

// verify checks the signature of the message that c was parsed from, and what c says
// about its payload. The error is pqsig.ErrBadSignature or ErrContradiction.
func (c *Command) verify(message []byte, key *pqsig.PublicKey) error {
	context := contextCommand
	if c.Logged() {
		context = contextLogged
	}
	statement, signature := message[:len(message)-SignatureSize], message[len(message)-SignatureSize:]
	if err := key.Verify(statement, context, signature); err != nil {
		return err
	}
	return c.checkTarget()
}

// checkTarget compares the target with the payload's. Of messages that are not known
// here only the signer can say what their target is.
func (c *Command) checkTarget() error {
	if target, known := TargetOf(c.ID, c.Payload); known && target != c.Target {
		return ErrContradiction
	}
	return nil
}

// VerifyCommand parses a message of the kind of its statement, live or logged, and
// verifies it with key, which must be the one that the statement names. Callers decide
// by Logged, Receiver, Session, Nonce and Target what the command is worth. The error
// is ErrMalformed, ErrContradiction, ErrUnknownSigner or pqsig.ErrBadSignature.
func VerifyCommand(message []byte, keys KeyFunc) (*Command, error) {
	c, err := ParseCommand(message)
	if err != nil {
		return nil, err
	}
	key := keys(c.Signer)
	if key == nil {
		return nil, ErrUnknownSigner
	}
	if err := c.verify(message, key); err != nil {
		return nil, err
	}
	return c, nil
}

// ErrUnknownSigner means that none of the keys that count is the one a statement names.
var ErrUnknownSigner = errors.New("signed by a key that was not given")

// CommandOf returns the command that a frame is: its source, message and payload, and
// the target in it. The payload is a view into the frame. What makes it a statement,
// from the signer to the nonce, is left to the caller.
func CommandOf(f tlog.Frame) Command {
	p := trim(f.Payload())
	target, _ := TargetOf(f.ID(), p)
	return Command{Source: Address{f.System(), f.Component()}, Target: target, ID: f.ID(), Payload: p}
}

// trim cuts off trailing zeros.
func trim(p []byte) []byte {
	for len(p) > 0 && p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	return p
}

// StateChanging reports whether a frame changes the state of a vehicle, see
// [mav.StateChanging].
func StateChanging(f tlog.Frame) bool { return mav.StateChanging(f.ID(), f.Payload()) }
