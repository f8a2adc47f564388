package wire

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"cqkit/pkg/pqsig"
)

// HandshakeVerdict is what a witness says of a handshake.
type HandshakeVerdict string

// The verdicts. The first two are good ones.
const (
	HandshakeOffered   HandshakeVerdict = "offered"   // the offer is genuine, and nobody answered it
	HandshakeAnswered  HandshakeVerdict = "answered"  // offer and answer are genuine
	HandshakeForged    HandshakeVerdict = "forged"    // a signature or a tag does not hold, or the answer contradicts its offer
	HandshakeUntrusted HandshakeVerdict = "untrusted" // by a key that does not count
	HandshakeOrphaned  HandshakeVerdict = "orphaned"  // an answer or confirmation without what comes before it
	HandshakeMalformed HandshakeVerdict = "malformed" // not spelled as it must be
)

// Good reports whether the verdict finds nothing wrong.
func (v HandshakeVerdict) Good() bool { return v == HandshakeOffered || v == HandshakeAnswered }

// Handshake is what a witness knows of one.
type Handshake struct {
	Verdict HandshakeVerdict
	Err     error // why the verdict is not a good one

	Offer  *SessionOffer  // nil if there is none, or it is malformed
	Answer *SessionAnswer // likewise
	// Session is its id: zero without a genuine answer, but that of an orphaned confirmation.
	Session SessionID
	// Vehicle and Ground tell whose confirmations were heard. Checked tells whether their tags
	// could be checked, by an end of the session; else anyone can have made them.
	Vehicle, Ground, Checked bool
	// Refs are the numbers of the messages, as [Witness.Hear] was given them, in the order offer,
	// answer, confirmations, each message's first.
	Refs []int64
}

// Witness hears the messages of handshakes, as they go over a link or stand in a log, and
// judges them with nothing but public keys: who agreed on which session with whom. It
// verifies one signature for each different message, and keeps of forged ones next to
// nothing. It is not safe for concurrent use. Make one with [NewWitness].
type Witness struct {
	keys     func(Fingerprint, int64) (*pqsig.PublicKey, error)
	sessions map[SessionID]*Session
	seen     map[[sha256.Size]byte]bool
	heard    []*heard
}

// heard is a message. If it is no good, only enough is kept to say so.
type heard struct {
	ref     int64
	verdict HandshakeVerdict // "" if it is genuine, or a confirmation
	err     error

	offer   *SessionOffer
	answer  *SessionAnswer
	confirm *SessionConfirmation
}

// NewWitness returns a witness. keys returns the key with a fingerprint, if what it signed at a
// time, in µs since 1970 UTC, counts, and else an error that says why not. By the sessions
// given the witness can check their confirmations, too.
func NewWitness(keys func(f Fingerprint, us int64) (*pqsig.PublicKey, error), sessions ...*Session) *Witness {
	w := &Witness{keys: keys, sessions: map[SessionID]*Session{}, seen: map[[sha256.Size]byte]bool{}}
	for _, s := range sessions {
		w.sessions[s.ID()] = s
	}
	return w
}

// Hear takes a message in that was heard at a time, in µs since 1970 UTC. It must not be changed
// afterwards. One that was heard before counts once. ref is the caller's number for it.
func (w *Witness) Hear(message []byte, us, ref int64) {
	sum := sha256.Sum256(message)
	if w.seen[sum] {
		return
	}
	w.seen[sum] = true
	h := &heard{ref: ref}
	w.heard = append(w.heard, h)
	var party Fingerprint
	var err error
	context := contextOffer
	switch {
	case len(message) < headSize:
		err = malformed("%d bytes are too few", len(message))
	case message[1] == kindOffer:
		if h.offer, err = ParseSessionOffer(message); err == nil {
			party = h.offer.Vehicle
		}
	case message[1] == kindAnswer:
		if h.answer, err = ParseSessionAnswer(message); err == nil {
			party, context = h.answer.Ground, contextAnswer
		}
	case message[1] == kindConfirm:
		if h.confirm, err = ParseSessionConfirmation(message); err == nil {
			return
		}
	default:
		err = malformed("kind %d is none of a handshake", message[1])
	}
	if err != nil {
		h.verdict, h.err = HandshakeMalformed, err
		return
	}
	key, err := w.keys(party, us)
	if err == nil && key == nil {
		err = ErrUnknownSigner
	}
	if err != nil {
		h.verdict, h.err = HandshakeUntrusted, err
	} else if err := verifyBy(party, key, message, context); err != nil {
		h.verdict, h.err = HandshakeForged, err
	}
	if h.verdict != "" { // keep what it says, not the bytes
		if h.offer != nil {
			h.offer = &SessionOffer{Vehicle: h.offer.Vehicle, Ground: h.offer.Ground, Nonce: h.offer.Nonce, Suite: h.offer.Suite, digest: h.offer.Digest()}
		}
		if a := h.answer; a != nil {
			h.answer = &SessionAnswer{Vehicle: a.Vehicle, Ground: a.Ground, Nonce: a.Nonce, Offer: a.Offer, Suite: a.Suite}
		}
	}
}

