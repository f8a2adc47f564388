package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"cqkit/pkg/nonce"
)

// openPair makes the two ends of a session without a handshake.
func openPair(t testing.TB, name string) (vehicle, ground *Session) {
	t.Helper()
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	ends := [2]*Session{}
	for i, role := range []Role{Vehicle, GroundStation} {
		k := &schedule{role: role, suite: MLKEM1024, vehicle: v.id, ground: g.id, transcript: transcriptOf(sha256.Sum256([]byte(name)), [32]byte{})}
		k.main = extract([]byte(name), &k.transcript)
		ends[i] = newSession(k)
	}
	return ends[0], ends[1]
}

type maker func(dst, payload []byte) ([]byte, error)

func kinds(s *PacketSender) map[PacketKind]maker {
	return map[PacketKind]maker{Tagged: s.Tag, Sealed: s.Seal}
}

func TestPacketLayout(t *testing.T) {
	v, g := openPair(t, "layout")
	for kind, make := range kinds(v.Sender(Address{3, 4})) {
		for _, size := range []int{0, 1, 120, 121, 255, 1400, MaxPacketSize - kind.Overhead()} {
			payload := bytes.Repeat([]byte{'p'}, size)
			packet, err := make([]byte("before"), payload)
			if err != nil || string(packet[:6]) != "before" || len(packet) != 6+size+kind.Overhead() {
				t.Fatalf("%v of %d: %d bytes, %v", kind, size, len(packet), err)
			}
			packet = packet[6:]
			said, err := ParsePacket(packet)
			if err != nil || said.Kind != kind || said.From != (Address{3, 4}) {
				t.Fatalf("%+v, %v", said, err)
			}
			if kind == Sealed && size > 0 && (said.Payload != nil || bytes.Contains(packet, []byte("ppp"))) {
				t.Error("a sealed packet shows its payload")
			}
			got, err := g.Open([]byte("room"), packet)
			if err != nil || !bytes.Equal(got.Payload, payload) {
				t.Errorf("%v of %d: %v", kind, size, err)
			}
		}
		if _, err := make(nil, bytes.Repeat([]byte{'p'}, MaxPacketSize-kind.Overhead()+1)); err == nil {
			t.Errorf("a %v packet that is too long", kind)
		}
	}
}

// TestPacketMangled changes every bit, cuts everywhere and adds a byte.
func TestPacketMangled(t *testing.T) {
	v, g := openPair(t, "mangled")
	for kind, make := range kinds(v.Sender(Address{1, 1})) {
		packet := must(make(nil, []byte("DO NOT ARM")))(t)
		refused := func(what string, changed []byte) {
			t.Helper()
			if p, err := g.Open(nil, changed); err == nil || p.Payload != nil {
				t.Errorf("%v, %s: %+v, %v", kind, what, p, err)
			}
		}
		for i := range 8 * len(packet) {
			changed := bytes.Clone(packet)
			changed[i/8] ^= 1 << (i % 8)
			refused(fmt.Sprint("bit ", i), changed)
		}
		for n := range packet {
			refused(fmt.Sprint("cut at ", n), packet[:n])
		}
		refused("a byte more", append(bytes.Clone(packet), 0))
		if len(g.others) != 0 {
			t.Errorf("%v: forged packets left %d senders behind", kind, len(g.others))
		}
		if _, err := g.Open(nil, packet); err != nil {
			t.Errorf("%v, unchanged: %v", kind, err)
		}
		clear(g.others)
		g.last.Store(nil)
	}
}

// TestPacketReflected sends a packet back to who made it, under every id it has.
func TestPacketReflected(t *testing.T) {
	v, g := openPair(t, "reflected")
	for _, s := range []*Session{v, g} {
		for kind, make := range kinds(s.Sender(Address{1, 1})) {
			if _, err := s.Open(nil, must(make(nil, []byte("x")))(t)); !errors.Is(err, ErrPacketForged) {
				t.Errorf("%v %v packet sent back: %v", s.Role(), kind, err)
			}
		}
	}
}

