package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

// handshakeFiles changes to a folder with the messages of a handshake, a log that
// carries it, and the sessions.
func handshakeFiles(t *testing.T) {
	t.Helper()
	root, err := clitest.Root()
	check(t, err)
	t.Chdir(t.TempDir())
	data, err := os.ReadFile(filepath.Join(root, "testdata", "logs", "copter.tlog"))
	check(t, err)
	vehicle, err := pqsig.Generate(pqsig.MLDSA87)
	check(t, err)
	ground, err := pqsig.Generate(pqsig.MLDSA87)
	check(t, err)
	for name, k := range map[string]*pqsig.PrivateKey{"vehicle.pub": vehicle, "ground.pub": ground} {
		put(t, name, k.Public().Bytes()) // CleitonQ's raw form
	}
	o, err := wire.OfferSession(vehicle, wire.FingerprintOf(vehicle.Public()), ground.Public(), wire.X25519MLKEM1024)
	check(t, err)
	a, err := wire.AnswerSession(ground, wire.FingerprintOf(ground.Public()), o.Message(), vehicle.Public())
	check(t, err)
	c, err := o.Accept(a.Message())
	check(t, err)
	g, err := a.Accept(c.Message())
	check(t, err)
	v, err := c.Accept(g.Confirmation())
	check(t, err)
	for name, s := range map[string]wire.State{"vehicle.session": v, "ground.session": g} {
		state, err := s.AppendState(nil)
		check(t, err)
		check(t, os.WriteFile(name, state, 0o600))
	}
	for i, m := range []struct {
		name string
		typ  chunk.Type
		data []byte
	}{{"offer", chunk.Offer, o.Message()}, {"answer", chunk.Answer, a.Message()}, {"by-vehicle", chunk.Confirm, c.Message()}, {"by-ground", chunk.Confirm, g.Confirmation()}} {
		put(t, m.name, m.data)
		chunks, err := chunk.Cut(chunk.Chunk{Token: uint16(i), Type: m.typ}, m.data)
		check(t, err)
		for _, k := range chunks {
			data = binary.BigEndian.AppendUint64(data, 1_700_000_000_000_000)
			data = k.AppendFrame(data, k.Seq, 1, 1)
		}
	}
	put(t, "flight.tlog", data)
	put(t, "cut.tlog", data[:len(data)-1000])
	for name, payload := range map[string]string{"p1": "payload", "p2": ""} {
		p, err := v.Sender(wire.Address{System: 1, Component: 1}).Seal(nil, []byte(payload))
		check(t, err)
		put(t, name, p)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSessionSchema validates real output against docs/schema.
func TestSessionSchema(t *testing.T) {
	root, err := clitest.Root()
	check(t, err)
	schemas := map[string]*jsonschema.Schema{}
	for _, name := range []string{"cqverify-session", "cqverify-session-open"} {
		c := jsonschema.NewCompiler()
		schemas[name], err = c.Compile(filepath.Join(root, "docs", "schema", name+".json"))
		check(t, err)
	}
	handshakeFiles(t)
	const keys = "-k vehicle.pub -k ground.pub "
	for _, tt := range []struct {
		schema, args string
		code         int
		want         []string
	}{
		{"cqverify-session", keys + "offer answer by-vehicle by-ground", 0, []string{`"verdict": "answered"`, `"confirmations_checked": false`}},
		{"cqverify-session", keys + "--session vehicle.session offer answer by-vehicle", 0, []string{`"confirmations_checked": true`}},
		{"cqverify-session", keys + "flight.tlog", 0, []string{`"verdict": "answered"`, `"index": 5360`, `"time_us": 1700000000000000`, `"ground"`}},
		{"cqverify-session", keys + "flight.tlog offer", 0, []string{`"answered": 1`}},
		{"cqverify-session", keys + "cut.tlog", 0, []string{`"verdict": "offered"`, `"incomplete": 1`, `some parts are missing`}},
		{"cqverify-session", "-k vehicle.pub answer by-ground p1", 1, []string{`"orphaned": 1`, `"malformed": 1`, `"untrusted": 1`}},
		{"cqverify-session-open", "open --session ground.session p1 p2 p1 offer", 1, []string{`"genuine": 2`, `"replayed": 1`, `"malformed": 1`, `"payload": ""`}},
		{"cqverify-session-open", "open --session vehicle.session p1", 1, []string{`"forged": 1`}},
	} {
		args := append([]string{"session"}, strings.Fields(tt.args)...)
		code, stdout, stderr := run(context.Background(), strings.NewReader(""), append(args, "--json")...)
		if code != tt.code || stderr != "" {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.args, code, tt.code, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schemas[tt.schema].Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", tt.args, err, stdout)
		}
		for _, w := range tt.want {
			if !strings.Contains(stdout, w) {
				t.Errorf("%s: no %s in\n%s", tt.args, w, stdout)
			}
		}
	}
}

// TestSessionFilesAreClean names files that would move a terminal's cursor.
func TestSessionFilesAreClean(t *testing.T) {
	handshakeFiles(t)
	evil := "offer\x1b[2J"
	data, err := os.ReadFile("offer")
	check(t, err)
	if err := os.WriteFile(evil, data, 0o600); err != nil {
		t.Skipf("no such name on this file system: %v", err)
	}
	for _, format := range []string{"table", "markdown"} {
		_, stdout, _ := run(context.Background(), bytes.NewReader(nil), "session", "-k", "vehicle.pub", "--format", format, evil, evil+"none")
		if strings.Contains(stdout, "\x1b") || !strings.Contains(stdout, "offered") {
			t.Errorf("%q", stdout)
		}
	}
}
