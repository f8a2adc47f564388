package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"cqkit/pkg/bench/figures"
	"cqkit/pkg/bench/link"
	"cqkit/pkg/chunk"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
	"cqkit/pkg/wire/cleitonq"
)

// An encoded is what authentication puts on a link: frames as the encoders make them.
type encoded struct {
	perPacket map[string]int // bytes that a frame grows by in a packet of the kind
	command   map[string]link.Event
	session   map[string]link.Event
	note      link.Event
}

// packetKinds are how frames of telemetry can be protected, the default first.
var packetKinds = []string{"tagged", "sealed", "v1", "none"}

// The two ends, by keys of fixed seeds: only lengths matter.
type party struct {
	key *pqsig.PrivateKey
	id  wire.Fingerprint
}

func newParty(seed byte) party {
	k := mustKey(pqsig.NewPrivateKey(pqsig.MLDSA87, bytes.Repeat([]byte{seed}, pqsig.MLDSA87SeedSize)))
	return party{k, wire.FingerprintOf(k.Public())}
}

// mustKey is for seeds, which make a key whatever they are.
func mustKey(k *pqsig.PrivateKey, err error) *pqsig.PrivateKey {
	if err != nil {
		panic(err)
	}
	return k
}

// encode makes one of each: a command of a whole COMMAND_LONG, a handshake with ML-KEM-1024, a note.
func encode() (*encoded, error) {
	vehicle, ground := newParty(1), newParty(2)
	e := &encoded{perPacket: map[string]int{"none": 0}, command: map[string]link.Event{}, session: map[string]link.Event{}}
	session, err := e.handshake(vehicle, ground)
	if err != nil {
		return nil, err
	}
	if err := e.packets(session); err != nil {
		return nil, err
	}
	if err := e.commands(vehicle, ground, session.ID()); err != nil {
		return nil, err
	}
	e.note, err = encodeNote(vehicle.key)
	return e, err
}

// frames cuts a message into the frames that carry it and returns their lengths, those that frames have whose data does not
// happen to end in zeros, which would be left out.
func frames(d link.Direction, t chunk.Type, message []byte) (link.Send, error) {
	s := link.Send{Direction: d}
	list, err := chunk.Cut(chunk.Chunk{Token: 0x5a5a, TargetSystem: 1, TargetComponent: 1, Type: t}, message)
	for i, c := range list {
		c.Data = slices.Clone(c.Data)
		c.Data[len(c.Data)-1] |= 1
		s.Frames = append(s.Frames, len(c.AppendFrame(nil, uint8(i), 255, 190)))
	}
	return s, err
}

// handshake opens a session, and keeps what was sent for it: the offer and a confirmation down, the answer and one up.
func (e *encoded) handshake(vehicle, ground party) (*wire.Session, error) {
	offering, err := wire.OfferSession(vehicle.key, vehicle.id, ground.key.Public(), wire.MLKEM1024)
	if err != nil {
		return nil, err
	}
	answering, err := wire.AnswerSession(ground.key, ground.id, offering.Message(), vehicle.key.Public())
	if err != nil {
		return nil, err
	}
	confirming, err := offering.Accept(answering.Message())
	if err != nil {
		return nil, err
	}
	session, err := answering.Accept(confirming.Message())
	if err != nil {
		return nil, err
	}
	for _, m := range []struct {
		direction link.Direction
		kind      chunk.Type
		bytes     []byte
	}{{link.Down, chunk.Offer, offering.Message()}, {link.Up, chunk.Answer, answering.Message()}, {link.Down, chunk.Confirm, confirming.Message()}, {link.Up, chunk.Confirm, session.Confirmation()}} {
		s, err := frames(m.direction, m.kind, m.bytes)
		if err != nil {
			return nil, err
		}
		e.session["v2"] = append(e.session["v2"], s)
	}
	init := cleitonq.SessionInit{}
	for i := range init.Ciphertext {
		init.Ciphertext[i] = 0xa5
	}
	s, err := frames(link.Up, chunk.SessionInit, init.Append(nil))
	e.session["v1"] = link.Event{s}
	return session, err
}

func (e *encoded) packets(session *wire.Session) error {
	payload := bytes.Repeat([]byte{0xa5}, 52)
	sender := session.Sender(wire.Address{System: 255, Component: 190})
	tagged, err := sender.Tag(nil, payload)
	if err != nil {
		return err
	}
	sealed, err := sender.Seal(nil, payload)
	if err != nil {
		return err
	}
	v1 := cleitonq.NewChannel(new([cleitonq.KeySize]byte), cleitonq.Telemetry).Append(nil, payload, 1)
	e.perPacket["tagged"], e.perPacket["sealed"], e.perPacket["v1"] = len(tagged)-len(payload), len(sealed)-len(payload), len(v1)-len(payload)
	return nil
}

func (e *encoded) commands(vehicle, ground party, session wire.SessionID) error {
	payload := bytes.Repeat([]byte{1}, 33)
	c := wire.Command{Signer: ground.id, Receiver: vehicle.id, Session: session, Nonce: 1, Source: wire.Address{System: 255, Component: 190},
		Target: wire.Address{System: 1, Component: 1}, ID: 76, Payload: payload}
	message, err := c.Sign(ground.key)
	if err != nil {
		return err
	}
	v2, err := frames(link.Up, chunk.Command, message)
	if err != nil {
		return err
	}
	old := cleitonq.SignedCommand{MessageID: 76, TargetSystem: 1, TargetComponent: 1, Nonce: 1, Payload: payload}
	if err := old.Sign(cleitonq.Deterministic(ground.key)); err != nil {
		return err
	}
	if message, err = old.Append(nil); err != nil {
		return err
	}
	v1, err := frames(link.Up, chunk.SignedCommand, message)
	e.command["v1"], e.command["v2"] = link.Event{v1}, link.Event{v2}
	return err
}

// encodeNote seals a log with notes inside and takes the frames of the second note: the first is shorter, as nothing
// comes before it.
func encodeNote(key *pqsig.PrivateKey) (link.Event, error) {
	var inside bytes.Buffer
	_, _, err := seal.Sign(bytes.NewReader(figures.GeneratedLog(1000)), wire.Seeds(), seal.SigningKey{Private: key, Fingerprint: key.Public().Fingerprint()},
		seal.Options{Signer: "vehicle", Name: "2026-01-01 00-00-00.tlog", EveryRecords: 400, Clock: time.Now, Nonces: new(nonce.Source), Embed: &inside})
	if err != nil {
		return nil, err
	}
	var notes []link.Send
	scan := tlog.NewScanner(&inside, wire.Seeds(), tlog.Timed)
	for {
		segment, err := scan.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if segment.Kind != tlog.Record || segment.Frame().ID() != chunk.MessageID {
			continue
		}
		c, err := chunk.Parse(segment.Frame().Payload())
		if err != nil {
			return nil, err
		}
		if c.Seq == 0 {
			notes = append(notes, link.Send{Direction: link.Down})
		}
		last := &notes[len(notes)-1]
		last.Frames = append(last.Frames, len(segment.Frame()))
	}
	if len(notes) < 3 {
		return nil, fmt.Errorf("a seal with %d notes inside, not three", len(notes))
	}
	return link.Event{notes[1]}, nil
}
