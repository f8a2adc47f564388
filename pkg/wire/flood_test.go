package wire_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// flooded is a receiver and a flood of forged commands for it.
type flooded struct {
	*wire.Receiver
	asked   int // for keys, which comes before a verification
	genuine wire.Command
	message []byte
	station *pqsig.PrivateKey
	rng     *rand.Rand
}

func newFlooded(t testing.TB) *flooded {
	t.Helper()
	station, own := newKey(t, 1), newKey(t, 2)
	f := &flooded{station: station, rng: rand.New(rand.NewPCG(1, 2))}
	keys := wire.Keys(station.Public())
	var err error
	f.Receiver, err = wire.NewReceiver(wire.ReceiverOptions{
		Self: wire.FingerprintOf(own.Public()), System: 1, Session: wire.SessionID{1}, Late: true,
		Keys: func(id wire.Fingerprint) *pqsig.PublicKey { f.asked++; return keys(id) },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.genuine = wire.Command{
		Signer: wire.FingerprintOf(station.Public()), Receiver: wire.FingerprintOf(own.Public()), Session: wire.SessionID{1}, Nonce: 1,
		Source: wire.Address{System: 255, Component: 190}, Target: wire.Address{System: 1, Component: 1}, ID: 76,
		Payload: tlog.Frame(commandLong(0, 400, 1)).Payload(),
	}
	if f.message, err = f.genuine.Sign(station); err != nil {
		t.Fatal(err)
	}
	return f
}

// forged returns the frames of a command in which everything is right but the signature.
func (f *flooded) forged(t testing.TB, nonce uint64) [][]byte {
	message := slices.Clone(f.message)
	binary.LittleEndian.PutUint64(message[84:], nonce)
	return f.cut(t, message)
}

func (f *flooded) cut(t testing.TB, message []byte) [][]byte {
	chunks, err := chunk.Cut(chunk.Chunk{Token: uint16(f.rng.Uint32()), Type: chunk.Command}, message)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for _, c := range chunks {
		frames = append(frames, c.AppendFrame(nil, 0, 255, 190))
	}
	return frames
}

// add gives frames to the receiver and returns how many commands it obeyed.
func (f *flooded) add(frames [][]byte, now time.Duration) (obeyed int) {
	for _, b := range frames {
		if c, _ := f.Add(b, now); c != nil {
			obeyed++
		}
	}
	return obeyed
}

// TestFloodForged sends well-formed forged commands, each several times: each costs one verification and
// no more, none is obeyed, and a genuine one among them is.
func TestFloodForged(t *testing.T) {
	f := newFlooded(t)
	const flood, again = 500, 3
	for n := range uint64(flood) {
		frames := f.forged(t, n+2)
		for range again {
			if f.add(frames, 0) != 0 {
				t.Fatal("a forged command was obeyed")
			}
		}
	}
	if f.asked > flood {
		t.Errorf("%d verifications for %d forged commands", f.asked, flood)
	}
	if n := f.add(f.cut(t, f.message), 0); n != 1 {
		t.Errorf("the genuine command was obeyed %d times", n)
	}

	// What can be refused for another reason costs none.
	asked := f.asked
	for _, change := range []func(c *wire.Command){
		func(c *wire.Command) { c.Receiver[0]++ },
		func(c *wire.Command) { c.Session[0]++ },
		func(c *wire.Command) { c.Target.System, c.Payload = 2, append(slices.Clone(c.Payload[:30]), 2, 1, 1) },
		func(c *wire.Command) {
			c.Receiver, c.Session, c.Origin = wire.Fingerprint{}, wire.SessionID{}, wire.Origin{1}
		},
	} {
		c := f.genuine
		change(&c)
		c.Nonce++
		message, err := c.Sign(f.station)
		if err != nil {
			t.Fatal(err)
		}
		if f.add(f.cut(t, message), 0) != 0 {
			t.Errorf("obeyed %+v", c)
		}
	}
	if f.asked != asked {
		t.Errorf("%d verifications for what is of somebody else", f.asked-asked)
	}
}

// TestFloodPieces sends pieces of messages that never become whole, and looks at the
// memory that is held for them. A genuine command whose chunks come a thousand pieces apart
// is obeyed all the same.
func TestFloodPieces(t *testing.T) {
	f := newFlooded(t)
	const apart = 1000
	piece := chunk.Chunk{Type: chunk.Command, Count: 255, Data: make([]byte, chunk.MaxData)}
	frame := make([]byte, 0, chunk.MaxFrame)
	before := heap()
	obeyed := 0
	for _, b := range f.cut(t, f.message) {
		for range apart {
			binary.LittleEndian.PutUint64(piece.Data, f.rng.Uint64())
			frame = piece.AppendFrame(frame[:0], 0, 255, 190)
			f.Add(frame, 0)
		}
		obeyed += f.add([][]byte{b}, 0)
	}
	held := heap() - before
	runtime.KeepAlive(f)
	t.Logf("%d KiB held after %d pieces", held>>10, 21*apart)
	if obeyed != 1 {
		t.Errorf("the genuine command was obeyed %d times", obeyed)
	}
	if held > 8<<20 {
		t.Errorf("%d bytes are held, of a limit of 4 MiB", held)
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
