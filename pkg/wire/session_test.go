package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// party is a key holder of the tests, always the same for a name.
type party struct {
	key    *pqsig.PrivateKey
	public *pqsig.PublicKey
	id     Fingerprint
}

var (
	partiesMu  sync.Mutex
	allParties = map[string]party{}
)

func partyOf(t testing.TB, name string) party {
	t.Helper()
	partiesMu.Lock()
	defer partiesMu.Unlock()
	p, ok := allParties[name]
	if !ok {
		seed := sha3.Sum256([]byte(name))
		key, err := pqsig.NewPrivateKey(pqsig.MLDSA87, seed[:])
		if err != nil {
			t.Fatal(err)
		}
		p = party{key, key.Public(), FingerprintOf(key.Public())}
		allParties[name] = p
	}
	return p
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// handshake is one that went well, with all that was sent.
type handshake struct {
	offering            *Offering
	answering           *Answering
	confirming          *Confirming
	offer, answer       []byte
	byVehicle, byGround []byte // confirmations
	vehicle, ground     *Session
}

func shake(t testing.TB, vehicle, ground party, suite Suite) *handshake {
	t.Helper()
	h := new(handshake)
	h.offering = must(OfferSession(vehicle.key, vehicle.id, ground.public, suite))(t)
	h.offer = h.offering.Message()
	h.answering = must(AnswerSession(ground.key, ground.id, h.offer, vehicle.public))(t)
	h.answer = h.answering.Message()
	h.confirming = must(h.offering.Accept(h.answer))(t)
	h.byVehicle = h.confirming.Message()
	h.ground = must(h.answering.Accept(h.byVehicle))(t)
	h.byGround = h.ground.Confirmation()
	h.vehicle = must(h.confirming.Accept(h.byGround))(t)
	return h
}

var suites = []Suite{MLKEM1024, X25519MLKEM1024}

func TestSession(t *testing.T) {
	vehicle, ground := partyOf(t, "vehicle"), partyOf(t, "ground")
	for _, suite := range suites {
		t.Run(suite.String(), func(t *testing.T) {
			h := shake(t, vehicle, ground, suite)
			if len(h.offer) != OfferSize(suite) || len(h.answer) != AnswerSize(suite) || len(h.byVehicle) != ConfirmationSize {
				t.Errorf("messages of %d, %d and %d bytes", len(h.offer), len(h.answer), len(h.byVehicle))
			}
			v, g := h.vehicle, h.ground
			if v.ID() != g.ID() || v.ID() != h.confirming.ID() || v.ID() != h.answering.ID() || v.Suite() != suite || g.Suite() != suite {
				t.Errorf("%v and %v", v, g)
			}
			if v.Role() != Vehicle || g.Role() != GroundStation || v.Vehicle() != vehicle.id || g.Vehicle() != vehicle.id || v.Ground() != ground.id || g.Ground() != ground.id {
				t.Error("the ends do not agree on who they are")
			}
			offer, answer := must(ParseSessionOffer(h.offer))(t), must(ParseSessionAnswer(h.answer))(t)
			if SessionIDOf(offer, answer) != v.ID() {
				t.Error("a witness computes another id")
			}
			if err := offer.Verify(vehicle.public); err != nil {
				t.Error(err)
			}
			if err := answer.Verify(offer, ground.public); err != nil {
				t.Error(err)
			}
			exchange(t, v, g)
			other := shake(t, vehicle, ground, suite)
			if other.vehicle.ID() == v.ID() || bytes.Equal(other.offer[:headSize+96], h.offer[:headSize+96]) {
				t.Error("two sessions with one id, or two offers with one nonce")
			}
		})
	}
}

// exchange sends packets of both kinds both ways.
func exchange(t testing.TB, v, g *Session) {
	t.Helper()
	for _, end := range []struct{ from, to *Session }{{v, g}, {g, v}} {
		s := end.from.Sender(Address{1, 190})
		for i, make := range []func(dst, payload []byte) ([]byte, error){s.Tag, s.Seal, s.Tag, s.Seal} {
			payload := fmt.Appendf(nil, "packet %d", i)
			packet := must(make(nil, payload))(t)
			got, err := end.to.Open(nil, packet)
			if err != nil || !bytes.Equal(got.Payload, payload) || got.From != (Address{1, 190}) || got.Counter != uint64(i/2+1) {
				t.Errorf("%v to %v: %+v, %v", end.from.Role(), end.to.Role(), got, err)
			}
		}
	}
}

// TestScheduleIsWhatThePageSays computes all keys of a session once more, with HMAC and
// nothing else of the package.
func TestScheduleIsWhatThePageSays(t *testing.T) {
	h := shake(t, partyOf(t, "vehicle"), partyOf(t, "ground"), X25519MLKEM1024)
	mac := func(key []byte, parts ...[]byte) []byte {
		m := hmac.New(func() hash.Hash { return sha3.New256() }, key)
		for _, p := range parts {
			m.Write(p)
		}
		return m.Sum(nil)
	}
	o := shakeOfferSecret(t)
	offer, answer := sha256.Sum256(o.offer), sha256.Sum256(o.answer)
	T := sha3.Sum256(slices.Concat([]byte("cqkit/session/v2"), offer[:], answer[:]))
	main := mac(T[:], o.secret)
	if !bytes.Equal(main, o.keys.main[:]) {
		t.Fatal("the main secret is another")
	}
	key := func(purpose, role, system, component byte) []byte {
		return mac(main, []byte("cqkit/session/key/v2"), []byte{purpose, role, system, component}, []byte{1})
	}
	confirmation := o.keys.confirmation(Vehicle)
	if want := mac(key(1, 1, 0, 0), confirmation[:21], T[:]); !bytes.Equal(confirmation[21:], want) {
		t.Error("the vehicle's confirmation is another")
	}
	packet := must(newSession(o.keys).Sender(Address{7, 9}).Tag(nil, []byte("payload")))(t)
	body := len(packet) - 32
	if want := mac(key(2, 1, 7, 9), packet[:body]); !bytes.Equal(packet[body:], want) {
		t.Error("the packet's tag is another")
	}
	want := []byte{0x21, 7, 9, T[0], T[1], T[2], T[3], 1, 0, 0, 0, 0, 0, 0, 0}
	if !bytes.Equal(packet[:body], append(want, "payload"...)) {
		t.Errorf("packet %x", packet[:body])
	}
	sealed := must(newSession(o.keys).Sender(Address{7, 9}).Seal(nil, []byte("payload")))(t)
	cipher := must(chacha20poly1305.New(key(3, 1, 7, 9)))(t)
	nonce := []byte{T[0], T[1], T[2], T[3], 1, 0, 0, 0, 0, 0, 0, 0}
	head := append([]byte{0x22, 7, 9}, nonce...)
	if !bytes.Equal(sealed, cipher.Seal(head, nonce, []byte("payload"), head)) {
		t.Errorf("sealed packet %x", sealed)
	}
	if id := h.vehicle.ID(); id == o.keys.transcript.id() || !bytes.Equal(T[:16], func() []byte { id := o.keys.transcript.id(); return id[:] }()) {
		t.Error("the id is another")
	}
}

// offered is a handshake of which the test knows the secret.
type offered struct {
	offer, answer, secret []byte
	keys                  *schedule
}

func shakeOfferSecret(t *testing.T) offered {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, X25519MLKEM1024))(t)
	seed := o.key.Seed()
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	c := must(o.Accept(a.Message()))(t)
	again := must(pqkem.NewPrivateKey(o.offer.Suite.algorithm(), seed))(t)
	secret := must(again.Decapsulate(must(ParseSessionAnswer(a.Message()))(t).ciphertext))(t)
	return offered{o.Message(), a.Message(), secret, c.keys}
}

