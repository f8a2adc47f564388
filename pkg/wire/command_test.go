package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"cqkit/pkg/keyfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
)

// testKey returns one of the keys under testdata/keys.
func testKey(t testing.TB) *pqsig.PrivateKey {
	t.Helper()
	data, err := os.ReadFile("../../testdata/keys/test-sign.key")
	if err != nil {
		t.Fatal(err)
	}
	file, err := keyfile.Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Private.Signer()
}

// newKey returns a key of its own for each number.
func newKey(t testing.TB, n byte) *pqsig.PrivateKey {
	t.Helper()
	k, err := pqsig.NewPrivateKey(pqsig.MLDSA87, bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// live and logged are commands of both kinds with a value of its own in every byte.
func live() *Command {
	return &Command{
		Signer: Fingerprint(fill(0x10, 32)), Receiver: Fingerprint(fill(0x40, 32)), Session: SessionID(fill(0x70, 16)),
		Nonce: 0x8786858483828180, Source: Address{0x91, 0x92}, Target: Address{0x93, 0x94}, ID: 0xA3A2A1,
		Payload: []byte{0xB0, 0, 0xB2},
	}
}

func logged() *Command {
	c := live()
	c.Receiver, c.Session = Fingerprint{}, SessionID{}
	c.Origin, c.Record, c.Time = Origin(fill(0xC0, 16)), 0xD7D6D5D4D3D2D1D0, 0x67E6E5E4E3E2E1E0
	return c
}

// fill returns n bytes that count up.
func fill(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	hexSigner   = `101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f`
	hexReceiver = `404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f`
	hexSession  = `707172737475767778797a7b7c7d7e7f`
	hexOrigin   = `c0c1c2c3c4c5c6c7c8c9cacbcccdcecf`
)

// TestStatementBytes compares with statements written by hand from docs/wire-v2.md.
func TestStatementBytes(t *testing.T) {
	zeros := strings.Repeat("00", 48)
	for _, tt := range []struct {
		name string
		c    *Command
		want string
	}{
		{"live", live(), `02 01 6300` + hexSigner + hexReceiver + hexSession + `8081828384858687 9192 9394 a1a2a3 03 b000b2`},
		{"logged", logged(), `02 02 8300` + hexSigner + zeros + `8081828384858687 9192 9394 a1a2a3` + hexOrigin +
			`d0d1d2d3d4d5d6d7 e0e1e2e3e4e5e667 03 b000b2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.c.AppendStatement(nil)
			if err != nil || !bytes.Equal(got, unhex(t, tt.want)) {
				t.Fatalf("got %x, %v\nwant %x", got, err, unhex(t, tt.want))
			}
		})
	}
}

func TestSignAndVerify(t *testing.T) {
	key := testKey(t)
	keys := Keys(key.Public())
	for name, c := range map[string]*Command{"live": live(), "logged": logged()} {
		t.Run(name, func(t *testing.T) {
			c.Signer = FingerprintOf(key.Public())
			if c.Signer.String() != key.Public().Fingerprint() {
				t.Fatalf("the fingerprint is %v, of the key %v", c.Signer, key.Public().Fingerprint())
			}
			message, err := c.Sign(key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := VerifyCommand(message, keys)
			if err != nil {
				t.Fatal(err)
			}
			if g, w := spelled(t, got), spelled(t, c); !bytes.Equal(g, w) {
				t.Fatalf("got %x, want %x", g, w)
			}
			if got.Logged() != (name == "logged") {
				t.Fatalf("Logged is %v", got.Logged())
			}
			if _, err := VerifyCommand(message, Keys(newKey(t, 1).Public())); !errors.Is(err, ErrUnknownSigner) {
				t.Fatalf("without its key: %v", err)
			}
		})
	}
}

func spelled(t testing.TB, c *Command) []byte {
	t.Helper()
	b, err := c.AppendStatement(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMangledMessages changes every byte of a message and cuts it everywhere. Nothing
// of it verifies.
func TestMangledMessages(t *testing.T) {
	key := testKey(t)
	keys := func(Fingerprint) *pqsig.PublicKey { return key.Public() }
	for name, c := range map[string]*Command{"live": live(), "logged": logged()} {
		t.Run(name, func(t *testing.T) {
			message, err := c.Sign(key)
			if err != nil {
				t.Fatal(err)
			}
			step := 1
			if testing.Short() {
				step = 37
			}
			size := len(message) - SignatureSize
			for i := range message {
				if i > size && i%step != 0 {
					continue
				}
				changed := bytes.Clone(message)
				changed[i] ^= 1 << (i % 8)
				if _, err := VerifyCommand(changed, keys); err == nil {
					t.Fatalf("accepted with byte %d changed", i)
				}
			}
			for n := range message {
				if _, err := VerifyCommand(message[:n], keys); !errors.Is(err, ErrMalformed) {
					t.Fatalf("%d bytes of it: %v", n, err)
				}
			}
			if _, err := VerifyCommand(append(bytes.Clone(message), 0), keys); !errors.Is(err, ErrMalformed) {
				t.Fatalf("with a byte more: %v", err)
			}
		})
	}
}

// TestKindsAreApart signs each kind's statement under the other's context.
func TestKindsAreApart(t *testing.T) {
	key := testKey(t)
	keys := func(Fingerprint) *pqsig.PublicKey { return key.Public() }
	for _, c := range []*Command{live(), logged()} {
		s := spelled(t, c)
		for _, context := range []string{"", contextCommand, contextLogged, "cqkit/anchor/v2"} {
			signature, err := key.Sign(s, context)
			if err != nil {
				t.Fatal(err)
			}
			_, err = VerifyCommand(append(bytes.Clone(s), signature...), keys)
			if right := context == contextLogged == c.Logged() && (context == contextLogged || context == contextCommand); right != (err == nil) {
				t.Errorf("logged %v under %q: %v", c.Logged(), context, err)
			}
		}
	}
}

// TestRefusedCommands has what no statement says, in a command to be signed and in one
// that was spelled out all the same.
func TestRefusedCommands(t *testing.T) {
	key := newKey(t, 7)
	for _, tt := range []struct {
		name string
		of   func() *Command
		spit func(c *Command)
	}{
		{"no signer", live, func(c *Command) { c.Signer = Fingerprint{} }},
		{"no receiver", live, func(c *Command) { c.Receiver = Fingerprint{} }},
		{"nonce 0", live, func(c *Command) { c.Nonce = 0 }},
		{"message id", live, func(c *Command) { c.ID = 1 << 24 }},
		{"trailing zero", live, func(c *Command) { c.Payload = []byte{1, 0} }},
		{"only zeros", live, func(c *Command) { c.Payload = []byte{0} }},
		{"long payload", live, func(c *Command) { c.Payload = bytes.Repeat([]byte{1}, 256) }},
		{"receiver after capture", logged, func(c *Command) { c.Receiver[31] = 1 }},
		{"session after capture", logged, func(c *Command) { c.Session[0] = 1 }},
		{"live with a record", live, func(c *Command) { c.Record = 1 }},
		{"live with a time", live, func(c *Command) { c.Time = -1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.of()
			tt.spit(c)
			if _, err := c.Sign(key); err == nil {
				t.Fatal("it was signed")
			}
		})
	}
	signature := make([]byte, SignatureSize)
	for name, s := range map[string][]byte{
		"no signer":               spoil(spelled(t, live()), atSigner, make([]byte, 32)),
		"no receiver":             spoil(spelled(t, live()), atReceiver, make([]byte, 32)),
		"nonce 0":                 spoil(spelled(t, live()), atNonce, make([]byte, 8)),
		"trailing zero":           spoil(spelled(t, live()), atLive+3, []byte{0}),
		"receiver after capture":  spoil(spelled(t, logged()), atReceiver+31, []byte{1}),
		"session after capture":   spoil(spelled(t, logged()), atSession, []byte{1}),
		"no origin":               spoil(spelled(t, logged()), atOrigin, make([]byte, 16)),
		"version":                 spoil(spelled(t, live()), 0, []byte{3}),
		"kind 0":                  spoil(spelled(t, live()), 1, []byte{0}),
		"kind 3":                  spoil(spelled(t, live()), 1, []byte{3}),
		"live said to be logged":  spoil(spelled(t, live()), 1, []byte{2}),
		"logged said to be live":  spoil(spelled(t, logged()), 1, []byte{1}),
		"length":                  spoil(spelled(t, live()), 2, []byte{0x62}),
		"payload length too much": spoil(spelled(t, live()), atLive, []byte{4}),
		"payload length too few":  spoil(spelled(t, live()), atLive, []byte{2}),
	} {
		if _, err := ParseCommand(append(s, signature...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func spoil(s []byte, at int, with []byte) []byte {
	copy(s[at:], with)
	return s
}

// TestContradictions signs a target that is not the payload's.
func TestContradictions(t *testing.T) {
	key := newKey(t, 8)
	keys := func(Fingerprint) *pqsig.PublicKey { return key.Public() }
	c := live()
	c.ID, c.Target, c.Payload = mav.IDCommandLong, Address{1, 190}, commandLong(1, 190)
	for _, tt := range []struct {
		target Address
		want   error
	}{{Address{1, 190}, nil}, {Address{2, 190}, ErrContradiction}, {Address{1, 0}, ErrContradiction}, {Address{}, ErrContradiction}} {
		c.Target = tt.target
		message, err := c.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyCommand(message, keys); !errors.Is(err, tt.want) {
			t.Errorf("target %v: %v, want %v", tt.target, err, tt.want)
		}
	}
}

// commandLong is a COMMAND_LONG payload that arms, without trailing zeros.
func commandLong(system, component byte) []byte {
	p := make([]byte, 33)
	p[2], p[3] = 0x80, 0x3f         // param1 = 1
	p[28], p[29] = 400&0xff, 400>>8 // MAV_CMD_COMPONENT_ARM_DISARM
	p[30], p[31], p[32] = system, component, 0
	return trim(p)
}

func TestTargetOf(t *testing.T) {
	for _, tt := range []struct {
		name    string
		id      uint32
		payload []byte
		want    Address
		known   bool
	}{
		{"COMMAND_LONG", mav.IDCommandLong, commandLong(3, 4), Address{3, 4}, true},
		{"COMMAND_LONG cut off", mav.IDCommandLong, commandLong(3, 0), Address{3, 0}, true},
		{"SET_MODE", 11, []byte{1, 2, 3, 4, 9, 1}, Address{9, 0}, true},
		{"PARAM_SET", 23, append([]byte{1, 2, 3, 4, 7, 8}, "RATE_RLL_P"...), Address{7, 8}, true},
		{"MISSION_ITEM_INT", 73, bytes.Repeat([]byte{5}, 38), Address{5, 5}, true},
		{"HEARTBEAT has none", 0, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, Address{}, true},
		{"unknown", 49999, []byte{1, 2, 3}, Address{}, false},
		{"unknown, high", 1<<24 - 1, []byte{1, 2, 3}, Address{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // learned, and remembered
				if got, known := TargetOf(tt.id, tt.payload); got != tt.want || known != tt.known {
					t.Fatalf("got %v %v, want %v %v", got, known, tt.want, tt.known)
				}
			}
		})
	}
	p := commandLong(3, 4)
	if n := testing.AllocsPerRun(100, func() { TargetOf(mav.IDCommandLong, p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTargetsOfAllMessages compares with what package mav decodes, for every message
// that has a seed: a second way to the same fields.
func TestTargetsOfAllMessages(t *testing.T) {
	n := 0
	for id := range mav.Seeds() {
		payload := make([]byte, MaxPayload)
		for i := range payload {
			payload[i] = byte(255 - i)
		}
		var want [2]string
		fields := mav.Fields(id, 2, payload)
		for _, f := range fields {
			switch f.Name {
			case "target_system":
				want[0] = f.Value
			case "target_component":
				want[1] = f.Value
			}
		}
		got, known := TargetOf(id, payload)
		if want == [2]string{} {
			if got != (Address{}) {
				t.Errorf("%s: %v, but it has no target", mav.Name(id), got)
			}
			continue
		}
		n++
		if !known || want[0] != "" && want[0] != itoa(got.System) || want[1] != "" && want[1] != itoa(got.Component) {
			t.Errorf("%s: %v, want %v", mav.Name(id), got, want)
		}
	}
	if n < 50 {
		t.Errorf("only %d messages with a target", n)
	}
}

func itoa(b byte) string { return strings.Split(Address{b, 0}.String(), "/")[0] }

// FuzzParseCommand checks that what is accepted has one spelling.
func FuzzParseCommand(f *testing.F) {
	signature := make([]byte, SignatureSize)
	for _, c := range []*Command{live(), logged()} {
		s, err := c.AppendStatement(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(s, signature...))
		f.Add(append(s[:len(s)-1], signature...))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		c, err := ParseCommand(message)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if s := spelled(t, c); !bytes.Equal(s, message[:len(message)-SignatureSize]) {
			t.Fatalf("read %x, which is spelled %x", message[:len(message)-SignatureSize], s)
		}
	})
}
