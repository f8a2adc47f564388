package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/chunk"
	"cqkit/pkg/wire"
)

func linkReportOf(t *testing.T, args ...string) (code int, report linkJSON) {
	t.Helper()
	code, stdout, stderr := run(t, t.Context(), append([]string{"link", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%q: exit code %d: %v\n%s%s", args, code, err, stdout, stderr)
	}
	return code, report
}

// TestLinkCounts makes an hour of what a link is said to carry, with the encoders that a vehicle and a ground station
// use and other contents than cqbench's, and counts its bits.
func TestLinkCounts(t *testing.T) {
	_, report := linkReportOf(t, "--link", "sik", "--rate", "10/s", "--size", "52", "--every", "none", "--commands", "30/h", "--sessions", "1/h")
	r := rand.New(rand.NewPCG(1, 2))
	vehicle, ground := newParty(7), newParty(8)
	sent := 0
	send := func(system uint8, kind chunk.Type, message []byte) {
		list, err := chunk.Cut(chunk.Chunk{Token: uint16(r.Uint32()), TargetSystem: 1, Type: kind}, message)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range list {
			sent += len(c.AppendFrame(nil, uint8(i), system, 1))
		}
	}

	offering, err := wire.OfferSession(vehicle.key, vehicle.id, ground.key.Public(), wire.MLKEM1024)
	if err != nil {
		t.Fatal(err)
	}
	answering, err := wire.AnswerSession(ground.key, ground.id, offering.Message(), vehicle.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	confirming, err := offering.Accept(answering.Message())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := answering.Accept(confirming.Message())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := confirming.Accept(theirs.Confirmation())
	if err != nil {
		t.Fatal(err)
	}
	send(1, chunk.Offer, offering.Message())
	send(255, chunk.Answer, answering.Message())
	send(1, chunk.Confirm, confirming.Message())
	send(255, chunk.Confirm, theirs.Confirmation())

	sender := ours.Sender(wire.Address{System: 1, Component: 1})
	frame := make([]byte, 52)
	for range 36_000 {
		packet, err := sender.Tag(nil, frame)
		if err != nil {
			t.Fatal(err)
		}
		sent += len(packet)
	}
	for n := range uint64(30) {
		payload := make([]byte, 33)
		for i := range payload {
			payload[i] = byte(1 + r.IntN(255))
		}
		c := wire.Command{Signer: ground.id, Receiver: vehicle.id, Session: ours.ID(), Nonce: n + 1, Source: wire.Address{System: 255, Component: 190},
			Target: wire.Address{System: payload[30], Component: payload[31]}, ID: 76, Payload: payload}
		message, err := c.Sign(ground.key)
		if err != nil {
			t.Fatal(err)
		}
		send(255, chunk.Command, message)
	}
	// A chunk whose last byte happens to be zero, one in 256, is a byte shorter.
	if got, want := report.Links[0].BitsPerS*3600/8, float64(sent); got < want-1 || got > want+30 {
		t.Errorf("%.0f bytes an hour are reported, %.0f are sent", got, want)
	}
}

// TestLinkNotes compares notes with what cqsign writes into a log.
func TestLinkNotes(t *testing.T) {
	_, report := linkReportOf(t, "--link", "lte", "--every", "100", "--rate", "10/s")
	for _, c := range report.Links[0].Costs {
		if c.Name != "notes" {
			continue
		}
		// The format's own arithmetic: a head of 46 bytes, a text of some 700, and a signature in base64.
		signature := (4+4627+2)/3*4 + 20
		if want := signature + 46; c.Bytes < want+500 || c.Bytes > want+1600 || c.Frames != (c.Bytes+264)/265 || c.PerS != 0.1 {
			t.Errorf("a note of %d bytes in %d frames, %v a second", c.Bytes, c.Frames, c.PerS)
		}
	}
}

// TestLinkSettles checks that what a setting is said to be able to go to fills the link, and that fits says so.
func TestLinkSettles(t *testing.T) {
	base := []string{"--link", "rfd900", "--most", "70%"}
	_, first := linkReportOf(t, base...)
	fit := first.Links[0].Fit
	for _, change := range [][]string{
		{"--commands", strings.TrimRight(time.Duration(math.Round(*fit.CommandsPerS*60)).String(), "ns") + "/m"},
		{"--every", time.Duration(*fit.NoteEveryS * 1e9).String()},
	} {
		_, got := linkReportOf(t, append(append([]string{}, base...), change...)...)
		if l := got.Links[0]; math.Abs(l.Total-0.7) > 0.005 {
			t.Errorf("%q: a total of %v", change, l.Total)
		}
	}
	if !first.Links[0].Fits {
		t.Error("does not fit")
	}
}

func TestLinkSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqbench-link.json"))
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(root, "testdata", "logs", "copter.tlog")
	for _, tt := range []struct {
		code int
		args []string
	}{
		{0, nil},
		{0, []string{"--link", "9.6k", "--packets", "none", "--every", "none", "--commands", "none", "--sessions", "none"}},
		{0, []string{"--log", log, "--packets", "sealed", "--wire", "v1", "--every", "500"}},
		{1, []string{"--require", "total<=80%,command/delay<=2s,note/delay<1s"}},
	} {
		code, stdout, stderr := run(t, t.Context(), append([]string{"link", "--json"}, tt.args...)...)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil || code != tt.code {
			t.Errorf("%q: exit code %d, want %d: %v\n%s%s", tt.args, code, tt.code, err, stdout, stderr)
		}
	}
}
