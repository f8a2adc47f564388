package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/chunk"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
	"cqkit/pkg/wire/cleitonq"
)

// tapBench has a log with both kinds of anchors in a folder, and the tests' current folder there.
type tapBench struct {
	log []byte
	key *keyfile.Private
}

const tapSession = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func newTapBench(t *testing.T) *tapBench {
	t.Helper()
	s := newSealer(t)
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(root, "testdata", "logs", "copter.tlog"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := s.key.Public().Marshal(keyfile.PEM)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	put(t, "pilot.pub", pub)
	put(t, "flight.tlog", log)
	put(t, "session.key", []byte(tapSession))
	if err := os.Chmod("session.key", 0o600); err != nil {
		t.Fatal(err)
	}
	b := &tapBench{log, s.key}
	for name, frames := range map[string]bool{"flight.tlog": false, "frames": true} {
		var anchors, tags bytes.Buffer
		_, err := wire.AnchorLog(bytes.NewReader(log), &anchors, &tags, s.seeds, s.key.Signer(), wire.FingerprintOf(s.key.Signer().Public()),
			wire.AnchorOptions{Frames: frames})
		if err != nil {
			t.Fatal(err)
		}
		put(t, name+".cqtap", anchors.Bytes())
		put(t, name+".cqtags", tags.Bytes())
	}
	b.v1(t, 512)
	return b
}

// v1 writes CleitonQ's anchors over so many records a window.
func (b *tapBench) v1(t *testing.T, window int) {
	t.Helper()
	session, err := cleitonq.ParseSessionKey([]byte(tapSession))
	if err != nil {
		t.Fatal(err)
	}
	channel := cleitonq.NewChannel(&session, cleitonq.Telemetry)
	var tags, anchors []byte
	n := 0
	for rest := b.log; len(rest) > 0; n++ {
		record := rest[:tlog.RecordLen(rest)]
		packet := channel.Append(nil, record[tlog.TimeSize:], uint64(n+1))
		tags = append(tags, packet[len(packet)-32:]...)
		rest = rest[len(record):]
	}
	for first := 0; first < n; first += window {
		a := cleitonq.Anchor{Nonce: uint64(first + 7), Start: uint64(first + 1), End: uint64(min(first+window, n))}
		if a.Commitment, a.Count, err = cleitonq.Commit(tags[first*32 : a.End*32]); err != nil {
			t.Fatal(err)
		}
		message, err := a.Sign(b.key.Signer())
		if err != nil {
			t.Fatal(err)
		}
		anchors = append(anchors, message...)
	}
	put(t, "v1.cqtap", anchors)
	put(t, "v1.cqtags", tags)
}

// judged runs cqverify tap and reads its JSON.
func judged(t *testing.T, args ...string) (code int, text string, v tapVerdict) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"tap", "-k", "pilot.pub", "--json"}, args...)
	code = cli.Run(context.Background(), newCommand(), cli.Env{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, &out, &errs)
	}
	return code, out.String(), v
}

