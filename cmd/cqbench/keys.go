package main

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/keccak"
	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// must ends the program where a call that cannot fail does: what is timed checks what it does, and has no way to
// return an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// times is f, n times.
func times(f func()) func(int) {
	return func(n int) {
		for range n {
			f()
		}
	}
}

const us = 1e3 // CleitonQ publishes microseconds

// keyFigures are the figures of keys.
func keyFigures(o *options) ([]figure, error) {
	messages, err := o.readMessages()
	if err != nil {
		return nil, err
	}
	list := mldsaFigures(messages)
	list = append(list, kemFigures("mlkem1024", pqkem.MLKEM1024, 100.2*us, 95.5*us, 125.6*us, 304.6*us)...)
	list = append(list, kemFigures("hybrid", pqkem.X25519MLKEM1024, 0, 0, 0, 0)...)
	list = append(list, slhdsaFigures()...)
	list = append(list, tagFigures()...)
	return append(list, hashFigures()...), nil
}

// readMessages returns what ML-DSA signs.
func (o *options) readMessages() ([][]byte, error) {
	var messages [][]byte
	if o.messages == "" {
		r := rand.New(rand.NewPCG(204, 87))
		for range 256 {
			messages = append(messages, fmt.Appendf(nil, "%016x%016x", r.Uint64(), r.Uint64()))
		}
		o.addInputs("256 messages of a fixed seed")
		return messages, nil
	}
	in, err := cli.Open(o.cmd, o.messages)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil || len(texts) == 0 || len(texts) > 10_000 {
		return nil, fmt.Errorf("%s is no JSON array of 1 to 10,000 strings", in.Name)
	}
	for _, t := range texts {
		messages = append(messages, []byte(t))
	}
	o.addInputs(fmt.Sprintf("%d messages, SHA-256 %x", len(texts), sha256.Sum256(data)))
	return messages, nil
}

func mldsaFigures(messages [][]byte) []figure {
	var key *pqsig.PrivateKey
	var public *pqsig.PublicKey
	var raw, signature []byte
	next := 0
	seed := make([]byte, pqsig.MLDSA87SeedSize)
	setup := func() error {
		if key != nil {
			return nil
		}
		key = must(pqsig.NewPrivateKey(pqsig.MLDSA87, seed))
		public = key.Public()
		raw, signature = public.Bytes(), must(key.Sign(messages[0], ""))
		return nil
	}
	sign := times(func() {
		must(key.SignDeterministic(messages[next], ""))
		next = (next + 1) % len(messages)
	})
	return []figure{
		{Contender: bench.Contender{Name: "mldsa87/make", Func: times(func() { must(pqsig.Generate(pqsig.MLDSA87)) })}},
		{Contender: bench.Contender{Name: "mldsa87/parse", Setup: setup, Func: times(func() { must(pqsig.ParsePublicKey(pqsig.MLDSA87, raw)) })}},
		{Contender: bench.Contender{Name: "mldsa87/sign", Setup: setup, Func: sign, Passes: len(messages)}, published: 455.3 * us},
		{Contender: bench.Contender{Name: "mldsa87/sign-each", Setup: setup, Func: times(func() { must(key.Sign(messages[0], "")) }), Single: true}},
		{Contender: bench.Contender{Name: "mldsa87/verify", Setup: setup, Func: times(func() { check(public.Verify(messages[0], "", signature)) })}, published: 115.9 * us},
		{Contender: bench.Contender{Name: "mldsa87/parse-verify", Setup: setup, Func: times(func() {
			check(must(pqsig.ParsePublicKey(pqsig.MLDSA87, raw)).Verify(messages[0], "", signature))
		})}, published: 115.9 * us},
	}
}