// TestPacketOfAnother takes a packet for one of another sender, kind, session or counter.
func TestPacketOfAnother(t *testing.T) {
	v, g := openPair(t, "one")
	other, _ := openPair(t, "other")
	for kind, make := range kinds(v.Sender(Address{1, 1})) {
		packet := must(make(nil, []byte("0123456789abcdef0123456789")))(t)
		change := func(f func(b []byte)) []byte { b := bytes.Clone(packet); f(b); return b }
		otherID := other.ID()
		for _, c := range []struct {
			name   string
			packet []byte
			want   error
		}{
			{"another system", change(func(b []byte) { b[1] = 2 }), ErrPacketForged},
			{"another component", change(func(b []byte) { b[2] = 2 }), ErrPacketForged},
			{"the other kind", change(func(b []byte) { b[0] ^= byte(Tagged ^ Sealed) }), ErrPacketForged},
			{"the next counter", change(func(b []byte) { b[atPacketCounter]++ }), ErrPacketForged},
			{"no counter", change(func(b []byte) { b[atPacketCounter] = 0 }), ErrPacketMalformed},
			{"the last counter", change(func(b []byte) { binary.LittleEndian.PutUint64(b[atPacketCounter:], math.MaxUint64) }), ErrPacketForged},
			{"another session's id", change(func(b []byte) { copy(b[atPacketSession:], otherID[:4]) }), ErrPacketSession},
			{"an unknown kind", change(func(b []byte) { b[0] = 0x23 }), ErrPacketMalformed},
			{"a MAVLink frame", change(func(b []byte) { b[0] = 0xFD }), ErrPacketMalformed},
			{"nothing", nil, ErrPacketMalformed},
			{"too long", append(packet, bytes.Repeat([]byte{0}, MaxPacketSize)...), ErrPacketMalformed},
		} {
			if _, err := g.Open(nil, c.packet); !errors.Is(err, c.want) {
				t.Errorf("%v packet, %s: %v, want %v", kind, c.name, err, c.want)
			}
		}
		// The same id in the clear, and another transcript behind it.
		twin, _ := openPair(t, "twin")
		copy(twin.keys.transcript[:4], g.keys.transcript[:4])
		twin.hint = g.hint
		if _, err := g.Open(nil, must(kinds(twin.Sender(Address{1, 1}))[kind](nil, nil))(t)); !errors.Is(err, ErrPacketForged) {
			t.Errorf("%v packet of a session with the same first bytes: %v", kind, err)
		}
	}
}

// TestPacketsInAnyOrder delivers packets of several senders in disorder, some several
// times: each is accepted once.
func TestPacketsInAnyOrder(t *testing.T) {
	v, g := openPair(t, "order")
	rng := rand.New(rand.NewPCG(1, 2))
	var packets [][]byte
	for i := range 3000 {
		s := v.Sender(Address{1, uint8(i % 3)})
		packet := must(kinds(s)[[]PacketKind{Tagged, Sealed}[i%2]](nil, fmt.Append(nil, i)))(t)
		packets = append(packets, packet)
	}
	for i := 0; i < len(packets); i += 500 { // late by fewer than a window
		part := packets[i:min(i+500, len(packets))]
		rng.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
	}
	accepted := map[string]int{}
	for i, packet := range packets {
		for range 1 + rng.IntN(2) {
			if p, err := g.Open(nil, packet); err == nil {
				accepted[string(p.Payload)]++
			} else if !errors.Is(err, ErrPacketReplayed) {
				t.Fatal(err)
			}
		}
		if _, err := g.Open(nil, packets[rng.IntN(i+1)]); !errors.Is(err, ErrPacketReplayed) {
			t.Fatalf("a packet from before: %v", err)
		}
	}
	if len(accepted) != len(packets) {
		t.Errorf("%d of %d packets were accepted", len(accepted), len(packets))
	}
	for payload, n := range accepted {
		if n != 1 {
			t.Errorf("packet %q was accepted %d times", payload, n)
		}
	}
}

