package replay

import (
	"bytes"
	"slices"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

func scanRecs(t *testing.T, opts Options, recs []rec) (*Result, []int64) {
	t.Helper()
	log, marks := write(recs)
	r, err := Scan(bytes.NewReader(log), seeds, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r, marks
}

func kinds(r *Result, least Severity) []Kind {
	var list []Kind
	for _, f := range r.Findings {
		if f.Severity >= least {
			list = append(list, f.Kind)
		}
	}
	return list
}

const signedLog = "copter-all-signed-v2-2026.tlog"

func TestSignatures(t *testing.T) {
	r := scanShared(t, Options{Key: &testKey}, "tlogs", signedLog)
	if r.Signed != 53295 || r.Verified != 53295 || r.Failed != 0 || r.Worst() != Low {
		t.Errorf("%d signed, %d verify, %d fail; %v", r.Signed, r.Verified, r.Failed, r.Findings)
	}
}

// TestWrongKey tells a key that fits nothing from forgeries.
func TestWrongKey(t *testing.T) {
	key := mav.PassphraseKey("not the password")
	r := scanShared(t, Options{Key: &key}, "tlogs", signedLog)
	if !r.WrongKey || r.Verified != 0 {
		t.Errorf("wrong key: %+v", r)
	}
	if got := kinds(r, Medium); !slices.Equal(got, []Kind{ForgedSignature}) || r.Worst() != Medium {
		t.Errorf("got %v, want one medium finding", r.Findings)
	}
}

// TestChangedBits changes one bit in each byte of the same kinds of frames.
func TestChangedBits(t *testing.T) {
	recs := parse(readShared(t, "tlogs", signedLog))[20_000:20_400]
	if r, _ := scanRecs(t, Options{Key: &testKey}, recs); r.Worst() > Low {
		t.Fatalf("the beginning itself: %v", r.Findings)
	}
	step := 1
	if testing.Short() || raceEnabled {
		step = 11
	}
	for _, i := range []int{0, 100, len(recs) - 1} {
		frame := recs[i].frame
		for bit := 0; bit < 8*len(frame); bit += step {
			recs[i].frame = tlog.Frame(bytes.Clone(frame))
			recs[i].frame[bit/8] ^= 1 << (bit % 8)
			r, _ := scanRecs(t, Options{Key: &testKey}, recs)
			if !slices.Contains(kinds(r, Medium), ForgedSignature) {
				t.Errorf("record %d, bit %d of byte %d: not found: %v", i, bit%8, bit/8, r.Findings)
			}
		}
		recs[i].frame = frame
	}
}

// unsign takes the signature off a frame.
func unsign(f tlog.Frame) tlog.Frame {
	g := tlog.Frame(bytes.Clone(f[:len(f)-tlog.SignatureSize]))
	g[2] = 0
	seal(g)
	return g
}

func TestUnsigned(t *testing.T) {
	recs := parse(readShared(t, "tlogs", signedLog))[20_000:22_000]
	between := slices.Clone(recs)
	for i := 1000; i < 1010; i++ {
		between[i].frame, between[i].mark = unsign(recs[i].frame), true
	}
	r, marks := scanRecs(t, Options{}, between)
	f := r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == ForgedSignature })]
	if f.Severity != Medium || f.First.Index < marks[0] || f.Last.Index > marks[9] {
		t.Errorf("unsigned frames between signed ones: %+v", f)
	}

	// signing that ends, or begins, is no finding
	for name, part := range map[string][2]int{"ends": {1000, 2000}, "begins": {0, 1000}} {
		changed := slices.Clone(recs)
		for i := part[0]; i < part[1]; i++ {
			changed[i].frame = unsign(recs[i].frame)
		}
		if r, _ := scanRecs(t, Options{}, changed); slices.Contains(kinds(r, Low), ForgedSignature) {
			t.Errorf("signing %s: %v", name, r.Findings)
		}
	}

	// a stranger who never signs
	stranger := slices.Clone(recs)
	for i := range 20 {
		stranger[1000+40*i].frame = tlog.Frame([]byte{0xFD, 1, 0, 0, byte(i), 7, 7, 21, 0, 0, 0, 0, 0})
		seal(stranger[1000+40*i].frame)
	}
	r, _ = scanRecs(t, Options{}, stranger)
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return f.Kind == ForgedSignature && f.Severity == Medium && f.Source == Source{7, 7} && f.Message == "PARAM_REQUEST_LIST"
	}) {
		t.Errorf("a source that never signs: %v", r.Findings)
	}

	// chunks, which carry signatures of their own
	for i := range 20 {
		c := chunk.Chunk{Type: chunk.Command, Seq: byte(i), Count: 20, Data: bytes.Repeat([]byte{byte(i) + 1}, chunk.MaxPiece)}
		stranger[1000+40*i].frame = c.AppendFrame(nil, byte(i), 7, 7)
	}
	if r, _ = scanRecs(t, Options{}, stranger); slices.Contains(kinds(r, Low), ForgedSignature) {
		t.Errorf("chunks of signed commands: %v", r.Findings)
	}
}

