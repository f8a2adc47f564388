package wire_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

// Link types of captures (www.tcpdump.org/linktypes.html).
const (
	linkEthernet = 1
	linkUser0    = 147
)

// capture writes packets as a pcap file and returns its path.
func capture(t *testing.T, link uint32, packets [][]byte) string {
	t.Helper()
	var b []byte
	for _, v := range []uint32{0xA1B2C3D4, 4<<16 | 2, 0, 0, 1 << 16, link} { // version 2.4
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for i, p := range packets {
		for _, v := range []uint32{1_700_000_000, uint32(i), uint32(len(p)), uint32(len(p))} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		b = append(b, p...)
	}
	path := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// overUDP puts a datagram into an Ethernet frame, with IPv4 between loopback addresses.
func overUDP(payload []byte) []byte {
	b := append(make([]byte, 12), 8, 0)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(28+len(payload)))
	b = append(b, 0, 0, 0x40, 0, 64, 17, 0x3C, 0, 127, 0, 0, 1, 127, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, 14550)
	b = binary.BigEndian.AppendUint16(b, 14560)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	return append(append(b, 0, 0), payload...)
}

// dissect returns what tshark and the dissector make of the fields of each packet, a row a
// packet; a field that is there several times is joined by commas.
// options are tshark's.
func dissect(t *testing.T, path string, options []string, fields ...string) [][]string {
	t.Helper()
	if !have(t, true, "tshark") {
		t.Skip("tshark is not installed: the dissector is not tried")
	}
	args := []string{"-X", "lua_script:../../docs/wireshark/cleitonq.lua", "-r", path, "-T", "fields", "-E", "separator=/t"}
	args = append(args, options...)
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.CommandContext(t.Context(), "tshark", args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("tshark: %v\n%s", err, &errs)
	}
	for line := range strings.Lines(errs.String()) {
		if !strings.HasPrefix(line, "Running as user") {
			t.Errorf("tshark says %q", line)
		}
	}
	var rows [][]string
	booleans := map[string]string{"True": "1", "False": "0"} // as tshark 4.2 and later spell them
	for line := range strings.Lines(out.String()) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i, v := range row {
			row[i] = cmp.Or(booleans[v], v)
		}
		rows = append(rows, row)
	}
	return rows
}

// chunked returns the frames of a message.
func chunked(t *testing.T, token uint16, typ chunk.Type, message []byte) [][]byte {
	t.Helper()
	chunks, err := chunk.Cut(chunk.Chunk{Token: token, TargetSystem: 1, TargetComponent: 1, Type: typ}, message)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for i, c := range chunks {
		frames = append(frames, c.AppendFrame(nil, uint8(i), 255, 190))
	}
	return frames
}

