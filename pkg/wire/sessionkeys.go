package wire

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"fmt"

	"cqkit/pkg/pqkem"
)

// Suite is how the two ends of a session come by a secret. The vehicle chooses and
// signs it. The zero Suite is none.
type Suite uint8

// The suites.
const (
	// MLKEM1024 is ML-KEM-1024 alone.
	MLKEM1024 Suite = 1
	// X25519MLKEM1024 is X25519 and ML-KEM-1024: the session stays secret while either of
	// them is unbroken.
	X25519MLKEM1024 Suite = 2
)

// Valid reports whether s is one of the suites.
func (s Suite) Valid() bool { return s.algorithm().Valid() }

func (s Suite) algorithm() pqkem.Algorithm {
	switch s {
	case MLKEM1024:
		return pqkem.MLKEM1024
	case X25519MLKEM1024:
		return pqkem.X25519MLKEM1024
	}
	return 0
}

// String returns the names of the suite's algorithms.
func (s Suite) String() string {
	if !s.Valid() {
		return fmt.Sprintf("suite %d", uint8(s))
	}
	return s.algorithm().String()
}

// Role is which end of a session somebody is. The zero Role is none.
type Role uint8

// The roles.
const (
	Vehicle       Role = 1 // makes the offer
	GroundStation Role = 2 // answers it
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == Vehicle || r == GroundStation }

// Other returns the other end's role.
func (r Role) Other() Role { return Vehicle + GroundStation - r }

// String returns "vehicle" or "ground".
func (r Role) String() string {
	switch r {
	case Vehicle:
		return "vehicle"
	case GroundStation:
		return "ground"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// String returns the id in hexadecimal.
func (id SessionID) String() string { return hex.EncodeToString(id[:]) }

// transcript is the hash of both signed messages of a handshake, by way of their digests.
type transcript [32]byte

func transcriptOf(offer, answer [sha256.Size]byte) transcript {
	b := append([]byte("cqkit/session/v2"), offer[:]...)
	return sha3.Sum256(append(b, answer[:]...))
}

func (t *transcript) id() SessionID { return SessionID(t[:16]) }

// SessionIDOf returns the id of the session that the messages of an offer and of its
// answer lead to. It is public, and computed without checking anything.
func SessionIDOf(offer *SessionOffer, answer *SessionAnswer) SessionID {
	t := transcriptOf(offer.Digest(), answer.Digest())
	return t.id()
}

const keySize = 32

// purpose is what a key of a session is for.
type purpose uint8

const (
	forConfirmation purpose = 1
	forTags         purpose = 2
	forSealing      purpose = 3
)

// extract makes a session's main secret of the KEM's (RFC 5869, Section 2.2).
func extract(secret []byte, t *transcript) (main [keySize]byte) {
	prk, err := hkdf.Extract(sha3.New256, secret, t[:])
	if err != nil {
		panic(err) // for hashes that a FIPS 140 module does not approve; SHA-3 is none
	}
	copy(main[:], prk)
	clear(prk)
	return main
}

// expand makes the key of a purpose, direction and sender (RFC 5869, Section 2.3).
func expand(main *[keySize]byte, p purpose, r Role, from Address) (key [keySize]byte) {
	info := append([]byte("cqkit/session/key/v2"), byte(p), byte(r), from.System, from.Component)
	okm, err := hkdf.Expand(sha3.New256, main[:], string(info), keySize)
	if err != nil {
		panic(err) // as above, or for more than 255 blocks
	}
	copy(key[:], okm)
	clear(okm)
	return key
}
