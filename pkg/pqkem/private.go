package pqkem

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
)

// A PrivateKey opens ciphertexts. Make one with [Generate] or [NewPrivateKey];
// the zero value is not a key. It is safe for concurrent use, except for
// [PrivateKey.Wipe].
//
// Printing a PrivateKey, with any verb, shows its algorithm and nothing else.
type PrivateKey struct {
	alg    Algorithm
	public *PublicKey
	hidden func() *secret // see secret
}

// secret is behind a function, since fmt follows pointers where it cannot call
// Format: in an unexported field of somebody's struct.
type secret struct {
	seed  []byte
	mlkem *mlkem1024.PrivateKey
	ecdh  *ecdh.PrivateKey // hybrid only
}

// Generate makes a key pair from the operating system's randomness.
func Generate(alg Algorithm) (*PrivateKey, error) {
	if err := alg.check(); err != nil {
		return nil, err
	}
	seed := make([]byte, alg.SeedSize())
	defer clear(seed)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	return NewPrivateKey(alg, seed)
}

// NewPrivateKey makes the private key of a seed of alg.SeedSize() bytes: d ‖ z
// for ML-KEM-1024 (FIPS 203, Algorithm 16), preceded by the 32 bytes of an
// X25519 private key for the hybrid.
//
// NewPrivateKey does not retain seed; wiping it is up to the caller.
func NewPrivateKey(alg Algorithm, seed []byte) (*PrivateKey, error) {
	if err := alg.check(); err != nil {
		return nil, err
	}
	if len(seed) != alg.SeedSize() {
		return nil, fmt.Errorf("%v private key has %d bytes, want %d", alg, len(seed), alg.SeedSize())
	}
	hidden := &secret{seed: bytes.Clone(seed)}
	k := &PrivateKey{alg: alg, public: &PublicKey{alg: alg}, hidden: hide(hidden)}
	if alg == X25519MLKEM1024 {
		x, err := ecdh.X25519().NewPrivateKey(seed[:X25519Size])
		if err != nil {
			return nil, fmt.Errorf("%v private key: %w", alg, err)
		}
		hidden.ecdh, k.public.ecdh = x, x.PublicKey()
		k.public.raw = x.PublicKey().Bytes()
		seed = seed[X25519Size:]
	}
	sk, pk, raw := newMLKEM(seed)
	hidden.mlkem, k.public.mlkem = sk, pk
	k.public.raw = append(k.public.raw, raw...)
	return k, nil
}

func hide(s *secret) func() *secret { return func() *secret { return s } }

// secret returns an empty secret for a zero key.
func (k *PrivateKey) secret() *secret {
	if k.hidden == nil {
		return &secret{}
	}
	return k.hidden()
}

// Algorithm returns the algorithm of the key.
func (k *PrivateKey) Algorithm() Algorithm { return k.alg }

// Public returns the public half. It is computed once, with the private key.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Seed returns a copy of the seed, which is the whole secret: the caller wipes
// it.
func (k *PrivateKey) Seed() []byte { return bytes.Clone(k.secret().seed) }

// ExpandedMLKEM returns the ML-KEM-1024 decapsulation key in the encoding of the
// standard (FIPS 203, Algorithm 16), 3,168 bytes. It is there to be compared
// with what a file claims, nil for a wiped key. The caller wipes it.
func (k *PrivateKey) ExpandedMLKEM() []byte {
	s := k.secret()
	if s.mlkem == nil {
		return nil
	}
	return expandMLKEM(s.mlkem)
}

// Decapsulate returns the secret in a ciphertext of alg.CiphertextSize() bytes,
// alg.SecretSize() bytes long (FIPS 203, Algorithm 21). It fails for another
// length, for an X25519 part that yields zero ([ErrRefused]) and for a wiped key.
// A ciphertext that was tampered with is no error: it gives another secret.
func (k *PrivateKey) Decapsulate(ciphertext []byte) (secret []byte, err error) {
	s := k.secret()
	if s.mlkem == nil {
		return nil, errors.New("private key was wiped")
	}
	if len(ciphertext) != k.alg.CiphertextSize() {
		return nil, fmt.Errorf("%v ciphertext has %d bytes, want %d", k.alg, len(ciphertext), k.alg.CiphertextSize())
	}
	if s.ecdh != nil {
		share, err := ecdh.X25519().NewPublicKey(ciphertext[:X25519Size])
		if err != nil {
			return nil, fmt.Errorf("%v ciphertext: %w", k.alg, err)
		}
		if secret, err = s.ecdh.ECDH(share); err != nil {
			return nil, ErrRefused
		}
		ciphertext = ciphertext[X25519Size:]
	}
	return append(secret, decapsulateMLKEM(s.mlkem, ciphertext)...), nil
}

// Wipe overwrites the key in memory; it no longer opens anything. Copies that
// the compiler, the garbage collector or the libraries underneath made are out
// of reach. Wipe must not be called while the key is in use.
func (k *PrivateKey) Wipe() {
	s := k.secret()
	clear(s.seed)
	if s.mlkem != nil {
		*s.mlkem = mlkem1024.PrivateKey{}
	}
	*s = secret{}
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (k PrivateKey) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%v private key", k.alg)
}

// MarshalText refuses: a private key that reaches a log or a JSON encoder is a
// mistake.
func (k PrivateKey) MarshalText() ([]byte, error) {
	return nil, errors.New("a private key is not marshalled")
}
