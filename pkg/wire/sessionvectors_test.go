package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// sessionVectors is testdata/session.json: handshakes and packets with all values on the
// way, and what must be refused. Vehicle and ground station have the keys whose seeds are given;
// "-update-vectors" makes new handshakes, since signatures and nonces are random.
type sessionVectors struct {
	Comment    string             `json:"comment"`
	Vehicle    hexText            `json:"vehicle_seed"`
	Ground     hexText            `json:"ground_seed"`
	Handshakes []*handshakeVector `json:"handshakes"`
	Refused    []refusedVector    `json:"refused"`
}

type handshakeVector struct {
	Suite      Suite          `json:"suite"`
	Ephemeral  hexText        `json:"ephemeral_seed"`
	Offer      hexText        `json:"offer"`
	Answer     hexText        `json:"answer"`
	Secret     hexText        `json:"secret"`
	Transcript hexText        `json:"transcript"`
	Session    hexText        `json:"session"`
	Main       hexText        `json:"main"`
	ByVehicle  hexText        `json:"confirmation_by_vehicle"`
	ByGround   hexText        `json:"confirmation_by_ground"`
	Packets    []packetVector `json:"packets"`
}

type packetVector struct {
	Role      Role    `json:"role"`
	Kind      string  `json:"kind"`
	System    uint8   `json:"system"`
	Component uint8   `json:"component"`
	Counter   uint64  `json:"counter,string"`
	Key       hexText `json:"key"`
	Payload   hexText `json:"payload"`
	Packet    hexText `json:"packet"`
}

// refusedVector is a message or packet of the first handshake with some bytes replaced, cut
// or added.
type refusedVector struct {
	Name   string  `json:"name"`
	Of     string  `json:"of"` // offer, answer, confirmation_by_vehicle, packet N
	At     int     `json:"at"` // from the end, if negative
	Bytes  hexText `json:"bytes,omitempty"`
	Cut    int     `json:"cut,omitempty"` // bytes off the end
	Append hexText `json:"append,omitempty"`
	Want   string  `json:"want"` // malformed, signature, party, offer, confirmation, forged, session
}

type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }
func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

var vectorErrors = map[string]error{
	"malformed": ErrMalformed, "signature": pqsig.ErrBadSignature, "party": ErrParty, "offer": ErrOffer, "confirmation": ErrConfirmation,
	"malformed packet": ErrPacketMalformed, "forged": ErrPacketForged, "session": ErrPacketSession, "replayed": ErrPacketReplayed,
}

func sessionVectorsPath() string { return filepath.Join("testdata", "session.json") }

