package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cqkit/pkg/aead"
	"cqkit/pkg/keccak"
	"cqkit/pkg/nonce"
)

// PacketKind is how a packet is protected.
type PacketKind uint8

// The kinds, as a packet's first byte has them.
const (
	Tagged PacketKind = 0x21 // everybody can read it; HMAC-SHA3-256
	Sealed PacketKind = 0x22 // only the other end can; ChaCha20-Poly1305
)

// String returns "tagged" or "sealed".
func (k PacketKind) String() string {
	switch k {
	case Tagged:
		return "tagged"
	case Sealed:
		return "sealed"
	}
	return fmt.Sprintf("kind %#x", uint8(k))
}

// Overhead returns how many bytes a packet is longer than its payload, 0 for no kind.
func (k PacketKind) Overhead() int {
	switch k {
	case Tagged:
		return packetHead + keccak.Size
	case Sealed:
		return packetHead + aead.Overhead
	}
	return 0
}

// MaxPacketSize is the greatest length of a packet: what a UDP datagram over IPv4 carries.
const MaxPacketSize = 65_507

// Offsets within a packet; docs/wire-v2-session.md, "Packets".
const (
	atPacketSystem  = 1
	atPacketSession = 3
	atPacketCounter = 7
	packetHead      = 15
)

// Why a packet is refused. The session is as it was.
var (
	ErrPacketMalformed = errors.New("malformed packet")
	// ErrPacketSession: it says that it belongs to another session.
	ErrPacketSession = errors.New("packet of another session")
	// ErrPacketForged: its tag does not fit. It was altered, or is of someone else, of another
	// session, or of this end itself.
	ErrPacketForged = errors.New("packet is forged or altered")
	// ErrPacketReplayed: its counter has been accepted, or is 1,024 or more below the highest
	// that was. Whether the tag fits was not always looked at.
	ErrPacketReplayed = errors.New("packet is replayed, or far too late")
)

// Packet is what a packet says.
type Packet struct {
	Kind    PacketKind
	From    Address
	Counter uint64 // at least 1
	// Payload is a view into the packet if it is tagged, nil if it is sealed and was not opened.
	Payload []byte
}

// ParsePacket reads a packet without checking that it is genuine, to tell whose it says it
// is. The error is [ErrPacketMalformed].
func ParsePacket(packet []byte) (Packet, error) {
	kind, from, counter, err := parseHead(packet)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{Kind: kind, From: from, Counter: counter}
	if kind == Tagged {
		p.Payload = packet[packetHead : len(packet)-keccak.Size]
	}
	return p, nil
}

// parseHead returns the fields one by one, because that way they stay in registers. A Packet
// is put together in memory, which takes a tenth of what opening it does.
func parseHead(packet []byte) (kind PacketKind, from Address, counter uint64, err error) {
	if len(packet) < packetHead || len(packet) > MaxPacketSize {
		return 0, Address{}, 0, badPacket("%d bytes", len(packet))
	}
	kind = PacketKind(packet[0])
	from = Address{packet[atPacketSystem], packet[atPacketSystem+1]}
	counter = binary.LittleEndian.Uint64(packet[atPacketCounter:])
	switch overhead := kind.Overhead(); {
	case overhead == 0:
		return 0, Address{}, 0, badPacket("kind %#x", packet[0])
	case len(packet) < overhead:
		return 0, Address{}, 0, badPacket("%d bytes", len(packet))
	case counter == 0:
		return 0, Address{}, 0, badPacket("counter %d", 0)
	}
	return kind, from, counter, nil
}

func badPacket(format string, n any) error {
	return fmt.Errorf("%w: "+format, ErrPacketMalformed, n)
}

// PacketSender makes the packets of one sender in a session. It is safe for concurrent use.
type PacketSender struct {
	session      *Session
	from         Address
	keys         *packetKeys
	tags, sealed nonce.Source
}

// Tag appends a tagged packet with a payload to dst, and returns the extended slice. It
// allocates nothing if dst has room for the payload and [PacketKind.Overhead]. It fails with
// [nonce.ErrExhausted] when all counters have been used, with [ErrWiped], and for a
// payload that does not fit in [MaxPacketSize].
func (p *PacketSender) Tag(dst, payload []byte) ([]byte, error) {
	dst, start, err := p.head(dst, Tagged, &p.tags, len(payload))
	if err != nil {
		return nil, err
	}
	dst = append(dst, payload...)
	tag := p.keys.tag.Tag(dst[start:])
	return append(dst, tag[:]...), nil
}

// Seal appends a sealed packet with a payload to dst, and returns the extended slice. It has the
// errors of [PacketSender.Tag]. payload and dst must not overlap.
func (p *PacketSender) Seal(dst, payload []byte) ([]byte, error) {
	dst, start, err := p.head(dst, Sealed, &p.sealed, len(payload))
	if err != nil {
		return nil, err
	}
	head := dst[start:]
	return p.keys.seal.SealNonce(dst, head[atPacketSession:], head, payload), nil
}

