package figures

import (
	_ "embed"
	"encoding/json"

	"cqkit/pkg/bench"
	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

//go:embed cctv-mldsa87.json
var cctv []byte

// CCTV returns the messages that C2SP's CCTV publishes for timing ML-DSA-87: signed with the key of the all-zero
// seed, an empty context and no randomness, they take as many attempts, and rejections of each kind, as the
// average message does.
func CCTV() [][]byte {
	var texts []string
	check(json.Unmarshal(cctv, &texts))
	list := make([][]byte, len(texts))
	for i, t := range texts {
		list[i] = []byte(t)
	}
	return list
}

// Keys are the figures of keys; messages, at least one, is what ML-DSA signs.
func Keys(messages [][]byte) (s Set) {
	mldsa(&s, messages)
	kem(&s, "mlkem1024", pqkem.MLKEM1024, cleitonq(100.2, 77.1), cleitonq(95.5, 70.5), cleitonq(125.6, 84.3), cleitonq(304.6, 241.1))
	none := Published{}
	kem(&s, "hybrid", pqkem.X25519MLKEM1024, none, none, none, none)
	slhdsa(&s)
	tags(&s)
	hashes(&s)
	s.named("keys")
	return s
}

func mldsa(s *Set, messages [][]byte) {
	var key *pqsig.PrivateKey
	var public *pqsig.PublicKey
	var raw, signature []byte
	next := 0
	setup := func() error {
		if key != nil {
			return nil
		}
		key = must(pqsig.NewPrivateKey(pqsig.MLDSA87, make([]byte, pqsig.MLDSA87SeedSize)))
		public = key.Public()
		raw, signature = public.Bytes(), must(key.Sign(messages[0], ""))
		return nil
	}
	sign := times(func() {
		must(key.SignDeterministic(messages[next], ""))
		next = (next + 1) % len(messages)
	})
	verify := cleitonq(115.9, 85.3)
	s.add(Figure{Contender: bench.Contender{Name: "mldsa87/make", Func: times(func() { must(pqsig.Generate(pqsig.MLDSA87)) })}})
	s.add(Figure{Contender: bench.Contender{Name: "mldsa87/parse", Setup: setup, Func: times(func() { must(pqsig.ParsePublicKey(pqsig.MLDSA87, raw)) })}})
	s.add(Figure{Contender: bench.Contender{Name: "mldsa87/sign", Setup: setup, Func: sign, Cycle: len(messages)}, Published: cleitonq(455.3, 962.0)})
	s.add(Figure{Contender: bench.Contender{Name: "mldsa87/verify", Setup: setup, Func: times(func() { check(public.Verify(messages[0], "", signature)) })}, Published: verify})
	s.add(Figure{Contender: bench.Contender{Name: "mldsa87/parse-verify", Setup: setup, Func: times(func() {
		check(must(pqsig.ParsePublicKey(pqsig.MLDSA87, raw)).Verify(messages[0], "", signature))
	})}, Published: verify})
}

func kem(s *Set, name string, alg pqkem.Algorithm, make, encapsulate, decapsulate, session Published) {
	var key *pqkem.PrivateKey
	var raw, ciphertext []byte
	setup := func() (err error) {
		if key == nil {
			key = must(pqkem.Generate(alg))
			raw = key.Public().Bytes()
			_, ciphertext, err = key.Public().Encapsulate()
		}
		return err
	}
	s.add(Figure{Contender: bench.Contender{Name: name + "/make", Func: times(func() { must(pqkem.Generate(alg)) })}, Published: make})
	s.add(Figure{Contender: bench.Contender{Name: name + "/parse", Setup: setup, Func: times(func() { must(pqkem.ParsePublicKey(alg, raw)) })}})
	s.add(Figure{Contender: bench.Contender{Name: name + "/encapsulate", Setup: setup, Func: times(func() {
		_, _, err := key.Public().Encapsulate()
		check(err)
	})}, Published: encapsulate})
	s.add(Figure{Contender: bench.Contender{Name: name + "/decapsulate", Setup: setup, Func: times(func() { must(key.Decapsulate(ciphertext)) })}, Published: decapsulate})
	s.add(Figure{Contender: bench.Contender{Name: name + "/session", Func: times(func() {
		k := must(pqkem.Generate(alg))
		_, c, err := k.Public().Encapsulate()
		check(err)
		must(k.Decapsulate(c))
	})}, Published: session})
}

func slhdsa(s *Set) {
	var key *pqsig.PrivateKey
	var signature []byte
	message := []byte("root")
	setup := func() error {
		if key == nil {
			key = must(pqsig.NewPrivateKey(pqsig.SLHDSASHA2256s, make([]byte, pqsig.SLHDSASHA2256sSeedSize)))
		}
		return nil
	}
	s.add(Figure{Contender: bench.Contender{Name: "slhdsa256s/make", Func: times(func() { must(pqsig.Generate(pqsig.SLHDSASHA2256s)) })}, Published: cleitonq(111e3, 0)})
	s.add(Figure{Contender: bench.Contender{Name: "slhdsa256s/sign", Setup: setup, Func: times(func() { must(key.Sign(message, "")) })}, Published: cleitonq(1.31e6, 0)})
	s.add(Figure{Contender: bench.Contender{Name: "slhdsa256s/verify", Setup: func() error {
		if signature == nil {
			signature = must(must(key, setup()).Sign(message, ""))
		}
		return nil
	}, Func: times(func() { check(key.Public().Verify(message, "", signature)) })}, Published: cleitonq(1.82e3, 0)})
}
