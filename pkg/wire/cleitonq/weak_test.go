package cleitonq_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/keccak"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
	. "cqkit/pkg/wire/cleitonq"
)

// Each test here carries an attack out on version 1, where it succeeds, and then on version 2,
// which refuses it. docs/wire-v1.md, "What version 1 does not protect", has the list.

// commandLong is a COMMAND_LONG to a vehicle's system 1, component 1: MAV_CMD_DO_SET_MODE.
var commandLong = func() []byte {
	p := make([]byte, 33)
	binary.LittleEndian.PutUint16(p[28:], 176)
	p[30], p[31], p[32] = 1, 1, 1
	return p
}()

// vehicle is a receiver of version 2, in a session, that obeys key.
func vehicle(t *testing.T, own *pqsig.PrivateKey, system uint8) *wire.Receiver {
	t.Helper()
	r, err := wire.NewReceiver(wire.ReceiverOptions{
		Self: wire.FingerprintOf(own.Public()), System: system, Components: []uint8{1}, Keys: wire.Keys(key.Public()), Session: wire.SessionID{1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var drone = testKey(0x11)

// command is one of version 2 for vehicle(t, drone, 1).
func command() *wire.Command {
	return &wire.Command{
		Signer: wire.FingerprintOf(key.Public()), Receiver: wire.FingerprintOf(drone.Public()), Session: wire.SessionID{1}, Nonce: 1,
		Source: wire.Address{System: 255, Component: 190}, Target: wire.Address{System: 1, Component: 1}, ID: 76, Payload: commandLong,
	}
}

func TestCommandRetargeted(t *testing.T) {
	c := SignedCommand{MessageID: 76, TargetSystem: 1, TargetComponent: 1, Nonce: 1, Payload: commandLong}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	b := must(c.Append(nil))
	b[0], b[2], b[3] = 11, 2, 7 // SET_MODE instead, for another system and component
	got, err := ParseSignedCommand(b)
	if err != nil || got.Verify(key.Public()) != nil || got.MessageID != 11 || got.TargetSystem != 2 || got.TargetComponent != 7 {
		t.Errorf("v1: %+v, %v", got, err)
	}

	message := must(command().Sign(key))
	for _, at := range []int{36, 68, 92, 94, 95, 96} { // receiver, session, source, target, message
		changed := bytes.Clone(message)
		changed[at]++
		if c, err := vehicle(t, drone, 1).Open(changed); err == nil {
			t.Errorf("v2: byte %d changed, and obeyed: %+v", at, c)
		}
	}
	if _, err := vehicle(t, testKey(0x12), 1).Open(message); !errors.Is(err, wire.ErrForeign) {
		t.Errorf("v2: another vehicle: %v", err)
	}
	if _, err := vehicle(t, drone, 2).Open(message); !errors.Is(err, wire.ErrForeign) {
		t.Errorf("v2: another system: %v", err)
	}
	if _, err := vehicle(t, drone, 1).Open(message); err != nil {
		t.Errorf("v2: the vehicle itself: %v", err)
	}
}

func TestAnchorFromCommand(t *testing.T) {
	archive := bytes.Repeat([]byte{7}, 32) // tags of packets that never were
	a := Anchor{Nonce: 9, Start: 1, End: 1, Count: 1, Commitment: keccak.Sum256(archive)}
	payload := must(a.Sign(mallory))[:78] // what an anchor signs, by whomever
	c := SignedCommand{MessageID: 76, TargetSystem: 1, Nonce: 9, Payload: payload}
	if err := c.Sign(key); err != nil { // the operator signs a command
		t.Fatal(err)
	}
	packet := append(binary.LittleEndian.AppendUint64(bytes.Clone(payload), c.Nonce), c.Signature...)
	if got, err := OpenAnchor(key.Public(), packet, 0); err != nil || !got.Commits(archive) {
		t.Errorf("v1: %v", err)
	}

	anchor := must((&wire.Anchor{Signer: wire.FingerprintOf(key.Public()), Origin: wire.Origin{1}, Number: 1, Count: 1, Root: wire.TagOf(nil)}).AppendStatement(nil))
	d := command()
	d.Payload = anchor
	if _, err := wire.VerifyAnchor(must(d.Sign(key)), wire.Keys(key.Public())); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("v2: a command whose payload is an anchor's statement: %v", err)
	}
	for _, context := range []string{"cqkit/command/v2", "cqkit/logged-command/v2"} {
		message := append(bytes.Clone(anchor), must(key.Sign(anchor, context))...)
		if _, err := wire.VerifyAnchor(message, wire.Keys(key.Public())); !errors.Is(err, pqsig.ErrBadSignature) {
			t.Errorf("v2: an anchor's statement signed as %s: %v", context, err)
		}
	}
}

func TestCommandFromAnchor(t *testing.T) {
	packet := must((&Anchor{Nonce: 9, Start: 1, End: 1, Count: 1}).Sign(key))
	c := SignedCommand{MessageID: 76, TargetSystem: 1, Nonce: 9, Payload: packet[:78], Signature: packet[86:]}
	got, err := ParseSignedCommand(must(c.Append(nil)))
	if err != nil || got.Verify(key.Public()) != nil {
		t.Errorf("v1: %v", err)
	}

	anchor := must((&wire.Anchor{Signer: wire.FingerprintOf(key.Public()), Origin: wire.Origin{1}, Number: 1, Count: 1}).Sign(key))
	if c, err := vehicle(t, drone, 1).Open(anchor); err == nil {
		t.Errorf("v2: an anchor was obeyed: %+v", c)
	}
	statement := must(command().AppendStatement(nil))
	message := append(bytes.Clone(statement), must(key.Sign(statement, "cqkit/anchor/v2"))...)
	if _, err := vehicle(t, drone, 1).Open(message); !errors.Is(err, pqsig.ErrBadSignature) {
		t.Errorf("v2: a command's statement signed as an anchor: %v", err)
	}
}

// parties are a vehicle and a ground station of version 2.
var ground = testKey(0x22)

// handshake takes a fresh offer to the confirmations.
func handshake(t *testing.T) (offering *wire.Offering, offer, answer, confirmation []byte, atVehicle, atGround *wire.Session) {
	t.Helper()
	offering = must(wire.OfferSession(drone, wire.FingerprintOf(drone.Public()), ground.Public(), wire.MLKEM1024))
	answering := must(wire.AnswerSession(ground, wire.FingerprintOf(ground.Public()), offering.Message(), drone.Public()))
	confirming := must(offering.Accept(answering.Message()))
	atGround = must(answering.Accept(confirming.Message()))
	atVehicle = must(confirming.Accept(atGround.Confirmation()))
	return offering, offering.Message(), answering.Message(), confirming.Message(), atVehicle, atGround
}

// kemKey is the static key of a drone of version 1.
var kemKey = must(pqkem.NewPrivateKey(pqkem.MLKEM1024, bytes.Repeat([]byte{5}, pqkem.MLKEM1024SeedSize)))

// begin is what a drone of version 1 does with a session init.
func begin(b []byte, lastTime uint64) ([KeySize]byte, error) {
	s, err := ParseSessionInit(b)
	if err != nil {
		return [KeySize]byte{}, err
	}
	if s.Time <= lastTime {
		return [KeySize]byte{}, ErrReplayed
	}
	return Decapsulate(kemKey, s.Ciphertext[:])
}

func sessionInit(t *testing.T, at uint64) (message []byte, session [KeySize]byte) {
	t.Helper()
	session, ciphertext, err := Encapsulate(kemKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	s := SessionInit{Initiator: 255, Time: at}
	copy(s.Ciphertext[:], ciphertext)
	return s.Append(nil), session
}

func TestSessionReplayed(t *testing.T) {
	recorded, session := sessionInit(t, 1000)
	packet := NewChannel(&session, C2).Append(nil, []byte("arm"), 1)
	if got, err := begin(recorded, 0); err != nil || got != session {
		t.Fatal(err)
	}
	if _, err := begin(recorded, 1000); err != ErrReplayed {
		t.Fatalf("the plain replay: %v", err)
	}
	binary.LittleEndian.PutUint64(recorded[1:], 2000) // nothing covers the time
	again, err := begin(recorded, 1000)
	if err != nil || again != session {
		t.Errorf("v1: %v", err)
	}
	if _, _, err := NewChannel(&again, C2).Open(packet, 0); err != nil { // a new session counts from 0
		t.Errorf("v1: the recorded packet in the new session: %v", err)
	}

	_, offer, answer, confirmation, atVehicle, atGround := handshake(t)
	old := must(atGround.Sender(wire.Address{System: 255, Component: 1}).Tag(nil, []byte("arm")))
	offering := must(wire.OfferSession(drone, wire.FingerprintOf(drone.Public()), ground.Public(), wire.MLKEM1024))
	if _, err := offering.Accept(answer); !errors.Is(err, wire.ErrOffer) {
		t.Errorf("v2: a recorded answer: %v", err)
	}
	answering := must(wire.AnswerSession(ground, wire.FingerprintOf(ground.Public()), offer, drone.Public())) // a recorded offer
	if answering.ID() == atVehicle.ID() {
		t.Error("v2: a recorded offer led to the same session")
	}
	if _, err := answering.Accept(confirmation); !errors.Is(err, wire.ErrConfirmation) {
		t.Errorf("v2: a recorded confirmation: %v", err)
	}
	_, _, _, _, other, _ := handshake(t)
	if _, err := other.Open(nil, old); err == nil {
		t.Error("v2: a recorded packet was accepted in another session")
	}
}

func TestSessionFromAnyone(t *testing.T) {
	message, session := sessionInit(t, 1000) // by whoever has the drone's public key
	got, err := begin(message, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewChannel(&got, C2).Open(NewChannel(&session, C2).Append(nil, []byte("land"), 1), 0); err != nil {
		t.Errorf("v1: %v", err)
	}

	id := wire.FingerprintOf(ground.Public())
	offering := must(wire.OfferSession(drone, wire.FingerprintOf(drone.Public()), ground.Public(), wire.MLKEM1024))
	answering := must(wire.AnswerSession(mallory, id, offering.Message(), drone.Public())) // as if she were the ground station
	if _, err := offering.Accept(answering.Message()); !errors.Is(err, pqsig.ErrBadSignature) {
		t.Errorf("v2: an answer under the ground station's name: %v", err)
	}
	if _, err := wire.AnswerSession(mallory, wire.FingerprintOf(mallory.Public()), offering.Message(), drone.Public()); !errors.Is(err, wire.ErrParty) {
		t.Errorf("v2: an answer under her own name: %v", err)
	}
	forged := must(wire.OfferSession(mallory, wire.FingerprintOf(drone.Public()), ground.Public(), wire.MLKEM1024))
	if _, err := wire.AnswerSession(ground, id, forged.Message(), drone.Public()); !errors.Is(err, pqsig.ErrBadSignature) {
		t.Errorf("v2: an offer under the vehicle's name: %v", err)
	}
}

func TestSessionsOpenedLater(t *testing.T) {
	type flight struct{ init, packet []byte }
	var recorded []flight
	for at := range uint64(3) {
		message, session := sessionInit(t, at+1)
		recorded = append(recorded, flight{message, NewSealer(&session, Telemetry).Append(nil, []byte("position"), 1)})
	}
	stolen := must(pqkem.NewPrivateKey(pqkem.MLKEM1024, kemKey.Seed())) // years later
	for i, f := range recorded {
		session := must(Decapsulate(stolen, must(ParseSessionInit(f.init)).Ciphertext[:]))
		if payload, _, err := NewSealer(&session, Telemetry).Open(f.packet, 0); err != nil || string(payload) != "position" {
			t.Errorf("v1: flight %d: %v", i, err)
		}
	}

	// The vehicle keeps nothing that could be stolen but its signing key, which opens nothing.
	offering, _, answer, _, _, _ := handshake(t)
	if _, err := offering.AppendState(nil); !errors.Is(err, wire.ErrUsed) {
		t.Errorf("v2: the offer's key after the handshake: %v", err)
	}
	if _, err := offering.Accept(answer); !errors.Is(err, wire.ErrUsed) {
		t.Errorf("v2: the answer opened again: %v", err)
	}
}

func TestReflected(t *testing.T) {
	station := NewChannel(&secret, C2)
	packet := station.Append(nil, []byte("climb"), 1)
	if _, _, err := station.Open(packet, 0); err != nil {
		t.Errorf("v1: %v", err)
	}

	_, _, _, _, _, atGround := handshake(t)
	for _, make := range []func(*wire.PacketSender, []byte, []byte) ([]byte, error){(*wire.PacketSender).Tag, (*wire.PacketSender).Seal} {
		packet := must(make(atGround.Sender(wire.Address{System: 255, Component: 1}), nil, []byte("climb")))
		if _, err := atGround.Open(nil, packet); !errors.Is(err, wire.ErrPacketForged) {
			t.Errorf("v2: %v", err)
		}
	}
}

func TestTwoSenders(t *testing.T) {
	// Two components of a vehicle hold the session key and count by themselves.
	a, b := []byte("battery 93 %, all is well"), []byte("battery  3 %, return now!")
	one, two := NewChannel(&secret, Telemetry), NewChannel(&secret, Telemetry)
	if _, _, err := one.Open(two.Append(nil, b, 1), 0); err != nil {
		t.Errorf("v1: the second's packet as the first's: %v", err)
	}
	_, last, err := one.Open(one.Append(nil, a, 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := one.Open(two.Append(nil, b, 1), last); err != ErrReplayed {
		t.Errorf("v1: the second's packet after the first's: %v", err)
	}
	x, y := NewSealer(&secret, Telemetry).Append(nil, a, 1), NewSealer(&secret, Telemetry).Append(nil, b, 1)
	if !bytes.Equal(xor(x[8:8+len(a)], y[8:8+len(a)]), xor(a, b)) {
		t.Error("v1: two seals under one nonce do not show the difference of their payloads")
	}

	_, _, _, _, atVehicle, atGround := handshake(t)
	first, second := atVehicle.Sender(wire.Address{System: 1, Component: 1}), atVehicle.Sender(wire.Address{System: 1, Component: 2})
	p, q := must(first.Seal(nil, a)), must(second.Seal(nil, b))
	if bytes.Equal(xor(p[15:15+len(a)], q[15:15+len(a)]), xor(a, b)) {
		t.Error("v2: two seals under one nonce and key")
	}
	q[2] = 1 // the second's, as the first's
	if _, err := atGround.Open(nil, q); !errors.Is(err, wire.ErrPacketForged) {
		t.Errorf("v2: one sender's packet as the other's: %v", err)
	}
	q[2] = 2
	for i, packet := range [][]byte{p, q} {
		if got, err := atGround.Open(nil, packet); err != nil || got.Counter != 1 || got.From.Component != uint8(i+1) {
			t.Errorf("v2: packet %d: %+v, %v", i, got, err)
		}
	}
}

func xor(a, b []byte) []byte {
	c := bytes.Clone(a)
	for i := range c {
		c[i] ^= b[i]
	}
	return c
}

func TestSaltCollides(t *testing.T) {
	// A channel whose operator chose this salt has the key that seals commands.
	channel := NewChannel(&secret, Custom([]byte("cleitonq-seal-v1cleitonq-c2-v1")))
	shared := keccak.Sum256(append(bytes.Clone(secret[:]), "cleitonq-seal-v1cleitonq-c2-v1"...))
	if _, _, err := ChannelOfKey(&shared).Open(channel.Append(nil, []byte("x"), 1), 0); err != nil {
		t.Errorf("v1: the channel's key is another: %v", err)
	}
	if _, _, err := SealerOfKey(&shared, C2).Open(NewSealer(&secret, C2).Append(nil, []byte("x"), 1), 0); err != nil {
		t.Errorf("v1: the sealer's key is another: %v", err)
	}

	// Version 2 has no salts to choose, and a key for each purpose: a packet of one kind is none of the other.
	_, _, _, _, atVehicle, atGround := handshake(t)
	sender := atGround.Sender(wire.Address{System: 255, Component: 1})
	for _, packet := range [][]byte{must(sender.Tag(nil, make([]byte, 64))), must(sender.Seal(nil, make([]byte, 64)))} {
		packet[0] ^= byte(wire.Tagged ^ wire.Sealed)
		if _, err := atVehicle.Open(nil, packet); !errors.Is(err, wire.ErrPacketForged) {
			t.Errorf("v2: %v", err)
		}
	}
}

func TestKeyIDChanged(t *testing.T) {
	// One key under two ids, as while ids are handed over: the old one is revoked.
	var r Registry
	r.Register(7, key.Public())
	r.Register(8, key.Public())
	r.Revoke(7)
	packet := must(SignRotating(key, 7, []byte("arm"), 1))
	if _, _, _, err := r.Open(packet, 0); !errors.Is(err, ErrForged) {
		t.Fatalf("the revoked id: %v", err)
	}
	packet[0] = 8
	if id, _, _, err := r.Open(packet, 0); err != nil || id != 8 {
		t.Errorf("v1: %d, %v", id, err)
	}

	// The name of the key is in what is signed: it cannot be changed, and one key has one name.
	message := must(command().Sign(key))
	other := wire.FingerprintOf(mallory.Public())
	copy(message[4:], other[:])
	anyName := func(wire.Fingerprint) *pqsig.PublicKey { return key.Public() } // even for whoever looks no closer
	if _, err := wire.VerifyCommand(message, anyName); !errors.Is(err, pqsig.ErrBadSignature) {
		t.Errorf("v2: %v", err)
	}
}

func TestAnchorCounts(t *testing.T) {
	archive := bytes.Repeat([]byte{1}, 3*32)
	a := Anchor{Nonce: 9, Start: 1, End: 1_000_000, Count: 1_000_000}
	a.Commitment, _, _ = Commit(archive)
	got, err := OpenAnchor(key.Public(), must(a.Sign(key)), 0)
	if err != nil || !got.Commits(archive) {
		t.Errorf("v1: a million packets, of which three are there: %v", err)
	}
	if got.Counts(archive) {
		t.Error("the comparison that version 1 leaves out does not notice")
	}

	var tags []wire.Tag
	for i := range byte(3) {
		tags = append(tags, wire.TagOf([]byte{i}))
	}
	root := wire.MerkleCommitment(tags)
	c := wire.NewComparison([]wire.Window{{First: 0, Count: 1_000_000, Commitment: root}}, wire.MerkleCommitment, 1_000_000)
	for _, tag := range tags {
		c.Presented(tag)
	}
	if r := c.Result(true); r.Intact[0] || r.Covered != 0 || len(r.Differences) == 0 {
		t.Errorf("v2: %+v", r)
	}
}

func TestCounterSaturates(t *testing.T) {
	// A source that stops at its highest value gives it out for ever.
	saturated := uint64(math.MaxUint64)
	a, b := []byte("return to launch"), []byte("hold the position"[:16])
	s := NewSealer(&secret, C2)
	x, y := s.Append(nil, a, saturated), s.Append(nil, b, saturated)
	if !bytes.Equal(xor(x[8:24], y[8:24]), xor(a, b)) {
		t.Error("v1: two seals under one nonce do not show the difference of their payloads")
	}

	_, _, _, _, atVehicle, _ := handshake(t)
	sender := atVehicle.Sender(wire.Address{System: 1, Component: 1})
	sender.Raise(wire.Sealed, math.MaxUint64-1)
	if _, err := sender.Seal(nil, a); err != nil {
		t.Errorf("v2: the last counter: %v", err)
	}
	if packet, err := sender.Seal(nil, b); !errors.Is(err, nonce.ErrExhausted) || packet != nil {
		t.Errorf("v2: after the last counter: %x, %v", packet, err)
	}
}

func TestNonceZero(t *testing.T) {
	// CleitonQ's own source, begun at 0, gives out 0 first.
	if _, _, err := OpenPacket(key.Public(), must(SignPacket(key, []byte("arm"), 0)), 0); err != ErrReplayed {
		t.Errorf("v1: signed: %v", err)
	}
	if _, _, err := NewChannel(&secret, C2).Open(NewChannel(&secret, C2).Append(nil, []byte("arm"), 0), 0); err != ErrReplayed {
		t.Errorf("v1: tagged: %v", err)
	}
	if _, _, err := NewSealer(&secret, C2).Open(NewSealer(&secret, C2).Append(nil, []byte("arm"), 0), 0); err != ErrReplayed {
		t.Errorf("v1: sealed: %v", err)
	}

	_, _, _, _, atVehicle, atGround := handshake(t)
	packet := must(atVehicle.Sender(wire.Address{System: 1, Component: 1}).Tag(nil, []byte("armed")))
	if got, err := atGround.Open(nil, packet); err != nil || got.Counter != 1 {
		t.Errorf("v2: the first packet: %+v, %v", got, err)
	}
	c := command()
	c.Nonce = 0
	if _, err := c.Sign(key); err == nil {
		t.Error("v2: a command with nonce 0 was signed")
	}
	if _, err := vehicle(t, drone, 1).Open(must(command().Sign(key))); err != nil { // nonce 1
		t.Errorf("v2: the first command: %v", err)
	}
}

func TestChunkForged(t *testing.T) {
	c := SignedCommand{MessageID: 76, TargetSystem: 1, Nonce: 1, Payload: commandLong}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		name    string
		head    chunk.Chunk
		message []byte
		comes   bool
	}{
		{"v1", chunk.Chunk{Type: chunk.SignedCommand, Token: 7}, must(c.Append(nil)), false},
		{"v2", chunk.Chunk{Type: chunk.Command, Token: 7}, must(command().Sign(key)), true},
	} {
		chunks, err := chunk.Cut(v.head, v.message)
		if err != nil {
			t.Fatal(err)
		}
		forged := chunks[9]
		forged.Data = bytes.Clone(forged.Data)
		forged.Data[100] ^= 1
		a := chunk.NewAssembler(chunk.Limits{})
		came := false
		for i, part := range chunks {
			parts := []chunk.Chunk{part}
			if i == 9 {
				parts = []chunk.Chunk{forged, part} // the attacker is faster
			}
			for _, part := range parts {
				got, err := a.Add(chunk.Source{System: 255}, part, 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				came = came || len(got) == 1 && bytes.Equal(got[0].Bytes, v.message)
			}
		}
		if came != v.comes {
			t.Errorf("%s: came %v, want %v", v.name, came, v.comes)
		}
	}
}
