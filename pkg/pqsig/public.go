package pqsig

import (
	"bytes"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/cloudflare/circl/sign/slhdsa"
)

// A PublicKey verifies. Parsing one costs more than a verification, so parse
// once and keep it. It is immutable and safe for concurrent use.
type PublicKey struct {
	alg Algorithm
	raw []byte

	mldsa *mldsa87.PublicKey // ML-DSA-87 only
	slh   *slhdsa.PublicKey  // SLH-DSA only
}

// ParsePublicKey decodes a public key of alg.PublicKeySize() bytes
// (FIPS 204, Algorithm 23; FIPS 205, Figure 16). Any string of that length is
// one. It does not retain raw.
func ParsePublicKey(alg Algorithm, raw []byte) (*PublicKey, error) {
	if err := alg.check(); err != nil {
		return nil, err
	}
	if len(raw) != alg.PublicKeySize() {
		return nil, fmt.Errorf("%v public key has %d bytes, want %d", alg, len(raw), alg.PublicKeySize())
	}
	p := &PublicKey{alg: alg, raw: bytes.Clone(raw)}
	switch alg {
	case MLDSA87:
		p.mldsa = parseMLDSA([MLDSA87PublicKeySize]byte(raw))
	case SLHDSASHA2256s:
		var err error
		if p.slh, err = parseSLH(raw); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Algorithm returns the algorithm of the key.
func (p *PublicKey) Algorithm() Algorithm { return p.alg }

// Bytes returns a copy of the encoded key.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.raw) }

// Equal reports whether two keys have the same algorithm and the same bytes.
func (p *PublicKey) Equal(other *PublicKey) bool {
	return other != nil && p.alg == other.alg && bytes.Equal(p.raw, other.raw)
}

// Verify checks sig over msg under the context string (FIPS 204, Algorithm 3;
// FIPS 205, Algorithm 24). It returns [ErrBadSignature] for every sig it
// refuses, whatever its length, and for every context string that no signature
// can have; it does not retain msg or sig.
func (p *PublicKey) Verify(msg []byte, context string, sig []byte) error {
	if len(context) > MaxContextSize || len(sig) != p.alg.SignatureSize() {
		return ErrBadSignature
	}
	ok := false
	switch p.alg {
	case MLDSA87:
		ok = verifyMLDSA(p.mldsa, msg, context, sig)
	case SLHDSASHA2256s:
		ok = verifySLH(p.slh, msg, context, sig)
	}
	if !ok {
		return ErrBadSignature
	}
	return nil
}