func makeSessionVectors(t *testing.T) *sessionVectors {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	file := &sessionVectors{
		Comment: "test vectors of docs/wire-v2-session.md; these private keys are public",
		Vehicle: v.key.Seed(), Ground: g.key.Seed(),
	}
	for _, suite := range suites {
		o := must(OfferSession(v.key, v.id, g.public, suite))(t)
		h := &handshakeVector{Suite: suite, Ephemeral: o.key.Seed(), Offer: o.Message()}
		a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
		h.Answer = a.Message()
		answer := must(ParseSessionAnswer(h.Answer))(t)
		h.Secret = must(o.key.Decapsulate(answer.ciphertext))(t)
		c := must(o.Accept(a.Message()))(t)
		k := c.keys
		id := k.transcript.id()
		h.Transcript, h.Session, h.Main = k.transcript[:], id[:], bytes.Clone(k.main[:])
		h.ByVehicle, h.ByGround = c.Message(), k.confirmation(GroundStation)
		ends := map[Role]*Session{GroundStation: must(a.Accept(h.ByVehicle))(t), Vehicle: must(c.Accept(h.ByGround))(t)}
		for _, p := range []packetVector{
			{Role: Vehicle, Kind: "tagged", System: 1, Component: 1, Counter: 1, Payload: []byte("position")},
			{Role: GroundStation, Kind: "tagged", System: 255, Component: 190, Counter: 1, Payload: []byte{}},
			{Role: Vehicle, Kind: "sealed", System: 1, Component: 1, Counter: 1, Payload: []byte("position")},
			{Role: GroundStation, Kind: "sealed", System: 255, Component: 190, Counter: 1<<64 - 1, Payload: bytes.Repeat([]byte{0xA5}, 200)},
		} {
			s := ends[p.Role].Sender(Address{p.System, p.Component})
			make, use, kind := s.Tag, forTags, Tagged
			if p.Kind == "sealed" {
				make, use, kind = s.Seal, forSealing, Sealed
			}
			s.Raise(kind, p.Counter-1)
			key := expand(&k.main, use, p.Role, Address{p.System, p.Component})
			p.Key, p.Packet = key[:], must(make(nil, p.Payload))(t)
			h.Packets = append(h.Packets, p)
		}
		file.Handshakes = append(file.Handshakes, h)
	}
	x := partyOf(t, "someone else").id
	file.Refused = []refusedVector{
		{Name: "offer of version 1", Of: "offer", At: 0, Bytes: []byte{1}, Want: "malformed"},
		{Name: "offer with the kind of an answer", Of: "offer", At: 1, Bytes: []byte{4}, Want: "malformed"},
		{Name: "offer with a length that is one less", Of: "offer", At: 2, Bytes: []byte{0x80, 0x06}, Want: "malformed"},
		{Name: "offer by nobody", Of: "offer", At: 4, Bytes: make([]byte, 32), Want: "malformed"},
		{Name: "offer for nobody", Of: "offer", At: 36, Bytes: make([]byte, 32), Want: "malformed"},
		{Name: "offer to itself", Of: "offer", At: 36, Bytes: v.id[:], Want: "malformed"},
		{Name: "offer by another vehicle", Of: "offer", At: 4, Bytes: x[:], Want: "party"},
		{Name: "offer for another ground station", Of: "offer", At: 36, Bytes: x[:], Want: "party"},
		{Name: "offer with another nonce", Of: "offer", At: 68, Bytes: make([]byte, 32), Want: "signature"},
		{Name: "offer of suite 0", Of: "offer", At: 100, Bytes: []byte{0}, Want: "malformed"},
		{Name: "offer of suite 2 with the key of suite 1", Of: "offer", At: 100, Bytes: []byte{2}, Want: "malformed"},
		{Name: "offer with a coefficient of 3329", Of: "offer", At: 101, Bytes: []byte{0x01, 0x0d}, Want: "malformed"},
		{Name: "offer with another signature", Of: "offer", At: 2000, Bytes: make([]byte, 32), Want: "signature"},
		{Name: "offer cut short", Of: "offer", Cut: 1, Want: "malformed"},
		{Name: "offer with a byte more", Of: "offer", Append: []byte{0}, Want: "malformed"},
		{Name: "answer with the kind of an offer", Of: "answer", At: 1, Bytes: []byte{3}, Want: "malformed"},
		{Name: "answer to another vehicle", Of: "answer", At: 4, Bytes: x[:], Want: "offer"},
		{Name: "answer by another ground station", Of: "answer", At: 36, Bytes: x[:], Want: "offer"},
		{Name: "answer with another nonce", Of: "answer", At: 68, Bytes: make([]byte, 32), Want: "signature"},
		{Name: "answer to another offer", Of: "answer", At: 100, Bytes: make([]byte, 32), Want: "offer"},
		{Name: "answer of suite 2", Of: "answer", At: 132, Bytes: []byte{2}, Want: "malformed"},
		{Name: "answer with another ciphertext", Of: "answer", At: 133, Bytes: make([]byte, 32), Want: "signature"},
		{Name: "answer cut short", Of: "answer", Cut: 1, Want: "malformed"},
		{Name: "confirmation with a byte more", Of: "confirmation_by_vehicle", Append: []byte{0}, Want: "malformed"},
		{Name: "confirmation of role 0", Of: "confirmation_by_vehicle", At: 4, Bytes: []byte{0}, Want: "malformed"},
		{Name: "confirmation by the ground station itself", Of: "confirmation_by_vehicle", At: 4, Bytes: []byte{2}, Want: "confirmation"},
		{Name: "confirmation of another session", Of: "confirmation_by_vehicle", At: 5, Bytes: make([]byte, 16), Want: "confirmation"},
		{Name: "confirmation with another tag", Of: "confirmation_by_vehicle", At: -32, Bytes: make([]byte, 32), Want: "confirmation"},
		{Name: "packet of an unknown kind", Of: "packet 0", At: 0, Bytes: []byte{0x20}, Want: "malformed packet"},
		{Name: "tagged packet taken for a sealed one", Of: "packet 0", At: 0, Bytes: []byte{0x22}, Want: "forged"},
		{Name: "sealed packet taken for a tagged one", Of: "packet 2", At: 0, Bytes: []byte{0x21}, Want: "malformed packet"},
		{Name: "packet of another system", Of: "packet 0", At: 1, Bytes: []byte{2}, Want: "forged"},
		{Name: "packet of another session", Of: "packet 0", At: 3, Bytes: make([]byte, 4), Want: "session"},
		{Name: "packet with counter 0", Of: "packet 0", At: 7, Bytes: make([]byte, 8), Want: "malformed packet"},
		{Name: "packet with the next counter", Of: "packet 2", At: 7, Bytes: []byte{2}, Want: "forged"},
		{Name: "packet with another payload", Of: "packet 0", At: 15, Bytes: []byte("P"), Want: "forged"},
		{Name: "sealed packet with another tag", Of: "packet 2", At: -16, Bytes: make([]byte, 16), Want: "forged"},
		{Name: "packet sent back", Of: "packet 1", At: 0, Want: "forged"},
		{Name: "packet cut short", Of: "packet 2", Cut: 1, Want: "forged"},
	}
	return file
}