// TestTapJSON validates reports of every verdict, of both versions, against their schema.
func TestTapJSON(t *testing.T) {
	schemas := compileSchemas(t)
	newTapBench(t)
	whole, err := os.ReadFile("flight.tlog.cqtap")
	if err != nil {
		t.Fatal(err)
	}
	one := wire.AnchorSize
	put(t, "middle.cqtap", whole[:one], whole[2*one:])
	put(t, "open.cqtap", whole[:5*one])
	put(t, "malformed.cqtap", whole[:5*one-1])
	put(t, "bare.tlog", []byte("x"))
	old, err := os.ReadFile("v1.cqtap")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "v1middle.cqtap", old[:cleitonq.AnchorSize], old[2*cleitonq.AnchorSize:])
	log, err := os.ReadFile("flight.tlog")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "changed.tlog", log[:1000], []byte("noise"), log[1000:90_000], log[95_000:])
	session := "--v1 --session-key session.key "
	for _, tt := range []struct {
		args, verdict, reason string
		code                  int
	}{
		{"flight.tlog", "valid", "", 0},
		{"--anchors frames.cqtap --tags frames.cqtags flight.tlog", "valid", "", 0},
		{"--anchors flight.tlog.cqtap --tags flight.tlog.cqtags", "valid", "", 0},
		{"--anchors frames.cqtap --tags flight.tlog.cqtags flight.tlog", "valid", "", 0},
		{"--anchors frames.cqtap --tags flight.tlog.cqtags", "altered", "the tag archive is not", 1},
		{"--anchors middle.cqtap flight.tlog", "altered", "anchors are missing", 1},
		{"--anchors middle.cqtap changed.tlog", "altered", "the log is not", 1},
		{"--anchors open.cqtap flight.tlog", "open", "no end", 1},
		{"--allow-open --anchors open.cqtap flight.tlog", "open", "no end", 0},
		{"--anchors malformed.cqtap flight.tlog", "malformed", "no whole anchor", 1},
		{"--anchors v1.cqtap flight.tlog", "malformed", "anchor 1: ", 1},
		{"bare.tlog", "unsigned", "no anchors beside", 1},
		{"--anchors flight.tlog.cqtap bare.tlog", "altered", "the log is not", 1},
		{"--anchors flight.tlog.cqtap --tags flight.tlog.cqtags changed.tlog", "altered", "the log is not", 1},
		{session + "--anchors v1.cqtap flight.tlog", "valid", "", 0},
		{session + "--anchors v1.cqtap --tags v1.cqtags changed.tlog", "altered", "the log is not", 1},
		{session + "--anchors v1middle.cqtap --tags v1.cqtags flight.tlog", "altered", "anchors are missing", 1},
		{session + "--anchors open.cqtap flight.tlog", "malformed", "anchor 1: ", 1},
		{session + "bare.tlog", "unsigned", "no anchors beside", 1},
		{"--v1 --anchors v1.cqtap --tags v1.cqtags", "valid", "", 0},
		{"--v1 --anchors v1middle.cqtap --tags v1.cqtags", "altered", "anchors are missing", 1},
		{"--v1 --anchors v1.cqtap --tags frames.cqtags", "altered", "the tag archive is not", 1},
		{"--v1 --last-nonce 7 --anchors v1.cqtap --tags v1.cqtags", "malformed", "not above the last", 1},
	} {
		code, text, v := judged(t, strings.Fields(tt.args)...)
		if code != tt.code || v.Verdict != tt.verdict || !strings.Contains(v.Reason, tt.reason) {
			t.Errorf("%s: %d, %s: %s; want %d, %s: %s", tt.args, code, v.Verdict, v.Reason, tt.code, tt.verdict, tt.reason)
		}
		validate(t, schemas["cqverify-tap"], text)
	}
	_, text, _ := judged(t, "flight.tlog", "bare.tlog", "missing.tlog")
	validate(t, schemas["cqverify-taps"], text)
}

// TestTapEdits edits the log at random. Whatever is edited, no window counts as intact in which a
// byte of a record differs, and a log that was not edited is valid.
func TestTapEdits(t *testing.T) {
	b := newTapBench(t)
	var ends []int
	for end := 0; end < len(b.log); ends = append(ends, end) {
		end += tlog.RecordLen(b.log[end:])
	}
	r := rand.New(rand.NewPCG(9, 9))
	edits := 40
	if testing.Short() {
		edits = 8
	}
	for i := range edits {
		now := slices.Clone(b.log)
		at := r.IntN(len(now))
		record, _ := slices.BinarySearch(ends, at+1) // the one that has the byte
		switch i % 4 {
		case 0:
			now[at] ^= byte(1 + r.IntN(255))
		case 1:
			now = slices.Delete(now, at, min(len(now), at+1+r.IntN(3000)))
		case 2:
			now = slices.Insert(now, at, b.log[:ends[r.IntN(20)]]...)
		case 3:
			now = now[:at]
		}
		put(t, "edited.tlog", now)
		for _, archive := range []string{"flight.tlog.cqtags", "frames.cqtags"} { // the second is another log's, as good as none
			code, _, v := judged(t, "--anchors", "flight.tlog.cqtap", "--tags", archive, "edited.tlog")
			if code != 1 || v.Verdict != "altered" || len(v.Findings) == 0 {
				t.Fatalf("edit %d at %d: %d, %s", i%4, at, code, v.Verdict)
			}
			for _, w := range v.Windows {
				if w.Intact && uint64(record) >= w.First && uint64(record) < w.First+w.Count && (i%4 == 0 || i%4 == 3) {
					t.Fatalf("edit %d of record %d: window %+v is intact", i%4, record, w)
				}
			}
		}
	}
	if code, _, v := judged(t, "flight.tlog"); code != 0 || v.Covered != uint64(len(ends)) {
		t.Errorf("the log itself: %d, %s", code, v.Verdict)
	}
}

