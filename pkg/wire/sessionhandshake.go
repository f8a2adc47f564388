package wire

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// Why a message of a handshake is refused, besides [ErrMalformed] and
// [pqsig.ErrBadSignature]. The handshake is as it was: the genuine message can still come.
var (
	// ErrParty: the message is not of, or not for, the key it should be.
	ErrParty = errors.New("not between these keys")
	// ErrOffer: the answer is one to another offer.
	ErrOffer = errors.New("not an answer to this offer")
	// ErrConfirmation: the confirmation is not the other end's, of this session.
	ErrConfirmation = errors.New("not the other end's confirmation of this session")
	// ErrUsed: the offer has been answered, or given up. Its key is gone.
	ErrUsed = errors.New("the offer has been used")
)

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// schedule is what a session's keys are made of, and whose they are.
type schedule struct {
	role            Role // whose memory this is
	suite           Suite
	vehicle, ground Fingerprint
	transcript      transcript
	main            [keySize]byte
	wiped           atomic.Bool // main is all zeros, and known to everybody
}

func (k *schedule) wipe() {
	k.wiped.Store(true)
	clear(k.main[:])
}

// Offering is a vehicle's offer that is out and waits for its answer. It is safe for
// concurrent use.
type Offering struct {
	offer  *SessionOffer
	ground *pqsig.PublicKey

	mu  sync.Mutex
	key *pqkem.PrivateKey // nil when it has been used
}

// OfferSession makes an offer by the vehicle whose key signs and has the given fingerprint, to the
// ground station with the given key: a fresh key pair and a signature. The offer is good for
// one answer.
func OfferSession(signer Signer, vehicle Fingerprint, ground *pqsig.PublicKey, suite Suite) (*Offering, error) {
	if !suite.Valid() {
		return nil, fmt.Errorf("offering a session: %v", suite)
	}
	key, err := pqkem.Generate(suite.algorithm())
	if err != nil {
		return nil, fmt.Errorf("offering a session: %w", err)
	}
	offer := &SessionOffer{Vehicle: vehicle, Ground: FingerprintOf(ground), Suite: suite, key: key.Public()}
	if err := offer.sign(signer); err != nil {
		key.Wipe()
		return nil, fmt.Errorf("offering a session: %w", err)
	}
	return &Offering{offer: offer, ground: ground, key: key}, nil
}

// Message returns the offer's message, to be sent, and again if need be. It must not be
// changed.
func (o *Offering) Message() []byte { return o.offer.message }

// Accept takes the ground station's answer. The first that is genuine uses the offer up: its
// key is erased, and every later call fails with [ErrUsed]. An answer that is refused
// leaves the offer open; the error is then [ErrMalformed], [ErrOffer] or
// [pqsig.ErrBadSignature]. Accept does not retain message.
func (o *Offering) Accept(message []byte) (*Confirming, error) {
	a, err := ParseSessionAnswer(message)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.key == nil {
		return nil, ErrUsed
	}
	if !a.fits(o.offer) {
		return nil, ErrOffer
	}
	if err := verifyMessage(o.ground, message, contextAnswer); err != nil { // the offer names this key
		return nil, err
	}
	secret, err := o.key.Decapsulate(a.ciphertext)
	if errors.Is(err, pqkem.ErrRefused) {
		return nil, malformed("ciphertext: %v", err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the answer: %w", err)
	}
	o.wipe()
	defer clear(secret)
	return &Confirming{unconfirmed{keys: newSchedule(Vehicle, o.offer, a, secret)}}, nil
}

// Wipe gives the offer up and erases its key, as far as that can be done; see
// [pqkem.PrivateKey.Wipe].
func (o *Offering) Wipe() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wipe()
}

func (o *Offering) wipe() {
	if o.key != nil {
		o.key.Wipe()
		o.key = nil
	}
}

