package cleitonq_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
	. "cqkit/pkg/wire/cleitonq"
)

var (
	key     = testKey(0x42)
	mallory = testKey(0x66)
	secret  = [KeySize]byte{1, 2, 3}
)

func testKey(b byte) *pqsig.PrivateKey {
	k, err := pqsig.NewPrivateKey(pqsig.MLDSA87, bytes.Repeat([]byte{b}, pqsig.MLDSA87SeedSize))
	if err != nil {
		panic(err)
	}
	return k
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A form is a packet of one of the formats, and how it is opened.
type form struct {
	name    string
	packet  []byte
	payload []byte
	open    func(packet []byte, last uint64) (payload []byte, nonce uint64, err error)
}

// forms returns a packet with nonce 7 of every format that has a payload and a nonce.
func forms() []form {
	payload := []byte("waypoint lat=10.0 lon=20.0 alt=100.0")
	var r Registry
	r.Register(9, key.Public())
	return []form{
		{"signed", must(SignPacket(key, payload, 7)), payload, func(p []byte, last uint64) ([]byte, uint64, error) {
			return OpenPacket(key.Public(), p, last)
		}},
		{"rotating", must(SignRotating(key, 9, payload, 7)), payload, func(p []byte, last uint64) ([]byte, uint64, error) {
			_, payload, nonce, err := r.Open(p, last)
			return payload, nonce, err
		}},
		{"channel", NewChannel(&secret, C2).Append(nil, payload, 7), payload, NewChannel(&secret, C2).Open},
		{"sealed", NewSealer(&secret, Mesh).Append(nil, payload, 7), payload, NewSealer(&secret, Mesh).Open},
		{"sealed, custom", NewSealer(&secret, Custom([]byte("x"))).Append(nil, payload, 7), payload, NewSealer(&secret, Custom([]byte("x"))).Open},
		{"TAP", must(NewTAP(&secret).Append(nil, payload, 7)), payload, NewTAP(&secret).Open},
		{"anchor", must((&Anchor{Nonce: 7}).Sign(key)), nil, func(p []byte, last uint64) ([]byte, uint64, error) {
			a, err := OpenAnchor(key.Public(), p, last)
			if a == nil {
				return nil, 0, err
			}
			return nil, a.Nonce, err
		}},
		{"TAP anchor", must((&Anchor{Nonce: 7}).SignTAP(key)), nil, func(p []byte, last uint64) ([]byte, uint64, error) {
			a, err := OpenAnchor(key.Public(), p, last)
			if a == nil {
				return nil, 0, err
			}
			return nil, a.Nonce, err
		}},
	}
}

func TestNonces(t *testing.T) {
	for _, f := range forms() {
		for last, want := range map[uint64]error{0: nil, 6: nil, 7: ErrReplayed, 8: ErrReplayed, 1<<64 - 1: ErrReplayed} {
			payload, nonce, err := f.open(f.packet, last)
			if !errors.Is(err, want) || nonce != 7 || !bytes.Equal(payload, f.payload) {
				t.Errorf("%s after %d: got %q, %d, %v, want %v", f.name, last, payload, nonce, err, want)
			}
		}
	}
}

// TestMangled cuts each packet at every length and changes every byte of it.
func TestMangled(t *testing.T) {
	for _, f := range forms() {
		refuse := func(what string, i int, packet []byte) {
			payload, nonce, err := f.open(packet, 0)
			if err == nil || errors.Is(err, ErrReplayed) || payload != nil || nonce != 0 {
				t.Fatalf("%s, %s %d: got %q, %d, %v", f.name, what, i, payload, nonce, err)
			}
		}
		step := max(1, len(f.packet)/500)
		if testing.Short() {
			step *= 5
		}
		for i := 0; i < len(f.packet); i += step {
			refuse("cut at", i, f.packet[:i])
			changed := bytes.Clone(f.packet)
			changed[i] ^= byte(1 + i%255)
			refuse("changed", i, changed)
		}
		refuse("longer by", 1, append(bytes.Clone(f.packet), 0))
	}
}

func TestOtherKeys(t *testing.T) {
	other := [KeySize]byte{9}
	payload := []byte("land")
	for name, open := range map[string]func() error{
		"signed": func() error {
			_, _, err := OpenPacket(mallory.Public(), must(SignPacket(key, payload, 1)), 0)
			return err
		},
		"channel": func() error {
			_, _, err := NewChannel(&other, C2).Open(NewChannel(&secret, C2).Append(nil, payload, 1), 0)
			return err
		},
		"another channel": func() error {
			_, _, err := NewChannel(&secret, Mesh).Open(NewChannel(&secret, C2).Append(nil, payload, 1), 0)
			return err
		},
		"sealed": func() error {
			_, _, err := NewSealer(&other, C2).Open(NewSealer(&secret, C2).Append(nil, payload, 1), 0)
			return err
		},
		"another seal": func() error {
			_, _, err := NewSealer(&secret, Mesh).Open(NewSealer(&secret, C2).Append(nil, payload, 1), 0)
			return err
		},
		"TAP": func() error {
			_, _, err := NewTAP(&other).Open(must(NewTAP(&secret).Append(nil, payload, 1)), 0)
			return err
		},
		"anchor": func() error {
			_, err := OpenAnchor(mallory.Public(), must((&Anchor{Nonce: 1}).Sign(key)), 0)
			return err
		},
	} {
		if err := open(); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRegistry(t *testing.T) {
	var r Registry
	packet := must(SignRotating(key, 7, []byte("x"), 1))
	if _, _, _, err := r.Open(packet, 0); !errors.Is(err, ErrForged) {
		t.Errorf("unknown id: %v", err)
	}
	r.Register(7, key.Public())
	r.Register(8, mallory.Public())
	if id, _, _, err := r.Open(packet, 0); err != nil || id != 7 {
		t.Errorf("known id: %d, %v", id, err)
	}
	r.Revoke(7)
	r.Register(7, key.Public())
	if _, _, _, err := r.Open(packet, 0); !errors.Is(err, ErrForged) {
		t.Errorf("revoked id: %v", err)
	}
	if _, _, _, err := r.Open(must(SignRotating(mallory, 8, nil, 1)), 0); err != nil {
		t.Errorf("the other id: %v", err)
	}
}

// TestOpenAll compares with one at a time, for numbers of packets around the batch and
// with some of them broken.
func TestOpenAll(t *testing.T) {
	channel, tap := NewChannel(&secret, Telemetry), NewTAP(&secret)
	for _, n := range []int{0, 1, 3, 4, 5, 63, 64, 65, 200} {
		for name, f := range map[string]struct {
			make func(payload []byte, nonce uint64) []byte
			open func([]byte, uint64) ([]byte, uint64, error)
			all  func([]Opened, [][]byte)
		}{
			"channel": {func(p []byte, n uint64) []byte { return channel.Append(nil, p, n) }, channel.Open, channel.OpenAll},
			"TAP":     {func(p []byte, n uint64) []byte { return must(tap.Append(nil, p, n)) }, tap.Open, tap.OpenAll},
		} {
			packets := make([][]byte, n)
			for i := range packets {
				packets[i] = f.make(bytes.Repeat([]byte{byte(i)}, i*7%300), uint64(i+1))
				switch i % 11 {
				case 3:
					packets[i][i%len(packets[i])] ^= 1
				case 7:
					packets[i] = packets[i][:i%45]
				}
			}
			got := make([]Opened, n+1)
			f.all(got, packets)
			for i, packet := range packets {
				payload, nonce, err := f.open(packet, 0)
				if !bytes.Equal(got[i].Payload, payload) || got[i].Nonce != nonce || got[i].Err != err {
					t.Errorf("%s, %d of %d: got %+v, want %x, %d, %v", name, i, n, got[i], payload, nonce, err)
				}
			}
		}
	}
}

func TestHybrid(t *testing.T) {
	drone := must(pqkem.Generate(pqkem.MLKEM1024))
	a, b := must(ecdh.X25519().GenerateKey(rand.Reader)), must(ecdh.X25519().GenerateKey(rand.Reader))
	sent, ct, err := EncapsulateHybrid(a, b.PublicKey(), drone.Public())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecapsulateHybrid(b, a.PublicKey(), drone, ct); err != nil || got != sent {
		t.Errorf("got %x, %v, want %x", got, err, sent)
	}
	if got, err := DecapsulateHybrid(a, a.PublicKey(), drone, ct); err != nil || got == sent {
		t.Errorf("with another X25519 key: got %x, %v", got, err)
	}
	if plain, err := Decapsulate(drone, ct); err != nil || plain == sent {
		t.Errorf("without X25519: %v", err)
	}
	low := must(ecdh.X25519().NewPublicKey(make([]byte, 32)))
	if _, _, err := EncapsulateHybrid(a, low, drone.Public()); err == nil {
		t.Error("a key of low order was taken")
	}
	p256 := must(ecdh.P256().GenerateKey(rand.Reader))
	if _, _, err := EncapsulateHybrid(p256, p256.PublicKey(), drone.Public()); err == nil {
		t.Error("a P-256 key was taken")
	}
	both := must(pqkem.Generate(pqkem.X25519MLKEM1024))
	if _, _, err := Encapsulate(both.Public()); err == nil {
		t.Error("cqkit's hybrid key was taken for CleitonQ's")
	}
	if _, err := Decapsulate(both, ct); err == nil {
		t.Error("cqkit's hybrid key opened a session of CleitonQ's")
	}
	if _, err := Decapsulate(drone, ct[1:]); err == nil {
		t.Error("a short ciphertext was opened")
	}
}

func TestCommand(t *testing.T) {
	c := SignedCommand{MessageID: 76, TargetSystem: 1, TargetComponent: 2, Nonce: 1 << 40, Payload: []byte{1, 2, 3, 0, 0}}
	if _, err := c.Append(nil); err == nil {
		t.Error("an unsigned command was written")
	}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	b := must(c.Append([]byte("x")))[1:]
	want := []byte{76, 0, 1, 2, 0, 0, 0, 0, 0, 1, 0, 0, 5, 0, 1, 2, 3, 0, 0}
	if len(b) != CommandOverhead+5 || !bytes.HasPrefix(b, want) {
		t.Fatalf("encoded as %x", b[:30])
	}
	got, err := ParseSignedCommand(b)
	if err != nil || got.Verify(key.Public()) != nil || got.Verify(mallory.Public()) != ErrForged || fmt.Sprint(*got) != fmt.Sprint(c) {
		t.Errorf("got %v, %v", got, err)
	}
	// The signature is that of a signed packet: CleitonQ signs it so.
	packet := append(binary.LittleEndian.AppendUint64(bytes.Clone(c.Payload), c.Nonce), c.Signature...)
	if payload, nonce, err := OpenPacket(key.Public(), packet, 0); err != nil || !bytes.Equal(payload, c.Payload) || nonce != c.Nonce {
		t.Errorf("as a packet: %x, %d, %v", payload, nonce, err)
	}
	for n := range b {
		if _, err := ParseSignedCommand(b[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	c.Payload = make([]byte, 256)
	if _, err := c.Append(nil); err == nil {
		t.Error("a payload of 256 bytes was written")
	}
	long := slices.Concat(want[:12], []byte{0, 1}, make([]byte, 256+4627))
	if _, err := ParseSignedCommand(long); !errors.Is(err, ErrMalformed) {
		t.Errorf("a payload of 256 bytes: %v", err)
	}
}

func TestSessionInit(t *testing.T) {
	s := SessionInit{Initiator: 255, Time: 1 << 50}
	for i := range s.Ciphertext {
		s.Ciphertext[i] = byte(i)
	}
	b := s.Append([]byte("x"))[1:]
	if len(b) != 1577 || !bytes.HasPrefix(b, []byte{255, 0, 0, 0, 0, 0, 0, 4, 0, 0, 1, 2}) {
		t.Errorf("encoded as %x", b[:12])
	}
	if got, err := ParseSessionInit(b); err != nil || *got != s {
		t.Errorf("parsed as %v, %v", got, err)
	}
	for _, b := range [][]byte{nil, b[1:], append(bytes.Clone(b), 0)} {
		if _, err := ParseSessionInit(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func TestAnchorLayout(t *testing.T) {
	a := Anchor{Nonce: 9, Start: 1, End: 0x1234, Count: 0x4321, Commitment: [32]byte{5, 6}}
	packet := must(a.SignTAP(key))
	want := "CLEITONQ-TAP-ANCHOR-v1\x09\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x34\x12\x00\x00\x00\x00\x00\x00\x21\x43\x05\x06"
	if len(packet) != 4707 || !bytes.HasPrefix(packet, []byte(want)) || key.Public().Verify(packet[:80], "", packet[80:]) != nil {
		t.Errorf("TAP's anchor is %x", packet[:80])
	}
	if got, err := OpenAnchor(key.Public(), packet, 0); err != nil || *got != a {
		t.Errorf("opened as %+v, %v", got, err)
	}
	a.Count = 1 << 16
	if _, err := a.SignTAP(key); err == nil {
		t.Error("an anchor of TAP counted to 65536")
	}
	// Two nonces: CleitonQ's auditor goes by the outer one and does not see the inner.
	payload := must(a.Sign(key))[:78]
	if _, err := OpenAnchor(key.Public(), must(SignPacket(key, payload, 10)), 0); !errors.Is(err, ErrMalformed) {
		t.Errorf("an anchor with two nonces: %v", err)
	}
	// A payload that is longer passes CleitonQ's auditor, too.
	if _, err := OpenAnchor(key.Public(), must(SignPacket(key, append(payload[:46:46], payload...), 9)), 0); !errors.Is(err, ErrMalformed) {
		t.Errorf("a longer anchor: %v", err)
	}
	for _, archive := range [][]byte{nil, make([]byte, 31), make([]byte, 33)} {
		if _, _, err := Commit(archive); !errors.Is(err, ErrMalformed) || a.Commits(archive) || a.Counts(archive) {
			t.Errorf("archive of %d bytes: %v", len(archive), err)
		}
	}
}

func TestTAPLength(t *testing.T) {
	tap := NewTAP(&secret)
	packet, err := tap.Append(nil, make([]byte, 65535), 1)
	if err != nil || len(packet) != 65535+42 {
		t.Errorf("65535 bytes: %d, %v", len(packet), err)
	}
	if _, err := tap.Append(nil, make([]byte, 65536), 1); err != ErrLong {
		t.Errorf("65536 bytes: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, form := range forms() {
		f.Add(form.packet)
	}
	c := SignedCommand{MessageID: 76, Nonce: 1, Payload: []byte{1, 2, 3}}
	if err := c.Sign(key); err != nil {
		f.Fatal(err)
	}
	f.Add(must(c.Append(nil)))
	f.Add((&SessionInit{Time: 1}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseSignedCommand(b); err == nil {
			if again, err := c.Append(nil); err != nil || !bytes.Equal(again, b) {
				t.Errorf("signed command %x was written back as %x, %v", b, again, err)
			}
		}
		if s, err := ParseSessionInit(b); err == nil && !bytes.Equal(s.Append(nil), b) {
			t.Errorf("session init %x was written back differently", b)
		}
		// no key but key made any of these
		if a, err := OpenAnchor(mallory.Public(), b, 0); err == nil {
			t.Errorf("anchor %+v", a)
		}
		if payload, _, err := NewTAP(&[KeySize]byte{}).Open(b, 0); err == nil {
			t.Errorf("TAP packet %x", payload)
		}
		if payload, _, err := NewSealer(&[KeySize]byte{}, C2).Open(b, 0); err == nil {
			t.Errorf("sealed packet %x", payload)
		}
	})
}

func TestParseSessionKey(t *testing.T) {
	raw := bytes.Repeat([]byte{0xAB}, 32)
	for name, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"raw":        {raw, true},
		"digits":     {fmt.Appendf(nil, "%x", raw), true},
		"a line":     {fmt.Appendf(nil, " %X\r\n", raw), true},
		"raw spaces": {bytes.Repeat([]byte{' '}, 32), true},
		"empty":      {nil, false},
		"short":      {raw[1:], false},
		"long":       {append(raw, 0), false},
		"no digits":  {bytes.Repeat([]byte{'x'}, 64), false},
	} {
		got, err := ParseSessionKey(c.data)
		if (err == nil) != c.ok || !c.ok && (got != [32]byte{} || !errors.Is(err, ErrMalformed)) {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
		if c.ok && name != "raw spaces" && !bytes.Equal(got[:], raw) {
			t.Errorf("%s: got %x", name, got)
		}
	}
}

func TestReadAnchors(t *testing.T) {
	var file []byte
	want := []*Anchor{{Nonce: 5, Start: 1, End: 3, Count: 3}, {Nonce: 6, Start: 4, End: 4, Count: 1}, {Nonce: 9, Start: 5, End: 9, Count: 5}}
	for i, a := range want {
		sign := a.Sign
		if i == 1 {
			sign = a.SignTAP // both kinds in one file
		}
		file = append(file, must(sign(key))...)
	}
	other := must((&Anchor{Nonce: 10}).Sign(mallory))
	both := []*pqsig.PublicKey{mallory.Public(), key.Public()}
	first := len(must(want[0].Sign(key)))
	for name, c := range map[string]struct {
		file []byte
		keys []*pqsig.PublicKey
		last uint64
		n    int
		err  error
	}{
		"all":               {file, both, 0, 3, nil},
		"above the last":    {file, both, 4, 3, nil},
		"replayed":          {file, both, 5, 0, ErrReplayed},
		"out of order":      {append(bytes.Clone(file[first:]), file[:first]...), both, 0, 2, ErrReplayed},
		"another key":       {file, both[:1], 0, 0, ErrForged},
		"no key":            {file, nil, 0, 0, ErrForged},
		"two keys, in turn": {append(bytes.Clone(file), other...), both, 0, 3, ErrForged},
		"empty":             {nil, both, 0, 0, ErrMalformed},
		"cut":               {file[:len(file)-1], both, 0, 2, ErrMalformed},
		"a byte more":       {append(bytes.Clone(file), 'c'), both, 0, 3, ErrMalformed},
		"something else":    {bytes.Repeat([]byte("x"), 9999), both, 0, 0, ErrMalformed},
	} {
		got, k, err := ReadAnchors(bytes.NewReader(c.file), c.keys, c.last)
		if !errors.Is(err, c.err) || len(got) != c.n || (err == nil && k != both[1]) {
			t.Errorf("%s: %d anchors, %v, want %d, %v", name, len(got), err, c.n, c.err)
		}
		for i, a := range got {
			if name != "out of order" && *a != *want[i] {
				t.Errorf("%s: anchor %d is %+v", name, i, a)
			}
		}
	}
}