// TestTapForAuditor cuts both files of version 1 as docs/wire-v1.md says and judges each window as
// CleitonQ's auditor does.
func TestTapForAuditor(t *testing.T) {
	newTapBench(t)
	anchors, err := os.ReadFile("v1.cqtap")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile("v1.cqtags")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile("pilot.pub")
	if err != nil {
		t.Fatal(err)
	}
	public, err := keyfile.ParsePublic(keys)
	if err != nil {
		t.Fatal(err)
	}
	last, n := uint64(0), 0
	for anchor := range slices.Chunk(anchors, cleitonq.AnchorSize) {
		tags := archive[:min(512*32, len(archive))]
		archive = archive[len(tags):]
		// cleitonq-verify: a signed packet that begins with the domain and ends with the commitment
		payload, nonce, err := cleitonq.OpenPacket(public.Verifier(), anchor, last)
		if err != nil || !bytes.HasPrefix(payload, []byte("cleitonq-anchor-v1")) || len(payload) < 50 {
			t.Fatalf("anchor %d: %v", n, err)
		}
		commitment, _, err := cleitonq.Commit(tags)
		if err != nil || !bytes.Equal(payload[len(payload)-32:], commitment[:]) {
			t.Errorf("anchor %d: another archive, %v", n, err)
		}
		last, n = nonce, n+1
	}
	if n != 11 || len(archive) != 0 {
		t.Error(fmt.Sprint(n, " anchors, ", len(archive), " bytes of the archive left"))
	}
}

// TestTapCarried judges a log by the anchors in it: a vehicle's, over its own frames, while
// another one talks.
func TestTapCarried(t *testing.T) {
	schemas := compileSchemas(t)
	b := newTapBench(t)
	signer := b.key.Signer()
	series := wire.NewAnchorSeries(wire.FingerprintOf(signer.Public()), wire.AnchorOptions{Frames: true})
	var log [][]byte
	var archive []byte
	var own []int // of the vehicle's records
	send := func(a *wire.Anchor, at []byte) {
		if a == nil {
			return
		}
		message, err := a.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		chunks, err := chunk.Cut(chunk.Chunk{Type: chunk.Anchor, Token: uint16(a.Number)}, message)
		if err != nil {
			t.Fatal(err)
		}
		for i := range chunks {
			log = append(log, chunks[i].AppendFrame(bytes.Clone(at), byte(i), 1, 1))
		}
	}
	for rest := b.log; len(rest) > 0; {
		record := rest[:tlog.RecordLen(rest)]
		rest = rest[len(record):]
		f := tlog.Frame(record[tlog.TimeSize:])
		if f.System() == 1 && f.Component() == 1 {
			own = append(own, len(log))
			tag := wire.TagOf(f)
			archive = append(archive, tag[:]...)
		}
		log = append(log, record)
		if f.System() == 1 && f.Component() == 1 {
			send(series.Add(f, tlog.Time(record)), record[:tlog.TimeSize])
		}
	}
	send(series.Close(), log[len(log)-1][:tlog.TimeSize])
	put(t, "carried.tlog", log...)
	code, text, v := judged(t, "carried.tlog")
	validate(t, schemas["cqverify-tap"], text)
	if code != 0 || v.Carried == nil || *v.Carried != (tapSource{1, 1}) || v.Covered != uint64(len(own)) || v.Anchored != uint64(len(own)) || len(own) < 1000 {
		t.Errorf("as it was: %d, %s, %s, %+v, %d of %d", code, v.Verdict, v.Reason, v.Carried, v.Covered, len(own))
	}

	// A frame that was lost on the link; with the vehicle's archive it is known which one.
	lost := slices.Delete(slices.Clone(log), own[500], own[500]+1)
	put(t, "lost.tlog", lost...)
	code, text, v = judged(t, "lost.tlog")
	validate(t, schemas["cqverify-tap"], text)
	if code != 1 || v.Verdict != "altered" || len(v.Findings) == 0 || !v.Findings[0].Within {
		t.Errorf("lost: %d, %s, %+v", code, v.Verdict, v.Findings)
	}
	put(t, "vehicle.cqtags", archive)
	code, text, v = judged(t, "--tags", "vehicle.cqtags", "lost.tlog")
	validate(t, schemas["cqverify-tap"], text)
	if code != 1 || len(v.Findings) != 1 || v.Findings[0].Kind != "dropped" || *v.Findings[0].Sealed != 500 || v.Findings[0].Count != 1 {
		t.Errorf("lost, with the archive: %d, %s, %+v", code, v.Verdict, v.Findings)
	}

	// A frame that was changed is named by its number in the log.
	changed := slices.Clone(log)
	changed[own[700]] = bytes.Clone(log[own[700]])
	changed[own[700]][tlog.TimeSize+4]++ // its sequence number
	put(t, "changed.tlog", changed...)
	code, _, v = judged(t, "--tags", "vehicle.cqtags", "changed.tlog")
	if code != 1 || len(v.Findings) != 1 || v.Findings[0].Kind != "changed" || *v.Findings[0].Sealed != 700 || *v.Findings[0].Index != int64(own[700]) || *v.Findings[0].System != 1 {
		t.Errorf("changed: %d, %s, %+v", code, v.Verdict, v.Findings)
	}

	// What another one sent is not anchored.
	noise := slices.IndexFunc(log, func(r []byte) bool { return tlog.Frame(r[tlog.TimeSize:]).System() == 255 })
	put(t, "less.tlog", slices.Delete(slices.Clone(log), noise, noise+1)...)
	if code, _, v = judged(t, "less.tlog"); code != 0 {
		t.Errorf("without another's frame: %d, %s", code, v.Reason)
	}
}