func TestPacketFarTooLate(t *testing.T) {
	v, g := openPair(t, "late")
	s := v.Sender(Address{1, 1})
	late := must(s.Tag(nil, nil))(t)
	s.Raise(Tagged, nonce.WindowSize)
	if _, err := g.Open(nil, must(s.Tag(nil, nil))(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Open(nil, late); !errors.Is(err, ErrPacketReplayed) {
		t.Errorf("a packet 1,024 places late: %v", err)
	}
	// The other kind counts by itself.
	if p, err := g.Open(nil, must(s.Seal(nil, nil))(t)); err != nil || p.Counter != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestCountersEnd(t *testing.T) {
	v, g := openPair(t, "end")
	s := v.Sender(Address{1, 1})
	for kind, make := range kinds(s) {
		s.Raise(kind, math.MaxUint64-1)
		last := must(make(nil, nil))(t)
		for range 3 {
			if b, err := make(nil, nil); !errors.Is(err, nonce.ErrExhausted) || b != nil {
				t.Errorf("%v packet after the last: %x, %v", kind, b, err)
			}
		}
		if p, err := g.Open(nil, last); err != nil || p.Counter != math.MaxUint64 {
			t.Errorf("the last %v packet: %+v, %v", kind, p, err)
		}
	}
}

// TestSendersRace makes packets of one sender in several goroutines, asked for anew each
// time, and opens them in several: no counter comes twice and all are accepted once.
func TestSendersRace(t *testing.T) {
	v, g := openPair(t, "race")
	const workers, each = 4, 200
	ch := make(chan []byte, workers)
	var accepted atomic.Int64
	var send, open sync.WaitGroup
	for w := range workers {
		send.Go(func() {
			for i := range each {
				s := v.Sender(Address{1, uint8(i % 2)})
				make := s.Tag
				if w%2 == 0 {
					make = s.Seal
				}
				b, err := make(nil, []byte("payload"))
				if err != nil {
					t.Error(err)
				}
				ch <- b
				ch <- b
			}
		})
		open.Go(func() {
			for b := range ch {
				if _, err := g.Open(nil, b); err == nil {
					accepted.Add(1)
				} else if !errors.Is(err, ErrPacketReplayed) {
					t.Error(err)
				}
			}
		})
	}
	send.Wait()
	close(ch)
	open.Wait()
	if n := accepted.Load(); n != workers*each {
		t.Errorf("%d packets accepted of %d", n, workers*each)
	}
}

func TestSendersAreBounded(t *testing.T) {
	v, g := openPair(t, "many")
	for i := range MaxSenders + 10 {
		s := v.Sender(Address{uint8(i >> 8), uint8(i)})
		want := error(nil)
		if i >= MaxSenders {
			want = ErrSenders
		}
		if p, err := g.Open(nil, must(s.Seal(nil, []byte("x")))(t)); !errors.Is(err, want) || err != nil && p.Payload != nil {
			t.Fatalf("sender %d: %v", i, err)
		}
	}
}

func TestWipe(t *testing.T) {
	v, g := openPair(t, "wiped")
	s := v.Sender(Address{1, 1})
	packet := must(s.Tag(nil, nil))(t)
	v.Wipe()
	g.Wipe()
	for _, make := range []maker{s.Tag, s.Seal, v.Sender(Address{1, 1}).Tag, v.Sender(Address{2, 2}).Seal} {
		if b, err := make(nil, nil); !errors.Is(err, ErrWiped) || b != nil {
			t.Errorf("a wiped session made %x, %v", b, err)
		}
	}
	if _, err := g.Open(nil, packet); !errors.Is(err, ErrWiped) {
		t.Errorf("a wiped session opened a packet: %v", err)
	}
	if v.keys.main != [keySize]byte{} || v.Confirmation() != nil {
		t.Error("the main key is still there")
	}
}

// TestWipedEndsOpenNothing sends an end whose keys are gone what anyone can make under
// keys of zeros.
func TestWipedEndsOpenNothing(t *testing.T) {
	vehicle, ground := partyOf(t, "vehicle"), partyOf(t, "ground")
	for _, opened := range []bool{false, true} {
		o := must(OfferSession(vehicle.key, vehicle.id, ground.public, MLKEM1024))(t)
		a := must(AnswerSession(ground.key, ground.id, o.Message(), vehicle.public))(t)
		c := must(o.Accept(a.Message()))(t)
		if opened {
			g := must(a.Accept(c.Message()))(t)
			must(c.Accept(g.Confirmation()))(t)
		}
		zero := &schedule{transcript: c.keys.transcript}
		a.Wipe()
		c.Wipe()
		for role, accept := range map[Role]func([]byte) (*Session, error){Vehicle: a.Accept, GroundStation: c.Accept} {
			if s, err := accept(zero.confirmation(role)); !errors.Is(err, ErrWiped) || s != nil {
				t.Errorf("a wiped end opened a session: %v", err)
			}
		}
		if _, err := a.AppendState(nil); !errors.Is(err, ErrWiped) || c.Message() != nil {
			t.Errorf("a wiped end has a state or a message: %v", err)
		}
	}
}

// TestOpenAllIsOpen compares OpenAll with Open of one packet after the other, on
// mixtures of good packets, repeats, forgeries and dirt.
func TestOpenAllIsOpen(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		v, one := openPair(t, "batch")
		_, all := openPair(t, "batch")
		other, _ := openPair(t, "another")
		var packets [][]byte
		for range rng.IntN(3 * batchSize) {
			s := v.Sender(Address{1, uint8(rng.IntN(3))})
			if rng.IntN(40) == 0 {
				s.Raise(Tagged, uint64(rng.IntN(5000)))
			}
			kind := []PacketKind{Tagged, Tagged, Tagged, Sealed}[rng.IntN(4)]
			packet := must(kinds(s)[kind](nil, make([]byte, rng.IntN(300))))(t)
			switch rng.IntN(10) {
			case 0:
				packet[rng.IntN(len(packet))] ^= 1 << rng.IntN(8)
			case 1:
				packet = packet[:rng.IntN(len(packet))]
			case 2:
				if len(packets) > 0 {
					packet = packets[rng.IntN(len(packets))]
				}
			case 3:
				packet = must(other.Sender(Address{1, 1}).Tag(nil, nil))(t)
			}
			packets = append(packets, packet)
			if rng.IntN(10) == 0 {
				i, j := rng.IntN(len(packets)), rng.IntN(len(packets))
				packets[i], packets[j] = packets[j], packets[i]
			}
		}
		opened, errs := make([]Packet, len(packets)), make([]error, len(packets))
		all.OpenAll(packets, opened, errs)
		good := 0
		for i, packet := range packets {
			want, wantErr := one.Open(nil, packet)
			got, err := opened[i], errs[i]
			if fmt.Sprint(err) != fmt.Sprint(wantErr) || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("round %d, packet %d: %+v, %v, want %+v, %v", round, i, got, err, want, wantErr)
			}
			if err == nil {
				good++
			}
		}
		if len(packets) > 50 && good < 10 {
			t.Errorf("round %d: only %d good packets", round, good)
		}
	}
}

func TestPacketsAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	v, g := openPair(t, "allocations")
	s := v.Sender(Address{1, 1})
	payload, buf := make([]byte, 100), make([]byte, 0, 200)
	const runs = 100
	var tagged, sealed [][]byte
	for range runs + 2 {
		tagged, sealed = append(tagged, must(s.Tag(nil, payload))(t)), append(sealed, must(s.Seal(nil, payload))(t))
	}
	for _, b := range [][]byte{tagged[0], sealed[0]} { // the sender becomes known
		must(g.Open(nil, b))(t)
	}
	next := map[string]int{}
	for name, call := range map[string]func(int){
		"Tag":         func(int) { s.Tag(buf, payload) },
		"Seal":        func(int) { s.Seal(buf, payload) },
		"Open tagged": func(i int) { must(g.Open(buf, tagged[i]))(t) },
		"Open sealed": func(i int) { must(g.Open(buf, sealed[i]))(t) },
	} {
		if n := testing.AllocsPerRun(runs, func() { next[name]++; call(next[name]) }); n >= 1 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func FuzzPacket(f *testing.F) {
	v, _ := openPair(f, "fuzz")
	for _, make := range kinds(v.Sender(Address{1, 1})) {
		f.Add(must(make(nil, []byte("payload")))(f))
		f.Add(must(make(nil, nil))(f))
	}
	f.Add([]byte{0x21})
	f.Fuzz(func(t *testing.T, packet []byte) {
		_, g := openPair(t, "fuzz")
		said, err := ParsePacket(packet)
		got, openErr := g.Open(nil, packet)
		if err != nil && openErr == nil {
			t.Fatal("opened what cannot be parsed")
		}
		if err == nil && len(packet) != said.Kind.Overhead()+len(said.Payload) && said.Kind == Tagged {
			t.Fatalf("%+v of %d bytes", said, len(packet))
		}
		if openErr != nil && got.Payload != nil {
			t.Fatal("a refused packet has a payload")
		}
	})
}