// head appends the head of the next packet.
func (p *PacketSender) head(dst []byte, kind PacketKind, counters *nonce.Source, size int) (extended []byte, start int, err error) {
	if size > MaxPacketSize-kind.Overhead() {
		return nil, 0, fmt.Errorf("payload of %d bytes: a %v packet carries %d", size, kind, MaxPacketSize-kind.Overhead())
	}
	if p.session.keys.wiped.Load() {
		return nil, 0, ErrWiped
	}
	counter, err := counters.Next(0)
	if err != nil {
		return nil, 0, err
	}
	start = len(dst)
	dst = append(dst, byte(kind), p.from.System, p.from.Component)
	dst = binary.LittleEndian.AppendUint32(dst, p.session.hint)
	return binary.LittleEndian.AppendUint64(dst, counter), start, nil
}

// Raise makes every later packet's counter of a kind greater than floor: what a program does that
// keeps a session on disk, with numbers reserved by a [nonce.DurableSource].
func (p *PacketSender) Raise(kind PacketKind, floor uint64) {
	switch kind {
	case Tagged:
		p.tags.Raise(floor)
	case Sealed:
		p.sealed.Raise(floor)
	}
}

// Open checks a packet of the other end and accepts it once. The payload of a tagged packet is a
// view into packet; that of a sealed one is appended to dst, which may be nil, and is the part
// appended. The errors are the ErrPacket ones, [ErrSenders] and [ErrWiped]; what the Packet
// says is then not to be believed, and its Payload is nil.
func (s *Session) Open(dst, packet []byte) (Packet, error) {
	kind, from, counter, err := s.parse(packet)
	if err != nil {
		return Packet{Kind: kind, From: from, Counter: counter}, err
	}
	payload, err := s.open(dst, packet, kind, from, counter)
	return Packet{kind, from, counter, payload}, err
}

// open is Open of a packet whose head was read.
func (s *Session) open(dst, packet []byte, kind PacketKind, from Address, counter uint64) (payload []byte, err error) {
	keys := s.known(from)
	if keys == nil {
		return s.openFirst(dst, packet, kind, from, counter)
	}
	if !keys.window(kind).Fresh(counter) {
		return nil, ErrPacketReplayed
	}
	if kind == Tagged {
		payload, err = check(keys.tag, packet)
	} else {
		payload, err = unseal(keys.seal, dst, packet)
	}
	if err != nil {
		return nil, err
	}
	if !keys.window(kind).Accept(counter) {
		return nil, ErrPacketReplayed
	}
	return payload, nil
}

// openFirst is open of a packet whose sender is not known. Anyone can make up senders, so no
// more is done than what tells whether the packet is genuine, and nothing is kept before.
func (s *Session) openFirst(dst, packet []byte, kind PacketKind, from Address, counter uint64) (payload []byte, err error) {
	other := s.keys.role.Other()
	if kind == Tagged {
		payload, err = check(s.tagKey(other, from), packet)
	} else {
		payload, err = unseal(s.sealKey(other, from), dst, packet)
	}
	if err != nil {
		return nil, err
	}
	keys, err := s.learn(from)
	if err != nil {
		return nil, err
	}
	if !keys.window(kind).Accept(counter) {
		return nil, ErrPacketReplayed
	}
	return payload, nil
}

// check returns the payload of a tagged packet.
func check(key *keccak.HMAC, packet []byte) ([]byte, error) {
	body := len(packet) - keccak.Size
	if !key.Verify(packet[:body], packet[body:]) {
		return nil, ErrPacketForged
	}
	return packet[packetHead:body], nil
}

// unseal returns the payload of a sealed packet, appended to dst.
func unseal(key *aead.Key, dst, packet []byte) ([]byte, error) {
	opened, err := key.OpenNonce(dst, packet[atPacketSession:packetHead], packet[:packetHead], packet[packetHead:])
	if err != nil {
		return nil, ErrPacketForged
	}
	return opened[len(dst):], nil
}

// parse reads the head of a packet that may be one of this session's.
func (s *Session) parse(packet []byte) (kind PacketKind, from Address, counter uint64, err error) {
	kind, from, counter, err = parseHead(packet)
	switch {
	case err != nil:
	case s.keys.wiped.Load():
		err = ErrWiped
	case binary.LittleEndian.Uint32(packet[atPacketSession:]) != s.hint:
		err = ErrPacketSession
	}
	return kind, from, counter, err
}

func (k *packetKeys) window(kind PacketKind) *nonce.Window {
	if kind == Tagged {
		return &k.tags
	}
	return &k.sealed
}