// Handshakes returns what was heard so far, in the order of the first message of each. An
// offer with several answers is several handshakes.
func (w *Witness) Handshakes() []Handshake {
	offers := map[[32]byte]*heard{}
	for _, h := range w.heard {
		if h.offer != nil {
			offers[h.offer.Digest()] = h
		}
	}
	answered := map[*heard][]*heard{}
	for _, h := range w.heard {
		if h.answer != nil {
			if o := offers[h.answer.Offer]; o != nil {
				answered[o] = append(answered[o], h)
			}
		}
	}
	var list []Handshake
	ids := map[SessionID]bool{}
	add := func(h Handshake) {
		if h.Verdict == HandshakeAnswered {
			ids[h.Session] = true
			w.confirm(&h)
		}
		list = append(list, h)
	}
	for _, h := range w.heard {
		switch {
		case h.offer != nil && len(answered[h]) > 0:
			for _, a := range answered[h] {
				add(w.answered(h, a))
			}
		case h.offer != nil && h.verdict == "":
			add(Handshake{Verdict: HandshakeOffered, Offer: h.offer, Refs: []int64{h.ref}})
		case h.answer != nil && offers[h.answer.Offer] != nil: // with its offer
		case h.answer != nil && h.verdict == "":
			add(Handshake{Verdict: HandshakeOrphaned, Err: errors.New("the offer is missing"), Answer: h.answer, Refs: []int64{h.ref}})
		case h.verdict != "":
			add(Handshake{Verdict: h.verdict, Err: h.err, Offer: h.offer, Answer: h.answer, Refs: []int64{h.ref}})
		}
	}
	for _, h := range w.heard {
		if h.confirm != nil && !ids[h.confirm.Session] {
			add(Handshake{Verdict: HandshakeOrphaned, Err: errors.New("offer and answer are missing"), Session: h.confirm.Session,
				Vehicle: h.confirm.Role == Vehicle, Ground: h.confirm.Role == GroundStation, Refs: []int64{h.ref}})
		}
	}
	return list
}

// answered judges an offer with one of its answers.
func (w *Witness) answered(o, a *heard) Handshake {
	h := Handshake{Offer: o.offer, Answer: a.answer, Refs: []int64{o.ref, a.ref}}
	switch {
	case o.verdict != "":
		h.Verdict, h.Err = o.verdict, fmt.Errorf("offer: %w", o.err)
	case a.verdict != "":
		h.Verdict, h.Err = a.verdict, fmt.Errorf("answer: %w", a.err)
	case !a.answer.fits(o.offer):
		h.Verdict, h.Err = HandshakeForged, errors.New("the answer contradicts its offer")
	default:
		h.Verdict, h.Session = HandshakeAnswered, SessionIDOf(o.offer, a.answer)
	}
	return h
}

// confirm adds the confirmations that were heard of a session.
func (w *Witness) confirm(h *Handshake) {
	end := w.sessions[h.Session]
	h.Checked = end != nil
	for _, c := range w.heard {
		if c.confirm == nil || c.confirm.Session != h.Session {
			continue
		}
		if end != nil {
			if err := end.keys.confirmedBy(c.confirm.Role, c.confirm.message); err != nil {
				h.Verdict, h.Err = HandshakeForged, err
				h.Refs = append(h.Refs, c.ref)
				continue
			}
		}
		h.Vehicle = h.Vehicle || c.confirm.Role == Vehicle
		h.Ground = h.Ground || c.confirm.Role == GroundStation
		h.Refs = append(h.Refs, c.ref)
	}
}
