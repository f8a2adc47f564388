package pqsig

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// A PrivateKey signs. Make one with [Generate] or [NewPrivateKey]; the zero
// value is not a key. It is safe for concurrent use, except for
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
	mldsa *mldsa87.PrivateKey // ML-DSA-87 only
	slh   []byte              // SLH-DSA only: the 128-byte encoding
}

// Generate makes a key pair from the operating system's randomness. For
// SLH-DSA-SHA2-256s it takes some tens of milliseconds.
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

// NewPrivateKey makes the private key of a seed of alg.SeedSize() bytes: ξ for
// ML-DSA-87 (FIPS 204, Algorithm 6), SK.seed ‖ SK.prf ‖ PK.seed for
// SLH-DSA-SHA2-256s (FIPS 205, Algorithm 18).
//
// For SLH-DSA-SHA2-256s it also takes the 128-byte private key of the standard, the form RFC 9909
// stores, and refuses it when PK.root does not follow from the rest.
//
// NewPrivateKey does not retain seed; wiping it is up to the caller.
func NewPrivateKey(alg Algorithm, seed []byte) (*PrivateKey, error) {
	if err := alg.check(); err != nil {
		return nil, err
	}
	var root []byte
	if alg == SLHDSASHA2256s && len(seed) == SLHDSASHA2256sExpandedSize {
		seed, root = seed[:SLHDSASHA2256sSeedSize], seed[SLHDSASHA2256sSeedSize:]
	}
	if len(seed) != alg.SeedSize() {
		return nil, fmt.Errorf("%v private key has %d bytes, want %d", alg, len(seed), alg.SeedSize())
	}
	hidden := &secret{seed: append([]byte(nil), seed...)}
	k := &PrivateKey{alg: alg, hidden: hide(hidden)}
	switch alg {
	case MLDSA87:
		hidden.mldsa, k.public = newMLDSA([MLDSA87SeedSize]byte(seed))
	case SLHDSASHA2256s:
		var err error
		if hidden.slh, k.public, err = newSLH(seed); err != nil {
			return nil, err
		}
		if root != nil && subtle.ConstantTimeCompare(root, hidden.slh[SLHDSASHA2256sSeedSize:]) != 1 {
			k.Wipe()
			return nil, fmt.Errorf("%v private key contradicts itself: its root is not that of its seeds", alg)
		}
	}
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
func (k *PrivateKey) Seed() []byte { return append([]byte(nil), k.secret().seed...) }

// Expanded returns the private key in the encoding of the standard
// (FIPS 204, Algorithm 24; FIPS 205, Figure 15), alg.ExpandedSize() bytes. It is
// there to be compared with what a file claims, nil for a wiped key. The caller
// wipes it.
func (k *PrivateKey) Expanded() []byte {
	s := k.secret()
	if s.mldsa != nil {
		return expandMLDSA(s.mldsa)
	}
	return append([]byte(nil), s.slh...)
}

// Sign signs msg under the context string, hedged with fresh randomness
// (FIPS 204, Algorithm 2; FIPS 205, Algorithm 22). The signature has
// alg.SignatureSize() bytes. The only errors are [ErrContextTooLong] and, for
// a wiped key, one that says so. It does not retain msg.
func (k *PrivateKey) Sign(msg []byte, context string) ([]byte, error) {
	return k.sign(msg, context, true)
}

// SignDeterministic is Sign without fresh randomness: the same message gives
// the same signature. It exists for test vectors and for CleitonQ's v1 packets,
// whose vectors were made that way. Use Sign for anything else: hedging is what
// protects a signer against fault injection and power analysis.
func (k *PrivateKey) SignDeterministic(msg []byte, context string) ([]byte, error) {
	return k.sign(msg, context, false)
}

func (k *PrivateKey) sign(msg []byte, context string, hedged bool) ([]byte, error) {
	if len(context) > MaxContextSize {
		return nil, ErrContextTooLong
	}
	switch s := k.secret(); {
	case s.mldsa != nil:
		return signMLDSA(s.mldsa, msg, context, hedged)
	case s.slh != nil:
		return signSLH(s.slh, msg, context, hedged)
	}
	return nil, fmt.Errorf("private key was wiped")
}

// Wipe overwrites the key in memory; it can no longer sign. Copies that the
// compiler, the garbage collector or the library underneath made on the way are
// out of reach. Wipe must not be called while the key is in use.
func (k *PrivateKey) Wipe() {
	s := k.secret()
	clear(s.seed)
	clear(s.slh)
	if s.mldsa != nil {
		*s.mldsa = mldsa87.PrivateKey{}
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
	return nil, fmt.Errorf("a private key is not marshalled")
}