// TestTapV1Follows edits a log whose tags depend on the numbers of its records: what was edited is
// named, and no more.
func TestTapV1Follows(t *testing.T) {
	b := newTapBench(t)
	var records [][]byte
	for rest := b.log; len(rest) > 0; {
		n := tlog.RecordLen(rest)
		records, rest = append(records, rest[:n]), rest[n:]
	}
	other := bytes.Clone(records[77])
	other[len(other)-3] ^= 1
	for name, tt := range map[string]struct {
		now  [][]byte
		want string
	}{
		"one dropped":     {slices.Delete(slices.Clone(records), 1000, 1001), "dropped 1000-1"},
		"many dropped":    {slices.Delete(slices.Clone(records), 1000, 2000), "dropped 1000-1000"},
		"one inserted":    {slices.Insert(slices.Clone(records), 1000, other), "inserted 1"},
		"one changed":     {slices.Replace(slices.Clone(records), 1000, 1001, other), "changed 1000-1"},
		"the beginning":   {records[300:], "truncated 0-300"},
		"the end":         {records[:5000], "truncated 5000-360"},
		"one doubled":     {slices.Insert(slices.Clone(records), 3000, records[10]), "doubled 10-1"},
		"two, far apart":  {slices.Delete(slices.Delete(slices.Clone(records), 4000, 4100), 1000, 1001), "dropped 1000-1, dropped 4000-100"},
		"nothing is left": {[][]byte{other}, "changed 0-5360"},
	} {
		put(t, "edited.tlog", tt.now...)
		code, _, v := judged(t, "--v1", "--session-key", "session.key", "--anchors", "v1.cqtap", "--tags", "v1.cqtags", "edited.tlog")
		var got []string
		for _, f := range v.Findings {
			text := fmt.Sprint(f.Kind, " ", f.CountNow)
			if f.Sealed != nil {
				text = fmt.Sprint(f.Kind, " ", *f.Sealed, "-", f.Count)
			}
			got = append(got, text)
		}
		if code != 1 || strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %d, %q, want %q", name, code, got, tt.want)
		}
	}
}
