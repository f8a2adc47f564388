package pqsig

import (
	"bytes"
	"fmt"

	"github.com/cloudflare/circl/sign/slhdsa"

	"cqkit/pkg/internal/avx"
)

// newSLH returns the 128-byte private key of a 96-byte seed. The library's key
// generation reads SK.seed, SK.prf and PK.seed in this order from its reader
// (FIPS 205, Algorithm 21), so handing it the seed is slh_keygen_internal
// (Algorithm 18).
func newSLH(seed []byte) (private []byte, public *PublicKey, err error) {
	avx.Enter()
	defer avx.Leave()
	pk, sk, err := slhdsa.GenerateKey(bytes.NewReader(seed), slhdsa.SHA2_256s)
	if err != nil {
		return nil, nil, fmt.Errorf("making %v key: %w", SLHDSASHA2256s, err)
	}
	if private, err = sk.MarshalBinary(); err != nil {
		return nil, nil, fmt.Errorf("encoding %v key: %w", SLHDSASHA2256s, err)
	}
	raw, err := pk.MarshalBinary()
	if err != nil {
		return nil, nil, fmt.Errorf("encoding %v public key: %w", SLHDSASHA2256s, err)
	}
	return private, &PublicKey{alg: SLHDSASHA2256s, raw: raw, slh: &pk}, nil
}

func parseSLH(raw []byte) (*slhdsa.PublicKey, error) {
	pk := &slhdsa.PublicKey{ID: slhdsa.SHA2_256s}
	if err := pk.UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("%v public key: %w", SLHDSASHA2256s, err)
	}
	return pk, nil
}

// signSLH decodes the key for each signature: against the time a signature
// takes it is free, and the 128 bytes we keep are ours to wipe.
func signSLH(private, msg []byte, context string, hedged bool) ([]byte, error) {
	avx.Enter()
	defer avx.Leave()
	sk := slhdsa.PrivateKey{ID: slhdsa.SHA2_256s}
	if err := sk.UnmarshalBinary(private); err != nil {
		return nil, fmt.Errorf("%v private key: %w", SLHDSASHA2256s, err)
	}
	m := slhdsa.NewMessage(msg)
	if hedged {
		return slhdsa.SignRandomized(&sk, nil, m, []byte(context)) // nil: crypto/rand
	}
	return slhdsa.SignDeterministic(&sk, m, []byte(context))
}

func verifySLH(pk *slhdsa.PublicKey, msg []byte, context string, sig []byte) bool {
	avx.Enter()
	defer avx.Leave()
	return slhdsa.Verify(pk, slhdsa.NewMessage(msg), sig, []byte(context))
}