func newSchedule(role Role, o *SessionOffer, a *SessionAnswer, secret []byte) *schedule {
	k := &schedule{role: role, suite: o.Suite, vehicle: o.Vehicle, ground: o.Ground, transcript: transcriptOf(o.digest, a.digest)}
	k.main = extract(secret, &k.transcript)
	return k
}

// unconfirmed is an end that has the session's keys and waits for the other's
// confirmation.
type unconfirmed struct {
	keys *schedule

	mu      sync.Mutex
	session *Session
}

// ID returns the session's id.
func (u *unconfirmed) ID() SessionID { return u.keys.transcript.id() }

// accept opens the session. There is one session however often the confirmation comes:
// two of the same keys would count from 1 twice.
func (u *unconfirmed) accept(message []byte) (*Session, error) {
	if err := u.keys.confirmedBy(u.keys.role.Other(), message); err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.session == nil {
		u.session = newSession(u.keys)
	}
	return u.session, nil
}

// Confirming is a vehicle that has taken an answer and waits for the ground station's
// confirmation. It is safe for concurrent use.
type Confirming struct{ unconfirmed }

// Message returns the vehicle's confirmation, to be sent, and again until the ground
// station's comes. It is nil after [Confirming.Wipe].
func (c *Confirming) Message() []byte { return c.keys.confirmation(Vehicle) }

// Took reports whether message is the answer that was taken. When it comes again, the
// confirmation was lost, and is to be sent again.
func (c *Confirming) Took(message []byte) bool {
	a, err := ParseSessionAnswer(message)
	return err == nil && transcriptOf(a.Offer, a.digest) == c.keys.transcript
}

// Accept takes the ground station's confirmation and opens the session. A refused one,
// [ErrMalformed] or [ErrConfirmation], changes nothing. One that comes again gives the
// same session.
func (c *Confirming) Accept(message []byte) (*Session, error) { return c.accept(message) }

// Answering is a ground station that has answered an offer and waits for the vehicle's
// confirmation. It is safe for concurrent use.
type Answering struct {
	unconfirmed
	message []byte
}

// AnswerSession answers a vehicle's offer for the ground station whose key signs and has
// the given fingerprint. The vehicle's key is one that the caller wants to talk to, found by
// the offer's fingerprint. The error is [ErrMalformed], [ErrParty] or [pqsig.ErrBadSignature] for
// an offer that is refused, and otherwise the signer's. AnswerSession does not retain offer.
func AnswerSession(signer Signer, ground Fingerprint, offer []byte, vehicle *pqsig.PublicKey) (*Answering, error) {
	o, err := ParseSessionOffer(offer)
	if err != nil {
		return nil, err
	}
	if o.Ground != ground {
		return nil, ErrParty
	}
	if err := o.Verify(vehicle); err != nil {
		return nil, err
	}
	secret, ciphertext, err := o.key.Encapsulate()
	if errors.Is(err, pqkem.ErrRefused) {
		return nil, malformed("key: %v", err)
	}
	if err != nil {
		return nil, fmt.Errorf("answering an offer: %w", err)
	}
	defer clear(secret)
	a := &SessionAnswer{Vehicle: o.Vehicle, Ground: o.Ground, Offer: o.digest, Suite: o.Suite, ciphertext: ciphertext}
	if err := a.sign(signer); err != nil {
		return nil, fmt.Errorf("answering an offer: %w", err)
	}
	return &Answering{unconfirmed: unconfirmed{keys: newSchedule(GroundStation, o, a, secret)}, message: a.message}, nil
}

// Message returns the answer's message, to be sent, and again if need be. It must not be
// changed. It is nil for a handshake that was read from a state file.
func (a *Answering) Message() []byte { return a.message }

// Accept takes the vehicle's confirmation and opens the session, whose
// [Session.Confirmation] is then to be sent. A refused one, [ErrMalformed] or
// [ErrConfirmation], changes nothing. One that comes again gives the same session: then
// the confirmation is to be sent again.
func (a *Answering) Accept(message []byte) (*Session, error) { return a.accept(message) }
