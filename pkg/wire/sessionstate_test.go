package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// again writes an end to a state file and reads it.
func again[S State](t testing.TB, s S) S {
	t.Helper()
	data := must(s.AppendState([]byte("kept")))(t)
	if !bytes.HasPrefix(data, []byte("kept")) {
		t.Fatal("AppendState does not append")
	}
	data = data[4:]
	back, err := ParseState(data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if twice := must(back.AppendState(nil))(t); !bytes.Equal(data, twice) {
		t.Fatalf("written again:\n%s\nonce:\n%s", twice, data)
	}
	same, ok := back.(S)
	if !ok {
		t.Fatalf("%T became %T", s, back)
	}
	return same
}

// TestStateBetweenSteps runs a handshake of which both ends are read anew before each
// step.
func TestStateBetweenSteps(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	for _, suite := range suites {
		o := again(t, must(OfferSession(v.key, v.id, g.public, suite))(t))
		answering := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
		answer := answering.Message()
		c := again(t, must(o.Accept(answer))(t))
		gs := must(again(t, answering).Accept(c.Message()))(t)
		vs := must(again(t, c).Accept(gs.Confirmation()))(t)
		if vs.ID() != gs.ID() {
			t.Errorf("%v and %v", vs, gs)
		}
		exchange(t, again(t, vs), again(t, gs))
		s := again(t, gs)
		if s.Role() != GroundStation || s.Suite() != suite || s.Vehicle() != v.id || s.Ground() != g.id || !bytes.Equal(s.Confirmation(), gs.Confirmation()) {
			t.Errorf("%v", s)
		}
		gs.Wipe()
		if _, err := gs.AppendState(nil); !errors.Is(err, ErrWiped) {
			t.Error(err)
		}
	}
}

// states are one valid file of each step.
func states(t testing.TB) map[string][]byte {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	files := map[string][]byte{"offered": must(o.AppendState(nil))(t)}
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	c := must(o.Accept(a.Message()))(t)
	files["answered"], files["confirmed"] = must(a.AppendState(nil))(t), must(c.AppendState(nil))(t)
	files["open"] = must(must(a.Accept(c.Message()))(t).AppendState(nil))(t)
	return files
}

func TestStateMangled(t *testing.T) {
	for name, data := range states(t) {
		refused := func(what string, changed []byte) {
			t.Helper()
			if s, err := ParseState(changed); !errors.Is(err, ErrState) || s != nil {
				t.Fatalf("%s, %s: %v, %v", name, what, s, err)
			}
		}
		step := 1
		if len(data) > 2000 {
			step = 61
		}
		for i := 0; i < len(data); i += step {
			changed := bytes.Clone(data)
			changed[i] ^= 1 << (i % 7)
			refused(fmt.Sprint("byte ", i), changed)
			refused(fmt.Sprint("cut at ", i), data[:i])
		}
		refused("a line more", append(bytes.Clone(data), "more\n"...))
		refused("carriage returns", bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")))
		refused("too long", append(bytes.Clone(data), make([]byte, MaxStateSize)...))
	}
}

// TestStateThatContradictsItself sums files anew that nobody can have written.
func TestStateThatContradictsItself(t *testing.T) {
	files := states(t)
	other := states(t)
	line := func(file []byte, name string) string {
		for l := range strings.Lines(string(file)) {
			if strings.HasPrefix(l, name+" ") {
				return l
			}
		}
		t.Fatalf("no line %q", name)
		return ""
	}
	for _, c := range []struct{ file, name, with string }{
		{"offered", "seed", line(other["offered"], "seed")},
		{"offered", "seed", "seed AAAA\n"},
		{"offered", "offer", "offer AAAA\n"},
		{"offered", "offer", line(other["offered"], "offer")},
		{"offered", "step", "step open\n"},
		{"open", "step", "step answering\n"},
		{"answered", "step", "step confirmed\n"},
		{"confirmed", "step", "step answered\n"},
		{"open", "role", "role pilot\n"},
		{"open", "suite", "suite 3\n"},
		{"open", "suite", "suite 01\n"},
		{"open", "vehicle", "vehicle " + strings.TrimPrefix(line(files["open"], "ground"), "ground ")},
		{"open", "ground", "ground AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"},
		{"open", "main", "main AAAA\n"},
		{"open", "main", ""},
		{"open", "role", line(files["open"], "role") + line(files["open"], "role")},
	} {
		changed := strings.Replace(string(files[c.file]), line(files[c.file], c.name), c.with, 1)
		if changed == string(files[c.file]) {
			t.Fatalf("nothing was changed: %+v", c)
		}
		body, _, _ := strings.Cut(changed, "\nsum ")
		w := &stateWriter{b: []byte(body + "\n")}
		if s, err := ParseState(w.end()); !errors.Is(err, ErrState) || s != nil {
			t.Errorf("%s with %.30q for %s: %v, %v", c.file, c.with, c.name, s, err)
		}
	}
}

func TestNothingPrintsKeys(t *testing.T) {
	v, g := openPair(t, "printed")
	s := v.Sender(Address{1, 1})
	must(g.Open(nil, must(s.Tag(nil, nil))(t)))(t)
	secret := fmt.Sprint(v.keys.main[:4])
	secret = strings.Trim(secret, "[]")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, value := range []any{v, g, s, struct{ s *Session }{v}, []*Session{v}} {
			out := fmt.Sprintf(verb, value)
			if strings.Contains(out, secret) || strings.Contains(out, fmt.Sprintf("%x", v.keys.main[:4])) {
				t.Errorf("%s of %T shows the key: %s", verb, value, out)
			}
		}
	}
	if got := fmt.Sprint(v); got != "session "+v.ID().String() {
		t.Error(got)
	}
}

func FuzzState(f *testing.F) {
	for _, data := range states(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseState(data)
		if err != nil {
			return
		}
		if again := must(s.AppendState(nil))(t); !bytes.Equal(again, data) {
			t.Fatalf("%q is written as %q", data, again)
		}
	})
}

