package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// MaxStateSize is the greatest length of a session's state file, in bytes.
const MaxStateSize = 32 << 10

// ErrState is the reason of every state file that is not spelled as
// docs/wire-v2-session.md says.
var ErrState = errors.New("malformed session state")

// The first line of a state file, and the steps.
const (
	stateVersion = "cqkit session state v2"

	stepOffered   = "offered"
	stepAnswered  = "answered"
	stepConfirmed = "confirmed"
	stepOpen      = "open"
)

// State is an end of a session between two steps: an [*Offering], a [*Confirming], an
// [*Answering] or a [*Session].
type State interface {
	// AppendState appends a state file to b, from which [ParseState] makes the same end
	// again. It is secret: it holds the session's keys, or the key to them.
	AppendState(b []byte) ([]byte, error)
	// Wipe overwrites the end's keys as far as that can be done. It must not be used
	// afterwards.
	Wipe()
}

// AppendState implements [State]. It fails with [ErrUsed] once the offer is used.
func (o *Offering) AppendState(b []byte) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.key == nil {
		return nil, ErrUsed
	}
	seed := o.key.Seed()
	defer clear(seed)
	w := newStateWriter(b, stepOffered)
	w.bytes("offer", o.offer.message)
	w.bytes("peer", o.ground.Bytes())
	w.bytes("seed", seed)
	return w.end(), nil
}

// AppendState implements [State]. It fails with [ErrWiped].
func (c *Confirming) AppendState(b []byte) ([]byte, error) { return c.keys.append(b, stepConfirmed) }

// AppendState implements [State]. The answer's message is not kept. It fails with
// [ErrWiped].
func (a *Answering) AppendState(b []byte) ([]byte, error) { return a.keys.append(b, stepAnswered) }

// AppendState implements [State]. The counters of packets sent, and which were
// received, are not kept: whoever goes on with a session keeps them elsewhere, with
// [PacketSender.Raise] for the one and a [nonce.DurableTracker] for the other. It fails with
// [ErrWiped].
func (s *Session) AppendState(b []byte) ([]byte, error) {
	return s.keys.append(b, stepOpen)
}

func (k *schedule) append(b []byte, step string) ([]byte, error) {
	if k.wiped.Load() {
		return nil, ErrWiped
	}
	w := newStateWriter(b, step)
	w.line("role", k.role.String())
	w.line("suite", fmt.Sprint(uint8(k.suite)))
	w.bytes("vehicle", k.vehicle[:])
	w.bytes("ground", k.ground[:])
	w.bytes("transcript", k.transcript[:])
	w.bytes("main", k.main[:])
	return w.end(), nil
}

// stateWriter appends a state file.
type stateWriter struct {
	b     []byte
	start int
}

func newStateWriter(b []byte, step string) *stateWriter {
	w := &stateWriter{b: b, start: len(b)}
	w.b = append(w.b, stateVersion+"\n"...)
	w.line("step", step)
	return w
}

func (w *stateWriter) line(name, value string) { w.b = append(w.b, name+" "+value+"\n"...) }

func (w *stateWriter) bytes(name string, value []byte) {
	w.b = append(w.b, name+" "...)
	w.b = base64.StdEncoding.AppendEncode(w.b, value)
	w.b = append(w.b, '\n')
}

func (w *stateWriter) end() []byte {
	sum := sha256.Sum256(w.b[w.start:])
	w.bytes("sum", sum[:])
	return w.b
}