// TestSessionVectors takes testdata/session.json apart as a stranger would, who has the
// vehicle's ephemeral seed: the whole handshake follows.
func TestSessionVectors(t *testing.T) {
	if *updateVectors {
		data := must(json.MarshalIndent(makeSessionVectors(t), "", " "))(t)
		if err := os.WriteFile(sessionVectorsPath(), append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var file sessionVectors
	if err := json.Unmarshal(must(os.ReadFile(sessionVectorsPath()))(t), &file); err != nil {
		t.Fatal(err)
	}
	v := must(pqsig.NewPrivateKey(pqsig.MLDSA87, file.Vehicle))(t).Public()
	g := must(pqsig.NewPrivateKey(pqsig.MLDSA87, file.Ground))(t).Public()
	for _, h := range file.Handshakes {
		offer, answer := must(ParseSessionOffer(h.Offer))(t), must(ParseSessionAnswer(h.Answer))(t)
		if err := errors.Join(offer.Verify(v), answer.Verify(offer, g)); err != nil {
			t.Error(err)
		}
		key := must(pqkem.NewPrivateKey(h.Suite.algorithm(), h.Ephemeral))(t)
		if secret := must(key.Decapsulate(answer.ciphertext))(t); !bytes.Equal(secret, h.Secret) || !key.Public().Equal(offer.key) {
			t.Errorf("%v: secret %x", h.Suite, secret)
		}
		c := must((&Offering{offer: offer, ground: g, key: key}).Accept(h.Answer))(t)
		k := c.keys
		if id := c.ID(); !bytes.Equal(k.transcript[:], h.Transcript) || !bytes.Equal(id[:], h.Session) || !bytes.Equal(k.main[:], h.Main) ||
			!bytes.Equal(c.Message(), h.ByVehicle) || !bytes.Equal(k.confirmation(GroundStation), h.ByGround) {
			t.Errorf("%v: transcript %x, main %x, confirmations %x and %x", h.Suite, k.transcript, k.main, c.Message(), k.confirmation(GroundStation))
		}
		for i, p := range h.Packets {
			end := func(r Role) *Session {
				return newSession(&schedule{role: r, suite: k.suite, vehicle: k.vehicle, ground: k.ground, transcript: k.transcript, main: k.main})
			}
			use := forTags
			if p.Kind == "sealed" {
				use = forSealing
			}
			if key := expand(&k.main, use, p.Role, Address{p.System, p.Component}); !bytes.Equal(key[:], p.Key) {
				t.Errorf("%v, packet %d: key %x", h.Suite, i, key)
			}
			s := end(p.Role).Sender(Address{p.System, p.Component})
			kind := map[string]PacketKind{"tagged": Tagged, "sealed": Sealed}[p.Kind]
			s.Raise(kind, p.Counter-1)
			if got := must(kinds(s)[kind](nil, p.Payload))(t); !bytes.Equal(got, p.Packet) {
				t.Errorf("%v, packet %d: made as %x", h.Suite, i, got)
			}
			if got, err := end(p.Role.Other()).Open(nil, p.Packet); err != nil || !bytes.Equal(got.Payload, p.Payload) || got.Counter != p.Counter {
				t.Errorf("%v, packet %d: opened as %+v, %v", h.Suite, i, got, err)
			}
		}
	}
	if len(file.Handshakes) != 2 || len(file.Refused) < 30 {
		t.Errorf("%d handshakes, %d to be refused", len(file.Handshakes), len(file.Refused))
	}
	for _, r := range file.Refused {
		if err := file.refused(t, &r, v, g); !errors.Is(err, vectorErrors[r.Want]) || err == nil {
			t.Errorf("%s: %v, want %s", r.Name, err, r.Want)
		}
	}
}

// refused offers what must be refused to the one it was made for.
func (f *sessionVectors) refused(t *testing.T, r *refusedVector, v, g *pqsig.PublicKey) error {
	h := f.Handshakes[0]
	change := func(m []byte) []byte {
		m = bytes.Clone(m)
		at := r.At
		if at < 0 {
			at += len(m)
		}
		copy(m[at:], r.Bytes)
		return append(m[:len(m)-r.Cut], r.Append...)
	}
	offer := must(ParseSessionOffer(h.Offer))(t)
	key := must(pqkem.NewPrivateKey(h.Suite.algorithm(), h.Ephemeral))(t)
	k := schedule{role: GroundStation, suite: h.Suite, vehicle: offer.Vehicle, ground: offer.Ground, transcript: transcript(h.Transcript), main: [keySize]byte(h.Main)}
	switch r.Of {
	case "offer":
		_, err := AnswerSession(shortSigner{}, FingerprintOf(g), change(h.Offer), v)
		return err
	case "answer":
		_, err := (&Offering{offer: offer, ground: g, key: key}).Accept(change(h.Answer))
		return err
	case "confirmation_by_vehicle":
		_, err := (&Answering{unconfirmed: unconfirmed{keys: &k}}).Accept(change(h.ByVehicle))
		return err
	}
	var n int
	if _, err := fmt.Sscanf(r.Of, "packet %d", &n); err != nil {
		t.Fatal(r.Of)
	}
	if r.Name != "packet sent back" {
		k.role = h.Packets[n].Role.Other()
	} else {
		k.role = h.Packets[n].Role
	}
	_, err := newSession(&k).Open(nil, change(h.Packets[n].Packet))
	return err
}