// TestHandshakeMangled changes every byte of each message, cuts it everywhere and adds to
// it: all is refused, and afterwards the handshake still works.
func TestHandshakeMangled(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	step := 1
	if testing.Short() {
		step = 37
	}
	mangle := func(name string, message []byte, take func([]byte) error) {
		t.Helper()
		for i := 0; i < len(message); i += step {
			changed := bytes.Clone(message)
			changed[i] ^= 1 << (i % 8)
			if take(changed) == nil {
				t.Fatalf("%s: byte %d changed, and taken", name, i)
			}
		}
		for i := 0; i < len(message); i += max(step, len(message)/100) {
			if err := take(message[:i]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s: cut at %d: %v", name, i, err)
			}
		}
		if err := take(append(bytes.Clone(message), 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%s: a byte more: %v", name, err)
		}
	}
	mangle("offer", o.Message(), func(m []byte) error {
		parsed, err := ParseSessionOffer(m)
		if err != nil {
			return err
		}
		return parsed.Verify(v.public)
	})
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	mangle("answer", a.Message(), func(m []byte) error { _, err := o.Accept(m); return err })
	c := must(o.Accept(a.Message()))(t)
	step = 1
	mangle("vehicle's confirmation", c.Message(), func(m []byte) error { _, err := a.Accept(m); return err })
	gs := must(a.Accept(c.Message()))(t)
	mangle("ground station's confirmation", gs.Confirmation(), func(m []byte) error { _, err := c.Accept(m); return err })
	vs := must(c.Accept(gs.Confirmation()))(t)
	exchange(t, vs, gs)
}

// resign makes a statement with one field changed, signed by whoever holds the key: what a
// dishonest party, or a party to another session, can send.
func resign(t *testing.T, p party, message []byte, context string, change func(statement []byte) []byte) []byte {
	t.Helper()
	statement := change(bytes.Clone(message[:len(message)-SignatureSize]))
	binary.LittleEndian.PutUint16(statement[2:], uint16(len(statement)-headSize))
	return append(statement, must(p.key.Sign(statement, context))(t)...)
}

// TestFieldsTampered signs each field anew after changing it.
func TestFieldsTampered(t *testing.T) {
	v, g, x := partyOf(t, "vehicle"), partyOf(t, "ground"), partyOf(t, "someone else")
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	set := func(at int, value ...byte) func([]byte) []byte {
		return func(s []byte) []byte { copy(s[at:], value); return s }
	}
	zero := make([]byte, 32)
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		want   error
	}{
		{"another vehicle", set(atVehicle, x.id[:]...), ErrParty},
		{"for another ground station", set(atGround, x.id[:]...), ErrParty},
		{"no vehicle", set(atVehicle, zero...), ErrMalformed},
		{"no ground station", set(atGround, zero...), ErrMalformed},
		{"the vehicle with itself", set(atGround, v.id[:]...), ErrMalformed},
		{"no suite", set(atOfferSuite, 0), ErrMalformed},
		{"another suite", set(atOfferSuite, 2), ErrMalformed},
		{"an unknown suite", set(atOfferSuite, 3), ErrMalformed},
		{"coefficient out of range", set(atOfferKey, 0xff, 0xff), ErrMalformed},
		{"key too short", func(s []byte) []byte { return s[:len(s)-1] }, ErrMalformed},
		{"key too long", func(s []byte) []byte { return append(s, 0) }, ErrMalformed},
		{"version", set(0, 1), ErrMalformed},
		{"kind of an answer", set(1, kindAnswer), ErrMalformed},
		{"kind of a command", set(1, 1), ErrMalformed},
		{"nonce", set(atSessionNonce, zero...), nil}, // the vehicle's to choose
	} {
		if _, err := AnswerSession(g.key, g.id, resign(t, v, o.Message(), contextOffer, c.change), v.public); !errors.Is(err, c.want) {
			t.Errorf("offer, %s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		want   error
	}{
		{"another vehicle", set(atVehicle, x.id[:]...), ErrOffer},
		{"another ground station", set(atGround, x.id[:]...), ErrOffer},
		{"another offer", set(atOfferHash, zero...), ErrOffer},
		{"no vehicle", set(atVehicle, zero...), ErrMalformed},
		{"the ground station with itself", set(atVehicle, g.id[:]...), ErrMalformed},
		{"no suite", set(atAnswerSuite, 0), ErrMalformed},
		{"another suite", set(atAnswerSuite, 2), ErrMalformed},
		{"ciphertext too short", func(s []byte) []byte { return s[:len(s)-1] }, ErrMalformed},
		{"ciphertext too long", func(s []byte) []byte { return append(s, 0) }, ErrMalformed},
		{"version", set(0, 3), ErrMalformed},
		{"kind of an offer", set(1, kindOffer), ErrMalformed},
	} {
		if _, err := o.Accept(resign(t, g, a.Message(), contextAnswer, c.change)); !errors.Is(err, c.want) {
			t.Errorf("answer, %s: %v, want %v", c.name, err, c.want)
		}
	}
	// By other keys, and under other contexts.
	same := func(s []byte) []byte { return s }
	for name, m := range map[string][]byte{
		"by someone else":                resign(t, x, o.Message(), contextOffer, same),
		"under the context of an answer": resign(t, v, o.Message(), contextAnswer, same),
		"under that of a command":        resign(t, v, o.Message(), contextCommand, same),
		"under none":                     resign(t, v, o.Message(), "", same),
	} {
		if _, err := AnswerSession(g.key, g.id, m, v.public); !errors.Is(err, pqsig.ErrBadSignature) {
			t.Errorf("offer %s: %v", name, err)
		}
	}
	for name, m := range map[string][]byte{
		"by the vehicle":                resign(t, v, a.Message(), contextAnswer, same),
		"by someone else":               resign(t, x, a.Message(), contextAnswer, same),
		"under the context of an offer": resign(t, g, a.Message(), contextOffer, same),
	} {
		if _, err := o.Accept(m); !errors.Is(err, pqsig.ErrBadSignature) {
			t.Errorf("answer %s: %v", name, err)
		}
	}
	if _, err := AnswerSession(g.key, g.id, o.Message(), x.public); !errors.Is(err, ErrParty) {
		t.Errorf("an offer of another vehicle than the one wanted: %v", err)
	}
	if _, err := AnswerSession(x.key, x.id, o.Message(), v.public); !errors.Is(err, ErrParty) {
		t.Errorf("an offer for someone else: %v", err)
	}
	// The offer is still open.
	must(o.Accept(a.Message()))(t)
}

// TestCiphertextForged is a ground station that signs another ciphertext than it made: the
// secrets differ, and no confirmation fits.
func TestCiphertextForged(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	m := resign(t, g, a.Message(), contextAnswer, func(s []byte) []byte { s[atCiphertext] ^= 1; return s })
	c := must(o.Accept(m))(t)
	if _, err := a.Accept(c.Message()); !errors.Is(err, ErrConfirmation) {
		t.Error(err)
	}
	if _, err := c.Accept(a.keys.confirmation(GroundStation)); !errors.Is(err, ErrConfirmation) {
		t.Error(err)
	}
}

// TestLowOrder is a party that offers or answers with an X25519 value that gives the zero
// secret.
func TestLowOrder(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, X25519MLKEM1024))(t)
	zero := make([]byte, 32)
	m := resign(t, v, o.Message(), contextOffer, func(s []byte) []byte { copy(s[atOfferKey:], zero); return s })
	if _, err := AnswerSession(g.key, g.id, m, v.public); !errors.Is(err, ErrMalformed) {
		t.Errorf("offer: %v", err)
	}
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	m = resign(t, g, a.Message(), contextAnswer, func(s []byte) []byte { copy(s[atCiphertext:], zero); return s })
	if _, err := o.Accept(m); !errors.Is(err, ErrMalformed) {
		t.Errorf("answer: %v", err)
	}
	must(o.Accept(a.Message()))(t)
}