func newKey(t testing.TB, n byte) *pqsig.PrivateKey {
	t.Helper()
	key, err := pqsig.NewPrivateKey(pqsig.MLDSA87, bytes.Repeat([]byte{n}, pqsig.MLDSA87SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestDissector shows a capture of all that chunks carry to tshark, and compares what it
// says with what was put in.
func TestDissector(t *testing.T) {
	station, vehicle := newKey(t, 1), newKey(t, 2)
	stationID, vehicleID := wire.FingerprintOf(station.Public()), wire.FingerprintOf(vehicle.Public())
	live := wire.Command{
		Signer: stationID, Receiver: vehicleID, Session: wire.SessionID{1, 2, 3}, Nonce: 1<<63 + 5,
		Source: wire.Address{System: 255, Component: 190}, Target: wire.Address{System: 1, Component: 1},
		ID: 76, Payload: []byte{0, 0, 0x80, 0x3f, 30: 1, 31: 1, 32: 7},
	}
	live.Payload[28], live.Payload[29] = 400&0xFF, 400>>8
	live.Payload[30], live.Payload[31] = 1, 1
	logged := live
	logged.Receiver, logged.Session, logged.Nonce = wire.Fingerprint{}, wire.SessionID{}, 9
	logged.Origin, logged.Record, logged.Time = wire.Origin{7, 7}, 1234567, 1_684_262_400_123_456
	offering, err := wire.OfferSession(vehicle, vehicleID, station.Public(), wire.X25519MLKEM1024)
	if err != nil {
		t.Fatal(err)
	}
	answering, err := wire.AnswerSession(station, stationID, offering.Message(), vehicle.Public())
	if err != nil {
		t.Fatal(err)
	}
	confirming, err := offering.Accept(answering.Message())
	if err != nil {
		t.Fatal(err)
	}
	sign := func(c wire.Command) []byte {
		message, err := c.Sign(station)
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	text := "cqkit/flight-log/v1/00\n— pilot äöü"
	note := slices.Concat([]byte{1, 0}, bytes.Repeat([]byte{0xAB}, 16), bytes.Repeat([]byte{0xCD}, 16),
		[]byte{3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, []byte(text))
	v1 := slices.Concat([]byte{76, 0, 1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 4, 0, 'a', 'b', 'c', 'd'}, make([]byte, 4627))
	init := slices.Concat([]byte{255, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{5}, 1568))

	anchor := slices.Concat([]byte{2, 6, 149, 0}, stationID[:], bytes.Repeat([]byte{0xA0}, 16), []byte{2, 5, 0, 0, 0, 0, 0, 0, 0},
		bytes.Repeat([]byte{0xA1}, 32), []byte{0, 4, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0}, make([]byte, 7), []byte{1}, make([]byte, 7), []byte{2},
		bytes.Repeat([]byte{0xA2}, 32), make([]byte, 4627))

	messages := []struct {
		typ     chunk.Type
		message []byte
		want    map[string]string
	}{
		{chunk.Command, sign(live), map[string]string{
			"statement.kind": "1", "statement.signer": hex.EncodeToString(stationID[:]), "statement.receiver": hex.EncodeToString(vehicleID[:]),
			"statement.session": live.Session.String(), "statement.nonce": "9223372036854775813", "statement.message_id": "76",
			"statement.source_system": "255", "statement.source_component": "190", "statement.target_system": "1",
			"statement.payload": hex.EncodeToString(live.Payload), "message.len": "4760",
		}},
		{chunk.Command, sign(logged), map[string]string{
			"statement.kind": "2", "statement.nonce": "9", "statement.origin": hex.EncodeToString(logged.Origin[:]),
			"statement.record": "1234567", "statement.time_us": "1684262400123456", "statement.payload": hex.EncodeToString(live.Payload),
		}},
		{chunk.Offer, offering.Message(), map[string]string{
			"statement.kind": "3", "session.vehicle": hex.EncodeToString(vehicleID[:]), "session.ground": hex.EncodeToString(stationID[:]), "session.suite": "2",
		}},
		{chunk.Answer, answering.Message(), map[string]string{"statement.kind": "4", "session.suite": "2"}},
		{chunk.Confirm, confirming.Message(), map[string]string{
			"statement.kind": "5", "session.role": "1", "session.id": confirming.ID().String(),
		}},
		{chunk.Note, note, map[string]string{
			"note.log": strings.Repeat("ab", 16), "note.number": "3", "note.parts": "1", "note.text": strings.ReplaceAll(text, "\n", `\n`),
		}},
		{chunk.Anchor, anchor, map[string]string{
			"statement.signer": hex.EncodeToString(stationID[:]), "statement.origin": strings.Repeat("a0", 16), "anchor.last": "1", "anchor.frames": "0",
			"anchor.number": "5", "anchor.previous": strings.Repeat("a1", 32), "anchor.first": "1024", "anchor.count": "200",
			"anchor.from_us": fmt.Sprint(int64(1) << 56), "anchor.until_us": fmt.Sprint(int64(2) << 56), "anchor.root": strings.Repeat("a2", 32),
		}},
		{chunk.SignedCommand, v1, map[string]string{"v1.message_id": "76", "v1.nonce": "8", "v1.payload": "61626364"}},
		{chunk.SessionInit, init, map[string]string{"v1.initiator": "255", "v1.time_us": "1000000"}},
	}
	for _, how := range []struct {
		name string
		link uint32
		wrap func([]byte) []byte
	}{
		{"USER0", linkUser0, func(b []byte) []byte { return b }},
		{"UDP", linkEthernet, overUDP},
	} {
		t.Run(how.name, func(t *testing.T) {
			var packets [][]byte
			var ends []int // of each message, in packets
			for i, m := range messages {
				frames := chunked(t, uint16(i), m.typ, m.message)
				if m.typ != chunk.SignedCommand && m.typ != chunk.SessionInit {
					slices.Reverse(frames) // any order will do
				}
				for _, f := range frames {
					packets = append(packets, how.wrap(f))
				}
				ends = append(ends, len(packets))
			}
			names := []string{"cleitonq.type", "cleitonq.token", "cleitonq.seq", "cleitonq.count", "cleitonq.checksum.ok", "_ws.malformed",
				"cleitonq.message.in", "cleitonq.malformed", "cleitonq.variant", "cleitonq.repeated"}
			for _, m := range messages {
				for name := range m.want {
					if name = "cleitonq." + name; !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
			rows := dissect(t, capture(t, how.link, packets), nil, names...)
			if len(rows) != len(packets) {
				t.Fatalf("%d rows for %d packets", len(rows), len(packets))
			}
			from := 0
			for i, m := range messages {
				for at, row := range rows[from:ends[i]] {
					want := []string{fmt.Sprint(uint8(m.typ)), fmt.Sprintf("0x%04x", i), "", fmt.Sprint(ends[i] - from), "1", "", "", "", "", ""}
					want[2] = row[2]
					if from+at == ends[i]-1 {
						want[6] = fmt.Sprint(ends[i])
					}
					if got := row[:len(want)]; !slices.Equal(got, want) {
						t.Errorf("packet %d, %s: got %q, want %q", from+at+1, m.typ, got, want)
					}
				}
				for name, want := range m.want {
					if got := rows[ends[i]-1][slices.Index(names, "cleitonq."+name)]; got != want {
						t.Errorf("%s: %s is %q, want %q", m.typ, name, got, want)
					}
				}
				from = ends[i]
			}
		})
	}
}

// TestDissectorDirt shows tshark what attackers and bad links make of chunks.
func TestDissectorDirt(t *testing.T) {
	key := newKey(t, 1)
	c := wire.Command{Signer: wire.FingerprintOf(key.Public()), Receiver: wire.Fingerprint{1}, Nonce: 1, ID: 76, Payload: []byte{1}}
	message, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	genuine := chunked(t, 1, chunk.Command, message)
	heartbeat := []byte{0xFD, 9, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 81, 4, 3, 0, 0}
	spoof := func(n int, change func(*chunk.Chunk)) []byte {
		c, err := chunk.Parse(genuine[n][10 : len(genuine[n])-2])
		if err != nil {
			t.Fatal(err)
		}
		c.Data = slices.Clone(c.Data)
		change(&c)
		return c.AppendFrame(nil, 0, 255, 190)
	}
	bad := slices.Clone(genuine[1])
	bad[100] ^= 1

	packets := [][]byte{
		heartbeat, // none of its business
		spoof(0, func(c *chunk.Chunk) { c.Data[20] ^= 1 }), // 2: a forged first chunk
		bad, // 3: damaged
		spoof(0, func(c *chunk.Chunk) { c.Seq = c.Count }),      // 4
		spoof(0, func(c *chunk.Chunk) { c.Data = c.Data[:16] }), // 5: nothing but a digest
		spoof(0, func(c *chunk.Chunk) { c.Type = 77 }),          // 6
		genuine[3],                           // 7
		genuine[3],                           // 8: again
		slices.Concat(heartbeat, genuine[4]), // 9: two frames in a datagram
		genuine[5][:30],                      // 10: torn
	}
	for i, f := range genuine {
		if i != 3 && i != 4 {
			packets = append(packets, f)
		}
	}
	for i := range packets {
		packets[i] = overUDP(packets[i])
	}
	rows := dissect(t, capture(t, linkEthernet, packets), nil, "cleitonq.seq", "cleitonq.checksum.ok", "cleitonq.malformed",
		"cleitonq.variant", "cleitonq.repeated", "cleitonq.statement.nonce", "cleitonq.message.seen", "cleitonq.message.variants", "_ws.lua.error")
	none := strings.Repeat("\t", 8)
	count := fmt.Sprint(len(genuine))
	for i, want := range map[int]string{
		1:            none,
		2:            "0\t1\t\t\t\t\t1\t1\t",
		3:            "1\t0" + none[1:],
		4:            count + "\t1\t1" + none[2:],
		5:            "0\t1\t1" + none[2:],
		6:            "0\t1\t1" + none[2:],
		7:            "3\t1\t\t\t\t\t2\t2\t",
		8:            "3\t1\t\t\t1\t\t2\t2\t",
		9:            "4\t1\t\t\t\t\t3\t3\t",
		10:           none,
		11:           "0\t1\t\t1\t\t\t3\t4\t",
		len(packets): fmt.Sprintf("%d\t1\t\t\t\t1\t%d\t%d\t", len(genuine)-1, len(genuine), len(genuine)+1),
	} {
		if got := strings.Join(rows[i-1], "\t"); got != want {
			t.Errorf("packet %d: got %q, want %q", i, got, want)
		}
	}
}

// TestDissectorLive captures what the example sends, and finds the whole story in it.
func TestDissectorLive(t *testing.T) {
	var mu sync.Mutex
	var packets [][]byte
	see := func(datagram []byte) {
		mu.Lock()
		defer mu.Unlock()
		packets = append(packets, overUDP(datagram))
	}
	onAir.Store(&see)
	Example_live()
	onAir.Store(nil)
	mu.Lock()
	defer mu.Unlock()
	rows := dissect(t, capture(t, linkEthernet, packets), nil, "cleitonq.type", "cleitonq.system", "cleitonq.statement.kind", "cleitonq.session.role",
		"cleitonq.statement.nonce", "cleitonq.statement.message_id", "cleitonq.message.len", "cleitonq.malformed", "cleitonq.variant")
	var got []string
	for _, row := range rows {
		if row[6] != "" || row[7] != "" || row[8] != "" {
			got = append(got, strings.Join(row, " "))
		}
	}
	want := []string{
		"4 1 3    6328  ", "5 255 4    6360  ", "6 1 5 1   53  ", "6 255 5 2   53  ",
		"2 255 1  1 76 4760  ", "2 255 1  2 76 4760  ", "2 255 1  2 76 4760  ", // the thief's, too
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDissectorPackets does the same with the packets of a session.
func TestDissectorPackets(t *testing.T) {
	_, station := openSession(t, newKey(t, 1), newKey(t, 2))
	sender := station.Sender(wire.Address{System: 255, Component: 190})
	var packets [][]byte
	var want [][]string
	for _, payload := range []string{"go", "", "home"} {
		tagged, err := sender.Tag(nil, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := sender.Seal(nil, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		id := station.ID()
		head := func(kind string) []string {
			return []string{kind, "255", "190", hex.EncodeToString(id[:4]), fmt.Sprint(1 + len(packets)/2)}
		}
		want = append(want,
			append(head("0x21"), hex.EncodeToString([]byte(payload)), "", hex.EncodeToString(tagged[len(tagged)-32:])),
			append(head("0x22"), "", hex.EncodeToString(sealed[15:len(sealed)-16]), hex.EncodeToString(sealed[len(sealed)-16:])))
		packets = append(packets, overUDP(tagged), overUDP(sealed))
	}
	packets = append(packets, overUDP([]byte{0x21, 1, 2}))
	want = append(want, make([]string, 8))
	rows := dissect(t, capture(t, linkEthernet, packets), []string{"-d", "udp.port==14560,cqkit_packet"}, "cqkit_packet.kind", "cqkit_packet.system",
		"cqkit_packet.component", "cqkit_packet.session", "cqkit_packet.counter", "cqkit_packet.payload", "cqkit_packet.ciphertext", "cqkit_packet.tag")
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got %q, want %q", rows, want)
	}
}

// openSession runs a handshake and returns both ends.
func openSession(t testing.TB, ground, vehicle *pqsig.PrivateKey) (v, g *wire.Session) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	offering, err := wire.OfferSession(vehicle, wire.FingerprintOf(vehicle.Public()), ground.Public(), wire.MLKEM1024)
	must(err)
	answering, err := wire.AnswerSession(ground, wire.FingerprintOf(ground.Public()), offering.Message(), vehicle.Public())
	must(err)
	confirming, err := offering.Accept(answering.Message())
	must(err)
	g, err = answering.Accept(confirming.Message())
	must(err)
	v, err = confirming.Accept(g.Confirmation())
	must(err)
	return v, g
}
