package wire

import (
	"crypto/rand"
	"crypto/sha256"
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
	message []byte // nil if it was not kept
	digest  [sha256.Size]byte
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
	o := &SessionOffer{Suite: Suite(statement[atOfferSuite]), message: message, digest: sha256.Sum256(message)}
	copy(o.Nonce[:], statement[atSessionNonce:])
	o.Vehicle, o.Ground = Fingerprint(statement[atVehicle:]), Fingerprint(statement[atGround:])
	if err := checkParties(o.Vehicle, o.Ground); err != nil {
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

// checkParties refuses what no session can be between.
func checkParties(vehicle, ground Fingerprint) error {
	switch {
	case vehicle == Fingerprint{}, ground == Fingerprint{}:
		return malformed("a fingerprint of zeros")
	case vehicle == ground:
		return malformed("a session of a key with itself")
	}
	return nil
}

// sign makes the offer's message, with a fresh nonce.
func (o *SessionOffer) sign(signer Signer) (err error) {
	if err := checkParties(o.Vehicle, o.Ground); err != nil {
		return err
	}
	rand.Read(o.Nonce[:])
	b := appendHead(kindOffer, OfferSize(o.Suite), o.Vehicle, o.Ground, o.Nonce)
	b = append(b, byte(o.Suite))
	b = append(b, o.key.Bytes()...)
	if o.message, err = signStatement(signer, b, contextOffer); err != nil {
		return err
	}
	o.digest = sha256.Sum256(o.message)
	return nil
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
	return verifyMessage(key, message, context)
}

func verifyMessage(key *pqsig.PublicKey, message []byte, context string) error {
	cut := len(message) - SignatureSize
	return key.Verify(message[:cut], context, message[cut:])
}

// Digest returns what names the offer in its answer: the SHA-256 of its message.
func (o *SessionOffer) Digest() [sha256.Size]byte { return o.digest }

// SessionAnswer is what a ground station's answer says. Until
// [SessionAnswer.Verify] nobody has said it.
type SessionAnswer struct {
	Vehicle Fingerprint
	Ground  Fingerprint // signs
	Nonce   [32]byte
	Offer   [sha256.Size]byte // digest of the offer
	Suite   Suite

	ciphertext []byte
	message    []byte
	digest     [sha256.Size]byte
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
	a := &SessionAnswer{Suite: Suite(statement[atAnswerSuite]), ciphertext: statement[atCiphertext:], message: message, digest: sha256.Sum256(message)}
	copy(a.Nonce[:], statement[atSessionNonce:])
	copy(a.Offer[:], statement[atOfferHash:])
	a.Vehicle, a.Ground = Fingerprint(statement[atVehicle:]), Fingerprint(statement[atGround:])
	if err := checkParties(a.Vehicle, a.Ground); err != nil {
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

// Digest returns the SHA-256 of the answer's message.
func (a *SessionAnswer) Digest() [sha256.Size]byte { return a.digest }

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

// sign makes the answer's message, with a fresh nonce.
func (a *SessionAnswer) sign(signer Signer) (err error) {
	rand.Read(a.Nonce[:])
	b := appendHead(kindAnswer, AnswerSize(a.Suite), a.Vehicle, a.Ground, a.Nonce)
	b = append(b, a.Offer[:]...)
	b = append(b, byte(a.Suite))
	b = append(b, a.ciphertext...)
	if a.message, err = signStatement(signer, b, contextAnswer); err != nil {
		return err
	}
	a.digest = sha256.Sum256(a.message)
	return nil
}

// appendHead begins a message of a handshake that will be of the given size with what offer
// and answer share.
func appendHead(kind byte, size int, vehicle, ground Fingerprint, nonce [32]byte) []byte {
	b := append(make([]byte, 0, size), version, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(size-SignatureSize-headSize))
	b = append(b, vehicle[:]...)
	b = append(b, ground[:]...)
	return append(b, nonce[:]...)
}

// signStatement appends the signature over a statement to it.
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