// TestSplices gives each step of one handshake every message of others: of the same two
// keys, with the roles changed, with a third party, and of an earlier day.
func TestSplices(t *testing.T) {
	v, g, x := partyOf(t, "vehicle"), partyOf(t, "ground"), partyOf(t, "someone else")
	others := map[string]*handshake{
		"an earlier session":         shake(t, v, g, MLKEM1024),
		"an earlier hybrid one":      shake(t, v, g, X25519MLKEM1024),
		"one with the roles changed": shake(t, g, v, MLKEM1024),
		"one with another vehicle":   shake(t, x, g, MLKEM1024),
		"one with another ground":    shake(t, v, x, MLKEM1024),
	}
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	for name, h := range others {
		for what, m := range map[string][]byte{"offer": h.offer, "answer": h.answer, "confirmation": h.byVehicle, "own offer": o.Message()} {
			if _, err := o.Accept(m); err == nil {
				t.Errorf("the offer takes the %s of %s for its answer", what, name)
			}
		}
	}
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	c := must(o.Accept(a.Message()))(t)
	for name, h := range others {
		for what, m := range map[string][]byte{
			"offer": h.offer, "answer": h.answer, "vehicle's confirmation": h.byVehicle, "ground's confirmation": h.byGround,
			"own confirmation, sent back": a.keys.confirmation(GroundStation),
		} {
			if _, err := a.Accept(m); err == nil {
				t.Errorf("the ground station takes the %s of %s", what, name)
			}
		}
		for what, m := range map[string][]byte{
			"offer": h.offer, "answer": h.answer, "vehicle's confirmation": h.byVehicle, "ground's confirmation": h.byGround,
			"own confirmation, sent back": c.Message(),
		} {
			if _, err := c.Accept(m); err == nil {
				t.Errorf("the vehicle takes the %s of %s", what, name)
			}
		}
	}
	// An old offer gets an answer, which opens no session for whoever sent it again.
	h := others["an earlier session"]
	again := must(AnswerSession(g.key, g.id, h.offer, v.public))(t)
	if _, err := h.offering.Accept(again.Message()); !errors.Is(err, ErrUsed) {
		t.Errorf("a second answer to a used offer: %v", err)
	}
	for _, m := range [][]byte{h.byVehicle, h.byGround, again.keys.confirmation(GroundStation)} {
		if _, err := again.Accept(m); !errors.Is(err, ErrConfirmation) {
			t.Errorf("an old confirmation: %v", err)
		}
	}
}

