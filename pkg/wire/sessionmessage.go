package wire

import (
	"crypto/rand"
	"crypto/sha3"
	"encoding/binary"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// The kinds of statement and the contexts of a handshake; docs/wire-v2-session.md,
// "Messages".
const (
	kindOffer   = 3
	kindAnswer  = 4
	kindConfirm = 5

	contextOffer  = "cqkit/session/offer/v2"
	contextAnswer = "cqkit/session/answer/v2"
)

// Offsets within the statements.
const (
	atVehicle      = headSize
	atGround       = atVehicle + 32
	atSessionNonce = atGround + 32
	atOfferSuite   = atSessionNonce + 32
	atOfferKey     = atOfferSuite + 1
	atOfferHash    = atSessionNonce + 32
	atAnswerSuite  = atOfferHash + 32
	atCiphertext   = atAnswerSuite + 1
)

// SessionOffer is what a vehicle's offer says: with whom it wants a session, and the
// key for it. Until [SessionOffer.Verify] nobody has said it.
type SessionOffer struct {
	Vehicle Fingerprint // signs
	Ground  Fingerprint // may answer
	Nonce   [32]byte
	Suite   Suite

	key     *pqkem.PublicKey
	message []byte
	digest  [32]byte // of a message that was not kept
}

// ParseSessionOffer reads the message of an offer, [OfferSize] bytes. It retains message.
// The error is [ErrMalformed].
func ParseSessionOffer(message []byte) (*SessionOffer, error) {
	kind, statement, _, err := split(message)
	switch {
	case err != nil:
		return nil, err
	case kind != kindOffer:
		return nil, malformed("kind %d is no offer of a session", kind)
	case len(statement) < atOfferKey:
		return nil, malformed("an offer of %d bytes", len(statement))
	}
	o := &SessionOffer{Suite: Suite(statement[atOfferSuite]), message: message}
	copy(o.Nonce[:], statement[atSessionNonce:])
	if o.Vehicle, o.Ground, err = parties(statement); err != nil {
		return nil, err
	}
	if !o.Suite.Valid() {
		return nil, malformed("%v", o.Suite)
	}
	key := statement[atOfferKey:]
	if len(key) != o.Suite.algorithm().PublicKeySize() {
		return nil, malformed("a key of %d bytes for %v", len(key), o.Suite)
	}
	if o.key, err = pqkem.ParsePublicKey(o.Suite.algorithm(), key); err != nil {
		return nil, malformed("key: %v", err)
	}
	return o, nil
}

// parties reads who a handshake is between.
func parties(statement []byte) (vehicle, ground Fingerprint, err error) {
	vehicle, ground = Fingerprint(statement[atVehicle:atGround]), Fingerprint(statement[atGround:atSessionNonce])
	switch {
	case vehicle == Fingerprint{}, ground == Fingerprint{}:
		return vehicle, ground, malformed("a fingerprint of zeros")
	case vehicle == ground:
		return vehicle, ground, malformed("a session of a key with itself")
	}
	return vehicle, ground, nil
}

// Verify checks that the vehicle's key, which the caller has from elsewhere, is the one that
// the offer names and that it signed the offer. The error is [ErrParty] or
// [pqsig.ErrBadSignature].
func (o *SessionOffer) Verify(vehicle *pqsig.PublicKey) error {
	return verifyBy(o.Vehicle, vehicle, o.message, contextOffer)
}

func verifyBy(want Fingerprint, key *pqsig.PublicKey, message []byte, context string) error {
	if FingerprintOf(key) != want {
		return ErrParty
	}
	cut := len(message) - SignatureSize
	return key.Verify(message[:cut], context, message[cut:])
}

// Digest returns what names the offer in its answer: the SHA3-256 of its message.
func (o *SessionOffer) Digest() [32]byte {
	if o.message == nil {
		return o.digest
	}
	return sha3.Sum256(o.message)
}

// SessionAnswer is what a ground station's answer says. Until
// [SessionAnswer.Verify] nobody has said it.
type SessionAnswer struct {
	Vehicle Fingerprint
	Ground  Fingerprint // signs
	Nonce   [32]byte
	Offer   [32]byte // SHA3-256 of the offer's message
	Suite   Suite

	ciphertext []byte
	message    []byte
}

// ParseSessionAnswer reads the message of an answer, [AnswerSize] bytes. It retains
// message. The error is [ErrMalformed].
func ParseSessionAnswer(message []byte) (*SessionAnswer, error) {
	kind, statement, _, err := split(message)
	switch {
	case err != nil:
		return nil, err
	case kind != kindAnswer:
		return nil, malformed("kind %d is no answer to an offer", kind)
	case len(statement) < atCiphertext:
		return nil, malformed("an answer of %d bytes", len(statement))
	}
	a := &SessionAnswer{Suite: Suite(statement[atAnswerSuite]), ciphertext: statement[atCiphertext:], message: message}
	copy(a.Nonce[:], statement[atSessionNonce:])
	copy(a.Offer[:], statement[atOfferHash:])
	if a.Vehicle, a.Ground, err = parties(statement); err != nil {
		return nil, err
	}
	if !a.Suite.Valid() {
		return nil, malformed("%v", a.Suite)
	}
	if len(a.ciphertext) != a.Suite.algorithm().CiphertextSize() {
		return nil, malformed("a ciphertext of %d bytes for %v", len(a.ciphertext), a.Suite)
	}
	return a, nil
}

// Verify checks that the ground station's key, which the caller has from elsewhere, is the
// one that the answer names and that it signed the answer, and that the answer is one to this
// offer. The error is [ErrOffer], [ErrParty] or [pqsig.ErrBadSignature]. It does not
// check the offer's own signature.
func (a *SessionAnswer) Verify(offer *SessionOffer, ground *pqsig.PublicKey) error {
	if !a.fits(offer) {
		return ErrOffer
	}
	return verifyBy(a.Ground, ground, a.message, contextAnswer)
}

// fits reports whether the answer is one to this offer, by what it says.
func (a *SessionAnswer) fits(o *SessionOffer) bool {
	return a.Offer == o.Digest() && a.Vehicle == o.Vehicle && a.Ground == o.Ground && a.Suite == o.Suite
}

// OfferSize returns the length of an offer's message, in bytes; 0 for no suite.
func OfferSize(s Suite) int {
	if !s.Valid() {
		return 0
	}
	return atOfferKey + s.algorithm().PublicKeySize() + SignatureSize
}

// AnswerSize returns the length of an answer's message, in bytes; 0 for no suite.
func AnswerSize(s Suite) int {
	if !s.Valid() {
		return 0
	}
	return atCiphertext + s.algorithm().CiphertextSize() + SignatureSize
}

// appendHead begins the statement of a handshake with what offer and answer share, and a
// fresh nonce.
func appendHead(b []byte, kind byte, size int, vehicle, ground Fingerprint) []byte {
	b = append(b, version, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(size-headSize))
	b = append(b, vehicle[:]...)
	b = append(b, ground[:]...)
	var nonce [32]byte
	rand.Read(nonce[:])
	return append(b, nonce[:]...)
}

// sign appends the signature to a statement.
func signStatement(signer Signer, statement []byte, context string) ([]byte, error) {
	signature, err := signer.Sign(statement, context)
	if err != nil {
		return nil, err
	}
	if len(signature) != SignatureSize {
		return nil, malformed("a signature of %d bytes: not by an ML-DSA-87 key", len(signature))
	}
	return append(statement, signature...), nil
}
