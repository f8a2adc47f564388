package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
)

// keysOf is a witness's view of the keys of parties.
func keysOf(parties ...party) func(Fingerprint, int64) (*pqsig.PublicKey, error) {
	return func(f Fingerprint, _ int64) (*pqsig.PublicKey, error) {
		for _, p := range parties {
			if p.id == f {
				return p.public, nil
			}
		}
		return nil, ErrUnknownSigner
	}
}

func TestWitness(t *testing.T) {
	v, g, x := partyOf(t, "vehicle"), partyOf(t, "ground"), partyOf(t, "someone else")
	h, other := shake(t, v, g, MLKEM1024), shake(t, v, g, X25519MLKEM1024)
	strange := shake(t, x, g, MLKEM1024)
	altered := func(m []byte, at int) []byte { m = bytes.Clone(m); m[at] ^= 1; return m }
	same := func(s []byte) []byte { return s }
	contradicting := resign(t, g, h.answer, contextAnswer, func(s []byte) []byte { copy(s[atVehicle:], x.id[:]); return s })
	for _, c := range []struct {
		name     string
		messages [][]byte
		want     []HandshakeVerdict
	}{
		{"nothing", nil, nil},
		{"a whole handshake", [][]byte{h.offer, h.answer, h.byVehicle, h.byGround}, []HandshakeVerdict{HandshakeAnswered}},
		{"in another order, twice", [][]byte{h.byGround, h.answer, h.byVehicle, h.offer, h.answer, h.offer}, []HandshakeVerdict{HandshakeAnswered}},
		{"an offer", [][]byte{h.offer}, []HandshakeVerdict{HandshakeOffered}},
		{"two mixed", [][]byte{h.offer, other.offer, other.answer, h.answer}, []HandshakeVerdict{HandshakeAnswered, HandshakeAnswered}},
		{"an answer alone", [][]byte{h.answer}, []HandshakeVerdict{HandshakeOrphaned}},
		{"a confirmation alone", [][]byte{h.byVehicle}, []HandshakeVerdict{HandshakeOrphaned}},
		{"the answer to another offer", [][]byte{h.offer, other.answer}, []HandshakeVerdict{HandshakeOffered, HandshakeOrphaned}},
		{"a forged offer", [][]byte{altered(h.offer, 70)}, []HandshakeVerdict{HandshakeForged}},
		{"a forged offer, and an answer to the genuine one", [][]byte{altered(h.offer, 70), h.answer}, []HandshakeVerdict{HandshakeForged, HandshakeOrphaned}},
		{"a forged answer", [][]byte{h.offer, altered(h.answer, 70)}, []HandshakeVerdict{HandshakeForged}},
		{"a forged answer beside the genuine one", [][]byte{h.offer, altered(h.answer, 70), h.answer}, []HandshakeVerdict{HandshakeForged, HandshakeAnswered}},
		{"an answer that contradicts its offer", [][]byte{h.offer, contradicting}, []HandshakeVerdict{HandshakeForged}},
		{"an answer signed by the vehicle", [][]byte{h.offer, resign(t, v, h.answer, contextAnswer, same)}, []HandshakeVerdict{HandshakeForged}},
		{"another vehicle", [][]byte{strange.offer, strange.answer}, []HandshakeVerdict{HandshakeUntrusted}},
		{"dirt", [][]byte{nil, {2}, h.offer[:100], append(bytes.Clone(h.answer), 0), h.byVehicle[:52]},
			slices.Repeat([]HandshakeVerdict{HandshakeMalformed}, 5)},
		{"a command", [][]byte{append([]byte{2, 1}, h.offer[2:]...)}, []HandshakeVerdict{HandshakeMalformed}},
	} {
		w := NewWitness(keysOf(v, g))
		for i, m := range c.messages {
			w.Hear(bytes.Clone(m), 0, int64(i))
		}
		var got []HandshakeVerdict
		for _, k := range w.Handshakes() {
			got = append(got, k.Verdict)
			if k.Verdict.Good() != (k.Err == nil) || (k.Verdict == HandshakeAnswered) != (k.Session != SessionID{}) && k.Verdict != HandshakeOrphaned {
				t.Errorf("%s: %+v", c.name, k)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWitnessOfConfirmations(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	h := shake(t, v, g, MLKEM1024)
	forged := bytes.Clone(h.byGround)
	forged[ConfirmationSize-1] ^= 1
	for _, c := range []struct {
		name            string
		messages        [][]byte
		sessions        []*Session
		want            HandshakeVerdict
		vehicle, ground bool
		refs            []int64
	}{
		{"none", [][]byte{h.offer, h.answer}, nil, HandshakeAnswered, false, false, []int64{0, 1}},
		{"the vehicle's", [][]byte{h.byVehicle, h.offer, h.answer}, nil, HandshakeAnswered, true, false, []int64{1, 2, 0}},
		{"both", [][]byte{h.offer, h.answer, h.byVehicle, h.byGround}, nil, HandshakeAnswered, true, true, []int64{0, 1, 2, 3}},
		{"both, checked", [][]byte{h.offer, h.answer, h.byVehicle, h.byGround}, []*Session{h.ground}, HandshakeAnswered, true, true, []int64{0, 1, 2, 3}},
		{"a forged one, which a stranger cannot tell", [][]byte{h.offer, h.answer, forged}, nil, HandshakeAnswered, false, true, []int64{0, 1, 2}},
		{"a forged one, checked", [][]byte{h.offer, h.answer, h.byVehicle, forged}, []*Session{h.vehicle}, HandshakeForged, true, false, []int64{0, 1, 2, 3}},
	} {
		w := NewWitness(keysOf(v, g), c.sessions...)
		for i, m := range c.messages {
			w.Hear(m, 0, int64(i))
		}
		list := w.Handshakes()
		if len(list) != 1 || list[0].Verdict != c.want || list[0].Vehicle != c.vehicle || list[0].Ground != c.ground ||
			list[0].Checked != (c.sessions != nil) || !slices.Equal(list[0].Refs, c.refs) || list[0].Session != h.vehicle.ID() {
			t.Errorf("%s: %+v", c.name, list)
		}
	}
}

// TestWitnessKeepsLittle floods a witness with forged offers.
func TestWitnessKeepsLittle(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	h := shake(t, v, g, MLKEM1024)
	w := NewWitness(keysOf(v, g))
	for i := range 200 {
		m := bytes.Clone(h.offer)
		binary.LittleEndian.PutUint32(m[atSessionNonce:], uint32(i))
		w.Hear(m, 0, int64(i))
	}
	for _, k := range w.heard {
		if k.verdict != HandshakeForged || k.offer.message != nil || k.offer.key != nil {
			t.Fatalf("%+v", k.offer)
		}
	}
}

// logOf is a log of the chunks of messages, each by a sender, shuffled between other
// frames, with repeats.
func logOf(t testing.TB, rng *rand.Rand, messages ...[]byte) []byte {
	t.Helper()
	var frames [][]byte
	for i, m := range messages {
		typ := map[byte]chunk.Type{kindOffer: chunk.Offer, kindAnswer: chunk.Answer, kindConfirm: chunk.Confirm}[m[1]]
		for _, c := range must(chunk.Cut(chunk.Chunk{Token: uint16(i), Type: typ}, m))(t) {
			f := c.AppendFrame(nil, c.Seq, uint8(i+1), 1)
			frames = append(frames, f)
			if rng.IntN(4) == 0 {
				frames = append(frames, f)
			}
		}
	}
	rng.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	heartbeat := []byte{0xFE, 9, 0, 1, 1, 0, 0, 0, 0, 0, 2, 3, 81, 4, 3, 0, 0}
	crc := x25(append(bytes.Clone(heartbeat[1:15]), 50))
	heartbeat[15], heartbeat[16] = byte(crc), byte(crc>>8)
	var log []byte
	for i, f := range frames {
		for _, f := range [][]byte{heartbeat, f} {
			log = binary.BigEndian.AppendUint64(log, 1_700_000_000_000_000+uint64(i)*1000)
			log = append(log, f...)
		}
	}
	return log
}

func x25(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, v := range b {
		t := v ^ byte(crc)
		t ^= t << 4
		crc = crc>>8 ^ uint16(t)<<8 ^ uint16(t)<<3 ^ uint16(t)>>4
	}
	return crc
}

func TestHandshakesInALog(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	h, other := shake(t, v, g, MLKEM1024), shake(t, v, g, X25519MLKEM1024)
	sent := [][]byte{h.offer, h.answer, h.byVehicle, h.byGround, other.offer, other.answer}
	log := logOf(t, rand.New(rand.NewPCG(1, 2)), sent...)
	log = append(append([]byte("dirt in front"), log...), "and behind"...)
	var found [][]byte
	w := NewWitness(keysOf(v, g))
	sum, err := EachSessionMessage(bytes.NewReader(log), Seeds(), func(m *SessionMessage) error {
		if m.From != (Address{uint8(slices.IndexFunc(sent, func(b []byte) bool { return bytes.Equal(b, m.Bytes) }) + 1), 1}) {
			t.Errorf("message of %d bytes from %v", len(m.Bytes), m.From)
		}
		if at := log[m.Offset:]; binary.BigEndian.Uint64(at) != uint64(m.Time) || at[8] != 0xFD {
			t.Errorf("no chunk at %+v", m.Place)
		}
		found = append(found, m.Bytes)
		w.Hear(m.Bytes, m.Time, m.Index)
		return nil
	})
	if err != nil || sum.Incomplete != 0 || sum.Records < 100 {
		t.Errorf("%+v, %v", sum, err)
	}
	for i, m := range sent {
		if !slices.ContainsFunc(found, func(b []byte) bool { return bytes.Equal(b, m) }) {
			t.Errorf("message %d was not found", i)
		}
	}
	list := w.Handshakes()
	if len(list) != 2 || list[0].Verdict != HandshakeAnswered || list[1].Verdict != HandshakeAnswered {
		t.Errorf("%+v", list)
	}
	stop := errors.New("stop")
	if _, err := EachSessionMessage(bytes.NewReader(log), Seeds(), func(*SessionMessage) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	// Without one of its chunks, an offer is incomplete.
	short := logOf(t, rand.New(rand.NewPCG(3, 4)), h.byVehicle, h.offer[:len(h.offer)-1])
	if n, err := EachSessionMessage(bytes.NewReader(short[:len(short)*2/3]), Seeds(), func(*SessionMessage) error { return nil }); n.Incomplete == 0 || err != nil {
		t.Errorf("%+v, %v", n, err)
	}
}
