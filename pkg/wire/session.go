package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"cqkit/pkg/aead"
	"cqkit/pkg/keccak"
	"cqkit/pkg/nonce"
)

// MaxSenders is how many senders of the other end a session knows. A vehicle's
// components are some dozens at most.
const MaxSenders = 256

// Why a session does not work, or does no more.
var (
	// ErrWiped: the session's keys are gone.
	ErrWiped = errors.New("the session has ended")
	// ErrSenders: the packet is genuine, but [MaxSenders] others were there first.
	ErrSenders = errors.New("too many senders in one session")
)

// Session is an open session: both ends have confirmed that they have its keys. A
// handshake ends with one; [ParseState] reads a kept one. It is safe for concurrent use,
// except for [Session.Wipe].
//
// Printing a Session, with any verb, shows its id and nothing secret.
type Session struct {
	keys *schedule
	hint uint32 // the beginning of its id, as packets have it

	mu      sync.RWMutex
	senders map[Address]*PacketSender  // this end's
	others  map[Address]*packetKeys    // the other end's, of which a packet has verified
	last    atomic.Pointer[packetKeys] // the one of others that was asked for last: most often the next, too
}

func newSession(k *schedule) *Session {
	return &Session{keys: k, hint: binary.LittleEndian.Uint32(k.transcript[:]), senders: map[Address]*PacketSender{}, others: map[Address]*packetKeys{}}
}

// ID returns the id of the session, which both ends and every witness of the handshake
// know.
func (s *Session) ID() SessionID { return s.keys.transcript.id() }

// Format implements [fmt.Formatter], so that no verb prints a key.
func (s *Session) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "session %v", s.ID()) }

// Role returns which end this is.
func (s *Session) Role() Role { return s.keys.role }

// Suite returns how the ends came by their secret.
func (s *Session) Suite() Suite { return s.keys.suite }

// Vehicle returns the fingerprint of the vehicle's key.
func (s *Session) Vehicle() Fingerprint { return s.keys.vehicle }

// Ground returns the fingerprint of the ground station's key.
func (s *Session) Ground() Fingerprint { return s.keys.ground }

// Confirmation returns this end's confirmation. A ground station sends it when the session
// opens, and again when the vehicle's comes again. It is nil after [Session.Wipe].
func (s *Session) Confirmation() []byte {
	return s.keys.confirmation(s.keys.role)
}

// Confirmed checks that message is the other end's confirmation of this session. To a ground
// station that it comes to again it says that its own was lost, and is to be sent again. The
// error is [ErrMalformed], [ErrConfirmation] or [ErrWiped].
func (s *Session) Confirmed(message []byte) error {
	return s.keys.confirmedBy(s.keys.role.Other(), message)
}

// packetKeys are the keys of one sender, with the receiver's memory of what came.
type packetKeys struct {
	from         Address
	tag          *keccak.HMAC
	seal         *aead.Key
	tags, sealed nonce.Window
}

// derive makes the keys of a sender at one end.
func (s *Session) derive(r Role, from Address) *packetKeys {
	return &packetKeys{from: from, tag: s.tagKey(r, from), seal: s.sealKey(r, from)}
}

func (s *Session) tagKey(r Role, from Address) *keccak.HMAC {
	key := expand(&s.keys.main, forTags, r, from)
	defer clear(key[:])
	return keccak.NewHMAC(key[:])
}

func (s *Session) sealKey(r Role, from Address) *aead.Key {
	key := expand(&s.keys.main, forSealing, r, from)
	defer clear(key[:])
	return aead.New(&key, 0)
}

// Sender returns the sender of packets with a system and a component id, always the same
// one. Each id counts its packets by itself, so two components of one vehicle that both
// have the session's keys never use a counter twice under one key.
func (s *Session) Sender(from Address) *PacketSender {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.senders[from]
	if p == nil {
		p = &PacketSender{session: s, from: from, keys: s.derive(s.keys.role, from)}
		s.senders[from] = p
	}
	return p
}

// known returns the keys of one of the other end's senders, nil if none of its packets has
// verified.
func (s *Session) known(from Address) *packetKeys {
	if k := s.last.Load(); k != nil && k.from == from {
		return k
	}
	s.mu.RLock()
	k := s.others[from]
	s.mu.RUnlock()
	if k != nil {
		s.last.Store(k)
	}
	return k
}

// learn makes and remembers the keys of a sender of which a packet has verified, unless
// someone else was faster, and returns those that count.
func (s *Session) learn(from Address) (*packetKeys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.others[from]; first != nil {
		return first, nil
	}
	if len(s.others) >= MaxSenders {
		return nil, ErrSenders
	}
	k := s.derive(s.keys.role.Other(), from)
	s.others[from] = k
	return k, nil
}

// Wipe ends the session and overwrites its keys as far as that can be done: not the
// copies that the compiler, the garbage collector or the ciphers made. Everything
// afterwards fails with [ErrWiped]. Wipe must not be called while the session is in use.
func (s *Session) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.wipe()
	for _, k := range s.others {
		k.wipe()
	}
	for _, p := range s.senders {
		p.keys.wipe()
	}
}

func (k *packetKeys) wipe() { *k.tag = keccak.HMAC{} }
