package wire_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

// relay stands between a ground station and a vehicle, passes frames on, and does to them
// whatever somebody can who owns the link and has keys of his own. What it does follows from a
// seed.
type relay struct {
	rng  *rand.Rand
	out  func(frame []byte) // to the receiver
	held []held
	now  int // frames let through so far

	heard   [][][]byte // the frames of messages heard earlier, of all sessions
	enemy   *pqsig.PrivateKey
	id      wire.Fingerprint  // of the enemy's key
	station *pqsig.PrivateKey // which signs other things than commands to this vehicle, too

	forged   int // well-formed messages of its own
	replayed int // whole messages of others
}

// held is a frame that is kept back until the relay has let through that many.
type held struct {
	frame []byte
	until int
}

func newRelay(seed uint64, enemy, station *pqsig.PrivateKey, out func([]byte)) *relay {
	return &relay{rng: rand.New(rand.NewPCG(seed, 1)), out: out, enemy: enemy, station: station, id: wire.FingerprintOf(enemy.Public())}
}

// deliver lets a frame through, and those whose time has come.
func (r *relay) deliver(frame []byte) {
	r.out(frame)
	r.now++
	for i := 0; i < len(r.held); i++ {
		if h := r.held[i]; h.until <= r.now {
			r.held[i] = r.held[len(r.held)-1]
			r.held = r.held[:len(r.held)-1]
			i--
			r.out(h.frame)
			r.now++
		}
	}
}

// hold keeps a frame back for up to n frames.
func (r *relay) hold(frame []byte, n int) {
	r.held = append(r.held, held{frame, r.now + 1 + r.rng.IntN(n)})
}

// letGo delivers all that is held, in any order.
func (r *relay) letGo() {
	for _, h := range r.held {
		r.out(h.frame)
		r.now++
	}
	r.held = r.held[:0]
}

// pass passes on the frames of one message.
func (r *relay) pass(frames [][]byte) {
	r.hear(frames)
	switch r.rng.IntN(12) {
	case 0: // drops
		for _, f := range frames {
			if r.rng.IntN(20) > 0 {
				r.deliver(f)
			}
		}
	case 1: // repeats
		for _, f := range frames {
			for range 1 + r.rng.IntN(3) {
				r.deliver(f)
			}
			if r.rng.IntN(3) == 0 {
				r.hold(f, 2000)
			}
		}
	case 2: // reorders, among the messages around
		for _, f := range frames {
			r.hold(f, 60)
		}
	case 3: // delays
		for _, f := range frames {
			r.hold(f, 3000)
		}
	case 4: // flips bits
		for _, f := range frames {
			if r.rng.IntN(4) > 0 {
				r.deliver(f)
				continue
			}
			r.deliver(r.flipped(f))
			if r.rng.IntN(2) == 0 {
				r.deliver(f)
			}
		}
	case 5: // spoofs chunks, few enough or too many
		for range 1 + r.rng.IntN(1+r.rng.IntN(10)) {
			r.deliver(r.variant(frames[r.rng.IntN(len(frames))]))
		}
		for _, f := range frames {
			r.deliver(f)
		}
	case 6: // splices messages, of this session and earlier ones
		other := r.heard[r.rng.IntN(len(r.heard))]
		for i, f := range frames {
			if r.rng.IntN(10) == 0 {
				r.deliver(r.spliced(f, other[min(i, len(other)-1)]))
			}
			r.deliver(f)
		}
	case 7: // replays what it has heard, whole
		for _, f := range frames {
			r.deliver(f)
		}
		for range 1 + r.rng.IntN(2) {
			r.replayed++
			for _, f := range r.heard[r.rng.IntN(len(r.heard))] {
				r.deliver(f)
			}
		}
	case 8: // floods with pieces of nothing
		for _, f := range frames {
			r.deliver(f)
			r.deliver(r.piece())
		}
	default:
		for _, f := range frames {
			r.deliver(f)
		}
	}
}

// hear keeps a message for later, one of the last and some of the first.
func (r *relay) hear(frames [][]byte) {
	if len(r.heard) < 200 {
		r.heard = append(r.heard, frames)
	} else {
		r.heard[100+r.rng.IntN(100)] = frames
	}
}