// ParseState reads a state file and returns the end it holds. A [*Session] that was read
// counts from 1 and has received nothing; see [Session.AppendState]. The error is [ErrState].
func ParseState(data []byte) (State, error) {
	s, err := parseState(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return s, nil
}

func parseState(data []byte) (State, error) {
	r := stateReader{rest: data}
	if len(data) > MaxStateSize {
		return nil, fmt.Errorf("more than %d bytes", MaxStateSize)
	}
	if line, err := r.next(); err != nil || line != stateVersion {
		return nil, fmt.Errorf("not %q", stateVersion)
	}
	step := r.line("step")
	var read func() (State, error)
	switch step {
	case stepOffered:
		read = r.offered()
	case stepAnswered, stepConfirmed, stepOpen:
		read = r.scheduled(step)
	default:
		return nil, fmt.Errorf("step %.20q", step)
	}
	sum := sha256.Sum256(data[:len(data)-len(r.rest)])
	if got := r.bytes("sum", len(sum)); r.err == nil && !equal(got, sum[:]) {
		return nil, errors.New("sum does not fit: the file was damaged")
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case len(r.rest) > 0:
		return nil, errors.New("it goes on after its sum")
	}
	return read()
}

// stateReader takes the lines of a state file apart. After an error it stands still.
type stateReader struct {
	rest []byte
	err  error
}

func (r *stateReader) next() (string, error) {
	line, rest, found := bytes.Cut(r.rest, []byte("\n"))
	if !found {
		return "", io.ErrUnexpectedEOF
	}
	r.rest = rest
	return string(line), nil
}

// line returns the value of the line with the given name, which must come next.
func (r *stateReader) line(name string) string {
	if r.err != nil {
		return ""
	}
	line, err := r.next()
	value, found := strings.CutPrefix(line, name+" ")
	if err != nil || !found {
		r.err = fmt.Errorf("no line %q where one should be", name)
	}
	return value
}

// bytes returns a value in base64; with size, one of that many bytes.
func (r *stateReader) bytes(name string, size int) []byte {
	text := r.line(name)
	if r.err != nil {
		return nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || size > 0 && len(b) != size || base64.StdEncoding.EncodeToString(b) != text {
		r.err = fmt.Errorf("%s is not base64 of the right length", name)
		return nil
	}
	return b
}

func (r *stateReader) offered() func() (State, error) {
	message, peer, seed := r.bytes("offer", 0), r.bytes("peer", pqsig.MLDSA87PublicKeySize), r.bytes("seed", 0)
	return func() (State, error) {
		defer clear(seed)
		offer, err := ParseSessionOffer(message)
		if err != nil {
			return nil, err
		}
		ground, err := pqsig.ParsePublicKey(pqsig.MLDSA87, peer)
		if err != nil {
			return nil, err
		}
		key, err := pqkem.NewPrivateKey(offer.Suite.algorithm(), seed)
		switch {
		case err != nil:
			return nil, err
		case !key.Public().Equal(offer.key):
			return nil, errors.New("the seed is not that of the offer's key")
		case FingerprintOf(ground) != offer.Ground:
			return nil, errors.New("the offer is not for this key")
		}
		return &Offering{offer: offer, ground: ground, key: key}, nil
	}
}

func (r *stateReader) scheduled(step string) func() (State, error) {
	k := new(schedule)
	role, suite := r.line("role"), r.line("suite")
	copy(k.vehicle[:], r.bytes("vehicle", len(k.vehicle)))
	copy(k.ground[:], r.bytes("ground", len(k.ground)))
	copy(k.transcript[:], r.bytes("transcript", len(k.transcript)))
	main := r.bytes("main", keySize)
	copy(k.main[:], main)
	clear(main)
	return func() (State, error) {
		switch role {
		case Vehicle.String():
			k.role = Vehicle
		case GroundStation.String():
			k.role = GroundStation
		default:
			return nil, fmt.Errorf("role %.20q", role)
		}
		switch suite {
		case "1":
			k.suite = MLKEM1024
		case "2":
			k.suite = X25519MLKEM1024
		default:
			return nil, fmt.Errorf("suite %.20q", suite)
		}
		if (k.vehicle == Fingerprint{}) || (k.ground == Fingerprint{}) || k.vehicle == k.ground {
			return nil, errors.New("not two keys")
		}
		switch {
		case step == stepOpen:
			return newSession(k), nil
		case step == stepConfirmed && k.role == Vehicle:
			return &Confirming{unconfirmed{keys: k}}, nil
		case step == stepAnswered && k.role == GroundStation:
			return &Answering{unconfirmed: unconfirmed{keys: k}}, nil
		}
		return nil, fmt.Errorf("step %q of a %v", step, k.role)
	}
}

// Wipe implements [State]. It ends the session, too, if there is one.
func (u *unconfirmed) Wipe() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.session != nil {
		u.session.Wipe()
	}
	u.keys.wipe()
}