// FuzzHandshake reads messages of a handshake: what is accepted says all that is in its bytes.
func FuzzHandshake(f *testing.F) {
	for _, suite := range suites {
		h := shake(f, partyOf(f, "vehicle"), partyOf(f, "ground"), suite)
		for _, m := range [][]byte{h.offer, h.answer, h.byVehicle, h.byGround} {
			f.Add(m)
		}
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		if o, err := ParseSessionOffer(m); err == nil {
			b := appendParties(kindOffer, o.Vehicle, o.Ground, o.Nonce[:], []byte{byte(o.Suite)}, o.key.Bytes())
			if !bytes.Equal(b, m[:len(m)-SignatureSize]) || len(m) != OfferSize(o.Suite) {
				t.Fatalf("offer %x reads as %x", m, b)
			}
		}
		if a, err := ParseSessionAnswer(m); err == nil {
			b := appendParties(kindAnswer, a.Vehicle, a.Ground, a.Nonce[:], a.Offer[:], []byte{byte(a.Suite)}, a.ciphertext)
			if !bytes.Equal(b, m[:len(m)-SignatureSize]) || len(m) != AnswerSize(a.Suite) {
				t.Fatalf("answer %x reads as %x", m, b)
			}
		}
		if c, err := ParseSessionConfirmation(m); err == nil {
			b := append([]byte{2, 5, 49, 0, byte(c.Role)}, c.Session[:]...)
			if !bytes.Equal(b, m[:atConfirmTag]) || len(m) != ConfirmationSize {
				t.Fatalf("confirmation %x reads as %x", m, b)
			}
		}
	})
}

func appendParties(kind byte, vehicle, ground Fingerprint, rest ...[]byte) []byte {
	body := append(append([]byte{}, vehicle[:]...), ground[:]...)
	for _, r := range rest {
		body = append(body, r...)
	}
	return append([]byte{2, kind, byte(len(body)), byte(len(body) >> 8)}, body...)
}