func kemFigures(name string, alg pqkem.Algorithm, make, encapsulate, decapsulate, session float64) []figure {
	var key *pqkem.PrivateKey
	var ciphertext []byte
	setup := func() (err error) {
		if key == nil {
			key = must(pqkem.Generate(alg))
			_, ciphertext, err = key.Public().Encapsulate()
		}
		return err
	}
	return []figure{
		{Contender: bench.Contender{Name: name + "/make", Func: times(func() { must(pqkem.Generate(alg)) })}, published: make},
		{Contender: bench.Contender{Name: name + "/encapsulate", Setup: setup, Func: times(func() {
			_, _, err := key.Public().Encapsulate()
			check(err)
		})}, published: encapsulate},
		{Contender: bench.Contender{Name: name + "/decapsulate", Setup: setup, Func: times(func() { must(key.Decapsulate(ciphertext)) })}, published: decapsulate},
		{Contender: bench.Contender{Name: name + "/session", Func: times(func() {
			k := must(pqkem.Generate(alg))
			_, c, err := k.Public().Encapsulate()
			check(err)
			must(k.Decapsulate(c))
		})}, published: session},
	}
}

func slhdsaFigures() []figure {
	var key *pqsig.PrivateKey
	var signature []byte
	message := []byte("root")
	setup := func() error {
		if key == nil {
			key = must(pqsig.NewPrivateKey(pqsig.SLHDSASHA2256s, make([]byte, pqsig.SLHDSASHA2256sSeedSize)))
		}
		return nil
	}
	return []figure{
		{Contender: bench.Contender{Name: "slhdsa256s/make", Func: times(func() { must(pqsig.Generate(pqsig.SLHDSASHA2256s)) })}, published: 111e3 * us},
		{Contender: bench.Contender{Name: "slhdsa256s/sign", Setup: setup, Func: times(func() { must(key.Sign(message, "")) })}, published: 1.31e6 * us},
		{Contender: bench.Contender{Name: "slhdsa256s/verify", Setup: func() error {
			signature = must(must(key, setup()).Sign(message, ""))
			return nil
		}, Func: times(func() { check(key.Public().Verify(message, "", signature)) })}, published: 1.82e3 * us},
	}
}

// tagFigures are HMAC-SHA3-256 of packets, one and four at a time.
func tagFigures() (list []figure) {
	h := keccak.NewHMAC(make([]byte, 32))
	for _, size := range []int{20, 50, 100, 280} {
		message := make([]byte, size)
		var published float64
		if size == 100 {
			published = 2.50 * us
		}
		list = append(list, figure{Contender: bench.Contender{Name: fmt.Sprintf("hmac/%d", size), Bytes: float64(size), Func: times(func() { h.Tag(message) })}, published: published})
	}
	for _, size := range []int{20, 50, 100, 280} {
		messages, tags := make([][]byte, 64), make([][keccak.Size]byte, 64)
		for i := range messages {
			messages[i] = make([]byte, size)
		}
		var published float64
		if size == 100 {
			published = 2.50 * us
		}
		// An operation is a packet, so batches are whole calls.
		list = append(list, figure{Contender: bench.Contender{Name: fmt.Sprintf("hmac4/%d", size), Bytes: float64(size), Passes: len(messages), Func: func(n int) {
			for range n / len(messages) {
				h.TagAll(tags, messages)
			}
		}}, published: published})
	}
	return list
}

// hashFigures are hashes in bulk, 64 KiB at a time, and of a record of a log.
func hashFigures() (list []figure) {
	for _, h := range []struct {
		name string
		sum  func([]byte)
	}{
		{"sha256", func(b []byte) { sha256.Sum256(b) }},
		{"sha384", func(b []byte) { sha512.Sum384(b) }},
		{"sha3-256", func(b []byte) { sha3.Sum256(b) }},
	} {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"bulk", 64 << 10}, {"record", 48}} {
			data := make([]byte, size.bytes)
			list = append(list, figure{Contender: bench.Contender{Name: h.name + "/" + size.name, Bytes: float64(size.bytes), Func: times(func() { h.sum(data) })}})
		}
	}
	return list
}