// TestOfferIsUsedOnce races two genuine answers.
func TestOfferIsUsedOnce(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	for range 5 {
		o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
		var answers [4][]byte
		for i := range answers {
			answers[i] = must(AnswerSession(g.key, g.id, o.Message(), v.public))(t).Message()
		}
		var mu sync.Mutex
		taken := 0
		var wg sync.WaitGroup
		for _, m := range answers {
			wg.Go(func() {
				_, err := o.Accept(m)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					taken++
				} else if !errors.Is(err, ErrUsed) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if taken != 1 || o.key != nil {
			t.Fatalf("%d answers were taken, key %v", taken, o.key)
		}
		if _, err := o.AppendState(nil); !errors.Is(err, ErrUsed) {
			t.Errorf("a used offer has a state: %v", err)
		}
	}
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	o.Wipe()
	if _, err := o.Accept(a.Message()); !errors.Is(err, ErrUsed) {
		t.Errorf("an offer that was given up: %v", err)
	}
}

// TestConfirmationsLost sends each confirmation several times: there is one session.
func TestConfirmationsLost(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	a := must(AnswerSession(g.key, g.id, o.Message(), v.public))(t)
	c := must(o.Accept(a.Message()))(t)
	first := must(a.Accept(c.Message()))(t)
	must(first.Sender(Address{255, 190}).Tag(nil, nil))(t) // its own confirmation is lost
	second := must(a.Accept(c.Message()))(t)
	if first != second || !bytes.Equal(first.Confirmation(), second.Confirmation()) {
		t.Error("the confirmation that came again made another session")
	}
	other := shake(t, v, g, MLKEM1024)
	if !c.Took(a.Message()) || c.Took(other.answer) || c.Took(o.Message()) || c.Took(nil) {
		t.Error("the vehicle does not know which answer it took")
	}
	if err := second.Confirmed(c.Message()); err != nil {
		t.Error(err)
	}
	for _, m := range [][]byte{other.byVehicle, second.Confirmation(), a.Message(), nil} {
		if second.Confirmed(m) == nil {
			t.Errorf("the session is confirmed by %x", m[:min(len(m), 40)])
		}
	}
	vs := must(c.Accept(second.Confirmation()))(t)
	if again := must(c.Accept(first.Confirmation()))(t); again != vs {
		t.Error("the confirmation that came again made another session")
	}
	packet := must(second.Sender(Address{255, 190}).Tag(nil, nil))(t)
	if p, err := vs.Open(nil, packet); err != nil || p.Counter != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// A signer that is no ML-DSA-87 key makes no messages.
type shortSigner struct{}

func (shortSigner) Sign([]byte, string) ([]byte, error) { return []byte("signature"), nil }

func TestSignersThatFail(t *testing.T) {
	v, g := partyOf(t, "vehicle"), partyOf(t, "ground")
	o := must(OfferSession(v.key, v.id, g.public, MLKEM1024))(t)
	wiped := must(pqsig.Generate(pqsig.MLDSA87))(t)
	wiped.Wipe()
	for _, signer := range []Signer{shortSigner{}, wiped} {
		if _, err := OfferSession(signer, v.id, g.public, MLKEM1024); err == nil {
			t.Errorf("%T made an offer", signer)
		}
		if _, err := AnswerSession(signer, g.id, o.Message(), v.public); err == nil {
			t.Errorf("%T made an answer", signer)
		}
	}
	for _, suite := range []Suite{0, 3} {
		if _, err := OfferSession(v.key, v.id, g.public, suite); err == nil {
			t.Errorf("an offer with %v", suite)
		}
	}
	if _, err := OfferSession(v.key, v.id, v.public, MLKEM1024); !errors.Is(err, ErrMalformed) {
		t.Errorf("an offer to itself: %v", err)
	}
}
