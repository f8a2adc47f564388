package pqsig

import (
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"cqkit/pkg/internal/avx"
)

// Every function here brackets its call with avx.Enter and avx.Leave.

func newMLDSA(seed [MLDSA87SeedSize]byte) (*mldsa87.PrivateKey, *PublicKey) {
	avx.Enter()
	defer avx.Leave()
	pk, sk := mldsa87.NewKeyFromSeed(&seed)
	raw := pk.Bytes()
	// The pk above shares the matrix of sk, which Wipe clears. An own copy costs
	// as much as parsing and cannot change under a verifier.
	return sk, &PublicKey{alg: MLDSA87, raw: raw, mldsa: unpackMLDSA((*[MLDSA87PublicKeySize]byte)(raw))}
}

func expandMLDSA(sk *mldsa87.PrivateKey) []byte {
	avx.Enter()
	defer avx.Leave()
	return sk.Bytes()
}

func parseMLDSA(raw [MLDSA87PublicKeySize]byte) *mldsa87.PublicKey {
	avx.Enter()
	defer avx.Leave()
	return unpackMLDSA(&raw)
}

func unpackMLDSA(raw *[MLDSA87PublicKeySize]byte) *mldsa87.PublicKey {
	pk := new(mldsa87.PublicKey)
	pk.Unpack(raw)
	return pk
}

func signMLDSA(sk *mldsa87.PrivateKey, msg []byte, context string, hedged bool) ([]byte, error) {
	sig := make([]byte, MLDSA87SignatureSize)
	avx.Enter()
	defer avx.Leave()
	// Not (*PrivateKey).Sign: it ignores its reader, is deterministic and has no context.
	if err := mldsa87.SignTo(sk, msg, []byte(context), hedged, sig); err != nil {
		return nil, err
	}
	return sig, nil
}

func verifyMLDSA(pk *mldsa87.PublicKey, msg []byte, context string, sig []byte) bool {
	avx.Enter()
	defer avx.Leave()
	return mldsa87.Verify(pk, msg, []byte(context), sig)
}
