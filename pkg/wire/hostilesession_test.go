package wire_test

import (
	"fmt"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

// begin makes the two ends agree on session number n, through the relay.
func (h *hostile) begin(n int) {
	h.t.Helper()
	offering, err := wire.OfferSession(h.own, wire.FingerprintOf(h.own.Public()), h.ground.Public(), wire.MLKEM1024)
	if err != nil {
		h.t.Fatal(err)
	}
	e := &ends{h: h, offering: offering, vehicle: chunk.NewAssembler(chunk.Limits{}), station: chunk.NewAssembler(chunk.Limits{})}
	defer func() { h.link.out = h.observe }()
	for try := range 100 {
		if e.confirming == nil {
			e.send(false, chunk.Offer, offering.Message())
			e.spoof()
			for _, a := range e.answering {
				e.send(true, chunk.Answer, a.Message())
			}
		}
		if e.confirming != nil {
			e.send(false, chunk.Confirm, e.confirming.Message())
		}
		if e.ground != nil {
			e.send(true, chunk.Confirm, e.ground.Confirmation())
		}
		if e.ground != nil && e.own != nil {
			break
		}
		if try == 99 {
			h.t.Fatal("no session in 100 tries")
		}
	}
	if e.own.ID() != e.ground.ID() || e.own.ID() == h.id {
		h.wrong = append(h.wrong, fmt.Sprintf("sessions %v and %v after %v", e.own.ID(), e.ground.ID(), h.id))
	}
	h.past = e.said
	h.session, h.id, h.highest = n, e.own.ID(), 0
	keys := wire.Keys(h.ground.Public())
	asked := func(f wire.Fingerprint) *pqsig.PublicKey {
		h.asked++
		return keys(f)
	}
	if h.lax != "" {
		h.receiver = newVehicle(h.own.Public(), h.id, asked, h.lax)
	} else if h.receiver, err = newReceiver(h.own.Public(), h.id, asked); err != nil {
		h.t.Fatal(err)
	}
}

// ends are a vehicle and a ground station during a handshake.
type ends struct {
	h                *hostile
	vehicle, station *chunk.Assembler
	offering         *wire.Offering
	confirming       *wire.Confirming
	answering        []*wire.Answering
	own, ground      *wire.Session
	said             []said
}

// said is a message of a handshake, and to whom.
type said struct {
	toVehicle bool
	typ       chunk.Type
	message   []byte
}

// send cuts a message, and passes it on through the relay to one end.
func (e *ends) send(toVehicle bool, typ chunk.Type, message []byte) {
	e.said = append(e.said, said{toVehicle, typ, message})
	e.pass(toVehicle, typ, message)
}

func (e *ends) pass(toVehicle bool, typ chunk.Type, message []byte) {
	e.h.link.out = e.atStation
	if toVehicle {
		e.h.link.out = e.atVehicle
	}
	e.h.link.pass(chunked(e.h.t, uint16(e.h.link.rng.Uint32()), typ, message))
}

// spoof sends what the enemy makes of the offer: its own answer to the vehicle, its own
// offer in the vehicle's name to the station, and all that was said in the handshake before, to
// whom it was said and to the other.
func (e *ends) spoof() {
	for _, s := range e.h.past {
		e.pass(s.toVehicle, s.typ, s.message)
		e.pass(!s.toVehicle, s.typ, s.message)
	}
	e.h.past = nil
	public := func(k *pqsig.PrivateKey) wire.Fingerprint { return wire.FingerprintOf(k.Public()) }
	if a, err := wire.AnswerSession(e.h.enemy, public(e.h.ground), e.offering.Message(), e.h.own.Public()); err == nil {
		e.pass(true, chunk.Answer, a.Message())
	} else {
		e.h.t.Fatal(err)
	}
	if o, err := wire.OfferSession(e.h.enemy, public(e.h.own), e.h.ground.Public(), wire.MLKEM1024); err == nil {
		e.pass(false, chunk.Offer, o.Message())
	} else {
		e.h.t.Fatal(err)
	}
}

// take puts chunks together.
func (e *ends) take(to *chunk.Assembler, frame []byte) (chunk.Message, bool) {
	e.h.now += tick
	p := payloadOf(frame)
	if p == nil {
		return chunk.Message{}, false
	}
	c, err := chunk.Parse(p)
	if err != nil {
		return chunk.Message{}, false
	}
	messages, err := to.Add(chunk.Source{System: frame[5], Component: frame[6]}, c, e.h.now, 0)
	if err != nil || len(messages) == 0 {
		return chunk.Message{}, false
	}
	return messages[0], true
}

func (e *ends) atStation(frame []byte) {
	m, ok := e.take(e.station, frame)
	switch {
	case !ok:
	case m.Type == chunk.Offer:
		a, err := wire.AnswerSession(e.h.ground, wire.FingerprintOf(e.h.ground.Public()), m.Bytes, e.h.own.Public())
		if err == nil && len(e.answering) < 20 {
			e.answering = append(e.answering, a)
		}
	case m.Type == chunk.Confirm:
		for _, a := range e.answering {
			if s, err := a.Accept(m.Bytes); err == nil {
				e.ground = s
			}
		}
	}
}

func (e *ends) atVehicle(frame []byte) {
	e.h.observe(frame)
	m, ok := e.take(e.vehicle, frame)
	switch {
	case !ok:
	case m.Type == chunk.Answer:
		if c, err := e.offering.Accept(m.Bytes); err == nil {
			e.confirming = c
		}
	case m.Type == chunk.Confirm && e.confirming != nil:
		if s, err := e.confirming.Accept(m.Bytes); err == nil {
			e.own = s
		}
	}
}