func TestKeyExposed(t *testing.T) {
	recs := parse(readShared(t, "tlogs", "copter-mixed-v1v2-2024.tlog"))
	payload := slices.Concat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 1, 1}, bytes.Repeat([]byte("K"), 32))
	recs = append(recs, rec{time: recs[len(recs)-1].time, frame: makeFrame(recs[5000].frame, mav.IDSetupSigning, recs[len(recs)-1].frame.Sequence()+1, payload)})
	r, _ := scanRecs(t, Options{}, recs)
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == KeyExposed })
	if i < 0 {
		t.Fatalf("not found: %v", r.Findings)
	}
	if f := r.Findings[i]; f.Severity != Medium || f.First.Index != int64(len(recs)-1) || bytes.Contains([]byte(f.Detail), []byte("KK")) {
		t.Errorf("got %+v", f)
	}
}

// TestStreams states the rules for signing timestamps one by one.
func TestStreams(t *testing.T) {
	const s = mav.SigningTicks
	a, b := stream{Source{1, 1}, 1}, stream{Source{1, 1}, 2}
	type step struct {
		id      stream
		stamp   uint64
		seconds int64
		seen    bool
		want    signedVerdict
	}
	for _, c := range []struct {
		name    string
		genuine bool
		steps   []step
	}{
		{"rising", false, []step{{a, 100 * s, 0, false, accepted}, {a, 100*s + 1, 0, false, accepted}}},
		{"the same again", false, []step{{a, 100 * s, 0, false, accepted}, {a, 100 * s, 0, false, replayed}}},
		{"bytes seen before", false, []step{{a, 100 * s, 0, false, accepted}, {a, 101 * s, 1, false, accepted}, {a, 100*s + s/2, 1, true, replayed}}},
		{"reordered", false, []step{{a, 101 * s, 0, false, accepted}, {a, 100 * s, 0, false, reordered}, {a, 101*s + 1, 1, false, accepted}}},
		{"too old to be reordered", false, []step{{a, 101 * s, 0, false, accepted}, {a, 100*s - 1, 0, false, replayed}}},
		{"another link has its own times", false, []step{{a, 100 * s, 0, false, accepted}, {b, 50 * s, 0, false, accepted}, {a, 101 * s, 1, false, accepted}}},
		{"a new link may be a minute behind", false, []step{{a, 100 * s, 0, false, accepted}, {b, 40 * s, 0, false, accepted}}},
		{"a new link, more than a minute behind", false, []step{{a, 100 * s, 0, false, accepted}, {b, 40*s - 1, 0, false, replayed}}},
		{"one frame of the far future closes nothing", false, []step{{a, 100 * s, 0, false, accepted}, {a, 1e9 * s, 1, false, accepted}, {a, 102 * s, 2, false, accepted}}},
		{"...unless it is genuine", true, []step{{a, 100 * s, 0, false, accepted}, {a, 1e9 * s, 1, false, accepted}, {a, 102 * s, 2, false, replayed}}},
		{"two frames of the far future are a new time", false, []step{{a, 100 * s, 0, false, accepted}, {a, 1e9 * s, 1, false, accepted}, {a, 1e9*s + 1, 2, false, accepted}, {a, 102 * s, 3, false, replayed}}},
	} {
		g := signing{streams: make(map[stream]*streamState)}
		for i, st := range c.steps {
			got, _ := g.judge(st.id, st.stamp, Place{int64(i), 0, 1e15 + st.seconds*1e6}, st.seen, c.genuine)
			if got != st.want {
				t.Errorf("%s, frame %d: got %d, want %d", c.name, i, got, st.want)
			}
		}
	}
}