// reframe returns a frame with another checksum, that of what it says now.
func reframe(frame []byte) []byte {
	n := len(frame) - 2
	binary.LittleEndian.PutUint16(frame[n:], mcrf4xx(append(slices.Clone(frame[1:n]), chunk.CRCExtra)))
	return frame
}

// flipped flips a bit, and mends the checksum half of the time.
func (r *relay) flipped(frame []byte) []byte {
	frame = slices.Clone(frame)
	frame[4+r.rng.IntN(len(frame)-6)] ^= 1 << r.rng.IntN(8)
	if r.rng.IntN(2) == 0 {
		reframe(frame)
	}
	return frame
}

// variant says something else at the same place of the same message.
func (r *relay) variant(frame []byte) []byte {
	frame = slices.Clone(frame)
	if start := 10 + chunk.HeadSize + chunk.DigestSize; len(frame)-2 > start {
		frame[start+r.rng.IntN(len(frame)-2-start)] ^= byte(1 + r.rng.IntN(255))
	}
	return reframe(frame)
}

// spliced puts a part of one message into another.
func (r *relay) spliced(frame, other []byte) []byte {
	frame, start := slices.Clone(frame), 10+chunk.HeadSize+chunk.DigestSize
	if len(frame)-2 > start && len(other)-2 > start {
		copy(frame[start:len(frame)-2], other[start:len(other)-2])
	}
	return reframe(frame)
}

// piece is a chunk of a message that does not exist.
func (r *relay) piece() []byte {
	c := chunk.Chunk{Token: uint16(r.rng.Uint32()), Type: chunk.Command, Count: byte(2 + r.rng.IntN(20)), Data: make([]byte, chunk.MaxData)}
	c.Seq = byte(r.rng.IntN(int(c.Count)))
	for i := range c.Data {
		c.Data[i] = byte(r.rng.Uint32())
	}
	return c.AppendFrame(nil, 0, 255, 190)
}

// forge delivers a well-formed message that nobody should take for the station's: what it
// says is made of a genuine command.
func (r *relay) forge(genuine wire.Command, message []byte) error {
	r.forged++
	statement := message[:len(message)-wire.SignatureSize]
	genuine.Nonce += uint64(r.rng.IntN(100))
	var err error
	switch r.rng.IntN(8) {
	case 0: // a signature of noise
		message = slices.Clone(message)
		binary.LittleEndian.PutUint64(message[84:], genuine.Nonce)
		for i := range message[len(statement):] {
			message[len(statement)+i] = byte(r.rng.Uint32())
		}
	case 1: // the enemy's signature under the station's name
		message, err = genuine.Sign(r.enemy)
	case 2: // the enemy's own command
		genuine.Signer = r.id
		message, err = genuine.Sign(r.enemy)
	case 3: // a genuine signature over something else
		message = slices.Clone(message)
		message[84+r.rng.IntN(len(statement)-84)] ^= 1 << r.rng.IntN(8)
	case 4: // a genuine signature that was damaged
		message = slices.Clone(message)
		message[len(statement)+r.rng.IntN(wire.SignatureSize)] ^= 1 << r.rng.IntN(8)
	case 5: // the enemy's, of another kind
		genuine.Receiver, genuine.Session, genuine.Origin = wire.Fingerprint{}, wire.SessionID{}, wire.Origin{1}
		message, err = genuine.Sign(r.enemy)
	case 6: // the station's, of a recording
		genuine.Receiver, genuine.Session, genuine.Origin = wire.Fingerprint{}, wire.SessionID{}, wire.Origin{1}
		message, err = genuine.Sign(r.station)
	case 7: // the station's, to somebody else
		if r.rng.IntN(2) == 0 {
			genuine.Receiver = r.id
		} else {
			genuine.Target, genuine.Payload = wire.Address{System: 9, Component: 1}, slices.Clone(genuine.Payload)
			genuine.Payload[30] = 9
		}
		message, err = genuine.Sign(r.station)
	}
	if err != nil {
		return err
	}
	head := chunk.Chunk{Token: uint16(r.rng.Uint32()), TargetSystem: 1, TargetComponent: 1, Type: chunk.Command}
	chunks, err := chunk.Cut(head, message)
	if err != nil {
		return err
	}
	for i, c := range chunks {
		r.deliver(c.AppendFrame(nil, byte(i), 255, 190))
	}
	return nil
}
