package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
)

var updateVectors = flag.Bool("update-vectors", false, "write testdata/command.json anew")

// vectors is testdata/command.json. The signatures are deterministic (FIPS 204, rnd of
// zeros), so that the file can be made again.
type vectors struct {
	Comment string   `json:"comment"`
	Seed    string   `json:"seed"` // of the signing key, ξ; hexadecimal as everything here but messages
	Signer  string   `json:"signer"`
	Vectors []vector `json:"vectors"`
}

type vector struct {
	Name      string `json:"name"`
	Statement string `json:"statement,omitempty"` // base64, as messages
	Message   string `json:"message"`
	Result    string `json:"result"` // "ok", or why it must be refused
}

// results are the reasons in the file by error.
var results = map[string]error{
	"ok": nil, "malformed": ErrMalformed, "bad signature": pqsig.ErrBadSignature,
	"contradiction": ErrContradiction, "unknown signer": ErrUnknownSigner,
}

func makeVectors(t *testing.T) *vectors {
	key := newKey(t, 0x42)
	file := &vectors{
		Comment: "docs/wire-v2.md, Vectors. The key is public: never use it for anything else.",
		Seed:    string(bytes.Repeat([]byte("42"), 32)), Signer: FingerprintOf(key.Public()).String(),
	}
	add := func(name, result string, statement, message []byte) {
		v := vector{Name: name, Message: base64.StdEncoding.EncodeToString(message), Result: result}
		if result == "ok" {
			v.Statement = base64.StdEncoding.EncodeToString(statement)
		}
		file.Vectors = append(file.Vectors, v)
	}
	command := func(c *Command) *Command {
		c.Signer, c.ID, c.Source, c.Target, c.Payload = FingerprintOf(key.Public()), mav.IDCommandLong, Address{255, 190}, Address{1, 1}, commandLong(1, 1)
		return c
	}
	sign := func(statement []byte, context string) []byte {
		signature, err := key.SignDeterministic(statement, context)
		if err != nil {
			t.Fatal(err)
		}
		return append(bytes.Clone(statement), signature...)
	}
	l, g := command(live()), command(logged())
	add("live command", "ok", spelled(t, l), sign(spelled(t, l), contextCommand))
	add("logged command", "ok", spelled(t, g), sign(spelled(t, g), contextLogged))
	empty := command(live())
	empty.Payload, empty.Target, empty.ID = []byte{}, Address{}, 0xFFFFFF
	add("no payload, a message without a definition", "ok", spelled(t, empty), sign(spelled(t, empty), contextCommand))
	full := command(logged())
	full.Payload, full.Target, full.ID = bytes.Repeat([]byte{7}, MaxPayload), Address{9, 9}, 0xFFFFFE
	add("a full payload", "ok", spelled(t, full), sign(spelled(t, full), contextLogged))

	add("live statement under the logged context", "bad signature", nil, sign(spelled(t, l), contextLogged))
	add("logged statement under the live context", "bad signature", nil, sign(spelled(t, g), contextCommand))
	add("under no context", "bad signature", nil, sign(spelled(t, l), ""))
	changed := sign(spelled(t, l), contextCommand)
	changed[atNonce] ^= 1
	add("another nonce", "bad signature", nil, changed)
	other := command(live())
	other.Signer[0] ^= 1
	add("another signer", "unknown signer", nil, sign(spelled(t, other), contextCommand))
	wrong := command(live())
	wrong.Target = Address{2, 1}
	add("target beside the payload", "contradiction", nil, sign(spelled(t, wrong), contextCommand))
	for _, m := range []struct {
		name string
		s    []byte
	}{
		{"version 1", spoil(spelled(t, l), 0, []byte{1})},
		{"version 3", spoil(spelled(t, l), 0, []byte{3})},
		{"kind 0", spoil(spelled(t, l), 1, []byte{0})},
		{"length one less", spoil(spelled(t, l), 2, []byte{byte(len(spelled(t, l)) - headSize - 1)})},
		{"nonce 0", spoil(spelled(t, l), atNonce, make([]byte, 8))},
		{"no receiver", spoil(spelled(t, l), atReceiver, make([]byte, 32))},
		{"receiver after capture", spoil(spelled(t, g), atReceiver, []byte{1})},
		{"session after capture", spoil(spelled(t, g), atSession, []byte{1})},
		{"no origin", spoil(spelled(t, g), atOrigin, make([]byte, 16))},
		{"payload with a trailing zero", spoil(spelled(t, l), len(spelled(t, l))-1, []byte{0})},
		{"payload longer than it says", spoil(spelled(t, l), atLive, []byte{1})},
	} {
		context := contextCommand
		if m.s[1] == kindLogged {
			context = contextLogged
		}
		add(m.name, "malformed", nil, sign(m.s, context))
	}
	whole := sign(spelled(t, l), contextCommand)
	add("cut off", "malformed", nil, whole[:len(whole)-1])
	add("a byte behind it", "malformed", nil, append(bytes.Clone(whole), 0))
	return file
}

// TestVectors checks the published vectors against the code, and that they are those
// that the code makes.
func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "command.json")
	made, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *updateVectors {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, made) {
		t.Error("testdata/command.json is not what the code makes")
	}
	var file vectors
	if err := json.Unmarshal(kept, &file); err != nil {
		t.Fatal(err)
	}
	key, err := pqsig.NewPrivateKey(pqsig.MLDSA87, unhex(t, file.Seed))
	if err != nil {
		t.Fatal(err)
	}
	if key.Public().Fingerprint() != file.Signer {
		t.Fatal("the seed is of another key")
	}
	for _, v := range file.Vectors {
		message, err := base64.StdEncoding.DecodeString(v.Message)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := results[v.Result]
		if !ok {
			t.Fatalf("%s: result %q", v.Name, v.Result)
		}
		c, err := VerifyCommand(message, Keys(key.Public()))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %s", v.Name, err, v.Result)
		}
		if want != nil {
			continue
		}
		if s := base64.StdEncoding.EncodeToString(spelled(t, c)); s != v.Statement {
			t.Errorf("%s: statement %s, want %s", v.Name, s, v.Statement)
		}
		if again, err := c.Sign(deterministic{key}); err != nil || !bytes.Equal(again, message) {
			t.Errorf("%s: signed again it is another message (%v)", v.Name, err)
		}
	}
}
