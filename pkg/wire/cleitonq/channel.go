package cleitonq

import (
	"encoding/binary"
	"slices"

	"cqkit/pkg/aead"
	"cqkit/pkg/keccak"
)

// KeySize is the length of session keys and of keys made of them, in bytes.
const KeySize = 32

// A Domain is what a channel is for, from which its keys follow. The zero Domain is a
// custom one with an empty salt.
type Domain struct {
	salt   string
	prefix uint32 // 0: prefixCustom
}

// Prefixes of the nonces of sealers.
const (
	prefixC2        = 0x434C5132
	prefixTelemetry = 0x434C5154
	prefixMesh      = 0x434C514D
	prefixCustom    = 0x434C5155
)

// The domains with a name.
var (
	C2        = Domain{"cleitonq-c2-v1", prefixC2}
	Telemetry = Domain{"cleitonq-telemetry-v1", prefixTelemetry}
	Mesh      = Domain{"cleitonq-mesh-v1", prefixMesh}
)

// Custom returns a domain with a salt of the caller's. One that begins with
// "cleitonq-seal-v1" gives a channel the key of a sealer.
func Custom(salt []byte) Domain { return Domain{salt: string(salt)} }

// derive returns SHA3-256(session ‖ label).
func derive(session *[KeySize]byte, label string) [KeySize]byte {
	return keccak.Sum256(append(slices.Clone(session[:]), label...))
}

// ChannelOverhead is what a channel packet has over its payload, in bytes.
const ChannelOverhead = nonceSize + keccak.Size

// A Channel tags packets with HMAC-SHA3-256. It is safe for concurrent use.
type Channel struct{ mac *keccak.HMAC }

// NewChannel returns the channel of a session key for a domain.
func NewChannel(session *[KeySize]byte, d Domain) *Channel {
	key := derive(session, d.salt)
	return ChannelOfKey(&key)
}

// ChannelOfKey returns the channel with the given HMAC key.
func ChannelOfKey(key *[KeySize]byte) *Channel { return &Channel{keccak.NewHMAC(key[:])} }

// Append appends the packet of a payload to b and returns the extended slice. Nonces must
// rise from packet to packet; one with nonce 0 is never accepted.
func (c *Channel) Append(b, payload []byte, nonce uint64) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(append(b, payload...), nonce)
	tag := c.mac.Tag(b[start:])
	return append(b, tag[:]...)
}

// Open verifies a packet and returns its payload, a view, and its nonce. last is the nonce
// accepted last, 0 at first. The error is [ErrMalformed], [ErrForged] or, with payload
// and nonce, [ErrReplayed].
func (c *Channel) Open(packet []byte, last uint64) (payload []byte, nonce uint64, err error) {
	n := len(packet) - ChannelOverhead
	if n < 0 {
		return nil, 0, ErrMalformed
	}
	if !c.mac.Verify(packet[:n+nonceSize], packet[n+nonceSize:]) {
		return nil, 0, ErrForged
	}
	return fresh(packet[:n:n], binary.LittleEndian.Uint64(packet[n:]), last)
}

// Opened is what came of one packet of many.
type Opened struct {
	Payload []byte // a view into the packet
	Nonce   uint64
	Err     error // ErrMalformed or ErrForged
}

// OpenAll verifies packets, four at a time where the processor can. It does not compare
// nonces, whose order is the caller's matter. It panics if opened is shorter than
// packets.
func (c *Channel) OpenAll(opened []Opened, packets [][]byte) {
	openAll(c.mac, opened, packets, func(packet []byte) (message, tag, payload []byte, nonce uint64, ok bool) {
		n := len(packet) - ChannelOverhead
		if n < 0 {
			return nil, nil, nil, 0, false
		}
		return packet[:n+nonceSize], packet[n+nonceSize:], packet[:n:n], binary.LittleEndian.Uint64(packet[n:]), true
	})
}

// openAll verifies packets that cut takes apart.
func openAll(mac *keccak.HMAC, opened []Opened, packets [][]byte, cut func([]byte) (message, tag, payload []byte, nonce uint64, ok bool)) {
	const batch = 64
	var (
		messages, tags [batch][]byte
		right          [batch]bool
	)
	opened = opened[:len(packets)]
	for len(packets) > 0 {
		n := min(batch, len(packets))
		for i, packet := range packets[:n] {
			message, tag, payload, nonce, ok := cut(packet)
			messages[i], tags[i] = message, tag
			opened[i] = Opened{Payload: payload, Nonce: nonce}
			if !ok {
				opened[i].Err = ErrMalformed
			}
		}
		mac.VerifyAll(right[:n], messages[:n], tags[:n])
		for i := range opened[:n] {
			if opened[i].Err == nil && !right[i] {
				opened[i] = Opened{Err: ErrForged}
			}
		}
		opened, packets = opened[n:], packets[n:]
	}
}

// SealedOverhead is what a sealed packet has over its payload, in bytes.
const SealedOverhead = nonceSize + aead.Overhead

// A Sealer encrypts packets with ChaCha20-Poly1305. It is safe for concurrent use.
type Sealer struct{ key *aead.Key }

// NewSealer returns the sealer of a session key for a domain.
func NewSealer(session *[KeySize]byte, d Domain) *Sealer {
	key := derive(session, "cleitonq-seal-v1"+d.salt)
	return SealerOfKey(&key, d)
}

// SealerOfKey returns the sealer with the given key and the nonce prefix of a domain.
func SealerOfKey(key *[KeySize]byte, d Domain) *Sealer {
	prefix := d.prefix
	if prefix == 0 {
		prefix = prefixCustom
	}
	return &Sealer{aead.New(key, prefix)}
}

// Append appends the packet of a payload to b and returns the extended slice. A counter must
// never be used twice with one session key and domain: whoever sees both packets can
// compare their payloads and forge others.
func (s *Sealer) Append(b, payload []byte, counter uint64) []byte {
	var aad [nonceSize]byte
	binary.LittleEndian.PutUint64(aad[:], counter)
	b = append(slices.Grow(b, len(payload)+SealedOverhead), aad[:]...)
	return s.key.Seal(b, counter, aad[:], payload)
}

// Open opens a packet and returns its payload and its counter. last is the counter accepted
// last, 0 at first. The error is [ErrMalformed], [ErrForged] or, with payload and counter,
// [ErrReplayed].
func (s *Sealer) Open(packet []byte, last uint64) (payload []byte, counter uint64, err error) {
	if len(packet) < SealedOverhead {
		return nil, 0, ErrMalformed
	}
	counter = binary.LittleEndian.Uint64(packet)
	payload, err = s.key.Open(nil, counter, packet[:nonceSize], packet[nonceSize:])
	if err != nil {
		return nil, 0, ErrForged
	}
	return fresh(payload, counter, last)
}
